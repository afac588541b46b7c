"""The tool `contrast`: a predicate over attempts tested against the outcome, with the statistics of mining.

It is always measured over all attempts, also for an agent that sees a part of them: within a scope of failures, every
predicate would go with failing.
"""

import re
from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.claims.check import claim_behaviour
from halo_opt.analysis.claims.records import MAX_TEXT, Claim
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.by_run import RunCounts, by_run_text, counts_by_run
from halo_opt.analysis.tools.querying import refused
from halo_opt.core.errors import InputError
from halo_opt.core.prompts import fence
from halo_opt.core.records import Interval, Record
from halo_opt.core.report_records import Report
from halo_opt.core.text import counted
from halo_opt.mining.findings import HELD_FIXED
from halo_opt.mining.measure import MIN_FAILURES, MIN_WITH, Measured, measure, steps_where_success_ends
from halo_opt.store.guarded.sql_checks import blind_sql, outcome_word
from halo_opt.store.guarded.sql_text import alone, bare

MAX_SQL = MAX_TEXT * 6
# From this share of failures on, with no success, a predicate is probably the failure in other words.
_RESTATES = 0.95
_LABELLED = re.compile(r"(map_[0-9a-f]{6})\s*=\s*(.+)", re.DOTALL)
# Small models fill in a form that they would not write themselves.
_HOW_TO_CLAIM = (
    "its name is %s; if it holds, show a failure below and claim it by name, with words copied from there: "
    '{"tool": "claim", "title": ..., "claim": ..., "predicate_sql": "%s", "quotes": [{"trace_id": ..., "words": ...}]}'
)


class ContrastArguments(Arguments):
    """A hypothesis."""

    title: str = Field(min_length=3, max_length=160, description="what an attempt that shows it does, in a few words")
    predicate_sql: str = Field(
        max_length=MAX_SQL,
        description="SELECT of the trace_id (and, if it is of one, the step) of every attempt that shows it, by what it"
        " did; never by outcome or score;"
        " or the id of a finding, the name of an earlier contrast, or of a label of llm_map",
    )


class ContrastResult(Record):
    """The result of one contrast. Rates are fractions; `hypotheses_tested` counts the agent's, this one included."""

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
    hypotheses_tested: int
    warnings: list[str]
    examples: list[str]
    successes_that_show_it: list[str]
    runs: list[RunCounts]


def contrast_predicate(context: ToolContext, title: str, predicate_sql: str) -> ContrastResult:
    """Compare failures with successes by whether the predicate holds, and count it among the context's hypotheses.

    Raises ToolRefused where the predicate cannot run or depends on the outcome.
    """
    sql, shown = _checked(context, _unnamed(context, predicate_sql))
    claim = Claim(title=title, claim="", predicate_sql=sql)
    first_steps = steps_where_success_ends(context.store)
    measured = measure(context.guarded, claim_behaviour(claim, "asked"), first_steps)
    if measured.state in ("failed", "not applicable"):
        raise refused(measured.reason, sql)
    compared = measured.state in ("tested", "described")
    name = context.hypotheses.add(title, sql, context.agent).name if compared else ""
    c = measured.contrast
    return ContrastResult(
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
        hypotheses_tested=context.hypotheses.count(context.agent),
        warnings=_warnings(measured, ends_with_success=len(first_steps)),
        examples=_examples(context, shown, "failure"),
        successes_that_show_it=_examples(context, shown, "success"),
        runs=counts_by_run(context, map(str, shown)),
    )


def _examples(context: ToolContext, shown: set[Any], outcome: Literal["failure", "success"]) -> list[str]:
    """The first attempts of this outcome by id that show it."""
    rows = context.store.rows(
        "SELECT trace_id FROM attempts WHERE outcome = ? AND trace_id IN (SELECT unnest(?::VARCHAR[]))"
        " ORDER BY trace_id LIMIT 3",
        [outcome, sorted(map(str, shown))],
    )
    return [str(trace_id) for (trace_id,) in rows]


def _unnamed(context: ToolContext, predicate_sql: str) -> str:
    """The predicate that a name stands for: of a finding, an earlier contrast or a label; any other as it is."""
    text = predicate_sql.strip()
    for finding in context.report.findings:
        if text.lower() == finding.id.lower():
            return f"SELECT trace_id, step FROM (\n{finding.predicate_sql}\n) AS found WHERE value"
    label = _LABELLED.fullmatch(text)
    named = context.hypotheses.named(f"{label[1]}={label[2]}" if label else text)
    if label and named is None:
        raise ToolRefused("there are no labels of this name, or no attempt got this one; llm_map says the names")
    return named.predicate_sql if named else predicate_sql


