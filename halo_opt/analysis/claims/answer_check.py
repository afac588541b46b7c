"""Checks the points of an answer that an agent submits, and measures the contrasts that they cite again."""

from collections.abc import Iterator, Mapping, Sequence

from halo_opt.analysis.claims.check import claim_behaviour, measured_claim, quote_is_found, rerun_numbers
from halo_opt.analysis.claims.evidence import combined_evidence, evidence, names_in_traces
from halo_opt.analysis.claims.figures import remove_unsupported
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.quotes import in_context
from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.claims.sources import ClaimSources
from halo_opt.analysis.records import Answer, AnswerPoint, CheckedPoint, CitedContrast
from halo_opt.core.errors import InputError
from halo_opt.core.records import Value
from halo_opt.core.report_records import Finding, Quoted, Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.findings import HELD_FIXED
from halo_opt.mining.measure import Measured, by_outcome_sql, measure
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.store.guarded.sql_checks import LISTED, predicate_basis


def cited_contrast(
    name: str, report: Report, hypotheses: Hypotheses, rows: GuardedRows, first_steps: Mapping[str, int]
) -> CitedContrast:
    """Measure the contrast (`asked_...`) or the finding (`F1`) of this name again.

    The title of a contrast was written by the model and is not checked here. Raises InputError where there is no such
    contrast, or where it cannot be measured.
    """
    finding = next((one for one in report.findings if one.id.lower() == name.strip().lower()), None)
    if finding is not None:
        return _cited(finding.id, measure(rows, _behaviour(finding), first_steps))
    hypothesis = hypotheses.named(name.strip())
    if hypothesis is None:
        raise InputError(f"there is no contrast or finding {name[:60]!r}")
    claim = Claim(title=hypothesis.title, claim="", predicate_sql=hypothesis.predicate_sql)
    behaviour = claim_behaviour(claim, hypothesis.name)
    reasons, measured = measured_claim(hypothesis.predicate_sql, behaviour, rows, first_steps)
    basis = None if measured is None else predicate_basis(hypothesis.predicate_sql, rows.rows)
    if measured is None or basis == "outcome":
        raise InputError(f"{hypothesis.name} shows nothing: {'; '.join(reasons) or 'it goes by how attempts ended'}")
    if basis == "names":
        # The counts are correct, but a difference of the failure rates would follow from the selection by name.
        measured = measure(rows, claim_behaviour(claim, hypothesis.name, listed=True), first_steps)
    return _cited(hypothesis.name, measured)


def _behaviour(finding: Finding) -> Behaviour:
    return Behaviour(
        name=finding.behaviour,
        title=finding.title,
        meaning="",
        sql=finding.predicate_sql,
        # A finding that mining did not test against the outcome has no difference.
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


def checked_answer(
    points: Sequence[AnswerPoint], against: ClaimSources, report: Report, hypotheses: Hypotheses
) -> Answer:
    """The checked answer. A point without any confirmed evidence is dropped."""
    kept: list[CheckedPoint] = []
    dropped: list[str] = []
    for place, point in enumerate(points, 1):
        corrections: list[str] = []
        checked = _checked(
            point, against, list(_contrasts(point, against, report, hypotheses, corrections)), corrections
        )
        if checked.contrasts or checked.numbers or checked.quotes:
            kept.append(checked)
        else:
            dropped.append(f"point {place} was dropped: {'; '.join(corrections) or 'it cites nothing'}")
    return Answer(points=kept, dropped=dropped)


def _contrasts(
    point: AnswerPoint, against: ClaimSources, report: Report, hypotheses: Hypotheses, corrections: list[str]
) -> Iterator[CitedContrast]:
    for name in dict.fromkeys(point.contrasts):
        try:
            found = cited_contrast(name, report, hypotheses, against.rows, against.first_steps)
        except InputError as error:
            corrections.append(str(error))
            continue
        known = evidence(found.counts, {}, predicate=found.sql, names=names_in_traces(against.store))
        yield found.model_copy(update={"title": remove_unsupported(found.title, known, corrections)})


def _checked(
    point: AnswerPoint, against: ClaimSources, contrasts: list[CitedContrast], corrections: list[str]
) -> CheckedPoint:
    numbers = list(rerun_numbers(point.numbers, against.store, against.rows, corrections))
    standing = [quote for quote in point.quotes if quote_is_found(quote, against.store, corrections)]
    quotes = [in_context(Quoted(**quote.model_dump()), against.store) for quote in standing]
    values = {str(place): (number.value, number.sql) for place, number in enumerate(numbers)}
    known = evidence({}, values, quotes=quotes, names=names_in_traces(against.store))
    if not (contrasts or numbers or quotes):
        return CheckedPoint(text="", contrasts=[], numbers=[], quotes=[], corrections=corrections)
    shown = [evidence(one.counts, {}, predicate=one.sql) for one in contrasts]
    return CheckedPoint(
        text=remove_unsupported(point.text, combined_evidence([known, *shown]), corrections),
        contrasts=contrasts,
        numbers=numbers,
        quotes=quotes,
        corrections=corrections,
    )
