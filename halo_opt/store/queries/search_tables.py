"""Searching the stored texts of attempts whose spans have no place in a file."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from halo_opt.store.files.lines import decode_json
from halo_opt.store.queries.scanning.searcher import Searcher
from halo_opt.store.queries.scanning.span_texts import texts_of
from halo_opt.store.queries.scanning.tasks import Excerpt, Pattern
from halo_opt.store.store import Store

# (trace, span, matches, field, excerpt).
TableHit = tuple[str, str, int, str, Excerpt]
# Texts by table, in the order in which a text is looked for.
_FIELDS = {
    "spans": ("name", "status_message"),
    "tool_calls": ("arguments", "target", "result", "error"),
    "steps": ("reply", "observation", "arguments", "target", "result", "error"),
    "messages": ("content",),
}
# What a step saw or did is mostly a message or a call too: there a text counts only if the attempt has it nowhere else.
_RETOLD = ("steps.", "messages.")
WITHOUT_PLACE = "a.trace_id NOT IN (SELECT trace_id FROM spans WHERE byte_offset IS NOT NULL)"


def search_tables(
    store: Store, pattern: Pattern, where: tuple[str, Sequence[Any]], *, excerpts: int, context: int
) -> Iterator[TableHit]:
    """Every span of those attempts that matches, the first with excerpts."""
    searcher = Searcher(pattern)
    for trace_id, rows in groupby(_texts(store, pattern, where), key=itemgetter(0)):
        for span_id, texts in _by_span(rows).items():
            count, field, shown = searcher.count(texts, context if excerpts > 0 else None)
            if count:
                excerpts -= 1
                yield trace_id, span_id, count, field, shown


def _by_span(rows: Iterator[tuple[str, str, str, str]]) -> dict[str, list[tuple[str, str]]]:
    """(field, text) of each span of an attempt, every text once."""
    spans: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    seen_here: set[tuple[str, str]] = set()
    for _, span_id, field, text in rows:
        if (span_id, text) in seen_here or (field.startswith(_RETOLD) and text in seen):
            continue
        seen.add(text)
        seen_here.add((span_id, text))
        spans.setdefault(span_id, []).append((field, text))
    return spans


def _texts(store: Store, pattern: Pattern, where: tuple[str, Sequence[Any]]) -> Iterator[tuple[str, str, str, str]]:
    """(trace, span, field, text) that may match, a span's together. DuckDB's own RE2 goes through the long columns."""
    condition, params = where
    regex = ("(?i)" if pattern.ignore_case else "") + pattern.pattern
    chosen = f"WITH chosen AS (SELECT a.trace_id FROM attempts a WHERE {WITHOUT_PLACE} AND {condition})"
    fields = [(table, column) for table, columns in _FIELDS.items() for column in columns]
    parts = [
        f"SELECT trace_id, coalesce(span_id, '') AS span_id, {order} AS place, '{table}.{column}' AS field,"
        f" {column} AS text"
        f" FROM {table} SEMI JOIN chosen USING (trace_id) WHERE regexp_matches({column}, ?)"
        for order, (table, column) in enumerate(fields)
    ]
    parts.append(
        "SELECT trace_id, span_id, -1, 'attributes', CAST(attributes AS VARCHAR) FROM spans SEMI JOIN chosen"
        " USING (trace_id)"
    )
    rows = store.rows(
        f"{chosen} {' UNION ALL '.join(parts)} ORDER BY trace_id, place, span_id",
        [*params, *[regex] * (len(parts) - 1)],
    )
    for trace_id, span_id, _, field, text in rows:
        if field != "attributes" or text is None:
            yield trace_id, span_id, field, text
            continue
        for name, inner in texts_of(None, None, decode_json(text.encode())[0]):
            yield trace_id, span_id, name, inner
