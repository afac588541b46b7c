"""Reader for Claude Code: session files, and what `claude -p --output-format stream-json` or `json` prints.

Both have a line for each part of a message, and neither has an outcome. A session is an attempt. In session files each
sub-agent is an attempt too (mode `subagent`), because it has a conversation of its own; what a command prints has one
total for all of them, so there their steps belong to the session. Lines that share a message id are one reply of the
model, hence one step. Lines that are no part of a conversation (snapshots, progress, titles) are skipped.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.opening import open_file
from halo_opt.store.readers.base import FolderReader, first_objects
from halo_opt.store.readers.documents import is_document, leading_objects, records
from halo_opt.store.readers.span_lines import Reject
from halo_opt.store.readers.span_trace import derived_task, run_of
from halo_opt.store.readers.transcript import Call, TranscriptMessage, Turn, total, trace_of_turns
from halo_opt.store.rows import AttemptRow, Trace
from halo_opt.store.sink import Sink

Object = Mapping[str, Any]
_SPOKEN = ("user", "assistant")
# What Claude Code itself writes in the user's place.
_NOT_A_GOAL = ("<command-", "<local-command", "Caveat: ", "[Request interrupted")
_SESSION_ID = re.compile(rb'"session_?[iI]d"\s*:\s*"([^"]*)"')
_SYNTHETIC = "<synthetic>"
_INPUT = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_KEPT = ("cwd", "gitBranch", "version", "entrypoint", "slug", "agentId", "permissionMode", "userType")


# How a run of the command ended, by the subtype of its result.
_ENDS = {"success": "done", "error_max_turns": "step_limit", "error_max_budget_usd": "cost_limit"}


class ClaudeCodeReader(FolderReader):
    """Claude Code session files and printed streams."""

    name = "claude-code"
    meaning = (
        "Claude Code sessions, JSONL of {type, uuid, parentUuid, sessionId, message, ...}, or the output of"
        " `claude -p --output-format stream-json` (or `json`)"
    )

    def sniff(self, path: Path) -> bool:
        """Whether one of the first lines is a message of a session or tells of a run of the command."""
        if not path.is_file():
            return False
        found = leading_objects(path) if is_document(path) else first_objects(path)
        return any(_is_session_line(line) or _is_stream_line(line) for line in found)

    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read files of one folder. A session in several of them is the union of its messages."""
        for together in _with_same_sessions(paths):
            self._read(together, sink)

    def _read(self, paths: Sequence[Path], sink: Sink) -> None:
        sessions = sessions_of(paths, sink.reject)
        run_id = sink.run_of(paths[0], self.name) if sessions else ""
        for session in sessions:
            trace = session.trace(run_id, str(session.path))
            trace.again.extend((str(path), line) for path, line in session.again)
            if sink.trace(trace):
                sink.run(run_of(trace.attempt, self.name))
            sink.continuations.update(session.files - {session.path})


def sessions_of(paths: Sequence[Path], reject: Reject) -> list["Session"]:
    """The sessions of some files that say anything, each sub-agent after its session; bad lines go to `reject`.

    Of several files the lines are put in the order of their times, each message once.
    """
    sessions: dict[str, Session] = {}
    chains: dict[str, str] = {}
    held: dict[tuple[str, Path], int] = {}
    new: set[tuple[str, Path]] = set()
    seen: set[str] = set()
    for path, number, uuid, record in _in_order(paths, reject):
        key = _key(record, uuid, chains)
        held.setdefault((key, path), number)
        # Of lines without an id those with equal text are the same in another file.
        mark = uuid if record.get("uuid") or len(paths) == 1 else repr(record)
        if mark not in seen:
            seen.add(mark)
            new.add((key, path))
            session = sessions.setdefault(key, Session(key, number, path))
            session.files.add(path)
            session.add(record)
    for (key, path), number in held.items():
        if (key, path) not in new and key in sessions:
            sessions[key].again.append((path, number))
    return [session for session in sessions.values() if session.turns or session.messages]


def _in_order(paths: Sequence[Path], reject: Reject) -> Iterator[tuple[Path, int, str, Object]]:
    """Each line of a conversation with its file: in the order of the file, of several files in that of the times."""
    if len(paths) == 1:
        yield from ((paths[0], *line) for line in _lines(paths[0], reject))
        return
    found: list[tuple[str, Path, int, str, Object]] = []
    for path in paths:
        time = ""
        for number, uuid, record in _lines(path, reject):
            time = values.time(record.get("timestamp")) or time
            found.append((time, path, number, uuid, record))
    yield from (line[1:] for line in sorted(found, key=itemgetter(0)))


def _with_same_sessions(paths: Sequence[Path]) -> list[list[Path]]:
    """The files in groups, of which no two have a line of one session."""
    groups: list[tuple[set[bytes], list[Path]]] = []
    for path in paths:
        with open_file(path) as file:
            ids = {found for raw in file for found in _SESSION_ID.findall(raw)}
        same = [group for group in groups if group[0] & ids]
        groups = [group for group in groups if group not in same]
        groups.append((ids.union(*(group[0] for group in same)), [*(p for group in same for p in group[1]), path]))
    return [group for _, group in groups]


