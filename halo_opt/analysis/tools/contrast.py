"""The tool `contrast`: a hypothesis tested rather than eyeballed. Of a trace its answer holds ids alone."""

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Desk, Tool
from halo_opt.analysis.tools.contrasting import MAX_SQL, Contrasted, contrasted
from halo_opt.analysis.tools.data_marks import fence
from halo_opt.core.text import counted


class ContrastArguments(Arguments):
    """A hypothesis."""

    title: str = Field(min_length=3, max_length=160, description="what an attempt that shows it does, in a few words")
    predicate_sql: str = Field(
        max_length=MAX_SQL,
        description="SELECT of the trace_id of every attempt that shows it, by what it did; never by outcome or score",
    )


# Small models fill in a form where they would make none.
_CLAIM = (
    "its name is %s; where it holds, look at a failure below and claim it by name, with words copied from there: "
    '{"tool": "claim", "title": ..., "claim": ..., "predicate_sql": "%s", "quotes": [{"trace_id": ..., "words": ...}]}'
)


def run(asked: ContrastArguments, desk: Desk) -> str:
    """Counts, the difference within tasks with its interval and p-value, and what to beware of."""
    found = contrasted(desk, asked.title, asked.predicate_sql)
    return words_of(found, len(desk.report.tested), claiming=desk.asking is not None)


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
