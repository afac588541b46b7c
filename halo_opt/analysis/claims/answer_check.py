"""What stands of an answer as an agent hands it in: each point held against the traces. Believes nothing of it."""

from collections.abc import Iterator, Sequence

from halo_opt.analysis.claims.bearing import evidence, names_of
from halo_opt.analysis.claims.check import rerun, stands
from halo_opt.analysis.claims.cited import cited_contrast
from halo_opt.analysis.claims.evidence import together
from halo_opt.analysis.claims.figures import strike
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.quotes import in_context
from halo_opt.analysis.claims.sources import ClaimSources
from halo_opt.analysis.records import Answer, AnswerPoint, CheckedPoint, CitedContrast
from halo_opt.core.errors import InputError
from halo_opt.core.report_records import Quoted, Report


def checked_answer(
    points: Sequence[AnswerPoint], against: ClaimSources, report: Report, hypotheses: Hypotheses
) -> Answer:
    """What stands of an answer: a point that rests on nothing which stands is dropped."""
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
        known = evidence(found.counts, {}, predicate=found.sql, names=names_of(against.store))
        yield found.model_copy(update={"title": strike(found.title, known, corrections)})


def _checked(
    point: AnswerPoint, against: ClaimSources, contrasts: list[CitedContrast], corrections: list[str]
) -> CheckedPoint:
    numbers = list(rerun(point.numbers, against.store, against.rows, corrections))
    standing = [quote for quote in point.quotes if stands(quote, against.store, corrections)]
    quotes = [in_context(Quoted(**quote.model_dump()), against.store) for quote in standing]
    values = {str(place): (number.value, number.sql) for place, number in enumerate(numbers)}
    known = evidence({}, values, quotes=quotes, names=names_of(against.store))
    if not (contrasts or numbers or quotes):
        return CheckedPoint(text="", contrasts=[], numbers=[], quotes=[], corrections=corrections)
    shown = [evidence(one.counts, {}, predicate=one.sql) for one in contrasts]
    return CheckedPoint(
        text=strike(point.text, together([known, *shown]), corrections),
        contrasts=contrasts,
        numbers=numbers,
        quotes=quotes,
        corrections=corrections,
    )
