"""The answer that a report begins with: how many attempts fail, what explains most of them, and what is left."""

from collections.abc import Sequence

from halo_opt.core.report_records import Finding, Number, Report
from halo_opt.core.text import counted

MOST_CAUSES = 3


def answer_of(report: Report) -> list[str]:
    """Up to five sentences: the failures, at most three causes, and the failures that these leave.

    Args:
        report: A report with its findings in their order, and its triage.
    """
    failures, successes = _count(report.overview, "failures"), _count(report.overview, "successes")
    measured = failures + successes
    if not measured:
        attempts = counted(_count(report.overview, "attempts"), "attempt")
        return [f"No outcome is known of {attempts}, so nothing can be said about why attempts fail."]
    if not failures:
        return ["The attempt succeeded." if measured == 1 else f"All {measured:,} attempts with an outcome succeeded."]
    lines = [f"{failures:,} of {counted(measured, 'attempt')} failed ({failures / measured:.0%})."]
    causes = _causes(report.findings)
    lines += [_cause(finding) for finding in causes]
    return [*lines, *_left(report, causes, failures)]


def _causes(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if _explained_by(finding)][:MOST_CAUSES]


def _cause(finding: Finding) -> str:
    where = f", {finding.scope}" if finding.scope else ""
    count = _explained_by(finding)
    explains = f"it is the best explanation of {counted(count, 'failure')}"
    return f"{finding.level.capitalize()}: {finding.title} ({finding.id}{where}); {explains}."


def _left(report: Report, causes: Sequence[Finding], failures: int) -> list[str]:
    """What of the failures the causes do not explain."""
    rest = failures - sum(_explained_by(finding) for finding in causes)
    if not rest:
        return []
    weaker = sum(_explained_by(finding) for finding in report.findings) - (failures - rest)
    nothing = _count(report.triage, "unexplained failures")
    judged = rest - weaker - nothing
    parts = [
        f"other findings explain {weaker:,}" if weaker else "",
        f"a rule of the triage explains {judged:,}" if judged > 0 else "",
        f"nothing that was found explains {nothing:,}" if nothing else "",
    ]
    left = "other " if causes else ""
    return [f"Of the {left}{counted(rest, 'failure')}, {', '.join(filter(None, parts))}."]


def _explained_by(finding: Finding) -> int:
    value = finding.explains.value if finding.explains else 0
    return value if isinstance(value, int) else 0


def _count(numbers: dict[str, Number], name: str) -> int:
    number = numbers.get(name)
    return number.value if number is not None and isinstance(number.value, int) else 0
