"""The tool `findings`: what mining found with its detectors, and everything that it tested."""

from collections import Counter
from collections.abc import Mapping

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.by_run import comparisons_text
from halo_opt.analysis.tools.formatting import bytes_left, cell_text, format_answer, rows_text
from halo_opt.core.records import Value
from halo_opt.core.report_records import Exemplar, Finding, Number

_NUMBERS = ("failures_with", "failures", "successes_with", "successes", "difference", "q_value")
_MOST_TESTED = 25
# Characters of a predicate that a model can still read.
_MOST_SQL = 1_500


class FindingsArguments(Arguments):
    """Nothing for the list, the id of one finding, or everything that was tested."""

    id: str | None = Field(default=None, description="id of one finding (F1), to get it in full")
    tested: bool = Field(
        default=False, description="what mining compared with the outcome, and how much it did not, and why"
    )


def run(arguments: FindingsArguments, context: ToolContext) -> str:
    """All findings, a line for each; one in full; or the table of everything that was tested."""
    if arguments.id is not None:
        return _one(arguments.id, context)
    return _tested(context) if arguments.tested else _all(context)


def finding_of(context: ToolContext, name: str) -> Finding:
    """The finding of this id or behaviour. Raises ToolRefused where there is none."""
    for finding in context.report.findings:
        if name.lower() in (finding.id.lower(), finding.behaviour.lower()):
            return finding
    known = ", ".join(finding.id for finding in context.report.findings) or "none"
    raise ToolRefused(f"there is no finding {name[:60]!r}; there are: {known}")


def _all(context: ToolContext) -> str:
    report = context.report
    columns = ["id", "level", *_NUMBERS, "category", "title"]
    rows = [_row(finding) for finding in report.findings]
    summary = (
        f"{len(rows)} findings of mining, over all attempts; difference: how much more often attempts that show it fail"
        " (fraction, within the same task); q_value: the p-value after correction, proven at 0.05 or less. Ask with an"
        f" id for one in full, with tested for the best of the {len(report.tested)} behaviours that mining looked for"
    )
    triage = "\n".join(f"{name}\t{cell_text(number.value, 80)}" for name, number in report.triage.items())
    caveats = "\n".join(report.caveats)
    table, missing = rows_text(columns, rows, bytes_left(context, summary)) if rows else ("no findings", "")
    parts = [table, f"triage of failures:\n{triage}", *comparisons_text(report), f"caveats:\n{caveats}"]
    data = "\n\n".join(parts)
    return format_answer(context, summary, data, f"[{missing}]" if missing else "", remedy="ask with an id for one")


def _row(finding: Finding) -> list[object]:
    numbers = [_value(finding.numbers.get(name)) for name in _NUMBERS]
    return [finding.id, finding.level, *numbers, finding.category, finding.title]


def _tested(context: ToolContext) -> str:
    """What was compared with the outcome, the smallest p-value first, and how much was not, by the reason."""
    lines = context.report.tested
    if not lines:
        return "mining tested no behaviour"
    compared = [line for line in lines if line.get("state") == "tested"]
    compared.sort(key=lambda line: (_size(line.get("p_value")), str(line.get("title"))))
    columns = ["p_value", "q_value", "difference", "failures_with", "successes_with", "title"]
    rows = [list(map(line.get, columns)) for line in compared[:_MOST_TESTED]]
    left = Counter(_why(line) for line in lines if line.get("state") != "tested")
    reasons = "\n".join(f"{count}\t{reason}" for reason, count in left.most_common())
    summary = f"mining looked for {len(lines)} behaviours and compared {len(compared)} of them with the outcome"
    if rows:
        summary += f"; the {len(rows)} with the smallest p-values (q_value: after correction; proven at 0.05 or less)"
    others = f"not compared, by reason:\n{reasons}" if reasons else ""
    if not rows:
        return format_answer(context, summary, others)
    table, missing = rows_text(columns, rows, bytes_left(context, summary, others) - 80)
    data = "\n\n".join(part for part in (table, others) if part)
    note = f"[{missing}]" if missing else ""
    return format_answer(context, summary, data, note, remedy="ask 'findings' without tested")


def _why(line: Mapping[str, Value]) -> str:
    """Why a behaviour was not compared."""
    return cell_text(line.get("reason") or line.get("state"), 200)


def _size(value: Value) -> float:
    return value if isinstance(value, float) else 1.0


def _one(name: str, context: ToolContext) -> str:
    finding = finding_of(context, name)
    numbers = "\n".join(f"{name}\t{cell_text(_value(number), 80)}" for name, number in finding.numbers.items())
    parts = [
        f"claim: {finding.claim}",
        *_level(finding),
        f"category: {finding.category}; remedies: {', '.join(finding.remedies) or 'none of its own'}",
        f"numbers:\n{numbers}",
        *(f"caution: {words}" for words in finding.confounders),
        *(f"occurs together with it: {one.title}: {one.claim}" for one in finding.consequences),
        *(_exemplar("failure", one) for one in finding.exemplars),
        *(_exemplar("success that shows it too", one) for one in finding.counter_examples),
        *_groups(finding),
    ]
    if len(finding.predicate_sql) <= _MOST_SQL:
        parts.append(f"predicate SQL (trace_id, value, step):\n{finding.predicate_sql}")
    summary = (
        "one finding in full; 'traces' with finding set to its id lists the attempts that show it, and contrast takes"
        " its id as predicate_sql"
    )
    return format_answer(
        context,
        summary,
        "\n".join([f"{finding.id} {finding.title}", *parts]),
        remedy="'show' has the steps of an attempt",
    )


def _level(finding: Finding) -> list[str]:
    scope = f" (it concerns {finding.scope})" if finding.scope else ""
    why = f"; why not higher: {finding.level_reason}" if finding.level_reason else ""
    lift = f" What would lift it: {finding.to_lift}" if finding.to_lift else ""
    return [f"level: {finding.level}{scope}{why}{lift}"]


def _exemplar(kind: str, one: Exemplar) -> str:
    text = f"{kind} {one.trace_id} task {one.task_id} step {one.step}: {one.excerpt}"
    if one.beside is not None:
        text += f"\n  the success {one.beside.trace_id} does at step {one.beside.step}: {one.beside.there}"
    return text


def _groups(finding: Finding) -> list[str]:
    texts = []
    for table in finding.groups:
        lines = [f"by {table.by}: {table.note}" if table.note else f"by {table.by}"]
        lines += [
            f"  {row.group}: {row.shown} of {row.attempts} attempts, {row.failures_shown} of {row.failures} failures"
            for row in table.rows
        ]
        texts.append("\n".join(lines))
    return texts


def _value(number: Number | None) -> object:
    return None if number is None else number.value


TOOL = Tool(
    "findings",
    "the failure modes that mining found, with counts and tests; one in full; the triage of failures",
    FindingsArguments,
    run,
)
