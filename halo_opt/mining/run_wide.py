"""Behaviours that mark a group of attempts which does worse than another on the same tasks.

Whatever nearly all attempts of a run show cannot be compared within the run. It is compared with the groups that do
better on the same tasks, and a finding of this kind says no more than that the group and the behaviour go together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from halo_opt.core.report_records import Consequence, GroupComparison, Number
from halo_opt.core.text import listed
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.comparisons import (
    LABELS,
    MEASURED,
    By,
    Comparisons,
    Group,
    holds,
    is_clear_without,
    lost_and_won,
)
from halo_opt.mining.levels import Backing, Support
from halo_opt.mining.measure import Measured, literal
from halo_opt.mining.signatures import GROUPS_ONLY
from halo_opt.store.protocols import Rows

# A mark is shown by at least this share of the failures of the group that does worse, and by at most that share of the
# attempts of the groups that do better. Four of five, as some tasks never reach the place of the fault; one of ten, as
# other causes bring the same symptom now and then.
NEARLY_ALL = 0.8
NEARLY_NONE = 0.1
# A behaviour that applies to fewer attempts of a group than this share is not known well enough there.
APPLIES = 0.5
MOST_CONSEQUENCES = 8
# Of more groups that do better, only the clearest results are named.
MOST_NAMED = 3
NO_FAULT = 3


class Share(NamedTuple):
    """How many attempts show something, of how many to which it applies."""

    shown: int
    of: int

    @property
    def rate(self) -> float:
        """The share, 0 to 1; 0 of none."""
        return self.shown / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.shown} of {self.of}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A behaviour that marks a group of attempts.

    Attributes:
        group: The group.
        m: The behaviour.
        here: Attempts of the group that show it.
        failures: Failures of the group that show it.
        better: By group that does clearly better: attempts that show it, at the tasks that this group tried.
        first_step: The step at which half of the group's failures have shown it; infinite where no step is known.
    """

    group: Group
    m: Measured
    here: Share
    failures: Share
    better: Mapping[str, Share]
    first_step: float

    @property
    def elsewhere(self) -> Share:
        """Attempts of all groups that do better."""
        return Share(sum(one.shown for one in self.better.values()), sum(one.of for one in self.better.values()))

    @property
    def also_in(self) -> dict[str, Share]:
        """The groups that do better although more than nearly none of their attempts show it."""
        return {name: one for name, one in self.better.items() if one.rate > NEARLY_NONE}


@dataclass(frozen=True, slots=True)
class RunWide:
    """A group that does worse, its best mark, and what else marks it."""

    best: Mark
    others: tuple[Mark, ...]
    comparisons: tuple[GroupComparison, ...]

    @property
    def support(self) -> Support:
        """`shown` for a specific fault that nearly no attempt of the groups that do better shows, else `suspected`."""
        mark = self.best
        words = mark.group.words
        lift = (
            f"Attempts of {words} without it, or of another {mark.group.by} with it, at least two at each of the same"
            " tasks."
        )
        if mark.also_in:
            others = listed([f"{name} ({share})" for name, share in mark.also_in.items()])
            reason = f"It is seen too in {_of(mark.group.by, mark.also_in)} {others}, which nevertheless does better."
            if len(mark.also_in) > 1:
                reason = reason.replace("does better", "do better")
            return Support("suspected", reason, lift)
        rank = fault_rank(mark.m.behaviour)
        if rank == NO_FAULT:
            reason = f"It is a difference between the {mark.group.by}s and no fault by itself."
            return Support("suspected", reason, lift)
        if rank:
            reason = "Many different faults bring it about, so it does not say which one there is."
            return Support("suspected", reason, lift)
        reason = (
            f"Nearly all attempts of {words} show it, so there is too little to compare it with within this"
            f" {mark.group.by}: whatever else differs from the other {mark.group.by}s may be the cause as well."
        )
        return Support("shown", reason, lift)


def _of(by: By, names: Sequence[str] | Mapping[str, object]) -> str:
    return by if len(names) == 1 else f"{by}s"


