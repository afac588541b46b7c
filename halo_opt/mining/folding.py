"""Folding: which proven behaviours only accompany another one.

Two behaviours of the same attempts cannot both be called the cause. One is folded under the other when it adds nothing
about failing among attempts that are alike in the other, and the other comes first. Two that cannot be distinguished
are folded as well, so that one failure mode is not fixed twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from halo_opt.mining.measure import Measured, cells_given_sql, shown_sql
from halo_opt.stats.contrast import Cell, Contrast, contrast, exact_stratified_p
from halo_opt.store.protocols import Rows

# With a smaller share of failures in common, they are two failure modes that happen to meet.
SHARED = 0.5
# A consequence loses most of its difference once the other is held fixed; one that keeps more may only lack data.
LEFT = 0.5
# The cause comes first or at the same step in at least this share of attempts.
FIRST = 0.8
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Folded:
    """`part` adds nothing to `under`. `shared` of its `failures` show both; of `timed` attempts with both, `under`
    comes first in `first` (None where one has no step). `alone` is the contrast of `part` with `under` held fixed.
    `alike` says that neither adds anything to the other, so that which of the two is the cause cannot be told.
    """

    part: Measured
    under: Measured
    shared: int
    failures: int
    first: int | None
    timed: int | None
    alone: Contrast
    sql: str
    alike: bool = False


@dataclass(frozen=True, slots=True)
class _Shown:
    """The attempts of a behaviour's contrast as (run, task, failed), those that show it, and at which step."""

    attempts: dict[str, tuple[str, str, bool]]
    shown: frozenset[str]
    steps: dict[str, int]

    @property
    def failures(self) -> frozenset[str]:
        return frozenset(trace for trace in self.shown if self.attempts[trace][2])


def fold(
    store: Rows, ranked: Sequence[Measured], first_steps: Mapping[str, int]
) -> tuple[list[Measured], list[Folded]]:
    """(those that stand, those that are folded), each in the order of `ranked`; a fold's `under` always stands."""
    seen = {m.behaviour.name: _shown(store, m, first_steps) for m in ranked}
    rank = {m.behaviour.name: place for place, m in enumerate(ranked)}
    allowed: dict[str, list[Folded]] = {m.behaviour.name: [] for m in ranked}
    for part in ranked:
        for under in ranked:
            if part is not under and (one := _under(part, under, seen, rank, first_steps)):
                allowed[part.behaviour.name].append(one)
    standing = _roots(ranked, allowed)
    names = {m.behaviour.name for m in standing}
    folded = []
    for m in ranked:
        under_standing = [one for one in allowed[m.behaviour.name] if one.under.behaviour.name in names]
        if m.behaviour.name not in names:
            folded.append(max(under_standing, key=lambda one: (one.shared, -rank[one.under.behaviour.name])))
    return standing, folded


def _roots(ranked: Sequence[Measured], allowed: Mapping[str, Sequence[Folded]]) -> list[Measured]:
    """The fewest that everything else can be folded under directly, going by rank."""
    standing: list[str] = []
    waiting = [m.behaviour.name for m in ranked]
    while waiting:
        parents = {name: {one.under.behaviour.name for one in allowed[name]} for name in waiting}
        free = [name for name in waiting if not parents[name] & {*waiting, *standing}]
        # In a circle none is free; the one that explains most stands for it.
        standing.append((free or waiting)[0])
        waiting = [n for n in waiting if n != standing[-1] and not parents[n] & {*standing}]
    return [m for m in ranked if m.behaviour.name in standing]


def _shown(store: Rows, m: Measured, first_steps: Mapping[str, int]) -> _Shown:
    rows = store.rows(shown_sql(m.behaviour, first_steps))
    steps = store.rows(f"WITH behaviour AS ({m.behaviour.sql})\nSELECT trace_id, step FROM behaviour WHERE value")
    return _Shown(
        {str(trace): (str(run), str(task), bool(failed)) for trace, run, task, failed, _ in rows},
        frozenset(str(trace) for trace, *_, shown in rows if shown),
        {str(trace): int(step) for trace, step in steps if step is not None},
    )


