"""Faults of a whole run, runs without any success, and ids that two data sets share: what the report says of them.

A fault of a whole run is planted into every attempt of one run among several at the same tasks. Without any success, a
specific fault is planted into nearly all attempts, among the habits that the real attempts have of themselves. With
shared ids, a habit is more common in the data set whose tasks are harder, and has nothing to do with failing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from benchmarks.mining.attempts import PER_TASK, Attempt, Made, Steps
from benchmarks.mining.injections import MODES
from benchmarks.mining.nothing import Known
from benchmarks.mining.planted import SHOWN, rate
from halo_opt.core.report_records import Finding, Report
from halo_opt.mining.mine import mine_store
from halo_opt.stats.paired import sign_test
from halo_opt.store.index.task_goals import tell_tasks_apart

RUNS, TASKS = (2, 3, 4), (15, 30, 60)
# How many attempts of the run with the fault fail for it; the others fail as often as those of other runs.
HARM = (0.7, 0.9, 1.0)
ALL_FAILED, CARRIED = (10, 30, 60), (0.85, 1.0)
# Modes that leave an error, or a call that no harness means to make. The others are habits, which many failing attempts
# show, so that without a success nothing tells them from a cause.
FAULTS = (
    "retries a failed call unchanged",
    "a call fails",
    "prose instead of an action",
    "names an unknown tool",
    "arguments in a code fence",
    "a call times out",
    "three failing calls",
)
POWER, DRAWS = 0.8, 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result:
    """One made data set: whether the fault could be found, whether the report leads with it, and its shown findings."""

    detectable: bool
    leads: bool
    shown: list[bool]


def whole_runs(real: dict[str, list[Steps]], *, draws: int, seed: int, tell: Callable[[str], None]) -> list[Result]:
    """Data sets with a fault in one run among several."""
    results = []
    for number in range(draws):
        rng = np.random.default_rng([seed, 7, number])
        runs, tasks, harm = int(rng.choice(RUNS)), int(rng.choice(TASKS)), float(rng.choice(HARM))
        difficulty = rng.beta(2, 2, size=tasks)
        mode = str(rng.choice(sorted(MODES)))
        bare = _attempts(real, runs, difficulty, rng)
        attempts = [replace(a, steps=[dict(step) for step in a.steps]) for a in bare]
        for attempt in attempts:
            if attempt.run == "run-0":
                MODES[mode](attempt.steps, rng)
                attempt.failed = attempt.failed or bool(rng.random() < harm)
        results.append(_judged(attempts, bare, "run run-0", detectable=_power(difficulty, harm, runs, rng) >= POWER))
        tell(f"whole runs: {number + 1} of {draws}, {mode}: {'leads' if results[-1].leads else 'does not lead'}")
    return results


def all_failed(real: dict[str, list[Steps]], *, draws: int, seed: int, tell: Callable[[str], None]) -> list[Result]:
    """Data sets without a success, a specific fault in nearly all attempts."""
    results = []
    for number in range(draws):
        rng = np.random.default_rng([seed, 8, number])
        count, carried = int(rng.choice(ALL_FAILED)), float(rng.choice(CARRIED))
        mode = str(rng.choice(FAULTS))
        bare = [replace(a, failed=True) for a in _attempts(real, 1, np.ones(count), rng)]
        attempts = [replace(a, steps=[dict(step) for step in a.steps]) for a in bare]
        for place in rng.permutation(count)[: round(carried * count)]:
            MODES[mode](attempts[int(place)].steps, rng)
            attempts[int(place)].planted.add(mode)
        results.append(_judged(attempts, bare, "", detectable=True))
        tell(f"all failed: {number + 1} of {draws}, {mode}: {'leads' if results[-1].leads else 'does not lead'}")
    return results


def collisions(real: dict[str, list[Steps]], *, draws: int, seed: int, tell: Callable[[str], None]) -> tuple[int, int]:
    """(data sets with a false finding where tasks are told apart by their goals, the same where they are not)."""
    ours = naive = 0
    for number in range(draws):
        rng = np.random.default_rng([seed, 9, number])
        mode = str(rng.choice(sorted(MODES)))
        attempts = []
        for data_set, (fails, habit) in enumerate(((0.2, 0.1), (0.8, 0.7))):
            for task in range(30):
                for made in _attempts(real, 1, np.full(PER_TASK // 2, fails), rng):
                    name = f"a-{data_set}-{task}-{made.task_id.rsplit('-', 1)[1]}"
                    goal = _GOALS[data_set].format(_WORDS[task])
                    attempt = replace(made, trace_id=name, task_id=f"task-{task}", goal=goal, run="made")
                    if rng.random() < habit:
                        MODES[mode](attempt.steps, rng)
                    attempts.append(attempt)
        for told_apart in (True, False):
            store = Made([replace(a, seed=0) for a in attempts])
            if told_apart:
                tell_tasks_apart(store.connection)
            false = any(finding.level in ("proven", "shown") for finding in _report(store).findings)
            store.close()
            ours, naive = ours + (false and told_apart), naive + (false and not told_apart)
        tell(f"collisions: {number + 1} of {draws}, false in {ours}; with ids alone in {naive}")
    return ours, naive


_GOALS = ("Book the cheapest flight with a stop at {}.", "Count which files below {} were changed since last week.")
_WORDS = [f"{chr(97 + n % 26) * 3}{chr(97 + n // 26)}port" for n in range(30)]


def shown_by_chance(
    real: dict[str, list[Steps]], *, shuffles: int, seed: int, tell: Callable[[str], None]
) -> Mapping[str, int]:
    """In how many shuffles something is shown although nothing is there.

    Outcomes are shuffled within tasks, and so are runs, at tasks of different difficulty.
    """
    rng = np.random.default_rng([seed, 10])
    found = {"outcomes shuffled": 0, "runs shuffled": 0}
    attempts = _attempts(real, 4, rng.beta(2, 2, size=40), rng)
    store = Made(attempts)
    known = Known(store, [(a.trace_id, a.task_id, False) for a in attempts])
    tasks = [a.task_id for a in attempts]
    for number in range(shuffles):
        failed = _within(tasks, [a.failed for a in attempts], rng)
        found["outcomes shuffled"] += known.shown(failed, [a.run for a in attempts])
        names = _within(tasks, [a.run for a in attempts], rng)
        found["runs shuffled"] += known.shown([a.failed for a in attempts], names)
        if (number + 1) % 50 == 0:
            tell(f"shown by chance: {number + 1} of {shuffles} shuffles: {found}")
    store.close()
    return found


def _within(tasks: Sequence[str], values: Sequence[T], rng: np.random.Generator) -> list[T]:
    """The values shuffled within each task."""
    mixed = list(values)
    for task in dict.fromkeys(tasks):
        places = [place for place, name in enumerate(tasks) if name == task]
        for place, other in zip(places, rng.permutation(places), strict=True):
            mixed[place] = values[int(other)]
    return mixed


def _attempts(
    real: dict[str, list[Steps]], runs: int, difficulty: Sequence[float] | np.ndarray, rng: np.random.Generator
) -> list[Attempt]:
    """One attempt of each run at each task, failed by the task's difficulty."""
    names = sorted(real)
    made = []
    for task, hard in enumerate(difficulty):
        source = real[names[int(rng.integers(len(names)))]]
        for run in range(runs):
            steps = [dict(step) for step in source[int(rng.integers(len(source)))]]
            failed = bool(rng.random() < hard)
            made.append(Attempt(f"a-{len(made)}", f"task-{task}", failed, steps, run=f"run-{run}"))
    return made


