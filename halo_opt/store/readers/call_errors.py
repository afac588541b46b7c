"""Recognising from the result of a call, or from the answer to a reply, that it failed: the one rule of all readers.

A format may say that a call failed, by a flag or an exit status. Most do not, and then the result's own words decide.
They count where a message stands first or alone: what a tool was asked to read may hold any words.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.readers.error_words import FIRST_WORDS, FIRST_WORDS_OF_CONTENT, OF_HARNESSES, UNREADABLE
from halo_opt.store.readers.shell_errors import (
    answers_by_status,
    error_message,
    exception_in,
    failed_tests,
    only_reads,
    word_set,
)
from halo_opt.store.readers.structured_errors import (
    decoded,
    exit_code,
    only_text,
    output_of,
    stated_error,
    text_of_parts,
)


class CallError(NamedTuple):
    """What went wrong: a type of the column `error_type`, and the error's own words."""

    error_type: str
    message: str


_LONGEST = 2000
_SHELLS = word_set(
    "execute bash shell run terminal execute_bash run_command execute_command exec_command run_shell_command"
    " run_terminal_cmd run_terminal_command local_shell shell_command bash_command exec cmd powershell container.exec"
    " run_in_terminal bash_tool bash_session execute_shell run_bash sh console"
)
_INTERPRETERS = word_set(
    "python ipython jupyter execute_python run_python python_interpreter code_interpreter execute_code run_code"
    " run_ipython execute_ipython_cell python_repl python_repl_ast exec_python notebook run_cell"
)
_THINKING = word_set("think thought reflect plan")
# Tools whose results are the content of something.
_READING = re.compile(
    r"(?:^|_)(?:read|view|cat|open|fetch|browse|search|grep|glob|find|ls|web|retriev\w*|page|snapshot|scrape|crawl|"
    r"extract|e?mails?|inbox|notes?|docs?|documents?|logs?|webfetch|websearch|visit|download)(?:_|$)"
)
_DOING = re.compile(
    r"(?:^|_)(?:send|write|create|update|delete|remove|add|post|reply|edit|insert|click|fill|type|book|cancel|save|append|"
    r"replace|move|submit|pay|set|run|execute)(?:_|$)"
)
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COMMAND_FIELDS = ("command", "cmd", "script", "code", "input", "keystrokes", "query")
_LOGIN_SHELL = re.compile(r"(?:\S*/)?(?:ba|z)?sh -l?c (?=['\"])")
_LABEL = re.compile(
    r"(?:(?:Observation|OBSERVATION|Result|RESULT|Output|Tool (?:output|result)|Action result|stderr|STDERR)\s*:\s*)*"
)
_MARKS = re.compile(r"[^\w\s\"'<{\[(/.$-]{1,3}\s*")
_NO_ERROR = re.compile(
    r"(?i)errors?\s*[:=]\s*(?:0|none|null|false|\[\]|\{\})\s*(?:[,;]|$)|no errors?\b|0 errors?\b", re.MULTILINE
)
_TAGGED = re.compile(r"(?s)(?:<function_results>\s*)?<(tool_use_error|error|tool_error|exception)>(.*?)(?:</\1>|$)")
_EXIT = re.compile(
    r"<(?:returncode|exit_?code|return_code|exit_status)>\s*(-?\d{1,9})\s*</"
    r"|^[\[(<*\s]*(?:the )?(?:(?:process|command|execution|program|script|finished|exited|completed|terminated"
    r"|failed|ended|was|with|an?|non-zero) )*(?:exit(?:ed)?[ _-]?(?:code|status)|return[ _-]?code|code)"
    r"(?: was| of| is|:)?\s*=?\s*(-?\d{1,9})[\])>*.\s]*$",
    re.MULTILINE | re.IGNORECASE,
)
_BODY = re.compile(r"(?s)<output>\n?(.*?)\n?</output>")
_HEADER = re.compile(
    r"(?:Exit code|Wall time|Process exited with code|Original token count|Total output lines|Chunk ID|Output)\b.*"
)
_CURL = re.compile(r"\s*(?:curl|wget|http|https|xh)\s[^|;&]*$")
_ERROR_PAGE = re.compile(
    r"(?is)\s*(?:<!doctype[^>]*>\s*)?<html.{0,300}?<title>\s*((?:[45]\d\d|error)\b[^<]{3,80}?)\s*</title>"
)
_LOUD = re.compile(
    r"(?i)\b(?:errors?|failed|fatal|exception|cannot|can't|denied|failures?|invalid|unknown|missing|panic|no|not)\b"
)


