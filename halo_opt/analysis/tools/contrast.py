"""The tool `contrast`: a predicate over attempts tested against the outcome, with the statistics of mining.

It is always measured over all attempts, whatever its agent sees: within a scope of failures, whatever is looked at
would go with failing.
"""

from typing import Any

from pydantic import Field

from halo_opt.analysis.claims.check import behaviour_of
from halo_opt.analysis.claims.records import MAX_TEXT, Claim
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.querying import refused
from halo_opt.core.errors import InputError
from halo_opt.core.prompts import fence
from halo_opt.core.records import Interval, Record
from halo_opt.core.text import counted
from halo_opt.mining.cells import MIN_FAILURES, MIN_WITH, Measured, literal, measure, steps_where_success_ends
from halo_opt.mining.findings import HELD_FIXED
from halo_opt.store.guarded.honest_sql import judged_by
from halo_opt.store.guarded.sqltext import alone, bare, without_schema

MAX_SQL = MAX_TEXT * 6
# The share of failures from which on, with no success, a predicate is failing in other words.
_RESTATES = 0.95
# Of the attempts that show it, as many are looked through for failures to name.
_LOOKED_AT = 1_000
# What a predicate sees when the verdicts are hidden from it. That an attempt was not measured is none.
_BLIND = (
    "WITH attempts AS (SELECT * REPLACE (CASE WHEN outcome = 'error' THEN outcome END AS outcome,"
    " NULL::DOUBLE AS score) FROM main.attempts),\nscores AS (SELECT * FROM main.scores WHERE false)\n"
)
# Small models fill in a form where they would make none.
_CLAIM = (
    "its name is %s; where it holds, look at a failure below and claim it by name, with words copied from there: "
    '{"tool": "claim", "title": ..., "claim": ..., "predicate_sql": "%s", "quotes": [{"trace_id": ..., "words": ...}]}'
)


class ContrastArguments(Arguments):
    """A hypothesis."""

    title: str = Field(min_length=3, max_length=160, description="what an attempt that shows it does, in a few words")
    predicate_sql: str = Field(
        max_length=MAX_SQL,
        description="SELECT of the trace_id of every attempt that shows it, by what it did; never by outcome or score",
    )


class Contrasted(Record):
    """What came of one contrast. Rates are fractions; `asked` counts this agent's hypotheses, this one included."""

    name: str
    state: str
    reason: str
    failures_with: int
    failures: int
    successes_with: int
    successes: int
    difference: float | None
    interval: Interval | None
    p_value: float | None
    held_fixed: str
    asked: int
    warnings: list[str]
    examples: list[str]


def contrasted(context: ToolContext, title: str, predicate_sql: str) -> Contrasted:
    """Failures against successes by whether the predicate holds; it is counted among the context's hypotheses.

    Raises ToolRefused where it cannot run or looks at the verdict.
    """
    sql, shown = _checked(context, predicate_sql)
    told = Claim(title=title, claim="", predicate_sql=sql)
    measured = measure(context.guarded, behaviour_of(told, "asked"), steps_where_success_ends(context.store))
    if measured.state in ("failed", "not applicable"):
        raise refused(measured.reason, sql)
    compared = measured.state in ("tested", "described")
    name = context.hypotheses.add(title, sql, context.agent).name if compared else ""
    c = measured.contrast
    return Contrasted(
        name=name,
        state=measured.state,
        reason=measured.reason,
        failures_with=measured.failures_with,
        failures=measured.failures,
        successes_with=measured.successes_with,
        successes=measured.successes,
        difference=c.difference if c else None,
        interval=c.interval if c else None,
        p_value=c.p_value if c else None,
        held_fixed=HELD_FIXED[c.stratified_by] if c else "",
        asked=context.hypotheses.count(context.agent),
        warnings=list(_warnings(measured)),
        examples=_failures(context, shown),
    )


def _failures(context: ToolContext, shown: set[Any]) -> list[str]:
    """A few failures that show it, to be looked at; the first by id."""
    named = ", ".join(literal(str(trace_id)) for trace_id in sorted(map(str, shown))[:_LOOKED_AT])
    sql = f"SELECT trace_id FROM attempts WHERE outcome = 'failure' AND trace_id IN ({named}) ORDER BY trace_id LIMIT 3"
    return [str(trace_id) for (trace_id,) in context.store.rows(sql)] if named else []


