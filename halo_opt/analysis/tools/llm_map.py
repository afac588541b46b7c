"""The tool `llm_map`: one question asked of each row of a query, and the answers counted. The engine asks the model."""

from collections import Counter
from typing import Any

from pydantic import Field

from halo_opt.analysis.tools.answers import answer, cell, room, rows_text
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext

_EXAMPLES = 2


class LlmMapArguments(Arguments):
    """A question and the rows it is asked of."""

    question: str = Field(min_length=3, max_length=2_000, description="asked of each row by itself")
    sql: str = Field(description="SELECT of the rows with what must be read of each: trace_id, left(text, 2000), ...")
    labels: list[str] | None = Field(default=None, max_length=20, description="the answers to choose from")


def run(asked: LlmMapArguments, context: ToolContext) -> str:
    """Counts by label with examples where there are labels, then the rows as far as they fit."""
    rows = context.required_models().llm_map(asked.question, asked.sql, asked.labels)
    if not rows:
        return "the query gives no rows, so nothing was asked; see with 'sql' what it gives"
    said = f"{len(rows)} rows were answered by a model that saw each row alone; an opinion, to be checked with 'show'"
    if asked.labels:
        said += ", and to be tested with 'contrast' by what the attempts did"
    columns = list(dict.fromkeys(name for row in rows for name in row))
    # The answer first: it is what the rows were read for.
    columns = ["answer", *(name for name in columns if name != "answer")]
    shown = _examples(rows) if asked.labels else rows
    counts = _counts(rows, asked.labels) if asked.labels else ""
    table, missing = rows_text(
        columns, [[row.get(name) for name in columns] for row in shown], room(context, said, counts)
    )
    note = f"[{missing}]" if missing else ""
    return answer(context, said, "\n".join(part for part in (counts, table) if part), note, instead="ask of fewer rows")


def _counts(rows: list[dict[str, Any]], labels: list[str]) -> str:
    counts = Counter(str(row.get("answer")) for row in rows)
    named = [(label, counts.pop(label, 0)) for label in dict.fromkeys(labels)]
    return "\n".join(f"{cell(label, 80)}\t{count}" for label, count in [*named, *sorted(counts.items())])


def _examples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of each answer before the rest of them."""
    seen: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    rest: list[dict[str, Any]] = []
    for row in rows:
        name = str(row.get("answer"))
        (first if seen[name] < _EXAMPLES else rest).append(row)
        seen[name] += 1
    return first + rest


TOOL = Tool(
    "llm_map",
    "ask a small model one question of every row of a query, with labels to count: for what no pattern can tell",
    LlmMapArguments,
    run,
)
