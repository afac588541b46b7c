"""Contrasts and findings that an answer rests on by name, measured anew. Believes nothing of who named them."""

from collections.abc import Mapping

from halo_opt.analysis.claims.check import behaviour_of, measured_claim
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.records import CitedContrast
from halo_opt.core.errors import InputError
from halo_opt.core.records import Value
from halo_opt.core.report_records import Finding, Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.findings import HELD_FIXED
from halo_opt.mining.measure import Measured, by_outcome_sql, measure
from halo_opt.store.guarded.honest_sql import LISTED, depends_on
from halo_opt.store.guarded.rows import GuardedRows


def cited_contrast(
    name: str, report: Report, hypotheses: Hypotheses, rows: GuardedRows, first_steps: Mapping[str, int]
) -> CitedContrast:
    """The contrast (`asked_...`) or the finding (`F1`) of this name, as the traces give it now.

    The title of a contrast is its asker's own, unchecked. Raises InputError where there is none, or it shows nothing.
    """
    finding = next((one for one in report.findings if one.id.lower() == name.strip().lower()), None)
    if finding is not None:
        return _cited(finding.id, measure(rows, _behaviour(finding), first_steps))
    asked = hypotheses.named(name.strip())
    if asked is None:
        raise InputError(f"there is no contrast or finding {name[:60]!r}")
    claim = Claim(title=asked.title, claim="", predicate_sql=asked.predicate_sql)
    reasons, measured = measured_claim(asked.predicate_sql, behaviour_of(claim, asked.name), rows, first_steps)
    goes_by = None if measured is None else depends_on(asked.predicate_sql, rows.rows)
    if measured is None or goes_by == "outcome":
        raise InputError(f"{asked.name} shows nothing: {'; '.join(reasons) or 'it goes by how attempts ended'}")
    if goes_by == "names":
        # The counts are true; that these attempts fail more often is only how they were picked.
        measured = measure(rows, behaviour_of(claim, asked.name, listed=True), first_steps)
    return _cited(asked.name, measured)


def _behaviour(finding: Finding) -> Behaviour:
    return Behaviour(
        name=finding.behaviour,
        title=finding.title,
        meaning="",
        sql=finding.predicate_sql,
        # What mining does not hold against the outcome has no difference.
        untestable="" if "difference" in finding.numbers else LISTED,
    )


def _cited(name: str, m: Measured) -> CitedContrast:
    counts: dict[str, Value] = {
        "failures_with": m.failures_with,
        "failures": m.failures,
        "successes_with": m.successes_with,
        "successes": m.successes,
    }
    contrast = None if m.behaviour.untestable else m.contrast
    if contrast is not None and contrast.difference is not None:
        counts["difference"] = contrast.difference
    return CitedContrast(
        name=name,
        title=m.behaviour.title,
        counts=counts,
        interval=contrast.interval if contrast else None,
        held_fixed=HELD_FIXED[contrast.stratified_by] if contrast else "",
        sql=by_outcome_sql(m.behaviour),
    )
