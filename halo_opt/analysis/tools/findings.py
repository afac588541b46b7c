"""The tool `findings`: what mining found with its detectors, and everything that it tested."""

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import bytes_left, cell_text, format_answer, rows_text
from halo_opt.core.report_records import Exemplar, Finding, Number

_NUMBERS = ("failures_with", "failures", "successes_with", "successes", "difference", "q_value")


class FindingsArguments(Arguments):
    """Nothing for the list, the id of one finding, or everything that was tested."""

    id: str | None = Field(default=None, description="id of one finding (F1), to get it in full")
    tested: bool = Field(default=False, description="list every behaviour that mining looked for, found or not")


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
    columns = ["id", *_NUMBERS, "category", "title"]
    rows = [_row(finding) for finding in report.findings]
    summary = (
        f"{len(rows)} findings of mining, over all attempts; difference: how much more often attempts that show it fail"
        " (fraction, within the same task); q_value: the p-value after correction, proven at 0.05 or less. Ask with an"
        f" id for one in full, with tested for the {len(report.tested)} behaviours that mining looked for"
    )
    triage = "\n".join(f"{name}\t{cell_text(number.value, 80)}" for name, number in report.triage.items())
    caveats = "\n".join(report.caveats)
    table, missing = rows_text(columns, rows, bytes_left(context, summary)) if rows else ("no findings", "")
    data = f"{table}\n\ntriage of failures:\n{triage}\n\ncaveats:\n{caveats}"
    return format_answer(context, summary, data, f"[{missing}]" if missing else "", remedy="ask with an id for one")


def _row(finding: Finding) -> list[object]:
    numbers = [_value(finding.numbers.get(name)) for name in _NUMBERS]
    return [finding.id, *numbers, finding.category, finding.title]


def _tested(context: ToolContext) -> str:
    columns = ["behaviour", "state", "failures_with", "successes_with", "difference", "q_value", "reason"]
    rows = [list(map(line.get, columns)) for line in context.report.tested]
    summary = (
        f"{len(rows)} behaviours that mining looked for; 'tested': compared with the outcome; 'not seen': no attempt"
        " shows it; 'not applicable': these traces do not hold what it needs"
    )
    if not rows:
        return "mining tested no behaviour"
    table, missing = rows_text(columns, rows, bytes_left(context, summary) - 80)
    return format_answer(
        context, summary, table, f"[{missing}]" if missing else "", remedy="ask 'findings' without tested"
    )


def _one(name: str, context: ToolContext) -> str:
    finding = finding_of(context, name)
    numbers = "\n".join(f"{name}\t{cell_text(_value(number), 80)}" for name, number in finding.numbers.items())
    parts = [
        f"claim: {finding.claim}",
        f"category: {finding.category}; remedies: {', '.join(finding.remedies) or 'none of its own'}",
        f"numbers:\n{numbers}",
        *(f"caution: {words}" for words in finding.confounders),
        *(f"occurs together with it: {one.title}: {one.claim}" for one in finding.consequences),
        *(_exemplar("failure", one) for one in finding.exemplars),
        *(_exemplar("success that shows it too", one) for one in finding.counter_examples),
        *_groups(finding),
        f"predicate SQL (trace_id, value, step):\n{finding.predicate_sql}",
    ]
    summary = "one finding in full; 'traces' with finding set to its id lists the attempts that show it"
    return format_answer(
        context,
        summary,
        "\n".join([f"{finding.id} ({finding.behaviour}) {finding.title}", *parts]),
        remedy="'show' has the steps of an attempt",
    )


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
