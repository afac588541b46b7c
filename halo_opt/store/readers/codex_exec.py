"""Reader for what `codex exec --json` prints: JSONL of events, in the layout of today and in the two before it.

A file is a thread and an attempt, without an outcome. A step is the model's texts and calls up to the next result.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.lines import read_objects
from halo_opt.store.readers.base import derived_id, first_objects
from halo_opt.store.readers.span_lines import Reject
from halo_opt.store.readers.span_trace import derived_task, run_of
from halo_opt.store.readers.transcript import Call, TranscriptMessage, Turn, trace_of_turns
from halo_opt.store.rows import AttemptRow, Trace
from halo_opt.store.sink import Sink

Object = Mapping[str, Any]
_EVENTS = {"thread.started", "session.created", "turn.started", "turn.completed", "turn.failed"}
_ITEM_EVENTS = {"item.started", "item.updated", "item.completed"}
_MESSAGES = ("agent_message", "assistant_message")
# Events of the oldest layout, {id, msg: {type, ...}}: a call's beginning and end by the name of what is called.
_BEGIN, _END = "_begin", "_end"
_CALLED = {"exec_command": "shell", "patch_apply": "apply_patch", "web_search": "web_search", "mcp_tool_call": "mcp"}
_USAGE = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")


class CodexExecReader:
    """Output of `codex exec --json`."""

    name = "codex-exec"
    meaning = "output of `codex exec --json`, JSONL of {type: thread.started, turn.completed, item.completed, ...}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first lines is an event of a thread."""
        return path.is_file() and any(_is_event(line) for line in first_objects(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read the one thread of the file."""
        thread = thread_of(path, sink.reject)
        if thread.turns or thread.messages:
            trace = thread.trace(sink.run_of(path, self.name), path)
            if sink.trace(trace):
                sink.run(run_of(trace.attempt, self.name))


def _is_event(line: Object) -> bool:
    kind = line.get("type")
    if kind in _ITEM_EVENTS:
        return isinstance(line.get("item"), dict)
    message = line.get("msg")
    old = isinstance(message, dict) and "id" in line and isinstance(message.get("type"), str)
    return old or kind in _EVENTS


def thread_of(path: Path, reject: Reject) -> "Thread":
    """The thread in a file; lines that are no events go to `reject`."""
    thread = Thread()
    for line in read_objects(path):
        if line.value is None:
            reject(str(path), line.number, line.reason or "no object", line.head)
        else:
            thread.add(line.value)
    return thread


class Thread:
    """One thread, built up event by event."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.messages: list[TranscriptMessage] = []
        self.thread_id: str | None = None
        self.model: str | None = None
        self.goal: str | None = None
        self.usage: dict[str, int] = {}
        self.end: str | None = None
        self.plan: Any = None
        self._calls: dict[str, tuple[Call, int]] = {}
        self._seen: list[str] = []
        self._open = False

    def add(self, line: Object) -> None:
        """Add one line."""
        kind = values.text(line.get("type")) or ""
        if isinstance(line.get("msg"), dict):
            self._old_event(line["msg"])
        elif isinstance(line.get("item"), dict):
            self._item(line["item"], finished=kind == "item.completed")
        elif kind in ("thread.started", "session.created"):
            self.thread_id = self.thread_id or values.text(line.get("thread_id") or line.get("session_id"))
        elif kind == "turn.completed":
            self.end, self._open = "done", False
            self._spend(line.get("usage"))
        elif kind in ("turn.failed", "error"):
            error = line.get("error")
            self._failed(values.text(error.get("message") if isinstance(error, dict) else line.get("message")))
        elif "prompt" in line or "model" in line:
            # The oldest layout begins with the settings and the prompt.
            self.model = self.model or values.text(line.get("model"))
            self._asked(values.text(line.get("prompt")))

    def trace(self, run_id: str, path: Path) -> Trace:
        """The attempt with all its rows."""
        trace_id = self.thread_id or derived_id(run_id, path.name)
        attempt = AttemptRow(
            trace_id,
            run_id,
            derived_task(self.goal, trace_id),
            end_reason=self.end,
            model=self.model,
            goal=self.goal,
            tokens_in=self.usage.get("input_tokens"),
            tokens_out=self.usage.get("output_tokens"),
            source=str(path),
            line=1,
        )
        attributes = {"codex.usage": self.usage, "codex.plan": self.plan}
        trace = trace_of_turns(attempt, self.turns, self.messages, attributes)
        trace.named = self.thread_id is not None
        return trace

    def _item(self, item: Object, *, finished: bool) -> None:
        kind = values.text(item.get("type") or item.get("item_type")) or ""
        if kind in _MESSAGES:
            if finished:
                self._turn().say(values.text(item.get("text")))
        elif kind == "reasoning":
            if finished:
                self._reasoned(values.text(item.get("text")))
        elif kind == "todo_list":
            self.plan = item.get("items")
        elif kind == "error":
            self._seen.append(values.text(item.get("message")) or "")
        else:
            self._call_item(kind, item, finished=finished)

    def _call_item(self, kind: str, item: Object, *, finished: bool) -> None:
        """A call: begun by the first event of its id, answered by the last."""
        key = values.text(item.get("id")) or f"{kind} {len(self._calls)}"
        if key not in self._calls:
            self._begin(key, *_asked_for(kind, item))
        if finished:
            failed = item.get("status") in ("failed", "declined") or isinstance(item.get("error"), dict)
            code = values.integer(item.get("exit_code"))
            self._answer(key, _result_of(item), code, failed=failed, declined=item.get("status") == "declined")

    def _old_event(self, event: Object) -> None:
        kind = values.text(event.get("type")) or ""
        if kind == "agent_message":
            self._turn().say(values.text(event.get("message")))
        elif kind == "agent_reasoning":
            self._reasoned(values.text(event.get("text")))
        elif kind == "session_configured":
            self.thread_id = self.thread_id or values.text(event.get("session_id"))
            self.model = self.model or values.text(event.get("model"))
        elif kind == "token_count":
            self._total(event)
        elif kind == "user_message":
            self._asked(values.text(event.get("message")))
        elif kind in ("task_complete", "turn_complete"):
            self.end = self.end or "done"
        elif kind in ("error", "stream_error", "turn_aborted"):
            if kind != "stream_error":  # the call is made again
                self._failed(values.text(event.get("message") or event.get("reason")))
        elif kind.removesuffix(_BEGIN) in _CALLED:
            self._begin(values.text(event.get("call_id")) or "", *_old_call(kind.removesuffix(_BEGIN), event))
        elif kind.removesuffix(_END) in _CALLED:
            key = values.text(event.get("call_id")) or ""
            if key in self._calls:
                result, failed = _old_result(event)
                self._answer(key, result, values.integer(event.get("exit_code")), failed=failed, declined=False)

    def _begin(self, key: str, tool: str, arguments: str | None) -> None:
        call = Call(key, tool, arguments)
        self._turn().calls.append(call)
        self._calls[key] = call, len(self.turns) - 1

    def _answer(self, key: str, result: str | None, code: int | None, *, failed: bool, declined: bool) -> None:
        call, number = self._calls.pop(key)  # a thread that is resumed counts its items from 0 again
        call.result = result
        self._open = False
        self._seen.append(result or "")
        self.messages.append(("tool", result, number))
        # A status that a command answers with, as grep does, stands beside a flag that it failed.
        call.failed, call.status = (failed or None) if code is None else None, code
        if declined:
            call.error, call.error_type = result or "the call was declined", "blocked"

    def _turn(self) -> Turn:
        """The turn that is going on, or a new one where a result has come since the last reply."""
        if not self._open:
            self._open = True
            self.messages.append(("assistant", None, len(self.turns)))
            self.turns.append(Turn("\n".join(self._seen) or None))
            self._seen = []
        return self.turns[-1]

    def _reasoned(self, words: str | None) -> None:
        turn = self._turn()
        before = turn.attributes.get("codex.reasoning")
        if words:
            turn.attributes["codex.reasoning"] = f"{before}\n{words}" if before else words

    def _asked(self, words: str | None) -> None:
        if words:
            self._open = False
            self.goal = self.goal or words
            self._seen.append(words)
            self.messages.append(("user", words, None))

    def _failed(self, words: str | None) -> None:
        self.end = "error"
        if not self.turns or self.turns[-1].error is None:
            self._open = False
            self._turn().error = words or "the turn failed"
            self._open = False

    def _spend(self, usage: Any) -> None:
        """Add the tokens of a turn."""
        for name in _USAGE if isinstance(usage, dict) else ():
            count = values.bigint(usage.get(name))
            if count is not None:
                self.usage[name] = self.usage.get(name, 0) + count

    def _total(self, event: Object) -> None:
        """Keep the running total, which each event of the oldest layout repeats."""
        info = event.get("info")
        total = info.get("total_token_usage") if isinstance(info, dict) else event
        counts = total if isinstance(total, dict) else {}
        for name in _USAGE:
            count = values.bigint(counts.get(name))
            if count is not None:
                self.usage[name] = count


def _asked_for(kind: str, item: Object) -> tuple[str, str | None]:
    """Tool and arguments of a call's item."""
    if kind == "command_execution":
        return "shell", values.text(item.get("command"))
    if kind == "mcp_tool_call":
        return _mcp_name(item), values.text(item.get("arguments"))
    if kind == "file_change":
        return "apply_patch", values.text(item.get("changes"))
    if kind == "web_search":
        return "web_search", values.text(item.get("query"))
    known = ("id", "type", "item_type", "status", "result", "error", "aggregated_output", "exit_code")
    return kind or "unknown", values.text({name: value for name, value in item.items() if name not in known})


def _mcp_name(call: Object) -> str:
    parts = (values.text(call.get("server")), values.text(call.get("tool")))
    return ".".join(part for part in parts if part) or "unknown"


def _result_of(item: Object) -> str | None:
    """The result in a call's item: the error's message where it failed."""
    error = item.get("error")
    if isinstance(error, dict) and error.get("message") is not None:
        return values.text(error["message"])
    result = item.get("aggregated_output", item.get("result"))
    if isinstance(result, dict) and isinstance(result.get("content"), list):
        return _joined(result["content"])
    return values.text(result)


def _old_call(kind: str, event: Object) -> tuple[str, str | None]:
    if kind == "mcp_tool_call":
        asked = event["invocation"] if isinstance(event.get("invocation"), dict) else {}
        return _mcp_name(asked), values.text(asked.get("arguments"))
    names = ("command", "changes", "query")
    return _CALLED[kind], values.text(next((event[name] for name in names if event.get(name) is not None), None))


def _old_result(event: Object) -> tuple[str | None, bool]:
    """The result of a call's end, and whether the event says that it failed."""
    result = event.get("result")
    if isinstance(result, dict):
        good = result.get("Ok")
        if isinstance(good, dict):
            content = good.get("content")
            words = _joined(content) if isinstance(content, list) else values.text(good)
            return words, good.get("is_error") is True or good.get("isError") is True
        return values.text(result.get("Err", result)), "Err" in result
    output = event.get("aggregated_output")
    printed = [values.text(event.get(name)) for name in ("stdout", "stderr")]
    words = values.text(output) if output else "\n".join(text for text in printed if text) or None
    return words, event.get("success") is False


def _joined(content: list[Any]) -> str:
    """The texts of content blocks; a block without text becomes its type in brackets."""
    texts = []
    for block in content:
        words = block.get("text", f"[{block.get('type')}]") if isinstance(block, dict) else block
        texts.append(values.text(words) or "")
    return "\n".join(texts)
