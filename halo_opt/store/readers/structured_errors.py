"""Errors in structured results: what in the objects that tools and protocols return says that a call failed."""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from halo_opt.store import values

Record = Mapping[str, Any]

# Longer results are not decoded: errors are short.
_LONGEST_JSON, _LONGEST_PYTHON = 200_000, 20_000
_ERRORS = ("error", "Error", "exception", "error_message", "errorMessage", "traceback")
_MESSAGES = (
    "error_message",
    "errorMessage",
    "message",
    "msg",
    "detail",
    "details",
    "reason",
    "description",
    "error_description",
    "title",
    "text",
    "stderr",
    "output",
    "content",
    "result",
    "data",
    "type",
    "code",
    "name",
)
_STATUSES = ("status", "status_code", "statusCode", "http_status", "httpStatus", "code", "cod", "http_code")
_EXITS = ("exit_code", "exitCode", "exit_status", "exitStatus", "returncode", "return_code", "returnCode")
_OUTPUTS = ("stderr", "output", "stdout", "result", "content")
_ALONE = ("output", "result", "content", "text", "observation", "response", "message", "data", "value")
_WRAPPERS = ("response", "result", "output", "functionResponse", "structuredContent")
_FAILED = ("error", "errored", "exception", "failure", "failed", "fail")
_NOTHING = ("", "none", "null", "false", "0", "no", "ok", "nan", "success")
_PART = {"type", "text", "annotations", "cache_control", "meta", "_meta"}
_HTTP_ERROR = re.compile(r"[45]\d\d\b")


def decoded(text: str) -> Any:
    """The object or list that a text is, as JSON or as Python writes it; None for any other text."""
    if text[:1] not in ("{", "[") or len(text) > _LONGEST_JSON:
        return None
    if text[0] == "[" and "text" not in text:  # no list of content parts
        return None
    try:
        return msgspec.json.decode(text.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        pass
    if text[:2] not in ("{'", "[{") or len(text) > _LONGEST_PYTHON:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def stated_error(record: Record) -> str | None:
    """The words of the error that a structured result states; the result itself where it has none; None without one."""
    for key in _ERRORS:
        if _says_something(record.get(key)):
            return message_of(record[key]) or message_of(record) or as_text(record)
    errors = record.get("errors")
    if isinstance(errors, list) and errors and record.get("data") is None and not _fine(record):
        return message_of(errors) or as_text(record)
    if _failed_flag(record) or exit_code(record) or _failed_status(record):
        return message_of(record) or as_text(record)
    if record.get("type") in ("error", "tool_error"):
        return message_of(record)
    inner = next((record[name] for name in _WRAPPERS if isinstance(record.get(name), Mapping)), None)
    if inner is not None and len(record) <= 3 and (words := stated_error(inner)) is not None:
        return words
    # FastAPI's form of an error.
    return message_of(record["detail"]) if list(record) == ["detail"] else None


def only_text(record: Record) -> str | None:
    """The text of a result that is nothing but text in one field, or in a list of parts; None for any other."""
    content = record.get("content")
    if isinstance(content, list):
        return text_of_parts(content)
    texts = [value for name, value in record.items() if name in _ALONE and isinstance(value, str)]
    return texts[0] if len(record) == 1 and texts else None


def text_of_parts(parts: list[Any]) -> str | None:
    """The text of content parts `{type: text, text}`; None where one of them is something else."""
    texts = [part["text"] for part in parts if isinstance(part, Mapping) and _is_text(part)]
    return "\n".join(texts) if texts and len(texts) == len(parts) else None


def output_of(record: Record) -> str | None:
    """What a command printed, in the structured result of a shell or an interpreter; None where it is none."""
    if exit_code(record) is None and not any(name in record for name in ("stderr", "stdout", "output")):
        return None
    return "\n".join(record[name] for name in _OUTPUTS if isinstance(record.get(name), str) and record[name])


def exit_code(record: Record) -> int | None:
    """The exit status in the structured result of a shell or an interpreter, or None."""
    places = [
        record,
        *(record[name] for name in ("metadata", "extra", "meta") if isinstance(record.get(name), Mapping)),
    ]
    codes = (values.integer(place.get(name)) for place in places for name in _EXITS)
    return next((code for code in codes if code is not None), None)


def message_of(stated: Any) -> str | None:
    """The words of a stated error: text, the message in an object, or those of a list; None without words."""
    if isinstance(stated, str):
        return stated.strip() or None
    if isinstance(stated, list):
        found = text_of_parts(stated) or "; ".join(filter(None, (message_of(one) for one in stated[:5])))
        return found or None
    if not isinstance(stated, Mapping):
        return None
    for name in _MESSAGES:
        if (words := message_of(stated.get(name))) is not None:
            return words
    return None


def as_text(record: Any) -> str:
    """A structured result as JSON."""
    return json.dumps(record, ensure_ascii=False, default=str)


def _is_text(part: Record) -> bool:
    return isinstance(part.get("text"), str) and set(part) <= _PART


def _says_something(stated: Any) -> bool:
    """Whether the value of a field `error` is an error: true, an object, or words other than none and no."""
    if isinstance(stated, str):
        return stated.strip().lower() not in _NOTHING
    return stated is True or (isinstance(stated, Mapping | list) and bool(stated))


def _fine(record: Record) -> bool:
    return record.get("success") is True or record.get("ok") is True


def _failed_flag(record: Record) -> bool:
    if record.get("isError") is True or record.get("is_error") is True:
        return True
    return any(record.get(name) is False or record.get(name) == "false" for name in ("success", "ok", "succeeded"))


def _failed_status(record: Record) -> bool:
    """Whether a status says so; one that may belong to a thing that was looked up needs a message beside it."""
    for name in _STATUSES:
        status = record.get(name)
        certain = name not in ("status", "code")
        if isinstance(status, str):
            word = status.strip().lower()
            if word == "error" or (word in _FAILED and _has_message(record)):
                return True
            failed = _HTTP_ERROR.match(word) is not None
        else:
            failed = isinstance(status, int) and not isinstance(status, bool) and 400 <= status < 600
        if failed and (certain or _has_message(record)):
            return True
    return False


def _has_message(record: Record) -> bool:
    names = (
        "message",
        "msg",
        "detail",
        "details",
        "reason",
        "error_description",
        "title",
        "description",
        "error_message",
    )
    return any(record.get(name) for name in names)
