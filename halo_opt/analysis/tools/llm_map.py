"""The tool `llm_map`: one question to a model about each row of a query, and the answers counted."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.analysis.tools.formatting import bytes_left, format_answer, rows_text
from halo_opt.mining.measure import literal
from halo_opt.store.guarded.sql_checks import outcome_word
from halo_opt.store.guarded.sql_text import bare

# Columns that say which row an answer is about; the texts that were asked about are not repeated.
_KEYS = ("trace_id", "task_id", "run_id", "step", "position")
# Rows of each label that are shown; the others are in the counts and behind the label's name.
_EXAMPLES = 4
# Bytes of a predicate that lists whole trace ids; longer lists have the beginnings of their hashes.
_LONGEST_LIST = 6_000
_JUDGES = ("outcome", "score")


class LlmMapArguments(Arguments):
    """A question and the rows that it is asked about."""

    question: str = Field(min_length=3, max_length=2_000, description="asked about each row by itself")
    sql: str = Field(
        description="SELECT of the rows: trace_id, and the text to read as left(text, 2000); without outcome and score,"
        " as an answer from these explains nothing"
    )
    labels: list[str] | None = Field(
        default=None,
        max_length=20,
        description="the answers to choose from; each then has a name that contrast takes as predicate_sql",
    )


def run(arguments: LlmMapArguments, context: ToolContext) -> str:
    """Counts by label where there are labels, with names for contrast, then the answers by the keys of their rows."""
    rows = context.required_models().llm_map(arguments.question, arguments.sql, arguments.labels)
    if not rows:
        return "the query selects no rows, so nothing was asked; check it with 'sql'"
    summary = f"{len(rows)} rows were answered by a model that saw each row alone: an opinion; check some with 'show'"
    counts, note = "", ""
    if arguments.labels:
        counts = _counts(context, rows, arguments.labels)
        note = _named(context, arguments, rows)
    if arguments.labels and len(rows) > len(shown := _examples(rows)):
        counts += f"\n\nthe first {_EXAMPLES} rows of each answer:"
        rows = shown
    columns = ["answer", *(key for key in (*_KEYS, "error") if any(key in row for row in rows))]
    cells = [list(map(row.get, columns)) for row in rows]
    table, missing = rows_text(columns, cells, bytes_left(context, summary, counts, note))
    data = "\n".join(part for part in (counts, table) if part)
    notes = "\n".join(part for part in (f"[{missing}]" if missing else "", note) if part)
    return format_answer(context, summary, data, notes, remedy="ask about fewer rows")


def _counts(context: ToolContext, rows: Sequence[dict[str, Any]], labels: Sequence[str]) -> str:
    """Rows by label and, where the rows name attempts, attempts by label and outcome."""
    counts = Counter(str(row.get("answer")) for row in rows)
    others = sorted(set(counts) - set(labels))
    ordered = [*dict.fromkeys(labels), *others]
    if not all("trace_id" in row for row in rows):
        return rows_text(["label", "rows"], [[label, counts[label]] for label in ordered], 4_000)[0]
    outcomes = _outcomes(context, rows)
    lines = []
    for label in ordered:
        found = Counter(outcomes.get(trace_id) for trace_id in _attempts(rows, label))
        lines.append([label, counts[label], found.total(), found["failure"], found["success"]])
    return rows_text(["label", "rows", "attempts", "failures", "successes"], lines, 4_000)[0]


def _outcomes(context: ToolContext, rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    ids = sorted({str(row["trace_id"]) for row in rows})
    return dict(
        context.store.rows(
            "SELECT trace_id, outcome FROM attempts WHERE trace_id IN (SELECT unnest(?::VARCHAR[]))", [ids]
        )
    )


def _attempts(rows: Sequence[dict[str, Any]], label: str) -> list[str]:
    return sorted({str(row["trace_id"]) for row in rows if row.get("answer") == label})


def _named(context: ToolContext, arguments: LlmMapArguments, rows: Sequence[dict[str, Any]]) -> str:
    """Name the attempts of each label, so that `contrast` can take them, and say how; or why it cannot."""
    if not all("trace_id" in row for row in rows):
        return "the rows have no trace_id, so contrast cannot take the labels; select it too"
    judged = outcome_word(bare(arguments.sql)) or next((name for name in _JUDGES if name in rows[0]), None)
    if judged:
        return f"the rows were chosen by, or showed, {judged}, so contrast does not take the labels; select without it"
    asked = {str(row["trace_id"]) for row in rows}
    [(whole,)] = context.store.rows("SELECT count(*) FROM attempts WHERE outcome IN ('success', 'failure')")
    identity = json.dumps([arguments.question, arguments.sql, arguments.labels])
    name = f"map_{hashlib.sha256(identity.encode()).hexdigest()[:6]}"
    for label in dict.fromkeys(arguments.labels or ()):
        if found := _attempts(rows, label):
            title = f"a model answered {label!r} to: {arguments.question}"
            context.hypotheses.add_labelled(f"{name}={label}", title, listing_sql(found))
    words = (
        f"contrast takes {name}=LABEL as predicate_sql. The labels are a model's, so a claim on them is never proven"
    )
    if len(asked) < whole:
        words += f"; only {len(asked)} of {whole} attempts were asked, and contrast counts the others as not showing it"
    return words


def listing_sql(trace_ids: Sequence[str]) -> str:
    """A predicate that lists attempts."""
    listed = ", ".join(map(literal, trace_ids))
    if len(listed.encode()) <= _LONGEST_LIST:
        return f"SELECT trace_id FROM attempts WHERE trace_id IN ({listed})"
    hashes = ", ".join(f"'{hashlib.md5(one.encode()).hexdigest()[:8]}'" for one in trace_ids)
    return f"SELECT trace_id FROM attempts WHERE left(md5(trace_id), 8) IN ({hashes})"


def _examples(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of each answer."""
    kept: Counter[str] = Counter()
    first: list[dict[str, Any]] = []
    for row in rows:
        name = str(row.get("answer"))
        if kept[name] < _EXAMPLES:
            first.append(row)
        kept[name] += 1
    return first


TOOL = Tool(
    "llm_map",
    "ask a small model one question about each row of a query, with labels to count and contrast: for what no pattern"
    " can match",
    LlmMapArguments,
    run,
)