def _report(store: Made) -> Report:
    return mine_store(store, [], title="made", made_at="2026-01-01T00:00:00+00:00")


def _judged(attempts: Sequence[Attempt], bare: Sequence[Attempt], scope: str, *, detectable: bool) -> Result:
    """Whether the first finding is about the fault and of this scope, and which of the shown findings are."""
    carriers = {a.trace_id for a, before in zip(attempts, bare, strict=True) if a.planted or (scope and a.run in scope)}
    with_fault, without = Made(attempts), Made(bare)
    findings = _report(with_fault).findings
    shown = [f for f in findings if f.level == "shown"]
    of_scope = [f for f in findings if f.scope == scope]
    true = {f.id: f in of_scope and _about(f, carriers, with_fault, without) for f in findings}
    leads = bool(findings) and true[findings[0].id]
    with_fault.close()
    without.close()
    return Result(detectable, leads, [true[f.id] for f in shown])


def _about(finding: Finding, carriers: set[str], with_fault: Made, without: Made) -> bool:
    """Whether planting gave at least half of its attempts what the finding, or what is listed under it, is about."""
    for sql in (finding.predicate_sql, *(c.predicate_sql for c in finding.consequences)):
        one, two = (
            {str(t) for (t,) in s.rows(f"SELECT trace_id FROM ({sql}) WHERE value")} for s in (with_fault, without)
        )
        if len((one - two) & carriers) >= SHOWN * len(carriers):
            return True
    return False


def _power(difficulty: np.ndarray, harm: float, runs: int, rng: np.random.Generator) -> float:
    """How often the sign test, told which run it is, finds it worse than one other run at the level left for a pair."""
    level = 0.05 / (runs * (runs - 1) / 2)
    hits = 0
    for _ in range(DRAWS):
        other = rng.random(len(difficulty)) < difficulty
        own = (rng.random(len(difficulty)) < difficulty) | (rng.random(len(difficulty)) < harm)
        lost, won = int((own & ~other).sum()), int((other & ~own).sum())
        hits += lost > won and sign_test(lost=lost, won=won) <= level
    return hits / DRAWS


def table(name: str, results: Sequence[Result]) -> list[str]:
    """Recall of what could be found, and precision of what is shown."""
    able = [r.leads for r in results if r.detectable]
    shown = [true for r in results for true in r.shown]
    return [
        "| planted | data sets | detectable | the report leads with it | shown findings | about it |",
        "|" + " --- |" + " ---: |" * 5,
        f"| {name} | {len(results)} | {len(able)} | {rate(able)} | {len(shown)} | {rate(shown)} |",
    ]
