"""Groups of attempts (runs, modes, models, harness revisions) compared in pairs on the tasks that both tried.

The unit is the task: which of the two groups has the higher success rate on it. The test is the exact sign test.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

from halo_opt.core.report_records import GroupComparison, Number
from halo_opt.mining.levels import FALSE_DISCOVERY
from halo_opt.mining.measure import literal
from halo_opt.stats.multiple import benjamini_hochberg
from halo_opt.stats.paired import sign_test
from halo_opt.store.protocols import Rows

By = Literal["run", "mode", "model", "harness revision"]
# A sign test over fewer tasks cannot reach 0.05 even if one group loses all of them.
LEAST_TASKS = 6
# Of more groups of a kind than these only those with the most attempts are compared: pairs grow with their square.
MOST_GROUPS = 12
MEASURED = "outcome IN ('success', 'failure')"
# The SQL of an attempt's group. A run of one attempt is no group.
LABELS: Mapping[By, str] = {
    "run": "CASE WHEN run_id IN (SELECT run_id FROM attempts GROUP BY run_id HAVING count(*) > 1) THEN run_id END",
    "mode": "mode",
    "model": "model",
    "harness revision": "harness_revision",
}


class Group(NamedTuple):
    """A group of attempts: of which kind, and its name."""

    by: By
    name: str

    @property
    def words(self) -> str:
        """The group in words, such as `run a`."""
        return f"{self.by} {self.name}"

    @property
    def condition(self) -> str:
        """The SQL condition that an attempt belongs to the group."""
        return f"({LABELS[self.by]}) = {literal(self.name)}"


@dataclass(frozen=True, slots=True)
class Comparisons:
    """All pairs of groups that share enough tasks, the clearest first, and the groups that were not compared."""

    pairs: tuple[GroupComparison, ...] = ()
    left_out: int = 0

    @property
    def clear(self) -> list[GroupComparison]:
        """The pairs in which one group does worse after the correction."""
        return [pair for pair in self.pairs if is_clear(pair)]

    def better_than(self, group: Group) -> list[GroupComparison]:
        """The clear comparisons in which this group does worse."""
        return [pair for pair in self.clear if (pair.by, pair.worse) == group]

    @property
    def worse_groups(self) -> list[Group]:
        """The groups that do clearly worse than another one."""
        return list(dict.fromkeys(Group(pair.by, pair.worse) for pair in self.clear))


def is_clear(pair: GroupComparison) -> bool:
    """Whether the corrected test says that the one group does worse."""
    return pair.q_value is not None and pair.q_value <= FALSE_DISCOVERY


def compare_groups(store: Rows) -> Comparisons:
    """Compare every two groups of each kind on the tasks that both tried.

    Groups of two kinds that hold the same attempts of these tasks are compared once, as the first kind of `LABELS`.
    All p-values are corrected together (Benjamini-Hochberg).
    """
    found: list[GroupComparison] = []
    known: set[frozenset[int]] = set()
    left_out = 0
    for by in LABELS:
        rates = _rates(store, by)
        names = sorted(rates, key=lambda name: (-sum(cell.attempts for cell in rates[name].values()), name))
        left_out += len(names[MOST_GROUPS:])
        for one, two in combinations(sorted(names[:MOST_GROUPS]), 2):
            tasks = rates[one].keys() & rates[two].keys()
            same = frozenset(_attempts(rates[name][task] for task in tasks) for name in (one, two))
            if len(tasks) >= LEAST_TASKS and same not in known:
                known.add(same)
                found.append(_pair(by, one, two, rates, tasks))
    corrected = benjamini_hochberg([_p_value(pair) for pair in found])
    pairs = [pair.model_copy(update={"q_value": q}) for pair, q in zip(found, corrected, strict=True)]
    return Comparisons(tuple(sorted(pairs, key=lambda pair: _p_value(pair) or 0.0)), left_out)


def _p_value(pair: GroupComparison) -> float | None:
    p = pair.p_value.value
    return p if isinstance(p, float) else None


class _Cell(NamedTuple):
    """The attempts of one group at one task: the success rate, how many, and a hash of which they are."""

    rate: float
    attempts: int
    which: int


def _attempts(cells: Iterable[_Cell]) -> int:
    """A hash of which attempts these are, whatever their order."""
    which = 0
    for cell in cells:
        which ^= cell.which
    return which


def _rates(store: Rows, by: By) -> dict[str, dict[str, _Cell]]:
    """The success rate of each group at each task."""
    rows = store.rows(
        f"SELECT {LABELS[by]} AS label, task_id, avg((outcome = 'success')::DOUBLE), count(*), bit_xor(hash(trace_id))"
        f" FROM attempts WHERE {MEASURED} AND label <> '' GROUP BY label, task_id"
    )
    found: dict[str, dict[str, _Cell]] = {}
    for label, task, rate, attempts, which in rows:
        found.setdefault(str(label), {})[str(task)] = _Cell(float(rate), int(attempts), int(which))
    return found


def _pair(
    by: By, one: str, two: str, rates: Mapping[str, Mapping[str, _Cell]], tasks: Iterable[str]
) -> GroupComparison:
    cells = [(rates[one][task].rate, rates[two][task].rate) for task in tasks]
    lost = sum(here < there for here, there in cells)
    won = sum(here > there for here, there in cells)
    if won > lost:
        one, two, lost, won = two, one, won, lost
    worse, better = Group(by, one), Group(by, two)
    return GroupComparison(
        by=by,
        worse=one,
        better=two,
        tasks=Number(value=len(cells), sql=_counted(worse, better, "count(*)")),
        lost=Number(value=lost, sql=_counted(worse, better, "count(*) FILTER (here < there)")),
        won=Number(value=won, sql=_counted(worse, better, "count(*) FILTER (here > there)")),
        p_value=Number(
            value=sign_test(lost=lost, won=won),
            sql=_counted(worse, better, "task_id, here, there") + " ORDER BY task_id",
            statistic="sign_test",
        ),
    )


def holds(store: Rows, group: Group, part: Group) -> bool:
    """Whether all attempts of one group belong to another, which has more."""
    part_without = f"SELECT 1 FROM attempts WHERE {part.condition} AND ({group.condition}) IS NOT TRUE LIMIT 1"
    group_without = f"SELECT 1 FROM attempts WHERE {group.condition} AND ({part.condition}) IS NOT TRUE LIMIT 1"
    return not store.rows(part_without) and bool(store.rows(group_without))


def is_clear_without(store: Rows, pair: GroupComparison, parts: Sequence[Group]) -> bool:
    """Whether the one group does worse than the other (p <= 0.05) also where parts of it are left out."""
    left = " AND ".join(f"({part.condition}) IS NOT TRUE" for part in parts)
    worse, better = Group(pair.by, pair.worse), Group(pair.by, pair.better)
    rows = store.rows(_counted(worse, better, "here, there", left))
    lost, won = sum(here < there for here, there in rows), sum(here > there for here, there in rows)
    return lost > won and sign_test(lost=lost, won=won) <= FALSE_DISCOVERY


def _counted(worse: Group, better: Group, what: str, left: str = "") -> str:
    """SQL over rows (task, rate of the one group, rate of the other) of the tasks that both tried.

    `left` is a condition on the attempts of the first group that count; '' for all.
    """
    rate = "avg((outcome = 'success')::DOUBLE) FILTER (WHERE {})"
    here = rate.format(f"{worse.condition} AND {left}" if left else worse.condition)
    there = rate.format(better.condition)
    return (
        f"WITH rates AS (SELECT task_id, {here} AS here, {there} AS there FROM attempts WHERE {MEASURED} GROUP BY"
        f" task_id)\nSELECT {what} FROM rates WHERE here IS NOT NULL AND there IS NOT NULL"
    )


def numbers_of_comparisons(pairs: Sequence[GroupComparison]) -> Iterator[tuple[str, Number]]:
    """Every number of the comparisons with its place."""
    for pair in pairs:
        for name in ("tasks", "lost", "won", "p_value"):
            yield f"comparisons[{pair.by} {pair.worse} and {pair.better}].{name}", getattr(pair, name)


def lost_and_won(pair: GroupComparison) -> str:
    """The result of one comparison in words that follow the name of the group that does worse."""
    chance = "q < 0.001" if (pair.q_value or 0) < 0.001 else f"q = {pair.q_value:.2g}"
    return (
        f"than {pair.better} (of {pair.tasks.value} tasks that both tried, worse on {pair.lost.value} and better on"
        f" {pair.won.value}; sign test, {chance})"
    )