def _checked(context: ToolContext, predicate_sql: str) -> tuple[str, set[Any]]:
    """The predicate as one SELECT of trace_ids that does not look at the verdict, and the ids that it gives."""
    sql = alone(predicate_sql)
    if len(sql.encode("utf-8", "replace")) > MAX_SQL:
        raise ToolRefused(f"the predicate is longer than {MAX_SQL} bytes; say it shorter")
    if judged := judged_by(bare(sql)):
        raise ToolRefused(
            f"the predicate looks at {judged}: what is defined by failing explains nothing; say what the attempt did,"
            " and this tool holds it against the outcome"
        )
    try:
        # By itself first: set into other SQL, half a statement could close the other one's brackets.
        shown = context.guarded.rows(sql)
        unseeing = context.guarded.rows(f"{_BLIND}SELECT * FROM ({without_schema(sql, ('attempts', 'scores'))}\n) AS p")
    except InputError as error:
        raise refused(str(error), sql) from error
    if any(len(row) != 1 for row in shown):
        raise ToolRefused("the predicate gives more than one column; SELECT trace_id alone, of attempts that show it")
    if {row[0] for row in shown} != {row[0] for row in unseeing}:
        raise ToolRefused(
            "the predicate gives other attempts when outcome and score are hidden: what is defined by failing explains"
            " nothing, and what is drawn at random neither; say what the attempt did"
        )
    return sql, {row[0] for row in shown}


def _warnings(m: Measured) -> list[str]:
    said = []
    if m.failures and m.failures_with >= _RESTATES * m.failures and m.successes_with == 0:
        said.append("nearly every failure shows it and no success: it may be failing in other words, not a cause")
    if m.failures_with + m.successes_with == m.failures + m.successes:
        said.append("every attempt shows it, so it tells nothing")
    if m.failures_with == 0 and m.state != "not seen":
        said.append("no failure shows it")
    if m.state == "described":
        said.append(
            f"no test was made: {m.reason} (a test takes {MIN_FAILURES} failures, and {MIN_WITH} attempts that show it)"
        )
    return said


def run(asked: ContrastArguments, context: ToolContext) -> str:
    """Counts, the difference within tasks with its interval and p-value, and what to beware of."""
    found = contrasted(context, asked.title, asked.predicate_sql)
    return words_of(found, len(context.report.tested), claiming=context.models is not None)


def words_of(c: Contrasted, mined: int, *, claiming: bool) -> str:
    """A contrast as a paragraph; with `claiming` who reads it can claim, is told how, and what asking on costs."""
    if c.state == "not seen":
        return "no attempt shows it, so nothing was tested; see with 'sql' what the predicate gives"
    said = [
        f"over all attempts: {c.failures_with} of {c.failures} failures{_share(c.failures_with, c.failures)} and"
        f" {c.successes_with} of {c.successes} successes{_share(c.successes_with, c.successes)} show it"
    ]
    if c.difference is not None and c.interval is not None and c.p_value is not None:
        low, high = c.interval
        more = "more" if c.difference >= 0 else "less"
        said.append(
            f"{c.held_fixed.lower()}, attempts that show it fail {abs(100 * c.difference):.0f} points {more} often"
            f" (difference {c.difference:.3f}, 95% interval {low:.3f} to {high:.3f}, p = {c.p_value:.2g} before"
            " correction)"
        )
    said += [f"beware: {warning}" for warning in c.warnings]
    if c.name:
        asked = f"you have asked {counted(c.asked, 'hypothesis', 'hypotheses')} so far"
        if claiming:
            said += [
                _CLAIM % (c.name, c.name),
                f"{asked}; in the end all of them are corrected for, together with the {mined} of mining, so each one"
                " more makes every one harder to prove",
            ]
        else:
            said += [
                f"its name is {c.name}",
                f"{asked}, and nothing here corrects for them: the more are asked, the more seem to hold by chance",
            ]
    if c.examples:
        said += ["failures that show it, to look at:", fence("\n".join(c.examples))]
    return "\n".join(said)


def _share(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.0f}%)" if whole else ""


TOOL = Tool(
    "contrast",
    "test a hypothesis: a predicate over all attempts against outcome, within the same task, with interval and p-value",
    ContrastArguments,
    run,
    in_order=True,
)
