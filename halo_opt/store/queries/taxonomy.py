"""Kinds of errors: error spans grouped by their message with numbers and names taken out."""

from pydantic import Field

from halo_opt.core.records import Record
from halo_opt.store.masking import masked_sql
from halo_opt.store.queries.filters import ERROR_SPAN
from halo_opt.store.store import Store


class ErrorKind(Record):
    """Errors that read the same; `example` is the first trace that has one."""

    signature: str
    spans: int
    traces: int
    tools: list[str] = Field(description="the tools that gave it, by name")
    error_types: list[str]
    example: str
    span_id: str = Field(description="the span of the example")


class Taxonomy(Record):
    """The commonest kinds of errors; what they leave out is counted."""

    kinds: list[ErrorKind]
    error_spans: int
    error_traces: int
    more_kinds: int = Field(description="kinds that are not listed")
    more_spans: int = Field(description="error spans of the kinds that are not listed")


def error_taxonomy(store: Store, *, limit: int = 20) -> Taxonomy:
    """All error spans grouped by signature; the commonest `limit` groups are listed.

    A message is taken apart once however many spans repeat it: real stores have many errors and few texts.
    """
    rows = store.rows(
        f"""WITH errors AS (
            SELECT trace_id, span_id, tool, error_type, started_at,
                   coalesce(nullif(trim(status_message), ''), error_type, 'no message') AS message
            FROM spans WHERE {ERROR_SPAN}),
        texts AS (SELECT message, {masked_sql("message")} AS signature FROM (SELECT DISTINCT message FROM errors))
        SELECT signature, count(*), count(DISTINCT trace_id), list_sort(list(DISTINCT tool) FILTER (tool IS NOT NULL)),
               list_sort(list(DISTINCT error_type) FILTER (error_type IS NOT NULL)),
               min((started_at, trace_id, span_id)) AS example
        FROM errors JOIN texts USING (message) GROUP BY signature ORDER BY count(*) DESC, signature"""
    )
    [(traces,)] = store.rows(f"SELECT count(DISTINCT trace_id) FROM spans WHERE {ERROR_SPAN}")
    kinds = [
        ErrorKind(
            signature=signature,
            spans=spans,
            traces=traces_with,
            tools=tools or [],
            error_types=types or [],
            example=example[1],
            span_id=example[2],
        )
        for signature, spans, traces_with, tools, types, example in rows[:limit]
    ]
    return Taxonomy(
        kinds=kinds,
        error_spans=sum(row[1] for row in rows),
        error_traces=traces,
        more_kinds=len(rows) - len(kinds),
        more_spans=sum(row[1] for row in rows[limit:]),
    )