def call_error(
    tool: str | None,
    arguments: str | None,
    result: str | None,
    *,
    failed: bool | None = None,
    status: int | None = None,
) -> CallError | None:
    """The error of a call, or None where it went well.

    Args:
        tool: the tool that was called; None, or `respond`, for a reply without a call, to which a harness answers.
        arguments: its arguments as text or JSON, such as the command of a shell.
        result: what came back, as text or JSON.
        failed: what the format itself says: True for a call marked as failed, False for one marked as fine, None where
            it says nothing.
        status: the exit status of a command where the format has it in a field of its own.
    """
    text = (result or "").strip()
    if tool is None or tool == "respond":
        return reply_error(text) or (_unexplained(text, status) if failed else None)
    name = tool.lower()
    found = _of_harness(text)
    if found is None and name in _SHELLS:
        found = _of_shell(command_of(arguments), text, failed, status)
    elif found is None and name not in _THINKING:
        found = _of_tool(tool, text, status)
    # What a shell's answer by exit status means, only the command tells.
    by_status = failed and name in _SHELLS and status != 0 and answers_by_status(command_of(arguments))
    return found or (_unexplained(text, status) if failed and not by_status else None)


def reply_error(answer: str | None) -> CallError | None:
    """The error of a reply without a call: a harness answered that it could not use the reply."""
    text = (answer or "").strip()
    return CallError("format", _cut(text)) if UNREADABLE.match(text, _after_label(text)) else None


def command_of(arguments: str | None) -> str:
    """The command or code in a call's arguments: plain text, a list of words, or a field of JSON."""
    given: Any = (arguments or "").strip()
    if given.startswith(("{", "[")):
        with contextlib.suppress(ValueError, RecursionError):
            given = json.loads(given)
    if isinstance(given, dict):
        given = next((given[name] for name in _COMMAND_FIELDS if given.get(name) is not None), "")
    if isinstance(given, list):
        # ["bash", "-lc", "..."]: the last word is the script.
        script = len(given) == 3 and given[1] in ("-lc", "-c")
        given = given[-1] if script else " ".join(map(str, given))
    text = values.text(given) or ""
    match = _LOGIN_SHELL.match(text)
    return text[match.end() :].strip("'\"") if match else text


def _of_harness(text: str) -> CallError | None:
    """What a harness itself says of a call, whatever the tool: words at the beginning, or an error in tags."""
    if text.startswith("{"):  # an object, which no harness begins a sentence with
        return None
    match = _TAGGED.match(text) if text.startswith("<") else None
    if match is not None:
        return _typed(match.group(2).strip() or text)
    place = _after_label(text)
    kind = next((kind for kind, pattern in OF_HARNESSES if pattern.match(text, place)), None)
    if kind is None:
        return None
    return CallError(kind, _cut(text) if kind == "format" else _message(text[place:]))


def _of_shell(command: str, text: str, failed: bool | None, status: int | None) -> CallError | None:
    record = decoded(text)
    if isinstance(record, Mapping):
        output = output_of(record)
        if output is not None:
            text, status = output.strip(), exit_code(record) if status is None else status
        elif _CURL.match(command):
            return _typed(words) if (words := stated_error(record)) else None
    status = _status_in(text, content=only_reads(command)) if status is None else status
    body = _body(text)
    known = failed if status is None else status != 0
    message = error_message(command, body, failed=known)
    if message is None and (known is None or _CURL.match(command)) and not only_reads(command):
        begins = _begins_with_error(body) or _error_page(body)
        message = begins.message if begins else None
    if message is not None:
        return CallError("tool_error", _cut(message))
    if known and not answers_by_status(command):
        words = None if only_reads(command) and "\n" in body else _last_words(body) or _only_line(body)
        return CallError("tool_error", words or _status_words(status, "the command ended with a non-zero status"))
    return None


def _of_tool(tool: str, text: str, status: int | None) -> CallError | None:
    interpreter = tool.lower() in _INTERPRETERS
    name = _CAPITAL.sub("_", tool).lower()
    reading = not interpreter and _READING.search(name) is not None and _DOING.search(name) is None
    record = decoded(text)
    if isinstance(record, Mapping):
        output = output_of(record) if interpreter else None
        if output is None:
            return _of_record(record, reading=reading, size=len(text))
        text, status = output.strip(), exit_code(record) if status is None else status
    elif isinstance(record, list):
        return _of_tool(tool, words, status) if (words := text_of_parts(record)) else None
    body = _body(text)
    if reading and (len(body) > 500 or body.count("\n") > 8):
        return None
    status = _status_in(text, content=not interpreter) if status is None else status
    lines = [line.rstrip() for line in body.splitlines() if line.strip()]
    if (interpreter or status or body.startswith("Traceback (most recent call last)")) and (
        raised := exception_in(lines)
    ):
        return CallError("tool_error", _cut(raised)) if interpreter else _typed(raised)
    if not reading and (summed_up := failed_tests(lines)):
        return CallError("tool_error", _cut(summed_up))
    found = _begins_with_error(body, reading=reading) or _error_page(body)
    return found or (
        CallError("tool_error", _last_words(body) or _only_line(body) or _status_words(status)) if status else None
    )


