"""Warnings about sources whose attempts have no steps or no tool calls: what was looked for, what was there."""

from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from halo_opt.store.index.summary import formats_of_sources
from halo_opt.store.readers import READERS
from halo_opt.store.readers.message_layouts import AGENT_ROLES, ROLE_FIELDS

# How many different roles a warning names.
_MOST_ROLES = 8
_SPAN_FORMATS = ("spans", "run-folder", "otlp", "phoenix", "langfuse", "langsmith", "mlflow")
_SPANS = (
    "spans whose openinference.span.kind, gen_ai.operation.name, traceloop.span.kind or llm.request.type says LLM or"
    " TOOL, or that have halo.step.index"
)
# What steps, and what tool calls, are made of. Of other formats the line that describes their files says it.
_STEPS = {
    **dict.fromkeys(_SPAN_FORMATS, _SPANS),
    "chat": f"messages whose {', '.join(ROLE_FIELDS[:-1])} or {ROLE_FIELDS[-1]} is {', '.join(AGENT_ROLES)}",
}
_CALLS = {
    **dict.fromkeys(_SPAN_FORMATS, "spans whose kind is TOOL and in llm.output_messages"),
    "chat": "tool_calls, function_call, content blocks of type tool_use, <tool_call> and 'Action:' in the text",
}
_REMEDIES = {"chat": "Give the messages of the agent the role assistant, and import the file again"}


class _Source(NamedTuple):
    path: str
    attempts: int
    without_steps: int
    with_calls: int


def empty_sources(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """A warning for each format of which attempts have no steps, and for each of which sources have no tool call.

    Attempts of which only the index was read are left out: their steps are not known yet.
    """
    rows = connection.execute(
        "SELECT a.source, count(*),"
        " count(*) FILTER (coalesce(a.steps, 0) = 0 AND a.trace_id NOT IN (SELECT trace_id FROM steps)),"
        " count(*) FILTER (a.trace_id IN (SELECT trace_id FROM tool_calls))"
        " FROM attempts a WHERE a.trace_id NOT IN (SELECT trace_id FROM pending) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    formats = formats_of_sources(connection)
    by_format: dict[str, list[_Source]] = {}
    for row in rows:
        source = _Source(*row)
        by_format.setdefault(formats[source.path], []).append(source)
    warnings = []
    for name, sources in sorted(by_format.items()):
        without_steps = [source for source in sources if source.without_steps]
        if without_steps:
            warnings.append(_without_steps(connection, name, without_steps))
        without_calls = [source for source in sources if not source.with_calls and not source.without_steps]
        if without_calls:
            count = sum(source.attempts for source in without_calls)
            text = f"{_attempts(count)} in {_files(without_calls)} {'has' if count == 1 else 'have'} no tool calls"
            warnings.append(f"{text}; halo-opt looked for them in {_looked_for(_CALLS, name)}")
    return warnings


def _without_steps(connection: duckdb.DuckDBPyConnection, name: str, sources: Sequence[_Source]) -> str:
    count = sum(source.without_steps for source in sources)
    text = f"{_attempts(count)} in {_files(sources)} {'has' if count == 1 else 'have'} no steps"
    text = f"{text}; halo-opt looked for them in {_looked_for(_STEPS, name)}"
    roles = connection.execute(
        "SELECT role FROM messages m JOIN attempts a USING (trace_id) SEMI JOIN (SELECT unnest(?::VARCHAR[]) AS source)"
        " USING (source) WHERE a.trace_id NOT IN (SELECT trace_id FROM steps) GROUP BY 1 ORDER BY count(*) DESC, 1",
        [[source.path for source in sources]],
    ).fetchall()
    if roles:
        names = [str(role) or "(none)" for (role,) in roles]
        more = f" and {len(names) - _MOST_ROLES} more" if len(names) > _MOST_ROLES else ""
        text += f". The roles found are {', '.join(names[:_MOST_ROLES])}{more}"
    return f"{text}. {_REMEDIES[name]}" if name in _REMEDIES else text


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"


def _files(sources: Sequence[_Source]) -> str:
    if len(sources) == 1:
        return sources[0].path
    more = len(sources) - 1
    return f"{sources[0].path} and {more} more {'file' if more == 1 else 'files'}"


def _looked_for(known: dict[str, str], name: str) -> str:
    meaning = next((reader.meaning for reader in READERS if reader.name == name), "")
    return known.get(name, meaning)