def marked_groups(store: Rows, measured: Sequence[Measured], compared: Comparisons) -> list[RunWide]:
    """The groups that do worse than another and that some behaviour marks; those with the most failures first.

    Args:
        store: Where the behaviours' SQL runs.
        measured: The behaviours that may mark a group.
        compared: The groups compared.
    """
    worse = compared.worse_groups
    counts = {by: _failures(store, by) for by in {group.by for group in worse}}
    least = min((NEARLY_ALL * counts[group.by].get(group.name, 0) for group in worse), default=inf)
    marks: dict[Group, list[Mark]] = {group: [] for group in worse}
    for m in measured:
        if m.state == "failed" or m.failures_with < least or not may_mark(m.behaviour):
            continue
        for by in counts:
            cells = _cells(store, m.behaviour, by)
            for group in worse:
                mark = _mark(group, m, cells, compared) if group.by == by else None
                if mark is not None:
                    marks[group].append(mark)
    found = []
    for group, own in marks.items():
        if own:
            best, *others = sorted((_with_step(store, mark) for mark in own), key=_place)
            found.append(RunWide(best, tuple(others), tuple(compared.better_than(group))))
    found = _without_wholes(store, found)
    return sorted(found, key=lambda one: (bool(one.best.also_in), -one.best.failures.shown, one.best.group))


def _without_wholes(store: Rows, found: Sequence[RunWide]) -> list[RunWide]:
    """The marked groups without those that do worse only because of a marked part, such as one run of a mode."""
    groups = [one.best.group for one in found]
    kept = []
    for one in found:
        parts = [part for part in groups if holds(store, one.best.group, part)]
        if not parts or any(is_clear_without(store, pair, parts) for pair in one.comparisons):
            kept.append(one)
    return kept


def _failures(store: Rows, by: By) -> dict[str, int]:
    rows = store.rows(
        f"SELECT {LABELS[by]} AS label, count(*) FROM attempts WHERE outcome = 'failure' AND label <> '' GROUP BY label"
    )
    return {str(label): int(count) for label, count in rows}


class _Cell(NamedTuple):
    """A behaviour in one group at one task."""

    attempts: int
    applies: int
    shown: int
    failures: int
    failures_shown: int


def _cells(store: Rows, behaviour: Behaviour, by: By) -> dict[str, dict[str, _Cell]]:
    rows = store.rows(
        f"WITH behaviour AS ({behaviour.sql})\nSELECT {LABELS[by]} AS label, task_id, count(*), count(value), count(*)"
        " FILTER (value), count(*) FILTER (outcome = 'failure'), count(*) FILTER (value AND outcome = 'failure') FROM"
        f" attempts LEFT JOIN behaviour USING (trace_id) WHERE {MEASURED} AND label <> '' GROUP BY label, task_id"
    )
    found: dict[str, dict[str, _Cell]] = {}
    for label, task, *counts in rows:
        found.setdefault(str(label), {})[str(task)] = _Cell(*counts)
    return found


def _mark(group: Group, m: Measured, cells: Mapping[str, Mapping[str, _Cell]], compared: Comparisons) -> Mark | None:
    """The behaviour as a mark of the group; None where it marks it against none of the groups that do better."""
    own = cells.get(group.name, {})
    failures = Share(sum(c.failures_shown for c in own.values()), sum(c.failures for c in own.values()))
    if not failures.shown or failures.rate < NEARLY_ALL:
        return None
    better = {}
    for pair in compared.better_than(group):
        there = [cell for task, cell in cells.get(pair.better, {}).items() if task in own]
        applies = sum(cell.applies for cell in there)
        if applies >= APPLIES * sum(cell.attempts for cell in there):
            better[pair.better] = Share(sum(cell.shown for cell in there), applies)
    if not any(share.rate <= NEARLY_NONE for share in better.values()):
        return None
    here = Share(sum(c.shown for c in own.values()), sum(c.attempts for c in own.values()))
    return Mark(group, m, here, failures, better, inf)


def _with_step(store: Rows, mark: Mark) -> Mark:
    [(step,)] = store.rows(
        f"WITH behaviour AS ({mark.m.behaviour.sql})\nSELECT median(step) FROM behaviour JOIN attempts USING (trace_id)"
        f" WHERE value AND outcome = 'failure' AND {mark.group.condition}"
    )
    return Mark(mark.group, mark.m, mark.here, mark.failures, mark.better, inf if step is None else float(step))


def _place(mark: Mark) -> tuple[object, ...]:
    """Sort key of the marks of a group: what can be the fault itself first, then the clearest, then the earliest."""
    behaviour = mark.m.behaviour
    gap = round(20 * (mark.failures.rate - mark.elsewhere.rate))
    return (bool(mark.also_in), fault_rank(behaviour), -gap, mark.first_step, behaviour.from_traces, behaviour.name)


def may_mark(behaviour: Behaviour) -> bool:
    """Whether a behaviour may mark a group: not where it goes by outcomes or picks attempts by their names."""
    return behaviour.untestable in ("", GROUPS_ONLY)