def session_of(paths: Iterable[Path], reject: Reject) -> "Session | None":
    """All lines of some files as one session, by their times: a session and its sub-agents; None without any reply."""
    found: dict[str, tuple[str, Object]] = {}
    for path in paths:
        for number, uuid, record in _lines(path, reject):
            key = uuid if record.get("uuid") else f"{path} {number}"
            found.setdefault(key, (values.time(record.get("timestamp")) or "", record))
    session = Session("", 1)
    for _, record in sorted(found.values(), key=itemgetter(0)):
        session.add(record)
    return session if session.turns or session.messages else None


def _lines(path: Path, reject: Reject) -> Iterator[tuple[int, str, Object]]:
    """Each line of a conversation once, as (number, uuid, record with a sessionId)."""
    seen: set[str] = set()
    stream = ""
    for line in records(path):
        record = line.value
        if record is not None and _is_stream_line(record):
            stream = values.text(record.get("session_id")) or stream
        if record is not None and stream and "sessionId" not in record:
            record = {**record, "sessionId": values.text(record.get("session_id")) or stream}
        problem = line.reason or "no object" if record is None else _problem(record)
        if record is None or problem is not None:
            reject(str(path), line.number, problem or "", line.head or values.text(record) or "")
        elif record.get("type") in (*_SPOKEN, "system", "result"):
            uuid = values.text(record.get("uuid")) or f"line {line.number}"
            if uuid not in seen:
                seen.add(uuid)
                yield line.number, uuid, record


def _is_session_line(line: Object) -> bool:
    return line.get("type") in _SPOKEN and "parentUuid" in line and "sessionId" in line and "message" in line


def _is_stream_line(line: Object) -> bool:
    """Whether it is the first line of a printed stream, a message of one, or the result of a run."""
    if not isinstance(line.get("session_id"), str) or "parentUuid" in line:
        return False
    kind, told = line.get("type"), line.get("subtype")
    if kind == "result":
        return isinstance(told, str) and ("num_turns" in line or "is_error" in line)
    return (kind == "system" and told == "init") or (kind in _SPOKEN and isinstance(line.get("message"), dict))


def _problem(record: Object) -> str | None:
    """Why a line of a conversation cannot be used, or None; other lines have no problem."""
    if record.get("type") not in _SPOKEN:
        return None
    if not isinstance(record.get("sessionId"), str) or not record["sessionId"]:
        return "missing field sessionId"
    return None if isinstance(record.get("message"), dict) else "missing field message"


def _agent(record: Object) -> str | None:
    """The sub-agent that a line belongs to; None for the session's own."""
    parent = values.text(record.get("parent_tool_use_id"))
    if parent is None and record.get("isSidechain") is True:
        return values.text(record.get("agentId")) or "subagent"
    return parent


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


