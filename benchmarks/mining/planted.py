"""Failure modes planted at known rates: how many of those that could be found are found, and is what is found there?

The yardstick is a perfect test: one that is told which attempts the mode was planted into. A planted mode counts as
detectable where that test would find it with 80% power at the level that is left to one among so many tests.
A finding is true when planting changed the very thing that it is about; that is seen by mining the same attempts
without anything planted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr

from benchmarks.mining.attempts import PER_TASK, Attempt, Made, Steps, draw
from benchmarks.mining.injections import MODES
from halo_opt.core.report_records import Report
from halo_opt.mining.mine import mine_store
from halo_opt.stats.intervals import wilson
from halo_opt.store.protocols import Rows

RATES = (0.02, 0.05, 0.1, 0.2, 0.4)
# P(mode | failure) over P(mode | success); endless is a mode that no success shows.
RATIOS = (1.5, 2.0, 4.0, float("inf"))
SIZES: Mapping[int, int] = {200: 24, 1000: 12, 5000: 4, 20000: 1}
TRUE_MODES, IDLE_MODES = 3, 2
POWER = 0.8
DRAWS = 400
# A mode shows itself in a behaviour that most of its attempts gain; a finding is about a mode that a tenth gain.
SHOWN, ABOUT = 0.5, 0.1


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted mode and what became of it."""

    attempts: int
    mode: str
    in_failures: float
    in_successes: float
    power: float
    found: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One dataset: its planted modes, and its findings, true or not."""

    planted: list[Planted]
    findings: list[tuple[str, bool]]


def run(
    real: dict[str, list[Steps]], sizes: Mapping[int, int], *, seed: int, tell: Callable[[str], None]
) -> list[Outcome]:
    """All datasets of all sizes."""
    outcomes = []
    for size, datasets in sizes.items():
        for number in range(datasets):
            rng = np.random.default_rng([seed, size, number])
            outcomes.append(_dataset(real, size, rng))
            found = sum(p.found for p in outcomes[-1].planted)
            tell(f"planted: {size} attempts, dataset {number + 1} of {datasets}: {found} of {TRUE_MODES} found")
    return outcomes


@dataclass(frozen=True, slots=True)
class Case:
    """Attempts with modes planted, and copies of them without. `rates` are P(mode | failure), P(mode | success); the
    first `TRUE_MODES` go with failing, the others are as common in successes."""

    attempts: list[Attempt]
    bare: list[Attempt]
    rates: dict[str, tuple[float, float]]


def case(real: dict[str, list[Steps]], size: int, rng: np.random.Generator) -> Case:
    """One dataset of `size` attempts: which modes, how often, and where, drawn by `rng`."""
    attempts = draw(real, size, rng)
    bare = [replace(attempt, steps=[dict(step) for step in attempt.steps]) for attempt in attempts]
    names = [str(name) for name in rng.choice(sorted(MODES), size=TRUE_MODES + IDLE_MODES, replace=False)]
    rates: dict[str, tuple[float, float]] = {}
    for place, name in enumerate(names):
        rate = float(rng.choice(RATES))
        ratio = float(rng.choice(RATIOS)) if place < TRUE_MODES else 1.0
        rates[name] = (rate, rate / ratio)
    _plant(attempts, rates, rng)
    return Case(attempts, bare, rates)


@dataclass(frozen=True, slots=True)
class Called:
    """What somebody says of a case: `findings` are the names called true, `sqls` the behaviour SQL of these and of what
    was folded under them, `tests` how many predicates were tried in all."""

    findings: list[str]
    sqls: dict[str, str]
    tests: int


def called_by(report: Report) -> Called:
    """The findings of a report that are significant after the correction."""
    tested = [t for t in report.tested if isinstance(t["q_value"], float)]
    proven = {t["behaviour"] for t in tested if float(str(t["q_value"])) <= 0.05}
    sqls = {f.behaviour: f.predicate_sql for f in report.findings if f.behaviour in proven}
    sqls |= {c.behaviour: c.predicate_sql for f in report.findings for c in f.consequences}
    return Called([f.behaviour for f in report.findings if f.behaviour in proven], sqls, len(tested))


def judge(case: Case, called: Called, *, planted: Rows, bare: Rows, rng: np.random.Generator) -> Outcome:
    """Which planted modes were found and which findings are true, by stores of the attempts with and without them."""
    gained = {name: _showing(planted, sql) - _showing(bare, sql) for name, sql in called.sqls.items()}
    carriers = {name: {a.trace_id for a in case.attempts if name in a.planted} for name in case.rates}
    names = list(case.rates)[:TRUE_MODES]
    level = 0.05 / max(1, called.tests)
    modes = [
        Planted(
            len(case.attempts),
            name,
            *case.rates[name],
            _power(case.attempts, case.rates[name], level, rng),
            any(_share(shown, carriers[name]) >= SHOWN for shown in gained.values()),
        )
        for name in names
    ]
    true = {b for b, shown in gained.items() for name in names if _share(shown, carriers[name]) >= ABOUT}
    return Outcome(modes, [(name, name in true) for name in called.findings])


def _dataset(real: dict[str, list[Steps]], size: int, rng: np.random.Generator) -> Outcome:
    drawn = case(real, size, rng)
    store, bare = Made(drawn.attempts), Made(drawn.bare)
    called = called_by(mine_store(store, [], title="planted", made_at="2026-01-01T00:00:00+00:00"))
    outcome = judge(drawn, called, planted=store, bare=bare, rng=rng)
    store.close()
    bare.close()
    return outcome


def _plant(attempts: Sequence[Attempt], rates: Mapping[str, tuple[float, float]], rng: np.random.Generator) -> None:
    for attempt in attempts:
        for name, (in_failures, in_successes) in rates.items():
            if rng.random() < (in_failures if attempt.failed else in_successes):
                MODES[name](attempt.steps, rng)
                attempt.planted.add(name)


def _showing(store: Rows, sql: str) -> set[str]:
    return {str(trace) for (trace,) in store.rows(f"SELECT trace_id FROM ({sql}) WHERE value")}


def _share(gained: set[str], carriers: set[str]) -> float:
    return len(gained & carriers) / len(carriers) if carriers else 0.0


def _power(attempts: Sequence[Attempt], rates: tuple[float, float], level: float, rng: np.random.Generator) -> float:
    """How often the Cochran-Mantel-Haenszel test finds the mode, told which attempts have it, at the level left."""
    failed = np.array([a.failed for a in attempts[: len(attempts) // PER_TASK * PER_TASK]]).reshape(-1, PER_TASK)
    failures = failed.sum(axis=1)
    hits = 0
    for _ in range(DRAWS):
        has = rng.random(failed.shape) < np.where(failed, *rates)
        carriers = has.sum(axis=1)
        expected = carriers * failures / PER_TASK
        spread = carriers * (PER_TASK - carriers) * failures * (PER_TASK - failures) / (PER_TASK**2 * (PER_TASK - 1))
        if spread.sum() > 0:
            z = ((has & failed).sum(axis=1) - expected).sum() / np.sqrt(spread.sum())
            hits += int(2 * ndtr(-abs(z)) <= level and z > 0)
    return hits / DRAWS


def table(outcomes: Sequence[Outcome]) -> list[str]:
    """Recall among detectable modes and precision of findings, by number of attempts."""
    lines = ["| attempts | detectable modes | found | recall | findings | true | precision |", "|" + " ---: |" * 7]
    sizes = sorted({p.attempts for o in outcomes for p in o.planted})
    for size in [*sizes, None]:
        mine = [o for o in outcomes if size is None or o.planted[0].attempts == size]
        able = [p for o in mine for p in o.planted if p.power >= POWER]
        calls = [true for o in mine for _, true in o.findings]
        lines.append(
            f"| {size or 'all'} | {len(able)} | {sum(p.found for p in able)} | {rate([p.found for p in able])} |"
            f" {len(calls)} | {sum(calls)} | {rate(calls)} |"
        )
    return lines


def rate(values: Sequence[bool]) -> str:
    """A share with its 95% interval, or a dash for none."""
    interval = wilson(successes=sum(values), n=len(values))
    if interval is None:
        return "-"
    low, high = interval
    return f"{100 * sum(values) / len(values):.0f}% ({100 * low:.0f} to {100 * high:.0f})"
