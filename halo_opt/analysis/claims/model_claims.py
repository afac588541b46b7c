"""Adds model claims to the findings of a report with their levels, and names the numbers for their placeholders."""

from collections import Counter
from collections.abc import Iterable, Mapping

from halo_opt.analysis.claims.claim_levels import claim_support
from halo_opt.analysis.claims.direction import Shown
from halo_opt.analysis.claims.placeholders import Known, filled, known_numbers, no_such_number, prefixed
from halo_opt.core.report_records import Category, Finding, ModelClaim, Number, Report
from halo_opt.mining.explanations import explained_by_findings
from halo_opt.mining.extras import Placement, showing
from halo_opt.mining.levels import Support, order_of
from halo_opt.mining.triage import CLASSES
from halo_opt.store.protocols import Query, Rows


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
    known = finding_numbers(report)
    for name, where in placed.items():
        at_finding.setdefault(where.finding, []).append(_noted(_worded(claims[name], known), where))
    if not at_finding:
        return report.findings
    classes = classes_of(report, store.rows)
    findings = []
    for finding in report.findings:
        if finding.behaviour in at_finding:
            category = majority(classes, showing(store, finding.predicate_sql))
            own = finding.behaviour in claims
            findings.append(_with_claims(finding, at_finding[finding.behaviour], category, own=own))
        else:
            findings.append(finding)
    return findings


def _worded(claim: ModelClaim, of_findings: Mapping[str, Known]) -> ModelClaim:
    """The claim with the numbers of mining's findings filled in where its words name them."""
    known = {**of_findings, **claim_numbers(claim)}
    update: dict[str, object] = {}
    written, lacking = dict(claim.written), list[str]()
    for name in ("words", "counter_evidence"):
        text = getattr(claim, name)
        done, unknown = filled(claim.written.get(name, text), known)
        if done != text:
            update[name] = done
            written.setdefault(name, text)
        lacking += unknown
    corrections = [*claim.corrections, *no_such_number(list(dict.fromkeys(lacking)), known)]
    return claim.model_copy(update={**update, "written": written, "corrections": list(dict.fromkeys(corrections))})


def _noted(claim: ModelClaim, where: Placement) -> ModelClaim:
    if where.same_as is None:
        return claim
    nearly = "nearly " if where.nearly else ""
    note = f"it picks {nearly}the same attempts as {where.same_as} and is noted there, not listed once more"
    if note in claim.corrections:
        return claim
    return claim.model_copy(update={"corrections": [*claim.corrections, note]})


def _with_claims(finding: Finding, claims: Iterable[ModelClaim], category: Category | None, *, own: bool) -> Finding:
    """The finding with its claims, each with the triage class and its level.

    A finding of a model's own has the level of its best claim; and the claim's category where triage has none.
    """
    leveled = [_with_level(finding, claim.model_copy(update={"triaged": category})) for claim in claims]
    update: dict[str, object] = {"model_claims": leveled}
    if own:
        best = min(leveled, key=lambda claim: order_of(claim.level))
        update |= {"level": best.level, "level_reason": best.level_reason, "to_lift": best.to_lift}
        update["category"] = finding_category(best, category)
    return finding.model_copy(update=update)


def finding_category(claim: ModelClaim, triaged: Category | None) -> Category:
    """The category of a finding of a model's own: the triage's; where that has none, that of a supported claim."""
    if triaged is not None and triaged != "unexplained":
        return triaged
    return claim.category if claim.level in ("proven", "shown") else "unexplained"


def _with_level(finding: Finding, claim: ModelClaim) -> ModelClaim:
    test = Support(finding.level, finding.level_reason, finding.to_lift)
    if claim.level == "unsupported":
        return claim
    support = claim_support(
        test,
        shown_by_numbers(claim),
        reasons=[],
        corrections=claim.corrections,
        unchecked=claim.unchecked,
        listed=claim.listed,
        tested=_value(finding.numbers.get("q_value")) is not None,
    )
    return claim.model_copy(update={"level": support.level, "level_reason": support.reason, "to_lift": support.to_lift})


def shown_by_numbers(claim: ModelClaim) -> Shown:
    """The measured counts of a claim."""
    values = {name: _value(number) or 0 for name, number in claim.measured.items()}
    return Shown(
        int(values.get("failures_with", 0)),
        int(values.get("failures", 0)),
        int(values.get("successes_with", 0)),
        int(values.get("successes", 0)),
        _value(claim.measured.get("difference")),
    )


def _value(number: Number | None) -> float | None:
    value = number.value if number else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def classes_of(report: Report, ask: Query) -> dict[str, Category]:
    """The class of each failed attempt by the rules of a report's triage, whatever its findings explain."""
    if report.triage_sql is None:
        return {}
    known = {str(name): name for name in CLASSES}
    return {str(trace): known[str(class_)] for trace, class_ in ask(classes_sql(report))}


def classes_sql(report: Report) -> str:
    """The SQL that gives the trace id and the class of each failed attempt by rules; for a report with a triage."""
    judged = "class_by_rules" if explained_by_findings(report) else "class"
    return f"SELECT trace_id, {judged} FROM (\n{report.triage_sql}\n) AS t WHERE outcome = 'failure'"


def majority(classes: Mapping[str, Category], attempts: Iterable[str]) -> Category | None:
    """The class of more than half of the failures among these attempts; None where there is no such class."""
    counted = Counter(classes[trace] for trace in attempts if trace in classes)
    if not counted:
        return None
    name, count = counted.most_common(1)[0]
    return name if 2 * count > counted.total() else None


def claim_numbers(claim: ModelClaim) -> dict[str, Known]:
    """The numbers that placeholders of a claim's text may name."""
    return known_numbers({**claim.measured, **claim.numbers})


def finding_numbers(report: Report) -> dict[str, Known]:
    """The numbers of a report's findings, by the names that placeholders give them."""
    known: dict[str, Known] = {}
    for finding in report.findings:
        known |= dict(prefixed(finding.id, known_numbers(finding.numbers)))
    return known


def summary_numbers(report: Report) -> dict[str, Known]:
    """The numbers that placeholders of a summary may name: the overview's, and those of each finding and claim."""
    known = known_numbers(report.overview) | finding_numbers(report)
    for finding in report.findings:
        for claim in finding.model_claims:
            for name, number in prefixed(claim.claim, claim_numbers(claim)):
                known.setdefault(name, number)
    return known
