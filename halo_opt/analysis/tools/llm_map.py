"""The tool `llm_map`: one question to a model about each row of a query, and the answers counted."""

from collections import Counter
from typing import Any

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.analysis.tools.formatting import bytes_left, cell_text, format_answer, rows_text

_EXAMPLES = 2


class LlmMapArguments(Arguments):
    """A question and the rows that it is asked about."""

    question: str = Field(min_length=3, max_length=2_000, description="asked about each row by itself")
    sql: str = Field(description="SELECT of the rows, with the text to read: trace_id, left(text, 2000), ...")
    labels: list[str] | None = Field(default=None, max_length=20, description="the answers to choose from")


def run(arguments: LlmMapArguments, context: ToolContext) -> str:
    """Counts by label with examples where there are labels, then the rows as far as they fit."""
    rows = context.required_models().llm_map(arguments.question, arguments.sql, arguments.labels)
    if not rows:
        return "the query selects no rows, so nothing was asked; check it with 'sql'"
    summary = (
        f"{len(rows)} rows were answered by a model that saw each row alone: an opinion, to be checked with 'show'"
    )
    if arguments.labels:
        summary += " and tested with 'contrast' by what the attempts did"
    columns = list(dict.fromkeys(name for row in rows for name in row))
    # The answer comes first, as it matters most.
    columns = ["answer", *(name for name in columns if name != "answer")]
    shown = _examples(rows) if arguments.labels else rows
    counts = _counts(rows, arguments.labels) if arguments.labels else ""
    cells = [list(map(row.get, columns)) for row in shown]
    table, missing = rows_text(columns, cells, bytes_left(context, summary, counts))
    note = f"[{missing}]" if missing else ""
    return format_answer(
        context, summary, "\n".join(part for part in (counts, table) if part), note, remedy="ask about fewer rows"
    )


def _counts(rows: list[dict[str, Any]], labels: list[str]) -> str:
    counts = Counter(str(row.get("answer")) for row in rows)
    named = [(label, counts.pop(label, 0)) for label in dict.fromkeys(labels)]
    return "\n".join(f"{cell_text(label, 80)}\t{count}" for label, count in [*named, *sorted(counts.items())])


def _examples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of each answer before the rest of them."""
    kept: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for row in rows:
        name = str(row.get("answer"))
        (first if kept[name] < _EXAMPLES else rest).append(row)
        kept[name] += 1
    return first + rest


TOOL = Tool(
    "llm_map",
    "ask a small model one question about each row of a query, with labels to count: for what no pattern can match",
    LlmMapArguments,
    run,
)
