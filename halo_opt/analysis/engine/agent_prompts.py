"""The prompts of an agent: instructions, first message, final call, and what is left of the limits.

They hold no time, no path and nothing else that differs from run to run, except `limits_left`, which is sent beside the
prompt.
"""

from collections.abc import Iterator, Sequence

from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.engine.prompt_sizes import PromptSizes, truncated
from halo_opt.analysis.engine.turns import details_of, form_inside, form_of
from halo_opt.analysis.tools.all import NEED_HARNESS
from halo_opt.analysis.tools.base import Tool, ToolContext
from halo_opt.analysis.tools.by_run import comparisons_text
from halo_opt.analysis.tools.formatting import beginning
from halo_opt.core.errors import InputError
from halo_opt.core.playbook import load_playbook
from halo_opt.core.prompts import fence, render
from halo_opt.core.records import Value
from halo_opt.core.report_records import Finding, Report
from halo_opt.core.text import counted, duration
from halo_opt.llm.ledger import Budget, Spend
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.store.schema import BY_NAME

# The tables and columns that a predicate needs: a model has no use for places in files and derived hashes.
_TABLES = ("attempts", "steps", "tool_calls", "messages")
_LEFT_OUT = {"source", "line", "span_id", "byte_offset", "byte_length", "started_at", "ended_at"}
_OVERVIEW = (
    "attempts",
    "successes",
    "failures",
    "errors",
    "outcome_unknown",
    "success_rate",
    "tasks",
    "runs",
    "models",
)
_MAX_TOOLS = 15
_MAX_TITLES, _MAX_TITLE_BYTES = 3, 600
REPORT_TASK = (
    "Find how and why attempts fail: what breaks whole runs, and the ways of failing that are more common in failures "
    "than in successes, above all those that are not among the findings below. Record each as a claim, then submit."
)


def system_message(tools: Sequence[Tool], sizes: PromptSizes, *, final_tool: str, claims: bool, answers: bool) -> str:
    """The instructions: rules, tools and tables.

    Args:
        tools: the tools that the agent is offered.
        sizes: how much may be explained.
        final_tool: name of the tool that ends the agent's work.
        claims: whether the agent records claims.
        answers: whether it answers a question.
    """
    described = []
    claim_form = form_inside(Claim)
    for tool in tools:
        form = form_of(tool)
        # A claim's form is long: where `claim` shows it, other tools refer to it.
        form = form.replace(claim_form, "as in claim") if claims else form
        details = details_of(tool) if sizes.argument_details else []
        described.append({"name": tool.name, "purpose": tool.purpose, "form": form, "details": details})
    values = {
        "tools": described,
        "tables": [_table(name) for name in _TABLES],
        "actions": sizes.max_actions,
        "guidance": sizes.guidance,
        "finish": final_tool,
        "claims": claims,
        "playbook": ", ".join(sorted(load_playbook().all_words())),
        "answers": answers,
        "harness": any(tool.name in NEED_HARNESS for tool in tools),
    }
    return render("analyzer_system.j2", values)


def _table(name: str) -> str:
    columns = [column.name for column in BY_NAME[name].columns if column.name not in _LEFT_OUT]
    return f"{name}({', '.join(columns)})"


def first_message(
    context: ToolContext, sizes: PromptSizes, rows: GuardedRows, *, question: str | None, titles_only: bool
) -> str:
    """The task, counts of the attempts, and mining's findings as far as the size allows.

    Args:
        context: what the agent's tools work with.
        sizes: how much may be shown.
        rows: runs SQL over the agent's scope.
        question: what the agent is asked; None for a report.
        titles_only: show only the titles of the first findings.
    """
    findings = context.report.findings if context.scope.sql is None else []
    values = {
        "heading": "Task" if question is None else "Question",
        "task": REPORT_TASK if question is None else question,
        "earlier": _earlier(context, sizes),
        "scope": f"You look at {context.scope.words}.",
        "overview": [*_overview(context, sizes, rows), *_tool_names(context, rows)],
        "findings": _titles(findings) if titles_only else _findings(findings, sizes.findings_bytes),
    }
    return render("analyzer_first.j2", values)