def fault_rank(behaviour: Behaviour) -> int:
    """How likely a behaviour is a fault itself.

    0 for a specific fault, 1 for habits that many faults bring about, 2 for symptoms, `NO_FAULT` for calls and
    sequences of actions without an error, which only tell one harness or model from another.
    """
    if behaviour.consequence:
        return 2
    if behaviour.general:
        return 1
    if behaviour.from_traces and not behaviour.name.startswith(("error_", "about_")):
        return 1 if any(action.endswith("(fails)") for action in behaviour.actions) else NO_FAULT
    return 0


def backings_of_marks(found: Sequence[RunWide]) -> dict[str, Backing]:
    """What supports each best mark, by its behaviour; one that marks several groups has one for all of them."""
    backings: dict[str, Backing] = {}
    for one in found:
        name = one.best.m.behaviour.name
        others = one.others[:MOST_CONSEQUENCES]
        consequences = [consequence_of_mark(mark) for mark in others]
        if name not in backings:
            numbers = numbers_of_mark(one.best)
            by = one.best.group.by
            alike = [mark.m.behaviour for mark in others if not fault_rank(mark.m.behaviour)]
            no_proof = f"within a {by} of which nearly all attempts show it, there is little to compare them with"
            backings[name] = Backing(
                one.support, one.best.group.words, claim_of_mark(one), numbers, consequences, alike, no_proof
            )
            continue
        before = backings[name]
        listed_already = {consequence.behaviour for consequence in before.consequences}
        backings[name] = replace(
            before,
            scope=f"{before.scope} and {one.best.group.words}",
            claim=f"{before.claim} {_counts_of_mark(one)}",
            consequences=[*before.consequences, *(c for c in consequences if c.behaviour not in listed_already)],
        )
    return backings


def claim_of_mark(found: RunWide) -> str:
    """What is said of a group and its best mark, as a paragraph."""
    by = found.best.group.by
    return (
        f"{_counts_of_mark(found)} That says that this {by} and the behaviour go together, and no more: whatever else"
        " differs may be the cause."
    )


def _counts_of_mark(found: RunWide) -> str:
    mark = found.best
    by = mark.group.by
    counts = [f"{share} attempts of {name}" for name, share in mark.better.items()]
    if len(counts) > MOST_NAMED:
        counts = [f"{mark.elsewhere} attempts of the {len(counts)} {by}s that do better"]
    results = [lost_and_won(pair) for pair in found.comparisons]
    return (
        f"In {mark.group.words} {mark.here} attempts show it, among them {mark.failures} failures. At the same tasks it"
        f" is seen in {listed(counts)}. This {by} does worse {listed(results, MOST_NAMED)}."
    )


def numbers_of_mark(mark: Mark) -> dict[str, Number]:
    """The counts of a mark in its group and in the groups that do better, each with its SQL."""
    seen = f"WITH behaviour AS ({mark.m.behaviour.sql})\nSELECT count(*) FROM "
    here = f"WHERE {MEASURED} AND {mark.group.condition}"
    every = f"{seen}attempts LEFT JOIN behaviour USING (trace_id) {here}"
    same_tasks = f"task_id IN (SELECT task_id FROM attempts {here})"
    better = f"({LABELS[mark.group.by]}) IN ({', '.join(literal(name) for name in mark.better)})"
    elsewhere = f"{seen}attempts JOIN behaviour USING (trace_id) WHERE {MEASURED} AND {better} AND {same_tasks}"
    return {
        "attempts_here_with": Number(value=mark.here.shown, sql=f"{every} AND value"),
        "attempts_here": Number(value=mark.here.of, sql=every),
        "failures_here_with": Number(value=mark.failures.shown, sql=f"{every} AND value AND outcome = 'failure'"),
        "failures_here": Number(value=mark.failures.of, sql=f"{every} AND outcome = 'failure'"),
        "attempts_elsewhere_with": Number(value=mark.elsewhere.shown, sql=f"{elsewhere} AND value"),
        "attempts_elsewhere": Number(value=mark.elsewhere.of, sql=elsewhere),
    }


def consequence_of_mark(mark: Mark) -> Consequence:
    """Another mark of the same group, listed under the best one."""
    behaviour = mark.m.behaviour
    return Consequence(
        behaviour=behaviour.name,
        title=behaviour.title,
        claim=(
            f"It marks the same {mark.group.by}: {mark.here} attempts of {mark.group.name} show it, and"
            f" {mark.elsewhere} of those that do better at the same tasks."
        ),
        predicate_sql=behaviour.sql,
        numbers=numbers_of_mark(mark),
    )
