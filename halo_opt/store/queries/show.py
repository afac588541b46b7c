"""One attempt in full: its spans as a tree with their texts, one span with all it has, or the raw lines.

Texts come from the places in the trace files that the store knows, else from its tables.
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from halo_opt.core.errors import InputError
from halo_opt.store.queries.scanning.readable import Image, readable_values
from halo_opt.store.queries.show_texts import LabelledText, attributes_of, texts_in_lines, texts_in_tables
from halo_opt.store.queries.show_views import RawLines, SpanDetail, SpanView, Text, TraceView
from halo_opt.store.queries.source_files import LinePlace, lines_at
from halo_opt.store.readers.agents import agents_of
from halo_opt.store.store import Store

_CANDIDATES = 10


def show(store: Store, trace: str) -> TraceView:
    """The attempt with this id, or the only one whose id begins so."""
    facts = _facts(store, trace) or _facts(store, trace_id_of(store, trace))
    trace_id = str(facts["trace_id"])
    rows = _tree(store, trace_id)
    placed = _placed(rows)
    if placed:
        lines = lines_at([place for _, place in placed], store.path)
        texts_of_span = texts_in_lines(
            [(view.span_id, view.kind, line) for (view, _), line in zip(placed, lines, strict=True)]
        )
    else:
        texts_of_span = texts_in_tables(store, trace_id)
    ids = {row.view.span_id for row in rows}
    return TraceView(
        trace_id=trace_id,
        facts=facts,
        scores=sorted(
            store.rows("SELECT name, value, label, source FROM scores WHERE trace_id = ?", [trace_id]), key=_nulls_last
        ),
        unplaced=[_text(one) for span_id, texts in texts_of_span.items() if span_id not in ids for one in texts],
        spans=[_with_texts(row.view, texts_of_span.get(row.view.span_id, ())) for row in rows],
    )


def show_span(store: Store, trace: str, span: str) -> SpanDetail:
    """One span of an attempt, by its id or the only beginning of one."""
    trace_id = trace_id_of(store, trace)
    row = _span_row(_tree(store, trace_id), trace_id, span)
    if row.place is None:
        texts = texts_in_tables(store, trace_id).get(row.view.span_id, [])
        attributes = {**attributes_of(store, trace_id, row.view.span_id), **{one.label: one.text for one in texts}}
    else:
        [line] = lines_at([row.place], store.path)
        stored = line.record.get("attributes")
        attributes = readable_values(stored) if isinstance(stored, dict) else {}
    return SpanDetail(span=row.view, attributes=attributes)


def raw_lines(store: Store, trace: str, span: str | None = None) -> RawLines:
    """The lines of an attempt, or of one of its spans. Raises InputError where the format has no line a span."""
    trace_id = trace_id_of(store, trace)
    rows = _tree(store, trace_id)
    placed = _placed([_span_row(rows, trace_id, span)] if span is not None else rows)
    if not placed:
        raise InputError(f"{trace_id} has no raw lines: its file is compressed or no span JSONL; leave --raw out")
    lines = lines_at([place for _, place in placed], store.path)
    return RawLines(raw=[line.raw.decode("utf-8", "replace") for line in lines])


def images_of(store: Store, trace: str, span: str | None = None) -> list[Image]:
    """The images in the texts of an attempt, or of one of its spans, each once and in the order of the spans.

    They come from the trace file where its lines have a place in the store, else from the table `artifacts`. Those
    that were not stored because they may hold a secret are left out.
    """
    trace_id = trace_id_of(store, trace)
    rows = _tree(store, trace_id)
    chosen = [_span_row(rows, trace_id, span)] if span is not None else rows
    places = [place for _, place in _placed(chosen)]
    found: dict[str, Image] = {}
    if places:
        for line in lines_at(places, store.path):
            readable_values(line.record, lambda image: found.update({image.sha256: image}))
        return list(found.values())
    ids = [row.view.span_id for row in chosen]
    stored = store.rows(
        "SELECT media_type, data FROM artifacts WHERE trace_id = ? AND data IS NOT NULL"
        " AND (? OR span_id IN (SELECT unnest(?::VARCHAR[]))) ORDER BY rowid",
        [trace_id, span is None, ids],
    )
    return [Image(media_type, base64.b64decode(data)) for media_type, data in stored]


def trace_id_of(store: Store, trace: str) -> str:
    """The whole id of an attempt from its beginning. Raises InputError when none or several begin so."""
    if store.rows("SELECT 1 FROM attempts WHERE trace_id = ?", [trace]):
        return trace
    found = [
        row[0]
        for row in store.rows(
            "SELECT trace_id FROM attempts WHERE starts_with(trace_id, ?) ORDER BY trace_id = ? DESC, trace_id LIMIT ?",
            [trace, trace, _CANDIDATES + 1],
        )
    ]
    if not found:
        raise InputError(f"no attempt's trace id begins with {trace!r}; list them with 'halo-opt traces'")
    if len(found) > 1 and found[0] != trace:
        more = " and more" if len(found) > _CANDIDATES else ""
        raise InputError(
            f"{trace!r} is not one trace: {', '.join(found[:_CANDIDATES])}{more} begin so; give more of it"
        )
    return str(found[0])


class _Row(NamedTuple):
    view: SpanView
    place: LinePlace | None


def _tree(store: Store, trace_id: str) -> list[_Row]:
    """The spans, children after their parents, in order of time; a span whose parent is missing is at the top."""
    columns = "span_id, parent_span_id, name, kind, started_at, ended_at, status, status_message, error_type, model,"
    columns += " tokens_in, tokens_out, cost_usd, tool, agent, source, byte_offset, byte_length, line, rowid"
    # Sorted here, as planning a sort takes DuckDB longer than sorting these takes Python.
    found = sorted(store.rows(f"SELECT {columns} FROM spans WHERE trace_id = ?", [trace_id]), key=_order)
    began = min((start for row in found if (start := _moment(row[4])) is not None), default=None)
    ids = {row[0] for row in found}
    below: dict[str, list[tuple[Any, ...]]] = {}
    for row in found:
        below.setdefault(row[1] if row[1] in ids and row[1] != row[0] else "", []).append(row)
    ordered: list[_Row] = []
    # Spans that are each other's parents hang under nothing; they come last.
    left = {id(row): row for row in found}
    stack = [(row, 0) for row in reversed(below.get("", []))]
    while stack or left:
        row, depth = stack.pop() if stack else (next(iter(left.values())), 0)
        if left.pop(id(row), None) is not None:
            ordered.append(_row(row, trace_id, depth, began))
            stack.extend((child, depth + 1) for child in reversed(below.get(row[0], [])))
    agents = agents_of([row.view for row in ordered])
    return [row._replace(view=row.view.model_copy(update={"agent": agents.get(row.view.span_id)})) for row in ordered]


def _order(row: tuple[Any, ...]) -> tuple[tuple[bool, Any], ...]:
    """By start, ties by place in the file; what is not known comes last."""
    return _nulls_last((_moment(row[4]), row[16], row[18], row[19]))


def _nulls_last(values: Sequence[Any]) -> tuple[tuple[bool, Any], ...]:
    """A key to sort by that knows what None is less than."""
    return tuple((value is None, 0 if value is None else value) for value in values)


def _moment(value: Any) -> datetime | None:
    """A time as Python has it; DuckDB gives text for years that Python does not have."""
    return value if isinstance(value, datetime) else None


def _row(row: tuple[Any, ...], trace_id: str, depth: int, began: datetime | None) -> _Row:
    (
        span_id,
        parent,
        name,
        kind,
        start,
        end,
        status,
        message,
        error_type,
        model,
        t_in,
        t_out,
        cost,
        tool,
        agent,
        *place,
    ) = row
    source, offset, length, *_ = place
    view = SpanView(
        span_id=span_id,
        parent_span_id=parent,
        depth=depth,
        name=name,
        kind=kind,
        after=_seconds(began, start),
        seconds=_seconds(start, end),
        status=status,
        status_message=message,
        error_type=error_type,
        model=model,
        tokens_in=t_in,
        tokens_out=t_out,
        cost_usd=cost,
        tool=tool,
        agent=agent,
        texts=[],
    )
    return _Row(view, None if offset is None else LinePlace(source, offset, length, trace_id, span_id))


def _placed(rows: Sequence[_Row]) -> list[tuple[SpanView, LinePlace]]:
    return [(row.view, row.place) for row in rows if row.place is not None]


def _span_row(rows: Sequence[_Row], trace_id: str, span: str) -> _Row:
    exact = [row for row in rows if row.view.span_id == span]
    found = exact or [row for row in rows if row.view.span_id.startswith(span)]
    if not found:
        raise InputError(f"{trace_id} has no span {span!r}; list them with 'halo-opt show {trace_id}'")
    if len(found) > 1 and not exact:
        names = ", ".join(row.view.span_id for row in found[:_CANDIDATES])
        raise InputError(f"{span!r} is not one span of {trace_id}: {names} begin so; give more of it")
    return found[0]


def _facts(store: Store, trace_id: str) -> dict[str, Any]:
    """The columns of an attempt that hold something; empty where there is no attempt with this id."""
    sql = "SELECT * REPLACE (CAST(started_at AS VARCHAR) AS started_at, CAST(ended_at AS VARCHAR) AS ended_at)"
    sql += " FROM attempts WHERE trace_id = ?"
    return {k: v for row in store.records(sql, [trace_id]) for k, v in row.items() if v is not None}


def _seconds(start: Any, end: Any) -> float | None:
    start, end = _moment(start), _moment(end)
    return None if start is None or end is None else (end - start).total_seconds()


def _with_texts(view: SpanView, texts: Iterable[LabelledText]) -> SpanView:
    return view.model_copy(update={"texts": list(map(_text, texts))})


def _text(labelled: LabelledText) -> Text:
    return Text(label=labelled.label, text=labelled.text)
