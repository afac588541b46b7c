"""Reader for Claude Code sessions: JSONL with a line for each part of a message. Sessions have no outcome.

A session is an attempt, and so is each of its sub-agents (mode `subagent`), because a sub-agent has a conversation of
its own. Lines that share a message id are one reply of the model, hence one step. Lines that are no part of a
conversation (snapshots, progress, titles) are skipped.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.lines import Line, read_objects
from halo_opt.store.files.opening import stem
from halo_opt.store.readers.base import first_objects
from halo_opt.store.readers.span_trace import derived_task, run_of
from halo_opt.store.readers.transcript import Call, TranscriptMessage, Turn, total, trace_of_turns
from halo_opt.store.rows import AttemptRow, Trace
from halo_opt.store.sink import Sink

Object = Mapping[str, Any]
_SPOKEN = ("user", "assistant")
# What Claude Code itself writes in the user's place.
_NOT_A_GOAL = ("<command-", "<local-command", "Caveat: ", "[Request interrupted")
_SYNTHETIC = "<synthetic>"
_REFUSED = "The user doesn't want to "
_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_KEPT = ("cwd", "gitBranch", "version", "entrypoint", "slug", "agentId", "permissionMode", "userType")


class ClaudeCodeReader:
    """Claude Code session files."""

    name = "claude-code"
    meaning = "Claude Code sessions, JSONL of {type, uuid, parentUuid, sessionId, message, ...}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first lines is a message with a session and a parent."""
        return path.is_file() and any(
            line.get("type") in _SPOKEN and "parentUuid" in line and "sessionId" in line and "message" in line
            for line in first_objects(path)
        )

    def read(self, path: Path, sink: Sink) -> None:
        """Read every session of the file (usually one) and its sub-agents."""
        sessions: dict[str, _Session] = {}
        chains: dict[str, str] = {}
        seen: set[str] = set()
        for line in read_objects(path):
            record, problem = line.value, _problem(line)
            if problem is not None:
                sink.reject(str(path), line.number, problem, line.head or values.text(record) or "")
            elif record is not None and record.get("type") in (*_SPOKEN, "system"):
                uuid = values.text(record.get("uuid")) or f"line {line.number}"
                if uuid not in seen:
                    seen.add(uuid)
                    key = _key(record, uuid, chains)
                    sessions.setdefault(key, _Session(key, line.number)).add(record)
        run_id = sink.unique_run_id(stem(path)) if sessions else ""
        for session in sessions.values():
            if session.turns or session.messages:
                trace = session.trace(run_id, str(path))
                if sink.trace(trace):
                    sink.run(run_of(trace.attempt, self.name))


def _problem(line: Line) -> str | None:
    """Why a line of a conversation cannot be used, or None; other lines have no problem."""
    if line.value is None:
        return line.reason or "no object"
    if line.value.get("type") not in _SPOKEN:
        return None
    if not isinstance(line.value.get("sessionId"), str) or not line.value["sessionId"]:
        return "missing field sessionId"
    return None if isinstance(line.value.get("message"), dict) else "missing field message"


def _key(record: Object, uuid: str, chains: dict[str, str]) -> str:
    """The key of a line's attempt: its session, with the sub-agent's id or the first message of its chain."""
    session = values.text(record.get("sessionId")) or ""
    if record.get("isSidechain") is not True:
        return session
    agent = values.text(record.get("agentId"))
    if agent is None:
        agent = chains.get(values.text(record.get("parentUuid")) or "", uuid)
        chains[uuid] = agent
    return f"{session}:{agent}"


