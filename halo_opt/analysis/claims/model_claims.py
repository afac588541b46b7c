"""Adds model claims to the findings of a report, and collects the evidence that supports their text."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from halo_opt.analysis.claims.evidence import Evidence, combined_evidence, evidence
from halo_opt.core.records import Value
from halo_opt.core.report_records import Category, Finding, ModelClaim, Report
from halo_opt.mining.extras import Placement, showing
from halo_opt.mining.triage import CLASSES, COLUMNS
from halo_opt.store.protocols import Rows

_COUNTS = ("failures_with", "failures", "successes_with", "successes", "difference")


def with_claims(
    store: Rows, report: Report, placed: Mapping[str, Placement], claims: Mapping[str, ModelClaim]
) -> list[Finding]:
    """Add model claims to the findings that they belong to.

    A finding that only a model claims gets the triage class of most of its failures as its category.

    Args:
        store: Runs the report's SQL.
        report: Mining's report with the claims' predicates as extra behaviours.
        placed: By the name of the extra behaviour, the finding that it belongs to.
        claims: The claim of each extra behaviour, by name.
    """
    at_finding: dict[str, list[ModelClaim]] = {}
    for name, where in placed.items():
        at_finding.setdefault(where.finding, []).append(_noted(claims[name], where))
    if not at_finding:
        return report.findings
    classes = classes_of(store.rows(report.triage_sql or ""))
    findings = []
    for finding in report.findings:
        if finding.behaviour in at_finding:
            category = majority(classes, showing(store, finding.predicate_sql))
            own = finding.behaviour in claims
            findings.append(_with_claims(finding, at_finding[finding.behaviour], category, own=own))
        else:
            findings.append(finding)
    return findings


def _noted(claim: ModelClaim, where: Placement) -> ModelClaim:
    if where.same_as is None:
        return claim
    note = f"it picks the same attempts as {where.same_as} and is noted there, not listed once more"
    return claim.model_copy(update={"corrections": [*claim.corrections, note]})


def _with_claims(finding: Finding, claims: Iterable[ModelClaim], category: Category | None, *, own: bool) -> Finding:
    update: dict[str, object] = {"model_claims": [claim.model_copy(update={"triaged": category}) for claim in claims]}
    if own:
        update["category"] = category or "unexplained"
    return finding.model_copy(update=update)


def classes_of(rows: Iterable[tuple[object, ...]]) -> dict[str, Category]:
    """The class of each failed attempt, from the rows of a report's triage."""
    trace, outcome, judged = (COLUMNS.index(name) for name in ("trace_id", "outcome", "class"))
    known = {str(name): name for name in CLASSES}
    return {str(row[trace]): known[str(row[judged])] for row in rows if row[outcome] == "failure"}


def majority(classes: Mapping[str, Category], attempts: Iterable[str]) -> Category | None:
    """The class of more than half of the failures among these attempts; None where there is no such class."""
    counted = Counter(classes[trace] for trace in attempts if trace in classes)
    if not counted:
        return None
    name, count = counted.most_common(1)[0]
    return name if 2 * count > counted.total() else None


def claim_evidence(finding: Finding, claim: ModelClaim, names: frozenset[str]) -> Evidence:
    """The evidence for a claim about a finding: its counts, the claim's numbers and quotes, and names in the traces."""
    numbers = [(name, number) for name, number in claim.numbers.items()]
    numbers += [(f"{c.behaviour}.{name}", one) for c in finding.consequences for name, one in c.numbers.items()]
    return evidence(
        _counted(finding),
        {name: (number.value, number.sql) for name, number in numbers},
        quotes=claim.quotes,
        predicate=claim.predicate_sql,
        names=names,
    )


def _counted(finding: Finding) -> dict[str, Value]:
    return {name: finding.numbers[name].value for name in _COUNTS if name in finding.numbers}


def summary_evidence(report: Report, names: frozenset[str]) -> Evidence:
    """The evidence for a summary: the overview's numbers, every finding's counts, and the evidence of the claims."""
    overview = {name: (number.value, number.sql) for name, number in report.overview.items()}
    counts = [evidence(_counted(finding), {}) for finding in report.findings]
    claims = [claim_evidence(finding, claim, names) for finding in report.findings for claim in finding.model_claims]
    known = combined_evidence([evidence({}, overview, names=names), *counts, *claims])
    # "Most failures" may be said of anything, so no single finding says how many are meant.
    return replace(known, shares={}, effect=None, failing=None)
