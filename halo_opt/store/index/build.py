"""One build of a store: which sources are new, grown, rewritten or gone, and what changes in the tables.

The database is a private copy; `ingest` decides where it lies and when it replaces the store.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.redaction import Redactor
from halo_opt.store import schema
from halo_opt.store.files.folders import files_of, sha256_of
from halo_opt.store.files.opening import is_packed
from halo_opt.store.index.contents import fill_contents
from halo_opt.store.index.discovery import Source
from halo_opt.store.index.location import fingerprint
from halo_opt.store.index.same_attempts import count_once
from halo_opt.store.index.scores import add_scores, leave_out_ratings
from halo_opt.store.index.span_attempts import finish_attempts
from halo_opt.store.index.span_index import FORMAT as INDEXED
from halo_opt.store.index.span_index import Place, index_file
from halo_opt.store.index.task_goals import join_tasks, tell_tasks_apart
from halo_opt.store.outcomes import OutcomeRule
from halo_opt.store.readers import READERS
from halo_opt.store.readers.base import FolderReader, SourceError
from halo_opt.store.run_names import RunNames, folder_of
from halo_opt.store.sink import Sink

if TYPE_CHECKING:
    from halo_opt.store.name_map import NameMap

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
        names: "NameMap | None" = None,
    ) -> None:
        self.connection = connection
        self.sources = sources
        self.packed = {folder_of(source.path) for source in sources if source.format == INDEXED and _packed(source)}
        self.order = {str(source.path): place for place, source in enumerate(sources)}
        self.contents = contents
        self.scores = scores
        rows = connection.execute("SELECT path, format, stamp, read_bytes, read_lines, counts FROM inputs").fetchall()
        self.known = {row[0]: Known(row[0], row[1], row[2], row[3], row[4], json.loads(row[5])) for row in rows}
        self.readers = {reader.name: reader for reader in READERS}
        self.refused: list[SourceError] = []
        # Whether `run` read every source, none of them being known already.
        self.read_all = False
        self.run_names = RunNames((source.path, source.format) for source in sources)
        self.sink = Sink(connection, scratch, redactor, rule=rule, names=names, run_names=self.run_names)

    def run(self, progress: Progress | None) -> list[SourceError]:
        """Bring the tables up to date; returns what is useless as a whole. Raises InputError without any attempt."""
        self.connection.execute("CREATE TEMP TABLE touched (trace_id VARCHAR)")
        join_tasks(self.connection)
        changes = self._changes()
        for path in list(self.known):
            if changes.get(path, "rewritten") == "rewritten":
                self._forget(path)
        todo = [(source, changes[str(source.path)]) for source in self.sources if changes[str(source.path)] != "same"]
        self.read_all = len(todo) == len(self.sources)
        self.sink.remember(attempts=not all(self._indexed(source) for source, _ in todo))
        try:
            done = 0
            for group in self._groups(todo):
                if progress is not None:
                    progress(done, len(todo), str(group[0][0].path))
                self._read(group)
                done += len(group)
            if progress is not None:
                progress(len(todo), len(todo), "")
            self._finish()
        finally:
            self.sink.abandon()
        self._check()
        return self.refused

    def _changes(self) -> dict[str, Change]:
        """What to do with each source. What depends on a source that is rewritten or gone is read again with it."""
        changes: dict[str, Change] = {}
        for source in self.sources:
            path = str(source.path)
            known = self.known.get(path)
            changes[path] = change_of(known, source.path, source.format)
            if known is not None and (known.read_bytes is not None) != self._indexed(source):
                changes[path] = "rewritten"
        again = {path for path in self.known if changes.get(path, "rewritten") == "rewritten"}
        again |= {path for path in self._renamed() if changes.get(path) in ("same", "grown")}
        again |= self._joined(changes)
        links = self._links() if again else {}
        waiting = list(again)
        while waiting:
            for other in links.get(waiting.pop(), set()) - again:
                again.add(other)
                waiting.append(other)
        return {path: "rewritten" if path in again else change for path, change in changes.items()}

    def _renamed(self) -> set[str]:
        """The known sources whose run has another name now, because of files that are new or gone beside them."""
        before = RunNames((Path(path), known.format) for path, known in self.known.items())
        return {path for path, known in self.known.items() if before.differ(self.run_names, Path(path), known.format)}

    def _joined(self, changes: dict[str, Change]) -> set[str]:
        """The known sources that are read together with others of which one is new, rewritten or gone."""
        formats = {str(source.path): source.format for source in self.sources}
        changed = set()
        for path in {*changes, *self.known}:
            if changes.get(path, "rewritten") != "same":
                format_name = formats.get(path) or self.known[path].format
                changed.add((folder_of(Path(path)), format_name))
        return {
            path
            for path, known in self.known.items()
            if known.read_bytes is None
            and isinstance(self.readers.get(known.format), FolderReader)
            and (folder_of(Path(path)), known.format) in changed
        }

    def _links(self) -> dict[str, set[str]]:
        """By known source those that hold attempts of it again, or further spans of its traces."""
        pairs = self.connection.execute(
            "SELECT DISTINCT d.source, a.source FROM duplicates d JOIN attempts a USING (trace_id)"
            " UNION SELECT DISTINCT a.source, b.source FROM (SELECT DISTINCT trace_id, source FROM spans) a"
            " JOIN (SELECT DISTINCT trace_id, source FROM spans) b USING (trace_id) WHERE a.source < b.source"
        ).fetchall()
        links: dict[str, set[str]] = {}
        for one, other in pairs:
            first, second = self._input_of(one), self._input_of(other)
            if first and second and first != second:
                links.setdefault(first, set()).add(second)
                links.setdefault(second, set()).add(first)
        return links

    def _input_of(self, source: str) -> str | None:
        """The known source to which a file belongs: itself, or the folder that is one source."""
        here = [source, *map(str, Path(source).parents)]
        return next((path for path in here if path in self.known or path in self.order), None)

    def _place(self, source: str) -> int:
        """The place of a file among the inputs in the order in which they were given."""
        return self.order.get(self._input_of(source) or "", len(self.order))

    def _groups(self, todo: list[tuple[Source, Change]]) -> list[list[tuple[Source, Change]]]:
        """The sources to read, with those in one list that hold parts of the same attempts."""
        groups: dict[object, list[tuple[Source, Change]]] = {}
        for source, change in todo:
            together = isinstance(self.readers[source.format], FolderReader) and not self._indexed(source)
            key = (folder_of(source.path), source.format) if together else source.path
            groups.setdefault(key, []).append((source, change))
        return list(groups.values())

    def _read(self, group: list[tuple[Source, Change]]) -> None:
        """Read what is new of sources that belong together.

        One that is useless as a whole is remembered with the reason, so that the others count.
        """
        before = self.sink.counted()
        first, change = group[0]
        place = None
        try:
            reader = self.readers[first.format]
            if self._indexed(first):
                place = self._index(first.path, grown=change == "grown")
            elif len(group) > 1 and isinstance(reader, FolderReader):
                reader.read_files([source.path for source, _ in group], self.sink)
            else:
                reader.read(first.path, self.sink)
            self.sink.check()
            counts = {name: n - before[name] for name, n in self.sink.counted().items()}
            for source, _ in group:
                own = {"continuations": 1} if source.path in self.sink.continuations else {}
                self._note(source, place, {**counts, **own} if source is first else own)
        except (SourceError, OSError) as error:
            self.sink.flush()
            for source, _ in group:
                self._forget(str(source.path))
            if len(group) == 1:
                self._refuse(first.path, error)
            else:
                self._read_readable(group, error)

    def _read_readable(self, group: list[tuple[Source, Change]], error: SourceError | OSError) -> None:
        """Read the sources of a group again, without the one that failed; all apart where it is not known."""
        failed = error.path if isinstance(error, SourceError) else Path(str(error.filename))
        rest = [(source, change) for source, change in group if source.path != failed]
        if len(rest) < len(group):
            self._refuse(failed, error)
            self._read(rest)
            return
        for one in group:
            self._read([one])

    def _refuse(self, path: Path, error: SourceError | OSError) -> None:
        # A file may vanish or be closed to us between finding and reading it.
        reason = getattr(error, "strerror", None) or error
        words = str(error) if isinstance(error, SourceError) else f"{path} cannot be read: {reason}; check it"
        self.refused.append(SourceError(path, words))

    def _indexed(self, source: Source) -> bool:
        """Whether places in the source can be sought, so that its texts can stay there.

        A packed file beside it may hold the beginning of its traces, and a mapping file gives the texts other names
        than the file has; then all are read whole, together.
        """
        return source.format == INDEXED and self.sink.names is None and folder_of(source.path) not in self.packed

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
        self.connection.execute(
            f"DELETE FROM duplicates WHERE {here} OR trace_id IN (SELECT trace_id FROM gone)", names
        )
        for table in ("spans", "rejects", "runs"):
            self.connection.execute(f"DELETE FROM {table} WHERE {here}", names)
        self.connection.execute("DELETE FROM inputs WHERE path = ?", [path])
        for table in ("attempts", "scores", "messages", "steps", "tool_calls", "artifacts", "pending"):
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
        count_once(self.connection, self._place)
        self.connection.execute("DELETE FROM runs WHERE run_id NOT IN (SELECT run_id FROM attempts)")
        leave_out_ratings(self.connection, self.sink)
        if self.scores is not None:
            add_scores(self.connection, self.scores, self.sink)
        tell_tasks_apart(self.connection)
        self.sink.close()
        self.connection.execute(schema.INDEX)
        self._note_rest(self.sink.counted() - before)

    def _note_rest(self, counts: Counter[str]) -> None:
        """Keep what was counted beside the reading of single sources, with that of earlier builds."""
        for (earlier,) in self.connection.execute("SELECT value FROM meta WHERE key = 'counts'").fetchall():
            counts.update(json.loads(earlier))
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES ('counts', ?)", [json.dumps(counts)])

    def _run_name(self, source: str) -> str:
        """The run of a file's spans that name none: the same at every import."""
        return self.sink.run_of(Path(source), INDEXED)

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
                f"no attempts could be read from {names}: read as {known}, but no attempt was found; 'halo-opt formats'"
                " shows an example of each format"
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


def _packed(source: Source) -> bool:
    try:
        return is_packed(source.path)
    except OSError:
        return False  # whoever reads it says so
