"""Folding: proven behaviours that only accompany another proven behaviour are listed under it.

Behaviour A is folded under B when A, adjusted for B, is no longer associated with failing, and B is seen first. Two
behaviours that each explain the other are folded as well, so that one failure mode is not fixed twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from halo_opt.mining.measure import Measured, cells_given_sql, shown_sql
from halo_opt.stats.contrast import Cell, Contrast, contrast, exact_stratified_p
from halo_opt.store.protocols import Rows

# With a smaller share of failures in common, they are two failure modes that coincide in some attempts.
MIN_SHARED = 0.5
# A side effect loses most of its difference when adjusted for its cause; one that keeps more may only lack data.
MAX_REMAINING = 0.5
# The cause is seen first, or at the same step, in at least this share of the attempts that show both.
MIN_FIRST = 0.8
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Folded:
    """A behaviour that is listed under another one, with the numbers that justify it.

    Attributes:
        part: The behaviour that is folded.
        under: The behaviour that it is folded under, which becomes the finding.
        shared_failures: How many of `failures` show both.
        failures: Failures that show `part`.
        under_first: In how many of `both_timed` attempts `under` is seen before `part` or at the same step; None where
            either has no steps.
        both_timed: Attempts that show both, each at a known step; None where there are none.
        adjusted: The contrast of `part` with `under` held fixed.
        sql: The query for the cells of `adjusted`.
        interchangeable: Neither is associated with failing once adjusted for the other, so the data do not show which
            of the two is the cause.
    """

    part: Measured
    under: Measured
    shared_failures: int
    failures: int
    under_first: int | None
    both_timed: int | None
    adjusted: Contrast
    sql: str
    interchangeable: bool = False


@dataclass(frozen=True, slots=True)
class _Occurrences:
    """Where a behaviour occurs.

    Attributes:
        attempts: Every attempt of its contrast: trace id -> (run, task, failed).
        shown: The trace ids of those that show it.
        steps: Trace id -> the first step that shows it, where it is known.
    """

    attempts: dict[str, tuple[str, str, bool]]
    shown: frozenset[str]
    steps: dict[str, int]

    @property
    def failures(self) -> frozenset[str]:
        return frozenset(trace for trace in self.shown if self.attempts[trace][2])


def fold(
    store: Rows, ranked: Sequence[Measured], first_steps: Mapping[str, int]
) -> tuple[list[Measured], list[Folded]]:
    """Divide proven behaviours into those that become findings and those that are folded under one of them.

    Args:
        store: Where the behaviours' SQL runs.
        ranked: Proven behaviours, the most important first.
        first_steps: By run in which success ends an attempt: how many first steps are compared.

    Returns:
        (behaviours that stand alone, folded ones), each in the order of `ranked`. `under` of a folded one stands alone.
    """
    seen = {m.behaviour.name: _occurrences(store, m, first_steps) for m in ranked}
    rank = {m.behaviour.name: place for place, m in enumerate(ranked)}
    candidates: dict[str, list[Folded]] = {m.behaviour.name: [] for m in ranked}
    for part in ranked:
        for under in ranked:
            if part is not under and (one := _fold_under(part, under, seen, rank, first_steps)):
                candidates[part.behaviour.name].append(one)
    standing = _roots(ranked, candidates)
    names = {m.behaviour.name for m in standing}
    folded = []
    for m in ranked:
        under_standing = [one for one in candidates[m.behaviour.name] if one.under.behaviour.name in names]
        if m.behaviour.name not in names:
            folded.append(max(under_standing, key=lambda one: (one.shared_failures, -rank[one.under.behaviour.name])))
    return standing, folded


def _roots(ranked: Sequence[Measured], candidates: Mapping[str, Sequence[Folded]]) -> list[Measured]:
    """A small set of behaviours under which every other one can be folded directly, chosen greedily by rank."""
    parents = {name: _names_above(folds) for name, folds in candidates.items()}
    standing: list[str] = []
    waiting = [m.behaviour.name for m in ranked]
    while waiting:
        free = [name for name in waiting if not parents[name] & {*waiting, *standing}]
        # In a circle none is free; the one that ranks highest stands for it.
        standing.append((free or waiting)[0])
        waiting = [n for n in waiting if n != standing[-1] and not parents[n] & {*standing}]
    return [m for m in ranked if m.behaviour.name in standing]


def _names_above(folds: Iterable[Folded]) -> set[str]:
    return {one.under.behaviour.name for one in folds}


def _occurrences(store: Rows, m: Measured, first_steps: Mapping[str, int]) -> _Occurrences:
    rows = store.rows(shown_sql(m.behaviour, first_steps))
    steps = store.rows(f"WITH behaviour AS ({m.behaviour.sql})\nSELECT trace_id, step FROM behaviour WHERE value")
    return _Occurrences(
        {str(trace): (str(run), str(task), bool(failed)) for trace, run, task, failed, _ in rows},
        frozenset(str(trace) for trace, *_, shown in rows if shown),
        {str(trace): int(step) for trace, step in steps if step is not None},
    )


def _fold_under(
    part: Measured,
    under: Measured,
    seen: Mapping[str, _Occurrences],
    rank: Mapping[str, int],
    first_steps: Mapping[str, int],
) -> Folded | None:
    """`part` folded under `under`; None where the data do not justify it."""
    if under.behaviour.from_traces and not part.behaviour.from_traces:
        return None  # a pattern has no meaning of its own, so a named behaviour is not folded under it
    one, other = seen[part.behaviour.name], seen[under.behaviour.name]
    failures = one.failures
    shared_failures = len(failures & other.failures)
    if not failures or shared_failures < MIN_SHARED * len(failures):
        return None
    adjusted = contrast(_adjusted_cells(one, other))
    if not _associated(one, other) or _more_failures(adjusted) or _mostly_remains(adjusted, part):
        return None
    steps = _common_steps(other, one)
    both_timed = len(steps) if steps else None
    under_first = sum(its_step <= step for its_step, step in steps) if steps else None
    interchangeable = not _more_failures(contrast(_adjusted_cells(other, one)))
    pattern_of_named = part.behaviour.from_traces and not under.behaviour.from_traces
    higher = rank[under.behaviour.name] < rank[part.behaviour.name]
    late = both_timed is not None and under_first is not None and under_first < MIN_FIRST * both_timed
    # A fact of the whole attempt cannot be shown to come before a step.
    precedes = not late and (_stands_for(other, one, higher) if interchangeable else bool(other.steps or not one.steps))
    if not precedes and not (interchangeable and pattern_of_named):
        return None
    sql = cells_given_sql(part.behaviour, under.behaviour, first_steps)
    return Folded(part, under, shared_failures, len(failures), under_first, both_timed, adjusted, sql, interchangeable)


def _common_steps(one: _Occurrences, other: _Occurrences) -> list[tuple[int, int]]:
    """The first steps (of `one`, of `other`) in every attempt that shows both at a known step."""
    traces = one.shown & other.shown & one.steps.keys() & other.steps.keys()
    return [(one.steps[trace], other.steps[trace]) for trace in traces]


def _stands_for(one: _Occurrences, other: _Occurrences, higher: bool) -> bool:
    """Whether `one` stands for both of two interchangeable behaviours.

    The one that more often comes first stands; in a tie the one with known steps, then the one that ranks `higher`.
    """
    steps = _common_steps(one, other)
    earlier = sum(a < b for a, b in steps) - sum(a > b for a, b in steps)
    if earlier:
        return earlier > 0
    return higher if bool(one.steps) == bool(other.steps) else bool(one.steps)


def _associated(one: _Occurrences, other: _Occurrences) -> bool:
    """Whether failures that show `one` show `other` more often than failures that do not (exact test at `ALPHA`).

    A behaviour that most failures show is shared with everything, which explains nothing.
    """
    failed = {trace for trace, (_, _, failed) in one.attempts.items() if failed}
    with_one, with_other = one.failures, other.failures & failed
    shared, rest = len(with_one & with_other), len(failed) - len(with_one)
    if not rest:
        return True
    without_one = len(with_other - with_one)
    p_value, _ = exact_stratified_p(strata=[(len(with_one), shared, rest, without_one)])
    return shared * rest > without_one * len(with_one) and p_value <= ALPHA


def _mostly_remains(adjusted: Contrast, part: Measured) -> bool:
    """Whether more than `MAX_REMAINING` of the unadjusted difference remains after adjustment."""
    before = part.contrast.difference if part.contrast else None
    return adjusted.difference is not None and before is not None and adjusted.difference > MAX_REMAINING * before


def _adjusted_cells(one: _Occurrences, held: _Occurrences) -> list[Cell]:
    """Cells for the contrast of `one` with `held` fixed: those of `cells_given_sql`, without a query for every pair."""
    counts: dict[tuple[str, str], list[int]] = {}
    for trace, (run, task, failed) in one.attempts.items():
        key = (run + (" with" if trace in held.shown else " without"), task)
        cell = counts.setdefault(key, [0, 0, 0, 0])
        place = 0 if trace in one.shown else 2
        cell[place] += 1
        cell[place + 1] += failed
    return [Cell(run, task, *cell) for (run, task), cell in sorted(counts.items())]


def _more_failures(found: Contrast) -> bool:
    """Whether attempts with the behaviour fail significantly more often than those without it, at `ALPHA`."""
    return found.p_value is not None and found.p_value <= ALPHA and (found.difference or 0.0) > 0
