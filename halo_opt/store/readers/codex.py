"""Reader for Codex sessions (rollouts): JSONL of {timestamp, type, payload}. Sessions have no outcome.

A file is a session and an attempt. A step is the model's texts and calls up to the next result. The same texts stand in
`response_item` and `event_msg` lines: the conversation is taken from the former alone.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.files.lines import read_objects
from halo_opt.store.readers.base import derived_id, first_objects
from halo_opt.store.readers.span_trace import derived_task, run_of
from halo_opt.store.readers.transcript import Call, TranscriptMessage, Turn, trace_of_turns
from halo_opt.store.rows import AttemptRow, Trace
from halo_opt.store.sink import Sink

Object = Mapping[str, Any]
_TYPES = ("session_meta", "turn_context", "response_item", "event_msg", "compacted")
# What Codex itself writes in the user's place.
_NOT_A_GOAL = ("<", "# AGENTS.md instructions")
_EXIT = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d+)\s*$", re.MULTILINE)
_USAGE = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens", "total_tokens")


class CodexReader:
    """Codex session files."""

    name = "codex"
    meaning = "Codex sessions (rollouts), JSONL of {timestamp, type, payload}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first lines describes a session or a turn, or is an item of one."""
        return path.is_file() and any(
            line.get("type") in _TYPES and isinstance(line.get("payload"), dict) and "timestamp" in line
            for line in first_objects(path)
        )

    def read(self, path: Path, sink: Sink) -> None:
        """Read the one session of the file."""
        session = _Session()
        for line in read_objects(path):
            record = line.value
            if record is None:
                sink.reject(str(path), line.number, line.reason or "no object", line.head)
            elif not isinstance(record.get("payload"), dict):
                sink.reject(str(path), line.number, "missing field payload", values.text(record) or "")
            else:
                moment = values.time(record.get("timestamp"))
                session.add(values.text(record.get("type")) or "", record["payload"], moment)
        if session.turns or session.messages:
            trace = session.trace(sink.run_of(path, self.name), path)
            if sink.trace(trace):
                sink.run(run_of(trace.attempt, self.name))


class _Result(NamedTuple):
    """The result of a call; a field is None where the output lacks it."""

    text: str | None
    exit_code: int | None
    success: bool | None