def _checked(context: ToolContext, predicate_sql: str) -> tuple[str, set[Any]]:
    """The predicate as one SELECT of trace_ids that does not depend on the outcome, and the ids that it selects."""
    sql = alone(predicate_sql)
    if len(sql.encode("utf-8", "replace")) > MAX_SQL:
        raise ToolRefused(f"the predicate is longer than {MAX_SQL} bytes; shorten it")
    if judged := outcome_word(bare(sql)):
        raise ToolRefused(
            f"the predicate looks at {judged}: a behaviour defined by the outcome explains nothing; select attempts by"
            " what they did, and this tool compares that with the outcome"
        )
    try:
        # By itself first: set into other SQL, half a statement could close the other one's brackets.
        shown = context.guarded.rows(sql)
        blind = context.guarded.rows(blind_sql(sql) or sql)
    except InputError as error:
        raise refused(str(error), sql) from error
    if any(len(row) > 1 for row in shown) and not _has_step(context, sql, len(shown[0])):
        raise ToolRefused("the predicate selects other columns; SELECT trace_id alone, or trace_id and step")
    if {row[0] for row in shown} != {row[0] for row in blind}:
        raise ToolRefused(
            "the predicate selects other attempts when outcome and score are hidden: it depends on the outcome or on"
            " chance, so it explains nothing; select attempts by what they did"
        )
    return sql, {row[0] for row in shown}


def _has_step(context: ToolContext, sql: str, columns: int) -> bool:
    """Whether a predicate of several columns gives trace_id and the step that shows it, and nothing else."""
    try:
        context.guarded.rows(f"SELECT p.trace_id, p.step FROM (\n{sql}\n) AS p LIMIT 0")
    except InputError:
        return False
    return columns == 2


def _warnings(m: Measured, *, ends_with_success: int) -> list[str]:
    """What weakens a contrast; `ends_with_success` is the number of runs in which success ends an attempt."""
    if m.failures_with and m.successes == 0:
        return [
            "no attempt succeeds, so nothing can be compared: what nearly all failures share may be the cause. Show"
            " that it alone keeps an attempt from succeeding, with a quote of what came back"
        ]
    warnings = []
    if ends_with_success:
        why = f"in {counted(ends_with_success, 'run')} success ends an attempt, so failures have more steps"
        without_step = "there a predicate without a step is not tested; select trace_id and step, and first steps are"
        warnings.append(f"{why}; {without_step if m.whole else 'of these runs only first steps are'} compared")
    if m.failures and m.failures_with >= _RESTATES * m.failures and m.successes_with == 0:
        warnings.append(
            "nearly every failure shows it and no success: it may be the failure in other words, not its cause"
        )
    if m.failures_with + m.successes_with == m.failures + m.successes:
        warnings.append("every attempt shows it, so it explains nothing")
    if m.failures_with == 0 and m.state != "not seen":
        warnings.append("no failure shows it")
    if m.state == "described":
        few = m.failures < MIN_FAILURES or m.failures_with + m.successes_with < MIN_WITH
        needed = f" (a test needs {MIN_FAILURES} failures and {MIN_WITH} attempts that show it)" if few else ""
        warnings.append(f"it was not tested: {m.reason}{needed}")
    return warnings


def run(arguments: ContrastArguments, context: ToolContext) -> str:
    """Counts, the difference within tasks with its interval and p-value, and warnings."""
    result = contrast_predicate(context, arguments.title, arguments.predicate_sql)
    return result_text(result, context.report, can_claim=context.models is not None)


def result_text(c: ContrastResult, report: Report, *, can_claim: bool) -> str:
    """A result as text for the model.

    Args:
        c: the result.
        report: what mining says.
        can_claim: whether the reader can claim it; then it is told how, and what further hypotheses cost.
    """
    if c.state == "not seen":
        return "no attempt shows it, so nothing was tested; check with 'sql' what the predicate selects"
    lines = [
        f"over all attempts: {c.failures_with} of {c.failures} failures{_share(c.failures_with, c.failures)} and"
        f" {c.successes_with} of {c.successes} successes{_share(c.successes_with, c.successes)} show it"
    ]
    if c.difference is not None and c.interval is not None and c.p_value is not None:
        low, high = c.interval
        more = "more" if c.difference >= 0 else "less"
        lines.append(
            f"{c.held_fixed.lower()}, attempts that show it fail {abs(100 * c.difference):.0f} points {more} often"
            f" (difference {c.difference:.3f}, 95% interval {low:.3f} to {high:.3f}, p = {c.p_value:.2g} before"
            " correction)"
        )
    lines += [f"warning: {warning}" for warning in c.warnings]
    if c.name:
        mined = len(report.tested)
        tested = f"you have tested {counted(c.hypotheses_tested, 'hypothesis', 'hypotheses')} so far"
        if can_claim:
            lines += [
                _HOW_TO_CLAIM % (c.name, c.name),
                f"{tested}; the end result corrects for all of them together with the {mined} of mining, so"
                " each further one makes every one harder to prove",
            ]
        else:
            lines += [
                f"its name is {c.name}",
                f"{tested}, and nothing here corrects for that: the more are tested, the more seem to hold by chance",
            ]
    if c.examples:
        lines += ["failures that show it, to look at:", fence("\n".join(c.examples))]
    if c.successes_that_show_it:
        lines += ["successes that show it too:", fence("\n".join(c.successes_that_show_it))]
    if by_run := by_run_text(c.runs, report.comparisons):
        lines.append(by_run)
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.0f}%)" if whole else ""


TOOL = Tool(
    "contrast",
    "test a hypothesis: a predicate over all attempts against outcome, within the same task, with interval and p-value",
    ContrastArguments,
    run,
    in_order=True,
)
