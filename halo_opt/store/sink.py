"""Where readers put what they read: rows are checked, redacted and written into a DuckDB file in batches.

Rows pass through a temporary JSONL file per table because DuckDB's own JSON reader is many times faster than inserting
from Python row by row. A row too long for that reader's buffer is inserted by itself.
"""

import base64
import hmac
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb

from halo_opt.core.errors import EnvironmentMissing
from halo_opt.redaction import Redactor
from halo_opt.store import schema
from halo_opt.store.attempt_ids import HASH_KEY, content_id, hash_key, id_in_run
from halo_opt.store.files.lines import HEAD
from halo_opt.store.outcomes import DEFAULT_RULE, SCORE_FIELD, OutcomeRule, shown
from halo_opt.store.queries.scanning.readable import Image, may_change_in, readable_values
from halo_opt.store.row_encoding import NOT_JSON, encode, is_json, misfits_of, utf8, without, words_of
from halo_opt.store.rows import (
    ArtifactRow,
    AttemptRow,
    DuplicateRow,
    RejectRow,
    Row,
    RunRow,
    ScoreRow,
    SpanRow,
    Trace,
)
from halo_opt.store.run_names import RunNames, folder_of

if TYPE_CHECKING:
    from halo_opt.store.name_map import NameMap

BATCH_BYTES = 64_000_000
# DuckDB takes twice this as buffer per thread; 64 MB was measured to cost over 600 MB of memory.
LONGEST_ROW = 8_000_000
# Rows are looked at for secrets together, as most of them hold none.
CHECKED_BYTES = 1_000_000
_TEXTS = ("VARCHAR", "JSON")
# Columns that say where something is, which is no text of a trace.
_PLACES = ("source", "path", "place")
# How an attempt that stands in several places is recognised.
BY_ID, BY_CONTENT = "same id", "same content"
NOT_A_TIME = (
    "not a time: write ISO 8601, such as 2026-05-04T10:00:00Z, or a number of seconds, milliseconds, microseconds or"
    " nanoseconds since 1970"
)


class StoreNotWritten(EnvironmentMissing):
    """The disk is full or shut: the fault of the store's place, not of the source that is being read."""

    def __init__(self, place: Path, error: Exception) -> None:
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        super().__init__(
            f"the store {place} cannot be written ({words}); make room there, or name another with --store"
        )