class _Session:
    """One conversation, built up line by line."""

    def __init__(self, key: str, line: int) -> None:
        self.key, self.line = key, line
        self.turns: list[Turn] = []
        self.messages: list[TranscriptMessage] = []
        self.goal: str | None = None
        self.model: str | None = None
        self.facts: dict[str, Any] = {}
        self.usage: dict[str, Object] = {}
        self.times: list[str] = []
        self.end: str | None = None
        self._numbers: dict[str, int] = {}
        self._calls: dict[str, tuple[Call, int]] = {}
        self._seen: list[str] = []

    def add(self, record: Object) -> None:
        """Add one line of type user, assistant or system."""
        moment = values.time(record.get("timestamp"))
        if moment:
            self.times.append(moment)
        self.facts.update({name: record[name] for name in _KEPT if record.get(name) is not None})
        message = record.get("message")
        if record.get("type") == "assistant" and isinstance(message, dict):
            self._reply(record, message, moment)
        elif record.get("type") == "user" and isinstance(message, dict):
            self._heard(record, message, moment)
        elif record.get("subtype") is not None:
            counted = self.facts.setdefault("system", {})
            counted[str(record["subtype"])] = counted.get(str(record["subtype"]), 0) + 1

    def trace(self, run_id: str, source: str) -> Trace:
        """The attempt with all its rows."""
        totals = {name: self._total(name) for name in _USAGE}
        given = [totals[name] for name in _INPUT if totals[name] is not None]
        attempt = AttemptRow(
            self.key,
            run_id,
            derived_task(self.goal, self.key),
            end_reason=self.end,
            mode="subagent" if ":" in self.key else None,
            model=self.model,
            harness_revision=values.text(self.facts.get("version")),
            goal=self.goal,
            tokens_in=total(given),
            tokens_out=totals["output_tokens"],
            started_at=min(self.times, default=None),
            ended_at=max(self.times, default=None),
            source=source,
            line=self.line,
        )
        attributes = {f"claude_code.{name}": value for name, value in self.facts.items()}
        attributes["claude_code.usage"] = {name: total for name, total in totals.items() if total is not None}
        return trace_of_turns(attempt, self.turns, self.messages, attributes)

    def _reply(self, record: Object, message: Object, moment: str | None) -> None:
        failed = record.get("isApiErrorMessage") is True
        if message.get("model") == _SYNTHETIC and not failed:
            self.messages.append(("assistant", _text(message.get("content")), None))
            return
        message_id = values.text(message.get("id")) or f"line of {record.get('uuid')}"
        number = self._numbers.setdefault(message_id, len(self.turns))
        if number == len(self.turns):
            self.turns.append(Turn("\n".join(self._seen) or None, started_at=moment))
            self.messages.append(("assistant", None, number))
            self._seen = []
        turn = self.turns[number]
        for part in _parts(message.get("content")):
            self._part(part, turn, number)
        turn.ended_at = moment or turn.ended_at
        if failed:
            turn.error = turn.reply or "the model call failed"
        elif self.model is None:
            self.model = values.text(message.get("model"))
        if failed:
            self.end = "error"
        else:
            self.end = "done" if message.get("stop_reason") == "end_turn" else None
        if isinstance(message.get("usage"), dict):
            # Every line of a message repeats the usage; the last one is complete.
            self.usage[message_id] = message["usage"]

    def _total(self, name: str) -> int | None:
        """The sum of one kind of tokens over all messages of the model; None where no message counts it."""
        return total(usage.get(name) for usage in self.usage.values())

    def _part(self, part: Object, turn: Turn, number: int) -> None:
        kind = part.get("type")
        if kind == "tool_use":
            arguments = values.text(part.get("input"))
            call = Call(values.text(part.get("id")), values.text(part.get("name")) or "unknown", arguments)
            turn.calls.append(call)
            self._calls[call.call_id or ""] = call, number
        elif kind in ("thinking", "redacted_thinking"):
            words = values.text(part.get("thinking"))
            if words:
                before = turn.attributes.get("claude_code.thinking")
                turn.attributes["claude_code.thinking"] = f"{before}\n{words}" if before else words
        else:
            turn.say(_part_text(part))

    def _heard(self, record: Object, message: Object, moment: str | None) -> None:
        for part in _parts(message.get("content")):
            if part.get("type") == "tool_result":
                self._result(part, record.get("toolUseResult"), moment)
                continue
            words = _part_text(part)
            self._seen.append(words or "")
            self.messages.append(("user", words, None))
            own = record.get("isMeta") is True or record.get("isCompactSummary") is True
            if self.goal is None and words and not own and not words.lstrip().startswith(_NOT_A_GOAL):
                self.goal = words

    def _result(self, part: Object, structured: Any, moment: str | None) -> None:
        words = _text(part.get("content"))
        words = words if words else values.text(structured)
        self._seen.append(words or "")
        call, number = self._calls.get(values.text(part.get("tool_use_id")) or "", (None, None))
        self.messages.append(("tool", words, number))
        if call is None or number is None:
            return
        turn = self.turns[number]
        call.result, turn.ended_at = words, moment or turn.ended_at
        if part.get("is_error") is True:
            call.error, call.error_type = words, _error_type(words or "")


_USAGE = (*_INPUT, "output_tokens")


def _error_type(words: str) -> str:
    if words.startswith(_REFUSED):
        return "blocked"
    return "invalid_arguments" if "InputValidationError" in words else "tool_error"


def _parts(content: Any) -> Iterator[Object]:
    """The parts of a message's content, which may be bare text."""
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, dict):
            yield part
        elif part is not None:
            yield {"type": "text", "text": part}


def _part_text(part: Object) -> str | None:
    """The text of a part. Of another kind of part: its JSON where that is short, else its type in brackets."""
    if part.get("type") in ("image", "document"):
        return f"[{part['type']}]"
    return values.text(part["text"]) if "text" in part else values.text(part)


def _text(content: Any) -> str | None:
    texts = [_part_text(part) for part in _parts(content)]
    return "\n".join(words or "" for words in texts) if texts else None
