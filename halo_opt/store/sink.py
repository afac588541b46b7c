"""Where readers put what they read: rows go into a DuckDB file in batches. Never reads a trace file, and never stores
a row that the redactor has not seen.

Rows pass through a temporary JSONL file per table because DuckDB's own JSON reader is many times faster than inserting
from Python row by row. A row too long for that reader's buffer is inserted by itself.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import msgspec

from halo_opt.core.errors import EnvironmentMissing
from halo_opt.redaction import Redactor
from halo_opt.store import schema
from halo_opt.store.files.lines import HEAD
from halo_opt.store.rows import AttemptRow, RejectRow, Row, RunRow, ScoreRow, SpanRow, Trace

BATCH_BYTES = 64_000_000
# DuckDB takes twice this as buffer per thread; 64 MB was measured to cost over 600 MB of memory.
LONGEST_ROW = 8_000_000
# Rows are looked at for secrets together, as most of them hold none.
CHECKED_BYTES = 1_000_000
# Made once: `json.dumps` with options makes an encoder for every call. Rows came from JSON, so they hold no circles.
_FAST = msgspec.json.Encoder()
_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False)


class StoreNotWritten(EnvironmentMissing):
    """The disk is full or shut: the fault of the store's place, not of the source that is being read."""

    def __init__(self, place: Path, error: Exception) -> None:
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        super().__init__(
            f"the store {place} cannot be written ({words}); make room there, or name another with --store"
        )


