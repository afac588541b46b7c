"""The tool `findings`: what mining found by its detectors, and what it looked for in vain. Only reads."""

from pydantic import Field

from halo_opt.analysis.tools.answers import answer, cell, room, rows_text
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.core.report_records import Exemplar, Finding, Number

_NUMBERS = ("failures_with", "failures", "successes_with", "successes", "difference", "q_value")


class FindingsArguments(Arguments):
    """Nothing, an id, or what was not found."""

    id: str | None = Field(default=None, description="id of one finding (F1), to get it in full")
    tested: bool = Field(default=False, description="list every behaviour that was looked at, found or not")


def run(asked: FindingsArguments, context: ToolContext) -> str:
    """All findings in a line each, one in full, or the table of everything that was tested."""
    if asked.id is not None:
        return _one(asked.id, context)
    return _tested(context) if asked.tested else _all(context)


def found(context: ToolContext, name: str) -> Finding:
    """The finding of this id or behaviour. Raises ToolRefused."""
    for finding in context.report.findings:
        if name.lower() in (finding.id.lower(), finding.behaviour.lower()):
            return finding
    known = ", ".join(finding.id for finding in context.report.findings) or "none"
    raise ToolRefused(f"there is no finding {name[:60]!r}; there are: {known}")


def _all(context: ToolContext) -> str:
    report = context.report
    columns = ["id", *_NUMBERS, "category", "title"]
    rows = [[f.id, *(_value(f.numbers.get(name)) for name in _NUMBERS), f.category, f.title] for f in report.findings]
    said = (
        f"{len(rows)} findings of mining, over all attempts; difference: how much more often attempts that show it fail"
        " (fraction, within the same task), q_value: after correction, proven at 0.05 or less. Ask with an id for one"
        f" in full, with tested for the {len(report.tested)} behaviours that were looked at"
    )
    triage = "\n".join(f"{name}\t{cell(number.value, 80)}" for name, number in report.triage.items())
    caveats = "\n".join(report.caveats)
    table, missing = rows_text(columns, rows, room(context, said)) if rows else ("no findings", "")
    data = "\n\n".join(part for part in (table, f"triage of failures:\n{triage}", f"caveats:\n{caveats}") if part)
    return answer(context, said, data, f"[{missing}]" if missing else "", instead="ask with an id for one")


def _tested(context: ToolContext) -> str:
    columns = ["behaviour", "state", "failures_with", "successes_with", "difference", "q_value", "reason"]
    rows = [[line.get(name) for name in columns] for line in context.report.tested]
    said = (
        f"{len(rows)} behaviours that mining looked at; 'tested' ones were held against the outcome, 'not seen' no"
        " attempt shows, 'not applicable' these traces cannot tell"
    )
    if not rows:
        return "mining tested nothing"
    table, missing = rows_text(columns, rows, room(context, said) - 80)
    return answer(context, said, table, f"[{missing}]" if missing else "", instead="ask 'findings' without tested")


def _one(name: str, context: ToolContext) -> str:
    finding = found(context, name)
    numbers = "\n".join(f"{name}\t{cell(_value(number), 80)}" for name, number in finding.numbers.items())
    parts = [
        f"claim: {finding.claim}",
        f"category: {finding.category}; remedies: {', '.join(finding.remedies) or 'none of its own'}",
        f"numbers:\n{numbers}",
        *(f"caution: {words}" for words in finding.confounders),
        *(f"comes along with it: {one.title}: {one.claim}" for one in finding.consequences),
        *(_exemplar("failure", one) for one in finding.exemplars),
        *(_exemplar("success that shows it too", one) for one in finding.counter_examples),
        *_groups(finding),
        f"predicate SQL (trace_id, value, step):\n{finding.predicate_sql}",
    ]
    said = "one finding in full; 'traces' with its id as finding lists the attempts that show it"
    return answer(
        context,
        said,
        "\n".join([f"{finding.id} ({finding.behaviour}) {finding.title}", *parts]),
        instead="'show' has the steps of an attempt",
    )


def _exemplar(kind: str, one: Exemplar) -> str:
    text = f"{kind} {one.trace_id} task {one.task_id} step {one.step}: {one.excerpt}"
    if one.beside is not None:
        text += f"\n  a success, {one.beside.trace_id}, does at step {one.beside.step}: {one.beside.there}"
    return text


def _groups(finding: Finding) -> list[str]:
    return [
        f"by {table.by}{': ' + table.note if table.note else ''}\n"
        + "\n".join(
            f"  {row.group}: {row.shown} of {row.attempts} attempts, {row.failures_shown} of {row.failures} failures"
            for row in table.rows
        )
        for table in finding.groups
    ]


def _value(number: Number | None) -> object:
    return None if number is None else number.value


TOOL = Tool(
    "findings",
    "what mining already knows: failure modes with counts and tests, one in full, triage of failures",
    FindingsArguments,
    run,
)
