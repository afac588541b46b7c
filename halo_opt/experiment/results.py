"""results.jsonl: appended by harness processes, read while it grows."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from halo_common.files import append_line
from halo_opt.core.errors import InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import AttemptKey, AttemptResult, Outcome
from halo_opt.core.text import counted
from halo_opt.core.validation import result_problem

LINES_NAMED = 3


class RejectedLine(NamedTuple):
    """A line of results.jsonl that cannot be used. `torn` where it is no JSON object, as a killed writer leaves one."""

    line: int
    reason: str
    torn: bool


@dataclass
class ResultsTail:
    """The results of a run so far. `poll` reads what was appended since the last time.

    The line that counts for an attempt is its last one that is not an error, else its last one.
    """

    path: Path
    results: dict[AttemptKey, AttemptResult] = field(default_factory=dict)
    error_tries: Counter[AttemptKey] = field(default_factory=Counter)
    rejected: list[RejectedLine] = field(default_factory=list)
    _offset: int = 0
    _lines: int = 0

    def poll(self) -> list[AttemptResult]:
        """New results, in file order. A half-written last line waits for its newline."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        fresh = []
        for line in data[:whole].split(b"\n")[:-1]:
            self._lines += 1
            if line.strip():
                result = self._take(line)
                if result is not None:
                    fresh.append(result)
        return fresh

    def _take(self, line: bytes) -> AttemptResult | None:
        try:
            result = AttemptResult.model_validate_json(line)
        except ValidationError as error:
            torn = error.errors(include_url=False, include_input=False)[0]["type"] in ("json_invalid", "model_type")
            reason = "it is not a JSON object" if torn else result_problem(error)
            self.rejected.append(RejectedLine(self._lines, reason, torn))
            return None
        if result.outcome is Outcome.ERROR:
            self.error_tries[result.key] += 1
        kept = self.results.get(result.key)
        if kept is None or kept.outcome is Outcome.ERROR or result.outcome is not Outcome.ERROR:
            self.results[result.key] = result
        return result

    def unusable(self, *, since: int = 0) -> str:
        """Which lines cannot be used and why, one clause for each reason; '' where all can be used.

        Args:
            since: How many rejected lines were looked at before; torn lines do not count.
        """
        lines: dict[str, list[int]] = defaultdict(list)
        for rejected in self.rejected[since:]:
            if not rejected.torn:
                lines[rejected.reason].append(rejected.line)
        clauses = [f"{reason} ({_listed(numbers)})" for reason, numbers in lines.items()]
        if not clauses:
            return ""
        total = sum(map(len, lines.values()))
        return f"{counted(total, 'line')} of {self.path} cannot be used: {'; '.join(clauses)}"

    def missing(self, keys: Iterable[AttemptKey], *, retry_errors: int) -> list[AttemptKey]:
        """The attempts that are still to run, in order: those without a result, and errors below the cap of retries."""

        def is_missing(key: AttemptKey) -> bool:
            result = self.results.get(key)
            return result is None or (result.outcome is Outcome.ERROR and self.error_tries[key] <= retry_errors)

        return [key for key in keys if is_missing(key)]


def read_results(path: Path) -> ResultsTail:
    """All results of a finished or unfinished run."""
    tail = ResultsTail(path)
    tail.poll()
    return tail


def attempts_of(folder: Path) -> list[AttemptResult]:
    """The result that counts for each attempt of a run folder; raises InputError when there is none."""
    path = RunPaths(folder).results
    tail = read_results(path)
    if not tail.results and (unusable := tail.unusable()):
        raise InputError(unusable)
    if not tail.results:
        raise InputError(f"{path} holds no attempts; run 'halo-opt collect' to fill it")
    return list(tail.results.values())


def _listed(numbers: Sequence[int]) -> str:
    """The first numbers, and how many more there are."""
    first = ", ".join(map(str, numbers[:LINES_NAMED]))
    left = len(numbers) - LINES_NAMED
    word = "line" if len(numbers) == 1 else "lines"
    return f"{word} {first} and {left} more" if left > 0 else f"{word} {first}"


def append_result(path: Path, result: AttemptResult) -> None:
    """Append one whole line in one write, as every writer of this file must."""
    append_line(path, result.model_dump_json().encode())


def end_torn_line(path: Path) -> None:
    """Give a half-written last line its newline, so that it spoils itself alone and not the next result."""
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")