class Sink:
    """Collects rows of all tables. `close()` writes what is left; counts are right at any time, `redacted` after it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path, redactor: Redactor | None = None) -> None:
        self._connection = connection
        self._scratch = scratch
        self._redactor = redactor
        self._unchecked: dict[str, list[bytes]] = {}
        self._unchecked_size = 0
        self._files: dict[str, BinaryIO] = {}
        self._pending = 0
        self._seen: set[str] = set()
        self._runs: set[str] = set()
        self._run_ids: set[str] = set()
        self._folder_runs: dict[Path, str] = {}
        self._tries: Counter[tuple[str, str, int | None]] = Counter()
        self.counts: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()

    def remember(self, *, attempts: bool) -> None:
        """Take over what the tables hold already, so that ids and names stay unique: runs, and `attempts` if asked.

        Who only adds to the index makes attempts anew, whatever is there: looking at all of them would be for nothing.
        """
        runs = self._connection.execute("SELECT run_id, source FROM runs").fetchall()
        self._runs = {row[0] for row in runs}
        self._run_ids = set(self._runs)
        self._folder_runs = {Path(source).resolve(): run_id for run_id, source in runs if Path(source).is_dir()}
        if not attempts:
            return
        self._seen = {row[0] for row in self._connection.execute("SELECT trace_id FROM attempts").fetchall()}
        tries = self._connection.execute("SELECT run_id, task_id, seed, max(attempt) + 1 FROM attempts GROUP BY ALL")
        self._tries = Counter({(run, task, seed): n for run, task, seed, n in tries.fetchall()})

    def counted(self) -> Counter[str]:
        """What was counted so far, redactions by their kind among it."""
        return self.counts + Counter({f"redacted:{kind}": count for kind, count in self.redacted.items()})

    def clean(self, texts: Sequence[str | None]) -> list[str | None]:
        """Texts without secrets, for rows of the index, which do not pass through here.

        Not counted: they are counted when their contents are stored, or not stored at all.
        """
        joined = "\n".join(filter(None, texts))
        if self._redactor is None or not self._redactor.may_hold_secrets(joined.encode("utf-8", "replace")):
            return list(texts)
        return [text and self._redactor.redact(text)[0] for text in texts]

    def unique_run_id(self, wanted: str) -> str:
        """`wanted`, or `wanted~2` and so on when another source has that name: two files may share a stem."""
        name, count = wanted, 1
        while name in self._run_ids:
            count += 1
            name = f"{wanted}~{count}"
        self._run_ids.add(name)
        return name

    def run_id_of(self, folder: Path) -> str:
        """The run of a folder whose sources hold one attempt each: named like the folder, the same for all of them."""
        place = folder.resolve()
        if place not in self._folder_runs:
            self._folder_runs[place] = self.unique_run_id(place.name or "traces")
        return self._folder_runs[place]

    def attempt_number(self, run_id: str, task_id: str, seed: int | None) -> int:
        """0, 1, ... for the attempts of a run that have the same task and seed and no number of their own."""
        key = (run_id, task_id, seed)
        self._tries[key] += 1
        return self._tries[key] - 1

    def run(self, row: RunRow) -> None:
        """Add a run, once however many of its attempts name it."""
        if row.run_id not in self._runs:
            self._runs.add(row.run_id)
            self._put("runs", row)

    def trace(self, trace: Trace) -> bool:
        """Add an attempt with all its rows; False and a reject when its trace id is already taken."""
        attempt = trace.attempt
        if attempt.trace_id in self._seen:
            self.reject(attempt.source, attempt.line or 0, "duplicate trace id", attempt.trace_id)
            return False
        self._seen.add(attempt.trace_id)
        self._put("attempts", attempt)
        for table, rows in {**_below(trace), "scores": trace.scores}.items():
            for row in rows:
                self._put(table, row)
        return True

    def attempt(self, attempt: AttemptRow) -> None:
        """Add an attempt whose spans are in the index already."""
        self._seen.add(attempt.trace_id)
        self._put("attempts", attempt)

    def span(self, row: SpanRow) -> None:
        """Add a span to the index."""
        self._put("spans", row)

    def score(self, row: ScoreRow) -> None:
        """Add a judgement that came from outside the traces."""
        self._put("scores", row)

    def contents(self, trace: Trace) -> None:
        """Add what an attempt of the index lacks: its spans whole, its messages, steps and calls."""
        for table, rows in _below(trace).items():
            for row in rows:
                self._put(table, row)

    def reject(self, source: str, line: int, reason: str, head: str, byte_offset: int | None = None) -> None:
        """Count a line that cannot be used and keep its place."""
        self._put("rejects", RejectRow(source, line, byte_offset, reason, head[:HEAD]))

    def close(self) -> None:
        """Write what is pending and remove the temporary files."""
        try:
            self.flush()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close and remove the temporary files without writing what is pending."""
        for name, file in self._files.items():
            with suppress(OSError):  # what is left in its buffer finds no room: it is not wanted any more
                file.close()
            self._path(name).unlink(missing_ok=True)
        self._files.clear()

    def _put(self, table: str, row: Row) -> None:
        line = _encode(row._asdict())
        if len(line) > LONGEST_ROW:
            self._insert_alone(table, row)
            return
        self._unchecked.setdefault(table, []).append(line)
        self._unchecked_size += len(line)
        if self._unchecked_size > CHECKED_BYTES:
            self.check()
        if self._pending > BATCH_BYTES:
            self.flush()

    def check(self) -> None:
        """Redact the lines that wait for it and write them to the temporary files."""
        try:
            self._write_checked()
        except OSError as error:
            raise StoreNotWritten(self._scratch, error) from error

    def _write_checked(self) -> None:
        for table, lines in self._unchecked.items():
            joined = b"\n".join(lines) + b"\n"
            if self._redactor is not None and self._redactor.may_hold_secrets(joined):
                joined = ("\n".join(self._redact(line.decode()) for line in lines) + "\n").encode()
            file = self._files.get(table)
            if file is None:
                file = self._files[table] = self._path(table).open("wb")
            file.write(joined)
        self._pending += self._unchecked_size
        self._unchecked, self._unchecked_size = {}, 0

    def _redact(self, text: str) -> str:
        if self._redactor is None:
            return text
        clean, counts = self._redactor.redact(text)
        self.redacted += counts
        return clean

    def flush(self) -> None:
        """Write what is pending into the tables."""
        self.check()
        try:
            self._load()
        except (OSError, duckdb.Error) as error:
            raise StoreNotWritten(self._scratch, error) from error

    def _load(self) -> None:
        for table, file in self._files.items():
            file.flush()
            if file.tell():
                columns = ", ".join(f"'{c.name}': '{c.type}'" for c in schema.BY_NAME[table].columns)
                self._connection.execute(
                    f"INSERT INTO {table} SELECT * FROM read_json(?, format = 'newline_delimited', "
                    f"columns = {{{columns}}}, maximum_object_size = {2 * LONGEST_ROW})",
                    [str(self._path(table))],
                )
                file.seek(0)
                file.truncate()
        self._pending = 0

    def _insert_alone(self, table: str, row: Row) -> None:
        values = [_encode(v).decode() if isinstance(v, Mapping) else _clean(v) for v in row]
        values = [self._redact(v) if isinstance(v, str) else v for v in values]
        self._connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)

    def _path(self, table: str) -> Path:
        return self._scratch.with_name(f"{self._scratch.name}.{table}.jsonl")


def _below(trace: Trace) -> dict[str, Sequence[Row]]:
    return {
        "spans": trace.spans,
        "messages": trace.messages,
        "steps": trace.steps,
        "tool_calls": trace.tool_calls,
    }


def _encode(value: Any) -> bytes:
    """JSON as UTF-8; a lone surrogate, which JSON may spell but UTF-8 cannot hold, becomes `?`."""
    try:
        return _FAST.encode(value)
    except (ValueError, TypeError, OverflowError, RecursionError, msgspec.MsgspecError):
        # Has a word for every number and letter, and takes several times as long.
        return _ENCODER.encode(value).encode("utf-8", "replace")


def _clean(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