class Sink:
    """Collects rows of all tables. `close()` writes what is left; counts are right at any time, `redacted` after it."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
        redactor: Redactor | None = None,
        *,
        rule: OutcomeRule = DEFAULT_RULE,
        names: "NameMap | None" = None,
        run_names: RunNames | None = None,
    ) -> None:
        self.rule = rule
        self._connection = connection
        self._scratch = scratch
        self._redactor = redactor
        # The user's own names of attributes and fields, for the readers of spans and conversations.
        self.names = names
        self._unchecked: dict[str, list[bytes]] = {}
        self._unchecked_size = 0
        self._files: dict[str, BinaryIO] = {}
        self._pending = 0
        self._keys: dict[str, str] = {}
        self._hash_key: bytes | None = None
        self._seen: set[str] = set()
        # The id of the attempt that is being added, and the one under which its rows are stored.
        self._renamed = ("", "")
        self._runs: set[str] = set()
        self._run_ids: set[str] = set()
        self._place_runs: dict[Path, str] = {}
        self._sources_of_runs: dict[str, str] = {}
        self._run_names = run_names or RunNames()
        self._tries: Counter[tuple[str, str, int | None]] = Counter()
        self._artifacts: set[tuple[str, str]] = set()
        self.counts: Counter[str] = Counter()
        # Files that hold more of attempts which begin in another file.
        self.continuations: set[Path] = set()
        self.redacted: Counter[str] = Counter()

    def remember(self, *, attempts: bool) -> None:
        """Take over what the tables hold already, so that ids and names stay unique: runs, and `attempts` if asked.

        Who only adds to the index makes attempts anew, whatever is there: looking at all of them would be for nothing.
        """
        kept = self._connection.execute("SELECT trace_id, id FROM artifacts").fetchall()
        self._artifacts = {(trace_id, name) for trace_id, name in kept}
        runs = self._connection.execute("SELECT run_id, source FROM runs").fetchall()
        self._runs = {row[0] for row in runs}
        self._run_ids = set(self._runs)
        self._place_runs = {Path(source).resolve(): run_id for run_id, source in runs}
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
        found = self._changed(texts, lambda text: self._redactor.redact(text)[0] if self._redactor else text)
        return [found.get(text, text) for text in texts] if found else list(texts)

    def keys(self, ids: Sequence[str | None]) -> Sequence[str | None]:
        """The ids as they are stored."""
        found = self._changed(ids, self.key)
        return [found.get(each, each) for each in ids] if found else ids

    def _changed(self, texts: Sequence[str | None], change: Callable[[str], str]) -> dict[str | None, str]:
        distinct = set(texts)
        return {text: change(text) for text in distinct if text} if self.may_hold_secrets(distinct) else {}

    def may_hold_secrets(self, texts: Set[str | None]) -> bool:
        """Whether any of the texts may hold a secret: one search of all of them together, as most hold none."""
        joined = "\n".join(filter(None, texts)).encode("utf-8", "replace")
        return self._redactor is not None and self._redactor.may_hold_secrets(joined)

    def key(self, native: str) -> str:
        """An id as it is stored: itself, or redacted and followed by a hash, so that different ids stay different."""
        if native not in self._keys:
            self._keys[native] = self._stored_id(native)
        return self._keys[native]

    def _stored_id(self, native: str) -> str:
        text = utf8(native)
        clean = text if self._redactor is None else self._redactor.redact(text)[0]
        if clean == native:
            return native
        digest = self._digest(native)
        stored = f"{clean}-{digest}"
        # The hash may look like a secret where it stands, and an id that is stored must not be redacted again.
        again = stored if self._redactor is None else self._redactor.redact(stored)[0]
        return stored if again == stored else f"id-{digest}"

    def _digest(self, native: str) -> str:
        """A keyed hash of an id that holds a secret: without the key, the secret cannot be found by trying."""
        if self._hash_key is None:
            try:
                self._hash_key = hash_key(self._scratch.parent)
            except OSError as error:
                raise StoreNotWritten(self._scratch.parent / HASH_KEY, error) from error
        return hmac.new(self._hash_key, native.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:12]

    def unique_run_id(self, wanted: str) -> str:
        """`wanted`, or `wanted~2` and so on when another source has that name."""
        name, count = wanted, 1
        while name in self._run_ids:
            count += 1
            name = f"{wanted}~{count}"
        self._run_ids.add(name)
        return name

    def run_of_file(self, path: Path) -> str:
        """The run of a file that holds one run, named like the file."""
        return self._run_at(path, self._run_names.of_file(path))

    def run_of_folder(self, folder: Path) -> str:
        """The run of a folder whose sources make up one run, named like the folder."""
        return self._run_at(folder, self._run_names.of_folder(folder))

    def run_of(self, path: Path, format_name: str) -> str:
        """The run of a file that is a part of one: that of its folder, or the file's own where it is alone there."""
        if self._run_names.is_alone(path, format_name):
            return self.run_of_file(path)
        folder = folder_of(path.resolve())
        return self.run_of_folder(path.parent if folder == path.parent.resolve() else folder)

    def _run_at(self, source: Path, name: str) -> str:
        place = source.resolve()
        if place not in self._place_runs:
            self._place_runs[place] = self.unique_run_id(name)
        self._sources_of_runs[self._place_runs[place]] = str(source)
        return self._place_runs[place]

    def attempt_number(self, run_id: str, task_id: str, seed: int | None) -> int:
        """0, 1, ... for the attempts of a run that have the same task and seed and no number of their own."""
        key = (self.key(run_id), self.key(task_id), seed)
        self._tries[key] += 1
        return self._tries[key] - 1

    def run(self, row: RunRow) -> None:
        """Add a run, once however many of its attempts name it."""
        if isinstance(row.run_id, str) and self.key(row.run_id) in self._runs:
            return
        row = row._replace(source=self._sources_of_runs.get(row.run_id, row.source))
        if self._add("runs", row, row.source, 0):
            self._runs.add(self.key(row.run_id))

    def trace(self, trace: Trace) -> bool:
        """Add an attempt with all its rows; False when it has no id that can be stored.

        An id that another attempt has already is stored with a hash of the run behind it. Whether both are the same
        attempt is decided when all sources are read.
        """
        attempt = trace.attempt
        if isinstance(attempt.trace_id, str):
            native = self.key(attempt.trace_id)
            self._renamed = (native, self._free_id(native, attempt))
            holds_something = bool(trace.messages or trace.steps or attempt.steps)
            attempt = attempt._replace(source_id=native if trace.named or not holds_something else content_id(trace))
        try:
            if self.attempt(attempt) is None:
                return False
            for row in trace.scores:
                self._add("scores", row, attempt.source, attempt.line)
            self.contents(trace)
            for source, line in trace.again:
                self.found_again(attempt.trace_id, source, line, BY_ID)
            return True
        finally:
            self._renamed = ("", "")

    def _free_id(self, native: str, attempt: AttemptRow) -> str:
        """The id under which an attempt is stored: its own, unless another attempt has it."""
        found = native
        parts: list[object] = [attempt.run_id]
        while found in self._seen:
            found = id_in_run(native, *parts)
            parts += [attempt.source, attempt.line, len(parts)]
        return found

    def attempt(self, attempt: AttemptRow) -> AttemptRow | None:
        """Add an attempt without the rows below it; returns it as judged, None when it has no id that can be stored.

        Its outcome and score are decided here, for all formats alike. A score that cannot be used is rejected.
        """
        judged = self.rule.judge(attempt)
        if not self._add("attempts", judged.attempt, attempt.source, attempt.line):
            return None
        if judged.problem is not None:
            self.reject_score(attempt.source, attempt.line or 0, judged.problem, shown(attempt.score))
        self._seen.add(self._stored(attempt.trace_id))
        return judged.attempt

    def _stored(self, trace_id: str) -> str:
        key = self.key(trace_id)
        return self._renamed[1] if key == self._renamed[0] else key

    def span(self, row: SpanRow) -> None:
        """Add a span to the index."""
        self._add("spans", row, row.source, row.line, row.byte_offset)

    def score(self, row: ScoreRow) -> None:
        """Add a judgement that came from outside the traces."""
        self._add("scores", row, row.source, 0)

    def contents(self, trace: Trace) -> None:
        """Add what stands below an attempt: its spans, messages, steps and calls."""
        for span in trace.spans:
            self.span(span)
        for reject in trace.rejects:
            self.put_reject(reject)
        below: dict[str, Sequence[Row]] = {
            "messages": trace.messages,
            "steps": trace.steps,
            "tool_calls": trace.tool_calls,
        }
        for table, rows in below.items():
            for row in rows:
                self._add(table, row, trace.attempt.source, trace.attempt.line)

    def found_again(self, trace_id: str, source: str, line: int | None, reason: str) -> None:
        """Note that a file holds an attempt that another one holds too."""
        self._put("duplicates", DuplicateRow(self._stored(trace_id), source, line, reason))

    def reject(self, source: str, line: int, reason: str, head: str, byte_offset: int | None = None) -> None:
        """Count a line that cannot be used and keep its place."""
        self.put_reject(RejectRow(source, line, byte_offset, reason, head[:HEAD]))

    def put_reject(self, row: RejectRow) -> None:
        """Count a line, or one value of it, that cannot be used and keep its place."""
        self._put("rejects", row)

    def reject_score(self, source: str, line: int, reason: str, score: str) -> None:
        """Count a score that no outcome can be made from and keep its place."""
        self._put("rejects", RejectRow(source, line, None, reason, score, SCORE_FIELD))

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

    def _add(self, table: str, row: Row, source: str, line: int | None, byte_offset: int | None = None) -> bool:
        """Put a row into a table, with NULL for every value that its column cannot hold.

        Each such value becomes a row of `rejects` with this place. Returns False, and leaves the row out, when the
        first value is one of them: it names the attempt or run that the row belongs to.
        """
        if not isinstance(row, RunRow | RejectRow) and isinstance(row.trace_id, str):
            key = self._stored(row.trace_id)
            row = row if key == row.trace_id else row._replace(trace_id=key)
        misfits, encoded = misfits_of(table, row), b""
        if not misfits:
            try:
                encoded = encode(row._asdict())
            except NOT_JSON:
                misfits = [
                    place for place, cell in enumerate([*row]) if isinstance(cell, Mapping) and not is_json(cell)
                ]
        for place in misfits:
            column = schema.BY_NAME[table].columns[place]
            field, head = f"{table}.{column.name}", words_of([*row][place])[:HEAD]
            reason = f"the value does not fit {column.type}, the type of {field}"
            if column.type == "TIMESTAMP":
                reason = NOT_A_TIME
            reject = RejectRow(source, line or 0, byte_offset, reason, head, field)
            self._put("rejects", without(reject, misfits_of("rejects", reject)))
        if 0 in misfits:
            return False
        if misfits:
            return self._add(table, without(row, misfits), source, line, byte_offset)
        self._put(table, row, encoded)
        return True

    def _put(self, table: str, row: Row, encoded: bytes = b"") -> None:
        line = encoded or encode(row._asdict())
        if len(line) > LONGEST_ROW and may_change_in(line):
            line = self._readable(line)
            row = type(row)._make(json.loads(line).values())
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
        for table, encoded in self._unchecked.items():
            lines = encoded
            joined = b"\n".join(lines) + b"\n"
            if may_change_in(joined):
                lines = [self._readable(line) if may_change_in(line) else line for line in encoded]
                joined = b"\n".join(lines) + b"\n"
            if self._redactor is not None and self._redactor.may_hold_secrets(joined):
                joined = b"".join(self._redact_line(table, line) + b"\n" for line in lines)
            self._write(table, joined)
        self._pending += self._unchecked_size
        self._unchecked, self._unchecked_size = {}, 0

    def _write(self, table: str, lines: bytes) -> None:
        file = self._files.get(table)
        if file is None:
            file = self._files[table] = self._path(table).open("wb")
        file.write(lines)

    def _readable(self, line: bytes) -> bytes:
        """An encoded row whose texts are `readable`; the images in them become artifacts of its attempt."""
        cells: dict[str, Any] = json.loads(line)

        def keep(image: Image) -> None:
            self._keep(image, cells.get("trace_id"), cells.get("span_id"))

        plain = (*_PLACES, *(name for name in cells if name.endswith("_id")))
        texts = {name: cell for name, cell in cells.items() if name not in plain}
        return encode({**cells, **readable_values(texts, keep)})

    def _keep(self, image: Image, trace_id: str | None, span_id: str | None) -> None:
        """Store an image once for each attempt, without its bytes where they may hold a secret."""
        name = image.sha256
        if trace_id is None or (trace_id, name) in self._artifacts:
            return
        self._artifacts.add((trace_id, name))
        encoded: str | None = base64.b64encode(image.data).decode()
        spelled = f"{encoded}\n{image.data.decode('latin-1')}"
        if self._redactor is not None and self._redactor.redact(spelled)[0] != spelled:
            encoded = None
            self.redacted["images"] += 1
        row = ArtifactRow(trace_id, name, span_id, image.media_type, len(image.data), encoded)
        if len(image.data) > LONGEST_ROW // 2:
            self._connection.execute("INSERT INTO artifacts VALUES (?, ?, ?, ?, ?, ?)", list(row))
            return
        line = encode(row._asdict()) + b"\n"
        self._write("artifacts", line)
        self._pending += len(line)

    def _redact_line(self, table: str, line: bytes) -> bytes:
        """An encoded row without secrets. Numbers and times stay: one that looks like a secret is none."""
        text = line.decode()
        if self._redactor is None or self._redactor.redact(text)[0] == text:
            return line
        cells = json.loads(text)
        columns = schema.BY_NAME[table].columns
        ids = {c.name: self._id(cells[c.name]) for c in columns if _is_id(c)}
        texts = {c.name: cells[c.name] for c in columns if c.type in _TEXTS and c.name not in ids}
        return encode({**cells, **json.loads(self._redact(encode(texts).decode())), **ids})

    def _id(self, value: str | None) -> str | None:
        """An id as it is stored; what is redacted in it is counted."""
        if not value or self._redactor is None:
            return value
        self._redact(value)
        return self.key(value)

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
        cells = [encode(cell).decode() if isinstance(cell, Mapping) else utf8(cell) for cell in row]
        for place, column in enumerate(schema.BY_NAME[table].columns):
            if _is_id(column):
                cells[place] = self._id(cells[place])
            elif cells[place] and column.type in _TEXTS:
                cells[place] = self._redact(cells[place])
        self._connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(cells))})", cells)

    def _path(self, table: str) -> Path:
        return self._scratch.with_name(f"{self._scratch.name}.{table}.jsonl")


def _is_id(column: schema.Column) -> bool:
    return column.name.endswith("_id")
