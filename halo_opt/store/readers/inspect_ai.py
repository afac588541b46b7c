"""Reader for Inspect logs: `.eval` archives through the library `inspect-ai` (an extra), JSON logs without it.

A sample in one epoch is an attempt: its task is `<task>/<sample id>`, its seed the epoch. Messages are read, the much
larger event lists are not. The outcome is the first score that has one, an error or a limit.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from halo_opt.core.records import Cause
from halo_opt.store import values
from halo_opt.store.files.lines import BOM, decode_json
from halo_opt.store.readers.base import SourceError, derived_id, first_bytes, whole
from halo_opt.store.readers.chat_attributes import chat
from halo_opt.store.readers.exported import an_object, objects, text_id, without_nulls
from halo_opt.store.readers.transcript import Call, TranscriptMessage, Turn, total, trace_of_turns
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

Object = Mapping[str, Any]
_ARCHIVE = b"PK\x03\x04"
_DOCUMENT = re.compile(rb'\s*\{\s*"version":\s*\d+,\s*"status":\s*"\w+",\s*"eval":\s*\{')
_ATTACHMENT = "attachment://"
_UNREAD = {"events", "events_data", "store", "timelines"}
# Inspect's own grades, and the words that it takes for a yes or a no.
_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_LIMITS = {
    "message": "step_limit",
    "turn": "step_limit",
    "time": "time_limit",
    "working": "time_limit",
    "token": "token_limit",
    "context": "token_limit",
    "cost": "cost_limit",
}
_CALL_ERRORS = {"parsing": "invalid_arguments", "approval": "blocked"}
_INPUTS = ("input_tokens", "input_tokens_cache_read", "input_tokens_cache_write")
_KEPT = (
    "target",
    "choices",
    "metadata",
    "error",
    "limit",
    "error_retries",
    "invalidation",
    "model_usage",
    "total_time",
    "working_time",
)


class InspectReader:
    """Inspect logs."""

    name = "inspect"
    meaning = "Inspect logs, .eval archives (with the extra: pip install 'halo-opt[inspect]') and JSON"

    def sniff(self, path: Path) -> bool:
        """Whether it is an archive with the members of a log, or a document that begins like a log."""
        if not path.is_file():
            return False
        head = first_bytes(path)
        if head.startswith(_ARCHIVE):
            return _is_log_archive(path)
        return _DOCUMENT.match(head.removeprefix(BOM)) is not None

    def read(self, path: Path, sink: Sink) -> None:
        """Read every sample of the log. Raises SourceError when the log cannot be read or the extra is missing."""
        archive = first_bytes(path).startswith(_ARCHIVE)
        header, samples = _archived(path) if archive else _document(path)
        spec = an_object(header.get("eval"))
        run_id = sink.run_of_file(path)
        revision, model = values.text(an_object(spec.get("revision")).get("commit")), values.text(spec.get("model"))
        run = RunRow(run_id, self.name, revision, model, None, values.text(spec.get("task")), str(path))
        for number, sample in enumerate(samples, start=1):
            problem = _problem(sample)
            if problem is not None:
                sink.reject(str(path), number, problem, values.text(sample) or "null")
                continue
            known = AttemptRow(
                _id(sample, spec) or derived_id(run_id, sample["id"], sample.get("epoch")),
                run_id,
                f"{spec.get('task') or 'task'}/{sample['id']}",
                seed=values.integer(sample.get("epoch")),
                model=model,
                harness_revision=revision,
                source=str(path),
                line=number,
            )
            trace = _trace(sample, known, header)
            trace.named = _id(sample, spec) is not None
            if sink.trace(trace):
                sink.run(run)


def _is_log_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    return bool({"header.json", "_journal/start.json"} & names)


def _archived(path: Path) -> tuple[Object, Iterator[Any]]:
    """The header and the samples of an archive, one sample at a time."""
    try:
        from inspect_ai.log import read_eval_log, read_eval_log_samples
    except ImportError as error:
        raise SourceError(
            path, f"{path} is an Inspect archive, which needs an extra: pip install 'halo-opt[inspect]'"
        ) from error

    def samples() -> Iterator[Any]:
        found = read_eval_log_samples(
            str(path), all_samples_required=False, resolve_attachments=True, format="eval", exclude_fields=_UNREAD
        )
        try:
            for sample in found:
                yield sample.model_dump(mode="json", exclude=_UNREAD)
        except Exception as error:
            raise _unreadable(path, error) from error

    try:
        header = read_eval_log(str(path), header_only=True, format="eval").model_dump(mode="json")
    except Exception as error:
        raise _unreadable(path, error) from error
    return header, samples()


def _unreadable(path: Path, error: Exception) -> SourceError:
    """The SourceError for an exception of the library, which may raise any type for a damaged archive."""
    first = str(error).strip().partition("\n")[0][:200]
    return SourceError(path, f"{path} cannot be read by inspect-ai ({type(error).__name__}: {first}); log it again")


def _document(path: Path) -> tuple[Object, Iterator[Any]]:
    """The header and the samples of a JSON log."""
    value, reason = decode_json(whole(path))
    if reason is not None:
        raise SourceError(path, f"{path} is no whole JSON log ({reason}); write it again with 'inspect log convert'")
    header = an_object(value)
    samples = header.get("samples")
    if not isinstance(samples, list) or not samples:
        raise SourceError(path, f"{path} holds no samples; run the evaluation with log_samples on")
    return header, iter(samples)


def _id(sample: Object, spec: Object) -> str | None:
    """The sample's own id; in older logs one made of the evaluation's id. None where the log has neither."""
    evaluation = text_id(spec.get("eval_id")) or text_id(spec.get("task_id"))
    if own := text_id(sample.get("uuid")):
        return own
    return evaluation and derived_id(evaluation, spec.get("run_id"), sample["id"], sample.get("epoch"))


def _problem(sample: Any) -> str | None:
    if not isinstance(sample, dict):
        return "not an object"
    if text_id(sample.get("id")) is None:
        return "missing field id"
    return None if isinstance(sample.get("messages"), list) else "missing field messages"


def _trace(sample: Object, known: AttemptRow, header: Object) -> Trace:
    turns, messages = _conversation(sample)
    given = chat(_attached(sample.get("input"), an_object(sample.get("attachments"))), "user")
    scores = list(_scores(known.trace_id, an_object(sample.get("scores"))))
    usage = _usage(sample, known.model)
    attempt = known._replace(
        goal=next((message.content for message in reversed(given) if message.role == "user"), None),
        tokens_in=total(usage.get(name) for name in _INPUTS),
        tokens_out=values.integer(usage.get("output_tokens")),
        cost_usd=values.number(usage.get("total_cost")),
        started_at=values.time(sample.get("started_at")),
        ended_at=values.time(sample.get("completed_at")),
        **_ending(sample, _result(scores)),
    )
    facts = {f"inspect.{name}": sample.get(name) or None for name in _KEPT}
    facts["inspect.scores"] = sample.get("scores") or None
    facts["inspect.eval"] = {name: header.get(name) for name in ("eval", "status") if header.get(name) is not None}
    trace = trace_of_turns(attempt, turns, messages, without_nulls(facts))
    trace.scores = scores
    return trace


def _result(scores: list[ScoreRow]) -> float | str | None:
    """The score that the outcome follows from: the first from 0 to 1, as a count or a length is none, else the first
    with a number, so that the user is told that it cannot be used."""
    numbers = [row.value for row in scores if row.value is not None]
    numerals = [row.label for row in scores if row.value is None and row.label and row.label[0].isdigit()]
    others: list[float | str] = [*numbers, *numerals]
    return next((value for value in numbers if 0 <= value <= 1), others[0] if others else None)


def _ending(sample: Object, score: float | str | None) -> dict[str, Any]:
    """Outcome, score, cause and end_reason. A limit that was reached is a failure unless the sample was scored."""
    if sample.get("error") is not None:
        message = values.text(an_object(sample["error"]).get("message")) or ""
        cause = Cause.INTERRUPTED if message.startswith("CancelledError") else Cause.HARNESS_CRASHED
        return {"outcome": "error", "cause": str(cause), "end_reason": "error"}
    kind = values.text(an_object(sample.get("limit")).get("type"))
    if kind is None:
        return {"score": score, "end_reason": "done"}
    if kind == "operator" and score is None:
        return {"outcome": "error", "cause": str(Cause.INTERRUPTED), "end_reason": "error"}
    return {
        "outcome": "failure" if score is None else None,
        "score": score,
        "end_reason": _LIMITS.get(kind, f"{kind}_limit"),
    }


def _scores(trace_id: str, scores: Object) -> Iterator[ScoreRow]:
    """A row for each scorer; one that gives several values has a row for each."""
    for scorer, score in scores.items():
        value = an_object(score).get("value")
        for name, part in value.items() if isinstance(value, dict) else [(None, value)]:
            number = _number(part)
            # A number needs no label; anything else is kept as text.
            label = None if number is not None and not isinstance(part, str) else values.text(part)
            if number is not None or label is not None:
                yield ScoreRow(trace_id, scorer if name is None else f"{scorer}.{name}", number, label, "inspect")


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        grade = _GRADES.get(value, _GRADES.get(value.lower()))
        return values.number(value) if grade is None else grade
    return values.number(value)


def _usage(sample: Object, model: str | None) -> Object:
    """The usage of the evaluated model; graders have their own."""
    by_model = an_object(sample.get("model_usage"))
    if model is not None and model in by_model:
        return an_object(by_model[model])
    return an_object(next(iter(by_model.values()), None)) if len(by_model) == 1 else {}


def _conversation(sample: Object) -> tuple[list[Turn], list[TranscriptMessage]]:
    """Each reply of the assistant is a turn; tool messages are the results of its calls, found by id."""
    attachments = an_object(sample.get("attachments"))
    turns: list[Turn] = []
    messages: list[TranscriptMessage] = []
    calls: dict[str, tuple[Call, int]] = {}
    seen: list[str] = []
    for message in objects(sample["messages"]):
        role = values.text(message.get("role")) or ""
        words = _words(message, attachments)
        if role == "assistant":
            turn = Turn("\n".join(seen) or None, words)
            for call in objects(message.get("tool_calls")):
                made = _call(call)
                turn.calls.append(made)
                calls[made.call_id or ""] = made, len(turns)
            messages.append((role, words, len(turns)))
            turns.append(turn)
            seen = []
            continue
        made_by, number = calls.get(values.text(message.get("tool_call_id")) or "", (None, None))
        if role == "tool" and made_by is not None:
            _answer(made_by, words, message.get("error"))
        messages.append((role, words, number if role == "tool" else None))
        if role != "system":
            seen.append(words or "")
    return turns, messages


def _words(message: Object, attachments: Object) -> str | None:
    found = chat({"role": message.get("role"), "content": _attached(message.get("content"), attachments)}, "user")
    return found[0].content if found else None


def _attached(content: Any, attachments: Object) -> Any:
    """The content with its attachments (long texts that a log stores separately) put back in place."""
    if isinstance(content, str) and content.startswith(_ATTACHMENT):
        return attachments.get(content.removeprefix(_ATTACHMENT), content)
    if isinstance(content, list):
        return [{**p, "text": _attached(p["text"], attachments)} if _has_text(p) else p for p in content]
    return content


def _has_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def _call(call: Object) -> Call:
    made = Call(
        values.text(call.get("id")), values.text(call.get("function")) or "unknown", values.text(call.get("arguments"))
    )
    if call.get("parse_error"):
        made.error, made.error_type = values.text(call["parse_error"]), "invalid_arguments"
    return made


def _answer(call: Call, words: str | None, error: Any) -> None:
    call.result = words
    if isinstance(error, dict) and call.error_type is None:
        call.error = values.text(error.get("message")) or words or "the tool failed"
        call.error_type = _CALL_ERRORS.get(values.text(error.get("type")) or "", "tool_error")