def _of_record(record: Mapping[str, object], *, reading: bool, size: int) -> CallError | None:
    if reading and (len(record) > 4 or size > 600):
        return None
    words = stated_error(record)
    if words is not None:
        return _typed(words)
    text = only_text(record)
    return _begins_with_error(text.strip()) if text else None


def _begins_with_error(body: str, *, reading: bool = False) -> CallError | None:
    """The error that a text begins with, or None; `reading` says that the text may be the content of something."""
    head = body[:600]
    place = _after_label(head)
    marks = _MARKS.match(head, place)
    begin = marks.end() if marks else place
    if not head[begin:] or _NO_ERROR.match(head, begin):
        return None
    known = FIRST_WORDS_OF_CONTENT if reading else FIRST_WORDS
    kind = next((kind for kind, pattern in known if pattern.match(head, begin)), None)
    return CallError(kind, _message(body[place:])) if kind else None


def _error_page(body: str) -> CallError | None:
    """The title of a web server's page about an error."""
    match = _ERROR_PAGE.match(body) if body.startswith("<") else None
    return CallError("tool_error", match.group(1)) if match else None


def _typed(message: str) -> CallError:
    """A message that is known to be an error, with its type."""
    return _begins_with_error(message) or CallError("tool_error", _message(message))


def _unexplained(text: str, status: int | None) -> CallError:
    """The error of a call that its format marks as failed: its result as a whole is the message."""
    body = _body(text)
    return _typed(body) if body else CallError("tool_error", _status_words(status))


def _message(body: str) -> str:
    """The words of an error without what follows them: a stack, advice, the file that was edited."""
    lines = [line.rstrip() for line in body.splitlines() if line.strip()]
    if body.startswith("Your proposed edit has introduced"):
        found = [line.strip().removeprefix("- ") for line in lines if line.strip().startswith("- ")]
        return _cut(" ".join([lines[0].partition(". ")[0].rstrip(".") + ":", *found]))
    return _cut(exception_in(lines) or body)


def _after_label(head: str) -> int:
    """Where the words of a result begin, behind a label such as `Observation:`."""
    match = _LABEL.match(head)
    return match.end() if match else 0


def _status_in(text: str, *, content: bool) -> int | None:
    """The exit status that a result states at its beginning or end.

    `content` says that the text may be the content of something, whose last line may speak of another program. Then the
    end counts only in brackets or tags, which a harness puts around it.
    """
    for part in (text[:400], text[-300:] if len(text) > 400 else ""):
        match = _EXIT.search(part) if "xit" in part.lower() or "ode" in part.lower() else None
        if match is not None and (not content or match.start() == 0 or match.group()[:1] in ("[", "(", "<")):
            return int(match.group(1) or match.group(2))
    return None


def _body(text: str) -> str:
    """A result without what says its exit status."""
    match = _BODY.search(text)
    if match is not None:
        return match.group(1).strip()
    lines = text.splitlines()
    while lines and (_HEADER.fullmatch(lines[0].strip()) or _EXIT.fullmatch(lines[0].strip())):
        if lines.pop(0).startswith("Output:"):
            break
    while lines and (not lines[-1].strip() or _EXIT.fullmatch(lines[-1].strip())):
        lines.pop()
    return "\n".join(lines).strip()


def _last_words(body: str) -> str | None:
    """The last line of a failed command's output that complains, or None."""
    loud = [line for line in body.splitlines()[-30:] if _LOUD.search(line)]
    return _cut(loud[-1].strip()) if loud else None


def _only_line(body: str) -> str | None:
    """The output of a failed command where it is one line, which then says why; else None."""
    return _cut(body) if body and "\n" not in body else None


def _status_words(status: int | None, unknown: str = "the call failed") -> str:
    """A sentence for an error without a message; `unknown` is its beginning where the exit status is not known."""
    return f"{unknown} and gave no message" if status is None else f"the command ended with exit status {status}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
