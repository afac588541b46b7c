"""Regular expressions over the texts of all spans, in the trace files where spans know their place, else in the tables.

The pattern is matched against decoded text (a newline is a newline), not against its JSON spelling.
"""

from collections.abc import Iterator, Sequence

import re2
from pydantic import Field

from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.store.queries.answers import Answer, Section
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.queries.scanning.searcher import compiled
from halo_opt.store.queries.scanning.tasks import Excerpt, Found, Pattern
from halo_opt.store.queries.search_places import Known, Places, places_of
from halo_opt.store.queries.search_plan import plan
from halo_opt.store.queries.search_pool import Progress, run_tasks
from halo_opt.store.queries.search_tables import TableHit, search_tables
from halo_opt.store.queries.source_files import changed, gone
from halo_opt.store.store import Store

CONTEXT = 60
LIMIT = 50


class SpanHit(Record):
    """A span that matches, with its first match in its surroundings."""

    trace_id: str
    span_id: str
    task_id: str | None
    outcome: str | None
    name: str
    kind: str
    matches: int
    field: str
    before: str
    match: str
    after: str


class SearchAnswer(Answer):
    """Hits in the order of files and lines, at most as many as asked for; the counts are over all."""

    pattern: str
    ignore_case: bool
    matches: int
    spans: int
    traces: int
    searched_bytes: int = Field(description="bytes of trace files that were gone through; tables are not counted")
    hits: list[SpanHit]

    def sections(self) -> list[Section]:
        """The hits."""
        columns = ["trace_id", "span_id", "task_id", "outcome", "name", "matches", "field", "text"]
        rows = [
            (h.trace_id, h.span_id, h.task_id, h.outcome, h.name, h.matches, h.field, h.before + h.match + h.after)
            for h in self.hits
        ]
        return [Section("", columns, rows)]

    def remarks(self) -> list[str]:
        """The counts over all."""
        remarks = [f"{self.matches} matches in {self.spans} spans of {self.traces} traces"]
        if self.hits and len(self.hits) < self.spans:
            remarks.append(f"{self.spans - len(self.hits)} more spans match and are not shown; raise --limit or filter")
        return remarks

    def narrower(self) -> str:
        """The narrower query to make."""
        return "ask with a lower --limit or --context, a filter, or --count for the counts alone"


def search(
    store: Store,
    pattern: str,
    chosen: TraceFilter | None = None,
    *,
    ignore_case: bool = False,
    context: int = CONTEXT,
    limit: int = LIMIT,
    workers: int | None = None,
    progress: Progress | None = None,
) -> SearchAnswer:
    """All spans whose name, status message or attribute texts match an RE2 pattern; `limit` of them with an excerpt.

    Raises InputError for a pattern that RE2 does not know, and when a trace file is not what the store was built from.
    """
    checked, chosen = checked_pattern(pattern, ignore_case=ignore_case), chosen or TraceFilter()
    places = places_of(store, chosen, excerpts=limit, context=context)
    found = run_tasks(checked, places.tasks, workers=workers, progress=progress)
    hits = list(_file_hits(store, places, found, limit))
    traces = {trace for one in found for trace in one.traces}
    matches, spans = sum(one.matches for one in found), sum(one.spans for one in found)
    if places.unplaced:
        rows = list(search_tables(store, checked, chosen.where(), excerpts=limit - len(hits), context=context))
        traces.update(row[0] for row in rows)
        matches, spans = matches + sum(row[2] for row in rows), spans + len(rows)
        hits += _table_hits(store, rows[: limit - len(hits)])
    return SearchAnswer(
        pattern=pattern,
        ignore_case=ignore_case,
        matches=matches,
        spans=spans,
        traces=len(traces),
        searched_bytes=places.size,
        hits=hits,
    )


def checked_pattern(pattern: str, *, ignore_case: bool) -> Pattern:
    """The pattern with its plan. Raises InputError when RE2 does not accept it."""
    try:
        compiled(pattern, ignore_case)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else error
        words = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise InputError(
            f"{pattern!r} is not a pattern of RE2 ({words}); its syntax is that of Perl without lookaround"
            " ((?=...), (?<!...)) and back references (\\1)"
        ) from error
    return Pattern(pattern, ignore_case, *plan(pattern, ignore_case=ignore_case))


def _file_hits(store: Store, places: Places, found: Sequence[Found], limit: int) -> Iterator[SpanHit]:
    """The first hits in files, with the store's facts of their spans. Raises InputError where a file has changed."""
    for task, one in zip(places.tasks, found, strict=True):
        if one.problem is not None:
            raise changed(task.path, store.path) if one.problem == "has changed" else gone(task.path, one.problem)
    hits = [(task.path, hit) for task, one in zip(places.tasks, found, strict=True) for hit in one.hits][:limit]
    known = places.spans_at([(path, hit.offset) for path, hit in hits])
    for path, hit in hits:
        span = known.get((path, hit.offset))
        if span is None or span.span_id != hit.span_id:
            raise changed(path, store.path)
        yield _hit(span, hit.matches, hit.field, hit.excerpt)


def _table_hits(store: Store, rows: Sequence[TableHit]) -> list[SpanHit]:
    """Hits in tables, with the store's facts of their spans."""
    if not rows:
        return []
    found = store.rows(
        "SELECT trace_id, span_id, s.name, s.kind, a.task_id, a.outcome FROM spans s JOIN attempts a USING (trace_id)"
        " SEMI JOIN (SELECT unnest(?::VARCHAR[]) AS trace_id, unnest(?::VARCHAR[]) AS span_id)"
        " USING (trace_id, span_id)",
        [[row[0] for row in rows], [row[1] for row in rows]],
    )
    known = {row[:2]: Known(*row) for row in found}
    return [
        _hit(known.get((trace_id, span_id), Known(trace_id, span_id, "", "", None, None)), matches, field, shown)
        for trace_id, span_id, matches, field, shown in rows
    ]


def _hit(span: Known, matches: int, field: str, shown: Excerpt) -> SpanHit:
    before, match, after = shown
    return SpanHit(**span._asdict(), matches=matches, field=field, before=before, match=match, after=after)