def _earlier(context: ToolContext, sizes: PromptSizes) -> str:
    """What earlier analyses found and tried, as far as half the room for findings goes; '' for a part of the traces."""
    if context.scope.sql is not None or not context.earlier:
        return ""
    return fence(beginning(context.earlier, sizes.findings_bytes // 2))


def _overview(context: ToolContext, sizes: PromptSizes, rows: GuardedRows) -> Iterator[str]:
    if context.scope.sql is not None:
        yield from _outcomes(context, rows)
        return
    known = dict(_known(context.report))
    yield ", ".join(f"{name}: {_figure(value)}" for name, value in known.items() if not isinstance(value, str))
    names = [f"{name}: {value}" for name, value in known.items() if isinstance(value, str)]
    if names:
        yield fence("\n".join(names))
    for compared in comparisons_text(context.report):
        yield fence(beginning(compared, sizes.findings_bytes // 2))


def _outcomes(context: ToolContext, rows: GuardedRows) -> Iterator[str]:
    sql = "SELECT outcome, count(*) FROM attempts GROUP BY outcome ORDER BY outcome"
    try:
        counts = rows.rows(context.scope.over(sql))
    except InputError:
        yield "Its outcomes cannot be counted."
        return
    shown = ", ".join(f"{count} {outcome or 'unknown'}" for outcome, count in counts)
    yield f"attempts in it: {shown or 'none'}"


def _tool_names(context: ToolContext, rows: GuardedRows) -> Iterator[str]:
    """The tools of the agent under test, most used first: a predicate must name them as they are."""
    sql = "SELECT tool, count(*) AS n FROM tool_calls WHERE tool IS NOT NULL GROUP BY tool ORDER BY n DESC, tool"
    try:
        found = rows.rows(context.scope.over(f"{sql} LIMIT {_MAX_TOOLS}"))
    except InputError:
        return
    if found:
        yield "values of tool_calls.tool and steps.tool, with the number of calls:"
        yield fence("\n".join(f"{truncated(str(tool), 60)} {count}" for tool, count in found))


def _known(report: Report) -> Iterator[tuple[str, Value]]:
    for name in _OVERVIEW:
        number = report.overview.get(name)
        if number is not None and number.value not in (None, 0):
            yield name, number.value


def _figure(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _findings(findings: Sequence[Finding], max_bytes: int) -> str:
    """A line for each finding. Titles and claims quote traces, so all of it stands between marks."""
    lines: list[str] = []
    size = 0
    for finding in findings:
        line = f"{finding.id} [{finding.category}, {finding.level}] {finding.title}: {_supported(finding)}"
        size += len(line.encode())
        if size > max_bytes:
            lines.append(f"and {len(findings) - len(lines)} more" if lines else truncated(line, 400))
            break
        lines.append(line)
    return fence("\n".join(lines)) if lines else ""


def _supported(finding: Finding) -> str:
    """The claim of a finding that is proven, shown or of one run; of any other the counts, as it says no more."""
    counts = [finding.numbers.get(name) for name in ("failures_with", "failures", "successes_with", "successes")]
    if finding.level in ("proven", "shown") or finding.scope or None in counts:
        return finding.claim
    with_it, failures, too, successes = (number.value for number in counts if number is not None)
    return f"{with_it} of {failures} failures and {too} of {successes} successes{_difference(finding)}"


def _difference(finding: Finding) -> str:
    difference, q_value = (finding.numbers.get(name) for name in ("difference", "q_value"))
    if difference is None or q_value is None or not isinstance(difference.value, int | float):
        return ""
    more = "more" if difference.value >= 0 else "less"
    points = f"{abs(100 * difference.value):.0f} points {more} often"
    return f"; of comparable attempts, those that show it fail {points} (q = {_figure(q_value.value)})"


def _titles(findings: Sequence[Finding]) -> str:
    lines = [f"{finding.id} {finding.title}" for finding in findings[:_MAX_TITLES]]
    if len(findings) > _MAX_TITLES:
        lines.append(f"and {len(findings) - _MAX_TITLES} more; 'findings' lists them")
    return fence(truncated("\n".join(lines), _MAX_TITLE_BYTES)) if lines else ""


def final_message(reason: str, final_tool: Tool, claims: Sequence[str]) -> str:
    """The call for a last reply: why the agent must stop, the form of the reply, and the claims recorded so far."""
    form = form_of(final_tool).replace(f'"tool": "{final_tool.name}", ', "")
    return render("analyzer_last.j2", {"reason": reason, "form": form, "claims": list(claims)})


def unusable_reply_message(problem: str, example: Tool) -> str:
    """What is wrong with a reply, and the right form."""
    return render("analyzer_malformed.j2", {"problem": problem, "example": form_of(example)})


def limits_left(*, turns: int, budget: Budget, committed: Spend, seconds: float | None) -> str:
    """What is left of the limits, in a sentence.

    Args:
        turns: turns left, this one included.
        budget: the limits of the analysis.
        committed: what is spent or reserved.
        seconds: time left; None without a limit.
    """
    left = [counted(turns, "turn")]
    if budget.tokens is not None:
        left.append(f"{max(0, budget.tokens - committed.tokens_in - committed.tokens_out):,} tokens")
    if budget.usd is not None:
        left.append(f"${max(0.0, budget.usd - committed.cost_usd):.4f}")
    if budget.calls is not None:
        left.append(f"{max(0, budget.calls - committed.calls):,} calls")
    if seconds is not None:
        left.append(duration(seconds))
    return f"Left: {', '.join(left)}." + (" This is your last turn: submit now." if turns <= 1 else "")
