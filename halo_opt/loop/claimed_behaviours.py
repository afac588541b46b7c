"""The behaviours of a model's claims, measured in the runs of a gate as mining's own are."""

from halo_opt.analysis.claims.check import predicate_problem
from halo_opt.analysis.claims.hypotheses import behaviour_sql
from halo_opt.core.report_records import Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.rates import Rates


def claimed_behaviours(report: Report) -> tuple[Behaviour, ...]:
    """The behaviours of the claims in a report, without those whose predicates pick attempts by their names."""
    listed = {claim.claim for finding in report.findings for claim in finding.model_claims if claim.listed}
    return tuple(
        Behaviour(
            name=asked.name,
            title=asked.title,
            meaning=asked.meaning,
            sql=behaviour_sql(asked.predicate_sql),
            source=asked.model,
            asked_by=asked.model,
        )
        for asked in report.made_with.asked
        if asked.claim is not None and asked.claim not in listed and predicate_problem(asked.predicate_sql) is None
    )


def without_unseen(before: Rates, after: Rates, claimed: tuple[Behaviour, ...]) -> tuple[Rates, Rates]:
    """The rates without those of claimed behaviours that neither run shows.

    Such a predicate may be about other runs (a run's name, a text of one task), so it says nothing about a patch.
    """
    unseen = {one.name for one in claimed if not before.get(one.name) and not after.get(one.name)}
    return _without(before, unseen), _without(after, unseen)


def _without(rates: Rates, names: set[str]) -> Rates:
    return {name: rate for name, rate in rates.items() if name not in names}
