"""What an agent is told before it begins, as much as its model's context holds. Words and figures of the report only:
no time, no path, nothing that differs from run to run.
"""

from collections.abc import Iterable, Sequence

from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.engine.sizes import Sizes
from halo_opt.analysis.engine.turns import details_of, form_inside, form_of
from halo_opt.analysis.engine.words import cut
from halo_opt.analysis.tools.base import Desk, Tool
from halo_opt.analysis.tools.data_marks import fence
from halo_opt.core.errors import InputError
from halo_opt.core.prompts import render
from halo_opt.core.records import Value
from halo_opt.core.report_records import Finding, Report
from halo_opt.store.guarded.rows import GuardedRows
from halo_opt.store.schema import BY_NAME

# What a predicate needs; places in files and derived hashes are of no use to a model.
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
_MOST_TOOLS = 15
_TITLES, _MAX_TITLES = 3, 600
REPORT_HEADING, QUESTION_HEADING = "Task", "Question"
REPORT_TASK = (
    "Find how and why attempts fail: the ways of failing that are more common in failures than in successes, above all "
    "those that mining below does not have yet. Record each as a claim, then hand in."
)


def system_message(tools: Sequence[Tool], sizes: Sizes, *, finish: str, claims: bool, answers: bool) -> str:
    """Rules, tools and tables."""
    # A claim's form is long; where it stands once, the other place can point to it.
    inside = form_inside(Claim)
    forms = [form_of(t) for t in tools]
    forms = [form.replace(inside, "as in claim") for form in forms] if claims else forms
    values = {
        "tools": [
            {"name": t.name, "purpose": t.purpose, "form": form, "details": details_of(t) if sizes.details else []}
            for t, form in zip(tools, forms, strict=True)
        ],
        "tables": [_table(name) for name in _TABLES],
        "actions": sizes.actions,
        "guidance": sizes.guidance,
        "finish": finish,
        "claims": claims,
        "answers": answers,
    }
    return render("analyzer_system.j2", values)


def _table(name: str) -> str:
    columns = [column.name for column in BY_NAME[name].columns if column.name not in _LEFT_OUT]
    return f"{name}({', '.join(columns)})"


def first_message(desk: Desk, sizes: Sizes, rows: GuardedRows, *, heading: str, task: str, titles: bool) -> str:
    """The task and the most useful facts, the best findings first, as far as the size allows.

    Of findings the `titles` of the best alone, where the task is about something else.
    """
    findings = desk.report.findings if desk.scope.sql is None else []
    values = {
        "heading": heading,
        "task": task,
        "scope": f"You look at {desk.scope.words}.",
        "overview": [*_overview(desk, rows), *_called(desk, rows)],
        "findings": _titles(findings) if titles else _findings(findings, sizes.first_bytes),
    }
    return render("analyzer_first.j2", values)


def _overview(desk: Desk, rows: GuardedRows) -> Iterable[str]:
    if desk.scope.sql is None:
        known = dict(_known(desk.report))
        yield ", ".join(f"{name}: {_figure(value)}" for name, value in known.items() if not isinstance(value, str))
        names = [f"{name}: {value}" for name, value in known.items() if isinstance(value, str)]
        if names:
            yield fence("\n".join(names))
        return
    try:
        counts = rows.rows(desk.scope.over("SELECT outcome, count(*) FROM attempts GROUP BY outcome ORDER BY outcome"))
    except InputError:
        yield "Its outcomes cannot be counted."
        return
    yield "attempts in it: " + (", ".join(f"{count} {outcome or 'unknown'}" for outcome, count in counts) or "none")


def _called(desk: Desk, rows: GuardedRows) -> Iterable[str]:
    """The tools of the agent under test, most used first: a predicate must name them as they are."""
    sql = "SELECT tool, count(*) AS n FROM tool_calls WHERE tool IS NOT NULL GROUP BY tool ORDER BY n DESC, tool"
    try:
        found = rows.rows(desk.scope.over(f"{sql} LIMIT {_MOST_TOOLS}"))
    except InputError:
        return
    if found:
        yield "values of tool_calls.tool and steps.tool, with the number of calls:"
        yield fence("\n".join(f"{cut(str(tool), 60)} {count}" for tool, count in found))


def _known(report: Report) -> Iterable[tuple[str, Value]]:
    for name in _OVERVIEW:
        number = report.overview.get(name)
        if number is not None and number.value not in (None, 0):
            yield name, number.value


def _figure(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _findings(findings: Sequence[Finding], most: int) -> str:
    """One line a finding. Names of signatures hold words of traces, so all of it stands between marks."""
    lines: list[str] = []
    for finding in findings:
        line = f"{finding.id} [{finding.category}] {finding.title}: {finding.claim}"
        if sum(len(known.encode()) for known in lines) + len(line.encode()) > most:
            lines.append(cut(line, 400) if not lines else f"and {len(findings) - len(lines)} more")
            break
        lines.append(line)
    return fence("\n".join(lines)) if lines else ""


def _titles(findings: Sequence[Finding]) -> str:
    lines = [f"{finding.id} {finding.title}" for finding in findings[:_TITLES]]
    if len(findings) > _TITLES:
        lines.append(f"and {len(findings) - _TITLES} more; 'findings' lists them")
    return fence(cut("\n".join(lines), _MAX_TITLES)) if lines else ""


def last_words(why: str, finish: Tool, claims: Sequence[str]) -> str:
    """The call for what there is, where an agent must stop; `claims` are those recorded already."""
    form = form_of(finish).replace(f'"tool": "{finish.name}", ', "")
    return render("analyzer_last.j2", {"why": why, "form": form, "claims": list(claims)})


def malformed_words(problem: str, example: Tool) -> str:
    """What was wrong with a reply, and the right form."""
    return render("analyzer_malformed.j2", {"problem": problem, "example": form_of(example)})
