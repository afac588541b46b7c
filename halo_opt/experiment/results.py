"""results.jsonl: appended by harness processes, read while it grows."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from halo_common.files import append_line
from halo_opt.core.errors import InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import AttemptKey, AttemptResult, Outcome
from halo_opt.core.validation import first_problem


@dataclass
class ResultsTail:
    """The results of a run so far. `poll` reads what was appended since the last time.

    The line that counts for an attempt is its last one that is not an error, else its last one.
    """

    path: Path
    results: dict[AttemptKey, AttemptResult] = field(default_factory=dict)
    error_tries: Counter[AttemptKey] = field(default_factory=Counter)
    rejected: list[tuple[int, str]] = field(default_factory=list)
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
            self.rejected.append((self._lines, first_problem(error)))
            return None
        if result.outcome is Outcome.ERROR:
            self.error_tries[result.key] += 1
        kept = self.results.get(result.key)
        if kept is None or kept.outcome is Outcome.ERROR or result.outcome is not Outcome.ERROR:
            self.results[result.key] = result
        return result

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
    if not tail.results:
        raise InputError(f"{path} holds no attempts; run 'halo-opt collect' to fill it")
    return list(tail.results.values())


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