class _Session:
    """One session, built up line by line."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.messages: list[TranscriptMessage] = []
        self.meta: Object = {}
        self.model: str | None = None
        self.request: str | None = None
        self.first_words: str | None = None
        self.usage: Object = {}
        self.end: str | None = None
        self.events: dict[str, int] = {}
        self.times: list[str] = []
        self._calls: dict[str, tuple[Call, int]] = {}
        self._seen: list[str] = []
        self._open = False

    def add(self, kind: str, payload: Object, moment: str | None) -> None:
        """Add one line."""
        if moment:
            self.times.append(moment)
        if kind == "session_meta":
            # A forked session repeats the lines of the one that it came from; its own description is the first.
            self.meta = self.meta or payload
        elif kind == "turn_context":
            self.model = self.model or values.text(payload.get("model"))
        elif kind == "response_item":
            self._item(payload, moment)
        elif kind == "event_msg":
            self._event(payload)
        elif kind == "compacted":
            self.events["compacted"] = self.events.get("compacted", 0) + 1

    def trace(self, run_id: str, path: Path) -> Trace:
        """The attempt with all its rows."""
        trace_id = values.text(self.meta.get("id")) or derived_id(run_id, path.name)
        goal = self.request or self.first_words
        attempt = AttemptRow(
            trace_id,
            run_id,
            derived_task(goal, trace_id),
            end_reason=self.end,
            model=self.model,
            harness_revision=values.text(self.meta.get("cli_version")),
            goal=goal,
            tokens_in=values.integer(self.usage.get("input_tokens")),
            tokens_out=values.integer(self.usage.get("output_tokens")),
            started_at=min(self.times, default=None),
            ended_at=max(self.times, default=None),
            source=str(path),
            line=1,
        )
        attributes = {f"codex.{name}": value for name, value in self.meta.items()}
        attributes["codex.usage"] = {name: self.usage[name] for name in _USAGE if name in self.usage}
        attributes["codex.events"] = self.events
        trace = trace_of_turns(attempt, self.turns, self.messages, attributes)
        trace.named = "id" in self.meta
        return trace

    def _event(self, payload: Object) -> None:
        kind = values.text(payload.get("type")) or ""
        self.events[kind] = self.events.get(kind, 0) + 1
        if kind == "user_message":
            self.request = self.request or values.text(payload.get("message"))
            self.end = None
        elif kind == "token_count":
            self._tokens(payload.get("info"))
        elif kind in ("task_complete", "turn_complete"):
            self.end = "done" if self.end is None else self.end
        elif kind == "error":
            self.end = "error"
        elif kind in ("exec_command_end", "patch_apply_end"):
            call, _ = self._calls.get(values.text(payload.get("call_id")) or "", (None, 0))
            if call is not None:
                code, success = values.integer(payload.get("exit_code")), values.boolean(payload.get("success"))
                _judge(call, _Result(values.text(payload.get("aggregated_output")), code, success))

    def _tokens(self, info: Any) -> None:
        """Keep the session's running total of tokens and give the last reply its own tokens."""
        if not isinstance(info, dict):
            return
        if isinstance(info.get("total_token_usage"), dict):
            self.usage = info["total_token_usage"]
        if isinstance(info.get("last_token_usage"), dict) and self.turns:
            self.turns[-1].attributes["codex.usage"] = info["last_token_usage"]

    def _item(self, item: Object, moment: str | None) -> None:
        kind = values.text(item.get("type")) or ""
        if kind == "message" and item.get("role") != "assistant":
            self._heard(str(item.get("role") or ""), _text(item.get("content")))
        elif kind == "message":
            self._turn(moment).say(_text(item.get("content")))
        elif kind == "reasoning":
            self._reasoned(self._turn(moment), item)
        elif kind.endswith("_output"):
            self._result(item, moment)
        elif kind.endswith("_call"):
            self._called(kind, item, self._turn(moment))

    def _heard(self, role: str, words: str | None) -> None:
        self._open = False
        self.messages.append((role, words, None))
        if role == "user":
            self._seen.append(words or "")
            if self.first_words is None and words and not words.lstrip().startswith(_NOT_A_GOAL):
                self.first_words = words

    def _turn(self, moment: str | None) -> Turn:
        """The turn that is going on, or a new one where a result has come since the last reply."""
        if not self._open:
            self._open = True
            self.messages.append(("assistant", None, len(self.turns)))
            self.turns.append(Turn("\n".join(self._seen) or None, started_at=moment))
            self._seen = []
        self.turns[-1].ended_at = moment or self.turns[-1].ended_at
        return self.turns[-1]

    def _reasoned(self, turn: Turn, item: Object) -> None:
        words = _text(item.get("summary")) or _text(item.get("content"))
        if words:
            before = turn.attributes.get("codex.reasoning")
            turn.attributes["codex.reasoning"] = f"{before}\n{words}" if before else words

    def _called(self, kind: str, item: Object, turn: Turn) -> None:
        tool = values.text(item.get("name")) or kind.removesuffix("_call")
        given = next((item[name] for name in ("arguments", "input", "action") if item.get(name) is not None), None)
        call = Call(values.text(item.get("call_id") or item.get("id")), tool, values.text(given))
        turn.calls.append(call)
        if call.call_id is not None:
            self._calls[call.call_id] = call, len(self.turns) - 1

    def _result(self, item: Object, moment: str | None) -> None:
        self._open = False
        result = _result(item.get("output"))
        call, number = self._calls.get(values.text(item.get("call_id")) or "", (None, None))
        self._seen.append(result.text or "")
        self.messages.append(("tool", result.text, number))
        if call is not None and number is not None:
            call.result = result.text
            self.turns[number].ended_at = moment or self.turns[number].ended_at
            _judge(call, result)


def _judge(call: Call, result: _Result) -> None:
    """Note what the output of a call says of how it went."""
    if result.success is False:
        call.failed = True
    call.status = result.exit_code if result.exit_code is not None else call.status
    call.result = result.text if call.result is None else call.result


def _result(output: Any) -> _Result:
    """The result in an output: text, JSON text {output, metadata}, a list of parts, or {content, success}."""
    if isinstance(output, str) and output.startswith("{"):
        try:
            decoded = json.loads(output)
        except (ValueError, RecursionError):
            decoded = None
        if isinstance(decoded, dict) and "output" in decoded:
            metadata = decoded["metadata"] if isinstance(decoded.get("metadata"), dict) else {}
            return _Result(values.text(decoded["output"]), values.integer(metadata.get("exit_code")), None)
    if isinstance(output, dict) and "content" in output:
        return _Result(_text(output["content"]), None, values.boolean(output.get("success")))
    words = _text(output)
    match = _EXIT.search((words or "")[:2000])
    return _Result(words, values.integer(match.group(1)) if match else None, None)


def _text(content: Any) -> str | None:
    """The text of a content: its parts joined; a part without text becomes its type in brackets."""
    if not isinstance(content, list):
        return values.text(content)
    texts = []
    for part in content:
        if isinstance(part, dict):
            part = part["text"] if part.get("text") is not None else f"[{part.get('type')}]"  # noqa: PLW2901
        texts.append(values.text(part) or "")
    return "\n".join(texts) if texts else None
