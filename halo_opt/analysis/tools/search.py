"""The tool `search`: a regular expression over the texts of steps and messages."""

from typing import Any, Literal

import re2
from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import bytes_left, cell_text, format_answer, rows_text, shorten_end
from halo_opt.analysis.tools.querying import full_trace_id, scope_condition
from halo_opt.core.errors import InputError
from halo_opt.store.queries.search import checked_pattern

_FIELDS = ("reply", "tool", "arguments", "target", "error", "result", "observation")
_CONTEXT = 80


class SearchArguments(Arguments):
    """What to look for, and where."""

    pattern: str = Field(min_length=1, max_length=1000, description="RE2 pattern (Perl's, without lookaround)")
    ignore_case: bool = True
    field: Literal["reply", "tool", "arguments", "target", "error", "result", "observation", "message"] | None = Field(
        default=None, description="only this column of steps, or messages; all when left out"
    )
    outcome: Literal["success", "failure", "error", "unknown"] | None = None
    trace_id: str | None = Field(default=None, description="only this attempt")
    limit: int = Field(default=15, ge=1, le=100, description="hits to show, one for each attempt first")


def run(arguments: SearchArguments, context: ToolContext) -> str:
    """How many steps and attempts match, by outcome, and hits of as many different attempts as can be."""
    sql, params = _hits(arguments, context)
    try:
        counts = context.store.rows(
            f"{sql} SELECT coalesce(outcome, 'unknown') AS o, count(*), count(DISTINCT trace_id) FROM hits"
            " JOIN attempts USING (trace_id) GROUP BY 1 ORDER BY 1",
            params,
        )
    except InputError as error:
        raise ToolRefused("the pattern needs more memory than the store allows; write a shorter one") from error
    if not counts:
        return "no match; try a shorter pattern or another field, or look at the messages of an attempt with 'show'"
    rows = context.store.rows(
        f"{sql} SELECT trace_id, task_id, outcome, place, field FROM (SELECT *, row_number() OVER"
        " (PARTITION BY trace_id ORDER BY field = 'message', place, field) AS nth FROM hits)"
        " JOIN attempts USING (trace_id) ORDER BY nth, trace_id LIMIT ?",
        [*params, arguments.limit],
    )
    texts = _texts(context, [(row[0], row[3], row[4]) for row in rows])
    shown = [[*row, _excerpt(arguments, texts.get((row[0], row[3], row[4]), ""))] for row in rows]
    places, traces = sum(row[1] for row in counts), sum(row[2] for row in counts)
    by = ", ".join(f"{cell_text(outcome, 20)} {found}" for outcome, _, found in counts)
    summary = f"{places} texts of {traces} attempts match (attempts by outcome: {by}); these are counts, not a test"
    columns = ["trace_id", "task_id", "outcome", "step", "field", "text"]
    text, missing = rows_text(columns, shown, bytes_left(context, summary) - 160)
    note = [missing] if missing else []
    if places > len(rows):
        note.append(f"{places - len(rows)} more hits; narrow the pattern, or count with 'sql' (regexp_matches)")
    return format_answer(
        context, summary, text, f"[{'; '.join(note)}]" if note else "", remedy="ask with a lower limit"
    )


def _hits(arguments: SearchArguments, context: ToolContext) -> tuple[str, list[Any]]:
    """`WITH hits AS (trace_id, place, field)`: in steps, and in messages of attempts that have no such step."""
    try:
        checked_pattern(arguments.pattern, ignore_case=arguments.ignore_case)
    except InputError as error:
        raise ToolRefused(shorten_end(str(error), 600)) from error
    pattern = f"(?i){arguments.pattern}" if arguments.ignore_case else arguments.pattern
    within, ids = scope_condition(context)
    chosen, given = [within], list(ids)
    if arguments.trace_id is not None:
        chosen.append("trace_id = ?")
        given.append(full_trace_id(context, arguments.trace_id))
    if arguments.outcome is not None:
        chosen.append("outcome IS NULL" if arguments.outcome == "unknown" else "outcome = ?")
        given += [] if arguments.outcome == "unknown" else [arguments.outcome]
    fields = _FIELDS if arguments.field is None else tuple(name for name in _FIELDS if name == arguments.field)
    parts = [
        f"SELECT trace_id, step AS place, '{name}' AS field FROM steps"
        f" SEMI JOIN chosen USING (trace_id) WHERE regexp_matches({name}, ?)"
        for name in fields
    ]
    sql = f"WITH chosen AS MATERIALIZED (SELECT trace_id FROM attempts WHERE {' AND '.join(chosen)})"
    if parts:
        sql += f",\nin_steps AS MATERIALIZED ({' UNION ALL '.join(parts)})"
    if arguments.field in (None, "message"):
        # The observation, reply or result of a step is a message, too.
        but = " AND trace_id NOT IN (SELECT trace_id FROM in_steps)" if parts else ""
        messages = (
            "SELECT trace_id, position AS place, 'message' AS field FROM messages SEMI JOIN chosen USING (trace_id)"
            f" WHERE regexp_matches(content, ?){but}"
        )
        both = f"FROM in_steps UNION ALL {messages}" if parts else messages
        return f"{sql},\nhits AS ({both})\n", [*given, *[pattern] * len(parts), pattern]
    return f"{sql},\nhits AS (FROM in_steps)\n", [*given, *[pattern] * len(parts)]


def _texts(context: ToolContext, hits: list[tuple[str, int, str]]) -> dict[tuple[str, int, str], str]:
    """The texts of some hits: fetched for those that are shown alone, since a pattern may match every text there is."""
    given = [[trace for trace, _, _ in hits], [place for _, place, _ in hits]]
    these = "SEMI JOIN (SELECT unnest(?::VARCHAR[]) AS trace_id, unnest(?::INTEGER[]) AS place) USING (trace_id, place)"
    found: dict[tuple[str, int, str], str] = {}
    steps = context.store.rows(
        f"SELECT trace_id, place, {', '.join(_FIELDS)} FROM (SELECT *, step AS place FROM steps) {these}", given
    )
    for trace_id, place, *texts in steps:
        for name, text in zip(_FIELDS, texts, strict=True):
            found[trace_id, place, name] = str(text)
    messages = context.store.rows(
        f"SELECT trace_id, place, role, content FROM (SELECT *, position AS place FROM messages) {these}", given
    )
    return found | {(trace, place, "message"): f"{role}: {content}" for trace, place, role, content in messages}


def _excerpt(arguments: SearchArguments, text: str) -> str:
    """The first match in its surroundings."""
    options = re2.Options()
    options.case_sensitive = not arguments.ignore_case
    options.log_errors = False
    match = re2.compile(arguments.pattern, options).search(text.encode("utf-8", "replace").decode("utf-8"))
    start, end = match.span() if match else (0, 0)
    before, after = max(0, start - _CONTEXT), min(len(text), end + _CONTEXT, start + 3 * _CONTEXT)
    return f"{'...' if before else ''}{text[before:after]}{'...' if after < len(text) else ''}"


TOOL = Tool(
    "search",
    "search a regular expression in observations, replies, actions, results and messages; hits with attempt and step",
    SearchArguments,
    run,
)