class Session:
    """One conversation, built up line by line."""

    def __init__(self, key: str, line: int, path: Path = Path()) -> None:
        self.key, self.line, self.path = key, line, path
        self.files: set[Path] = set()
        self.again: list[tuple[Path, int]] = []
        self.turns: list[Turn] = []
        self.messages: list[TranscriptMessage] = []
        self.goal: str | None = None
        self.model: str | None = None
        self.facts: dict[str, Any] = {}
        self.usage: dict[str, Object] = {}
        self.times: list[str] = []
        self.end: str | None = None
        self.results: list[Object] = []
        self._numbers: dict[str, int] = {}
        self._calls: dict[str, tuple[Call, int]] = {}
        self._first_agent: str | None = None
        # Names of sub-agents by the call that starts them.
        self._agents: dict[str, str] = {}
        # What each agent of the session has seen since its last reply.
        self._seen: dict[str | None, list[str]] = {}

    def add(self, record: Object) -> None:
        """Add one line of type user, assistant, system or result."""
        moment = values.time(record.get("timestamp"))
        if moment:
            self.times.append(moment)
        self.facts.update({name: record[name] for name in _KEPT if record.get(name) is not None})
        message = record.get("message")
        if isinstance(message, dict) and not self.messages:
            self._first_agent = _agent(record)
        if record.get("type") == "assistant" and isinstance(message, dict):
            self._reply(record, message, moment)
        elif record.get("type") == "user" and isinstance(message, dict):
            self._heard(record, message, moment)
        elif record.get("type") == "result":
            self._ended(record)
        elif record.get("subtype") == "init" and "tools" in record:
            self.model = self.model or values.text(record.get("model"))
            self.facts["version"] = record.get("claude_code_version") or self.facts.get("version")
        elif record.get("subtype") is not None:
            counted = self.facts.setdefault("system", {})
            counted[str(record["subtype"])] = counted.get(str(record["subtype"]), 0) + 1

    def trace(self, run_id: str, source: str) -> Trace:
        """The attempt with all its rows."""
        totals = self._totals()
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
            cost_usd=self._cost(),
            started_at=min(self.times, default=None),
            ended_at=max(self.times, default=None),
            source=source,
            line=self.line,
        )
        attributes = {f"claude_code.{name}": value for name, value in self.facts.items()}
        attributes["claude_code.usage"] = {name: total for name, total in totals.items() if total is not None}
        if self.results:
            last = self.results[-1]
            attributes["claude_code.result"] = {name: value for name, value in last.items() if name != "result"}
        trace = trace_of_turns(attempt, self.turns, self.messages, attributes)
        if not self.turns and self.results:
            # `--output-format json` prints the result alone.
            trace.attempt = trace.attempt._replace(steps=total(found.get("num_turns") for found in self.results))
        return trace

    def _ended(self, record: Object) -> None:
        """Take the result of one run of the command."""
        self.results.append(record)
        failed = record.get("is_error") is True
        self.end = _ENDS.get(str(record.get("subtype")), "error")
        if self.end == "done" and failed:
            self.end = "error"
        words = values.text(record.get("result"))
        if words and not self.turns:
            self.messages.append(("assistant", words, None))
        used = record.get("modelUsage")
        if self.model is None and isinstance(used, dict) and used:
            self.model = max(used, key=lambda name: _output_of(used[name]))

    def _totals(self) -> dict[str, int | None]:
        """The tokens by kind: as the one result states them, else the sums over the messages."""
        summed = {name: self._total(name) for name in _USAGE}
        stated = [record["usage"] for record in self.results if isinstance(record.get("usage"), dict)]
        known = total(stated[0].get(name) for name in _USAGE) if len(stated) == 1 else None
        if known or not any(summed.values()):
            return {name: total(usage.get(name) for usage in stated) for name in _USAGE}
        return summed

    def _cost(self) -> float | None:
        """The cost in dollars: a running total that each result of one process repeats, else the sum of several."""
        stated = (record.get("total_cost_usd", record.get("cost_usd")) for record in self.results)
        costs = [cost for value in stated if (cost := values.finite(value)) is not None]
        if not costs:
            return None
        return costs[-1] if costs == sorted(costs) else sum(costs)

    def _reply(self, record: Object, message: Object, moment: str | None) -> None:
        failed = record.get("isApiErrorMessage") is True or record.get("error") is not None
        agent = _agent(record)
        if message.get("model") == _SYNTHETIC and not failed:
            self.messages.append(("assistant", _text(message.get("content")), None))
            return
        message_id = values.text(message.get("id")) or f"line of {record.get('uuid')}"
        number = self._numbers.setdefault(message_id, len(self.turns))
        if number == len(self.turns):
            seen = "\n".join(self._seen.pop(agent, [])) or None
            self.turns.append(Turn(seen, started_at=moment, agent=self._agents.get(agent or "", agent)))
            self.messages.append(("assistant", None, number))
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
            given = part.get("input")
            started = values.text(given.get("subagent_type")) if isinstance(given, dict) else None
            if started and call.call_id:
                self._agents[call.call_id] = started
            self._calls[call.call_id or ""] = call, number
        elif kind in ("thinking", "redacted_thinking"):
            words = values.text(part.get("thinking"))
            if words:
                before = turn.attributes.get("claude_code.thinking")
                turn.attributes["claude_code.thinking"] = f"{before}\n{words}" if before else words
        else:
            turn.say(_part_text(part))

    def _heard(self, record: Object, message: Object, moment: str | None) -> None:
        agent = _agent(record)
        seen = self._seen.setdefault(agent, [])
        for part in _parts(message.get("content")):
            if part.get("type") == "tool_result":
                seen.append(self._result(part, record.get("toolUseResult", record.get("tool_use_result")), moment))
                continue
            words = _part_text(part)
            seen.append(words or "")
            self.messages.append(("user", words, None))
            own = record.get("isMeta") is True or record.get("isCompactSummary") is True
            asked = not own and agent == self._first_agent
            if self.goal is None and words and asked and not words.lstrip().startswith(_NOT_A_GOAL):
                self.goal = words

    def _result(self, part: Object, structured: Any, moment: str | None) -> str:
        """Give a call its result; returns the result's text."""
        words = _text(part.get("content"))
        words = words if words else values.text(structured)
        call, number = self._calls.get(values.text(part.get("tool_use_id")) or "", (None, None))
        self.messages.append(("tool", words, number))
        if call is not None and number is not None:
            turn = self.turns[number]
            call.result, turn.ended_at = words, moment or turn.ended_at
            call.failed = values.boolean(part.get("is_error"))
        return words or ""


_USAGE = (*_INPUT, "output_tokens")


def _output_of(usage: Any) -> int:
    return (values.integer(usage.get("outputTokens")) or 0) if isinstance(usage, dict) else 0


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
