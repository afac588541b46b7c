"""The steps of a Harbor trial whose trajectory was not converted, from the raw files in its `agent` folder.

These are the sessions of Claude Code, the episodes of Terminus, or a file of any other format that has a reader.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from halo_opt.store.files.folders import files_under
from halo_opt.store.files.lines import decode_json
from halo_opt.store.readers.base import Reader, whole
from halo_opt.store.readers.claude_code import ClaudeCodeReader, session_of
from halo_opt.store.readers.codex import CodexReader
from halo_opt.store.readers.codex_exec import CodexExecReader
from halo_opt.store.readers.swe_agent import SweAgentReader
from halo_opt.store.readers.transcript import Call, TranscriptMessage, Turn, trace_of_turns
from halo_opt.store.rows import AttemptRow, RunRow, Trace
from halo_opt.store.sink import Sink

# Of several files that could be the session: what a session file has comes before what a command printed.
_OTHERS: tuple[Reader, ...] = (CodexReader(), CodexExecReader(), SweAgentReader())
_TRACES = (".json", ".jsonl", ".txt", ".traj")
# A trial folder may hold thousands of artifacts.
_MOST_FILES = 1000
_EPISODE = re.compile(r"episode-(\d+)")
_FENCED = re.compile(r"\{.*\}", re.DOTALL)
_KEYSTROKES = re.compile(r"<keystrokes[^>]*>(.*?)</keystrokes>", re.DOTALL)


def raw_trace(folders: Sequence[Path], known: AttemptRow, sink: Sink) -> Trace | None:
    """The attempt that raw files describe, without an outcome; None where no file can be read.

    Args:
        folders: the trial's `agent` folder, or one for each step of the trial.
        known: the attempt as far as the trial's result tells it.
        sink: takes the lines that cannot be used.
    """
    files = [file for folder in folders if folder.is_dir() for file in _session_files(folder)]
    return _claude_code(files, known, sink) or _other(files, known, sink) or _terminus(folders, known)


def _session_files(folder: Path) -> list[Path]:
    named = (path for path in files_under(folder) if path.suffix in _TRACES and path.stat().st_size)
    found = (path for path in named if _EPISODE.fullmatch(path.parent.name) is None)
    return [path for path, _ in zip(found, range(_MOST_FILES), strict=False)]


def _claude_code(files: Sequence[Path], known: AttemptRow, sink: Sink) -> Trace | None:
    """One attempt of the session and its sub-agents, which have files of their own."""
    reader = ClaudeCodeReader()
    found = [path for path in files if reader.sniff(path)]
    stored = [path for path in found if path.suffix == ".jsonl"] or found
    session = session_of(stored, sink.reject) if stored else None
    return None if session is None else _under(session.trace(known.run_id, known.source), known)


def _other(files: Sequence[Path], known: AttemptRow, sink: Sink) -> Trace | None:
    """The longest attempt in the files of the first reader that knows one."""
    for reader in _OTHERS:
        collected = _Collected(sink)
        for path in files:
            if reader.sniff(path):
                reader.read(path, collected)
        if collected.traces:
            return _under(max(collected.traces, key=lambda trace: len(trace.steps)), known)
    return None


def _terminus(folders: Sequence[Path], known: AttemptRow) -> Trace | None:
    """The steps in the prompts and responses that Terminus keeps of each episode."""
    turns: list[Turn] = []
    messages: list[TranscriptMessage] = []
    goal = None
    for prompt, response in (pair for folder in folders for pair in _episodes(folder)):
        goal = goal or prompt
        if turns and turns[-1].calls:
            # What the terminal showed after all keystrokes of a response is the next prompt.
            turns[-1].calls[-1].result = prompt
        messages += [("user", prompt, None), ("assistant", None, len(turns))]
        turns.append(Turn(prompt, response, _keystrokes(response)))
    if not turns:
        return None
    return _under(trace_of_turns(known._replace(goal=goal), turns, messages, {}), known)


def _episodes(folder: Path) -> Iterator[tuple[str, str]]:
    """(prompt, response) of each episode that has a response, in order."""
    numbered = []
    for place in folder.glob("episode-*"):
        match = _EPISODE.fullmatch(place.name)
        if match and (place / "response.txt").is_file():
            numbered.append((int(match.group(1)), place))
    for _, place in sorted(numbered):
        prompt = place / "prompt.txt"
        said = whole(prompt).decode("utf-8", "replace") if prompt.is_file() else ""
        yield said, whole(place / "response.txt").decode("utf-8", "replace")


def _keystrokes(response: str) -> list[Call]:
    """The commands of a response, which is JSON or XML in prose."""
    match = _FENCED.search(response)
    value = decode_json(match.group().encode())[0] if match else None
    commands = value.get("commands") if isinstance(value, dict) else None
    if isinstance(commands, list):
        given: list[Any] = [command for command in commands if isinstance(command, dict)]
        return [Call(None, "bash_command", json.dumps(command, ensure_ascii=False)) for command in given]
    return [Call(None, "bash_command", keys) for keys in _KEYSTROKES.findall(response)]


def _under(trace: Trace, known: AttemptRow) -> Trace:
    """The trace with the trial's id in all its rows."""
    for rows in (trace.spans, trace.messages, trace.steps, trace.tool_calls, trace.scores):
        rows[:] = [row._replace(trace_id=known.trace_id) for row in rows]  # type: ignore[misc]
    trace.spans[:] = [span._replace(source=known.source, line=known.line) for span in trace.spans]
    trace.attempt = trace.attempt._replace(trace_id=known.trace_id, run_id=known.run_id)
    return trace


class _Collected(Sink):
    """Keeps the attempts that a reader finds, instead of storing them; rejects go to the store."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.counts = sink.counts
        self.names, self.rule = sink.names, sink.rule
        self.traces: list[Trace] = []

    def run_of_file(self, path: Path) -> str:
        return path.name

    def run_of_folder(self, folder: Path) -> str:
        return folder.name

    def run_of(self, path: Path, format_name: str) -> str:  # noqa: ARG002
        return path.name

    def attempt_number(self, run_id: str, task_id: str, seed: int | None) -> int:  # noqa: ARG002
        return 0

    def run(self, row: RunRow) -> None:
        """Take no run: it is the job's."""

    def trace(self, trace: Trace) -> bool:
        self.traces.append(trace)
        return True

    def reject(self, source: str, line: int, reason: str, head: str, byte_offset: int | None = None) -> None:
        self._sink.reject(source, line, reason, head, byte_offset)
