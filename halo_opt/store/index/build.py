"""One build of a store: which sources are new, grown, rewritten or gone, and what changes in the tables.

The database is a private copy; `ingest` decides where it lies and when it replaces the store.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.redaction import Redactor
from halo_opt.store import schema
from halo_opt.store.files.folders import files_of, sha256_of
from halo_opt.store.files.opening import is_packed, stem
from halo_opt.store.index.contents import fill_contents
from halo_opt.store.index.discovery import Source
from halo_opt.store.index.location import fingerprint
from halo_opt.store.index.scores import add_scores, leave_out_ratings
from halo_opt.store.index.span_attempts import finish_attempts
from halo_opt.store.index.span_index import FORMAT as INDEXED
from halo_opt.store.index.span_index import Place, index_file
from halo_opt.store.outcomes import OutcomeRule
from halo_opt.store.readers import READERS
from halo_opt.store.readers.base import SourceError
from halo_opt.store.sink import Sink

# Called before each source with how many are done, how many there are, and the next one's path.
Progress = Callable[[int, int, str], None]

Change = Literal["new", "same", "grown", "rewritten"]
# How much of a grown file's beginning and of what was read last is compared to tell growing from rewriting.
_HEAD, _TAIL = 65_536, 4_096


class Known(NamedTuple):
    """A source as the store has it: its stamp, and how far it was read where only what is new is read."""

    path: str
    format: str
    stamp: str
    read_bytes: int | None
    read_lines: int | None
    counts: dict[str, int]


class Build:
    """One build into an open database that holds an earlier state of the same store, or empty tables."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        scratch: Path,
        sources: list[Source],
        *,
        redactor: Redactor | None,
        contents: bool,
        scores: Path | None,
        rule: OutcomeRule,
    ) -> None:
        self.connection = connection
        self.sources = sources
        self.contents = contents
        self.scores = scores
        rows = connection.execute("SELECT path, format, stamp, read_bytes, read_lines, counts FROM inputs").fetchall()
        self.known = {row[0]: Known(row[0], row[1], row[2], row[3], row[4], json.loads(row[5])) for row in rows}
        self.readers = {reader.name: reader for reader in READERS}
        self.run_names: dict[str, str] = {}
        self.refused: list[SourceError] = []
        self.sink = Sink(connection, scratch, redactor, rule)

    def run(self, progress: Progress | None) -> list[SourceError]:
        """Bring the tables up to date; returns what is useless as a whole. Raises InputError without any attempt."""
        wanted = {str(source.path): source for source in self.sources}
        changes = {path: change_of(self.known.get(path), s.path, s.format) for path, s in wanted.items()}
        self.connection.execute("CREATE TEMP TABLE touched (trace_id VARCHAR)")
        for path in list(self.known):
            if changes.get(path, "rewritten") == "rewritten":
                self._forget(path)
        todo = [(source, changes[str(source.path)]) for source in self.sources if changes[str(source.path)] != "same"]
        self.sink.remember(attempts=not all(self._indexed(source) for source, _ in todo))
        try:
            for done, (source, change) in enumerate(todo):
                if progress is not None:
                    progress(done, len(todo), str(source.path))
                self._read(source, change)
            if progress is not None:
                progress(len(todo), len(todo), "")
            self._finish()
        finally:
            self.sink.abandon()
        self._check()
        return self.refused

    def _read(self, source: Source, change: Change) -> None:
        """Read what is new of one source; one that is useless as a whole is kept in mind, so that the others count."""
        path, before = str(source.path), self.sink.counted()
        try:
            if self._indexed(source):
                place = self._index(source.path, grown=change == "grown")
            else:
                place = None
                self.readers[source.format].read(source.path, self.sink)
            self.sink.check()
            self._note(source, place, {name: n - before[name] for name, n in self.sink.counted().items()})
        except (SourceError, OSError) as error:
            self.sink.flush()
            self._forget(path)
            explained = isinstance(error, SourceError)
            # A file may vanish or be closed to us between finding and reading it.
            words = (
                str(error)
                if explained
                else f"{path} cannot be read: {getattr(error, 'strerror', None) or error}; check it"
            )
            self.refused.append(SourceError(source.path, words))

    def _indexed(self, source: Source) -> bool:
        """Whether places in the source can be sought, so that its texts can stay there."""
        try:
            return source.format == INDEXED and not is_packed(source.path)
        except OSError:
            return False  # whoever reads it says so

    def _index(self, path: Path, *, grown: bool) -> Place:
        known = self.known.get(str(path))
        since = Place(known.read_bytes or 0, known.read_lines or 0) if grown and known is not None else Place()
        # A line that was cut off when it was last read may be whole by now.
        self.connection.execute("DELETE FROM rejects WHERE source = ? AND byte_offset >= ?", [str(path), since.offset])
        place = index_file(path, self.connection, self.sink, since=since)
        self.sink.flush()
        self.connection.execute(
            "INSERT INTO touched SELECT DISTINCT trace_id FROM spans WHERE source = ? AND byte_offset >= ?",
            [str(path), since.offset],
        )
        return place

    def _note(self, source: Source, place: Place | None, counts: dict[str, int]) -> None:
        """Keep how far a source was read, and what was counted on the way."""
        path, counted = str(source.path), {name: n for name, n in counts.items() if n}
        read = None if place is None else place.offset
        known = self.known.get(path)
        if known is not None and known.counts and place is not None:
            counted = {name: counted.get(name, 0) + known.counts.get(name, 0) for name in {*counted, *known.counts}}
        size = sum(file.stat().st_size for file in files_of(source.path))
        self.connection.execute("DELETE FROM inputs WHERE path = ?", [path])
        self.connection.execute(
            "INSERT INTO inputs VALUES (?, ?, NULL, ?, ?, ?, ?, ?)",
            [path, source.format, size, stamp_of(source.path, read), read, place and place.lines, json.dumps(counted)],
        )

    def _forget(self, path: str) -> None:
        """Take everything out that came from a source; traces that go on in another file are made anew from that."""
        here, names = "(source = ? OR starts_with(source, ? || '/'))", [path, path]
        self.connection.execute(schema.NO_INDEX)
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE gone AS SELECT trace_id FROM attempts WHERE {here}"
            f" UNION SELECT trace_id FROM spans WHERE {here}",
            names * 2,
        )
        for table in ("spans", "rejects", "runs"):
            self.connection.execute(f"DELETE FROM {table} WHERE {here}", names)
        self.connection.execute("DELETE FROM inputs WHERE path = ?", [path])
        for table in ("attempts", "scores", "messages", "steps", "tool_calls", "pending"):
            self.connection.execute(f"DELETE FROM {table} WHERE trace_id IN (SELECT trace_id FROM gone)")
        self.connection.execute(
            "INSERT INTO touched SELECT DISTINCT trace_id FROM spans WHERE trace_id IN (SELECT trace_id FROM gone)"
        )
        self.known.pop(path, None)

    def _finish(self) -> None:
        """Attempts of what was indexed, contents where they are asked for, outcomes from outside."""
        self.sink.flush()
        before = self.sink.counted()
        [(touched,)] = self.connection.execute("SELECT count(*) FROM touched").fetchall()
        if touched:
            finish_attempts(self.connection, self.sink, self._run_name)
            self.sink.flush()
        if self.contents:
            fill_contents(self.connection, self.sink)
            self.sink.flush()
            for (path,) in self.connection.execute("SELECT path FROM inputs WHERE sha256 IS NULL").fetchall():
                self.connection.execute("UPDATE inputs SET sha256 = ? WHERE path = ?", [sha256_of(Path(path)), path])
        leave_out_ratings(self.connection, self.sink)
        if self.scores is not None:
            add_scores(self.connection, self.scores, self.sink)
        self.sink.close()
        self.connection.execute(schema.INDEX)
        self._note_rest(self.sink.counted() - before)

    def _note_rest(self, counts: Counter[str]) -> None:
        """Keep what was counted beside the reading of single sources, with that of earlier builds."""
        for (earlier,) in self.connection.execute("SELECT value FROM meta WHERE key = 'counts'").fetchall():
            counts.update(json.loads(earlier))
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES ('counts', ?)", [json.dumps(counts)])

    def _run_name(self, source: str) -> str:
        """The run of a file's spans that name none: the file's name, the same at every import."""
        if source not in self.run_names:
            found = self.connection.execute(
                "SELECT run_id FROM runs WHERE source = ? AND starts_with(run_id, ?)", [source, stem(Path(source))]
            ).fetchall()
            self.run_names[source] = found[0][0] if found else self.sink.unique_run_id(stem(Path(source)))
        return self.run_names[source]

    def _check(self) -> None:
        """Raise unless there is an attempt."""
        if self.connection.execute("SELECT 1 FROM attempts LIMIT 1").fetchall():
            return
        if self.refused:
            raise self.refused[0]
        first = self.connection.execute("SELECT line, source, reason FROM rejects LIMIT 1").fetchall()
        names = ", ".join(str(source.path) for source in self.sources[:3])
        if not first:
            known = " and ".join(sorted({source.format for source in self.sources}))
            raise InputError(
                f"no attempts could be read from {names}: nothing in it is an attempt of the format {known}; 'halo-opt"
                " formats' shows an example of each"
            )
        where = "line {} of {}, {}".format(*first[0])
        raise InputError(f"no attempts could be read from {names}: every line was rejected; the first: {where}")


def stamp_of(path: Path, read_bytes: int | None) -> str:
    """What a later import needs to notice a change: of a folder its files' sizes and times, of a file parts as well."""
    if read_bytes is None:
        return fingerprint([path])
    stat = path.stat()
    return json.dumps([stat.st_size, stat.st_mtime_ns, _digest(path, read_bytes)])


def change_of(known: Known | None, path: Path, format_name: str) -> Change:
    """Whether a source is new, as it was, longer, or another one than the store knows."""
    if known is None:
        return "new"
    if known.format != format_name:
        return "rewritten"
    if known.read_bytes is None:
        return "same" if stamp_of(path, None) == known.stamp else "rewritten"
    size, changed, digest = json.loads(known.stamp)
    stat = path.stat()
    if (stat.st_size, stat.st_mtime_ns) == (size, changed):
        return "same"
    if stat.st_size < known.read_bytes or _digest(path, known.read_bytes) != digest:
        return "rewritten"
    return "grown"


def _digest(path: Path, read_bytes: int) -> str:
    with path.open("rb") as file:
        parts = _part(file, 0, min(_HEAD, read_bytes)) + _part(file, max(0, read_bytes - _TAIL), read_bytes)
    return hashlib.sha256(parts).hexdigest()


def _part(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)