def _under(
    part: Measured,
    under: Measured,
    seen: Mapping[str, _Shown],
    rank: Mapping[str, int],
    first_steps: Mapping[str, int],
) -> Folded | None:
    """Whether `part` may be folded under `under`, with the numbers that say so."""
    if under.behaviour.from_traces and not part.behaviour.from_traces:
        return None  # a pattern has no meaning of its own, so a named behaviour is not folded under it
    mine, theirs = seen[part.behaviour.name], seen[under.behaviour.name]
    failures = mine.failures
    shared = len(failures & theirs.failures)
    if not failures or shared < SHARED * len(failures):
        return None
    alone = contrast(_cells(mine, theirs))
    if not _go_together(mine, theirs) or _tells(alone) or _mostly_left(alone, part):
        return None
    both = [
        (theirs.steps[t], mine.steps[t]) for t in mine.shown & theirs.shown if t in theirs.steps and t in mine.steps
    ]
    timed = len(both) if both else None
    first = sum(there <= here for there, here in both) if both else None
    alike = not _tells(contrast(_cells(theirs, mine)))
    named = part.behaviour.from_traces and not under.behaviour.from_traces
    ranked = rank[under.behaviour.name] < rank[part.behaviour.name]
    late = timed is not None and first is not None and first < FIRST * timed
    # A fact of the whole attempt cannot be shown to come before a step.
    before = not late and (_before(theirs, mine, ranked) if alike else bool(theirs.steps or not mine.steps))
    if not before and not (alike and named):
        return None
    sql = cells_given_sql(part.behaviour, under.behaviour, first_steps)
    return Folded(part, under, shared, len(failures), first, timed, alone, sql, alike)


def _before(one: _Shown, two: _Shown, ranked: bool) -> bool:
    """Which of two that explain each other stands: the one clearly earlier, one with a step, the one ranked higher."""
    steps = [(one.steps[t], two.steps[t]) for t in one.shown & two.shown if t in one.steps and t in two.steps]
    earlier = sum(a < b for a, b in steps) - sum(a > b for a, b in steps)
    if earlier:
        return earlier > 0
    return ranked if bool(one.steps) == bool(two.steps) else bool(one.steps)


def _go_together(mine: _Shown, theirs: _Shown) -> bool:
    """Whether failures that show the one show the other more often than failures that do not: a common behaviour is
    met by everything, and explains nothing for that.
    """
    failed = {trace for trace, (_, _, failed) in mine.attempts.items() if failed}
    with_mine, with_theirs = mine.failures, theirs.failures & failed
    shared, rest = len(with_mine & with_theirs), len(failed) - len(with_mine)
    if not rest:
        return True
    others = len(with_theirs - with_mine)
    p_value, _ = exact_stratified_p(strata=[(len(with_mine), shared, rest, others)])
    return shared * rest > others * len(with_mine) and p_value <= ALPHA


def _mostly_left(alone: Contrast, part: Measured) -> bool:
    before = part.contrast.difference if part.contrast else None
    return alone.difference is not None and before is not None and alone.difference > LEFT * before


def _cells(mine: _Shown, held: _Shown) -> list[Cell]:
    """Cells as `cells_given_sql` makes them, without asking the store once for every pair."""
    counts: dict[tuple[str, str], list[int]] = {}
    for trace, (run, task, failed) in mine.attempts.items():
        key = (run + (" with" if trace in held.shown else " without"), task)
        cell = counts.setdefault(key, [0, 0, 0, 0])
        place = 0 if trace in mine.shown else 2
        cell[place] += 1
        cell[place + 1] += failed
    return [Cell(run, task, *cell) for (run, task), cell in sorted(counts.items())]


def _tells(found: Contrast) -> bool:
    return found.p_value is not None and found.p_value <= ALPHA and (found.difference or 0.0) > 0
