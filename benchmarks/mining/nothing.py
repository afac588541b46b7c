"""Where nothing separates failures from successes, nothing may be found: outcomes shuffled within tasks, and behaviours
that only come with hard tasks. A naive comparison that knows no tasks is run beside ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from scipy.stats import fisher_exact

from benchmarks.mining.attempts import PER_TASK, Attempt, Made, Steps, draw
from benchmarks.mining.injections import MODES
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.comparisons import compare_groups
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.findings import proven, q_values
from halo_opt.mining.materialized import MaterializedStore
from halo_opt.mining.measure import Measured, measure
from halo_opt.mining.run_wide import marked_groups
from halo_opt.mining.sequences import sequences
from halo_opt.mining.signatures import offered


class Known:
    """What every behaviour says of some attempts, worked out once: only outcomes change from shuffle to shuffle."""

    def __init__(self, store: Made, attempts: Sequence[tuple[str, str, bool]]) -> None:
        self._store = store
        store.connection.execute("CREATE TABLE known (name VARCHAR, trace_id VARCHAR, value BOOLEAN, step INTEGER)")
        with MaterializedStore(store) as materialized:
            materialized.add(built_in())
            mined = [one for part in (offered(materialized), sequences(materialized)) for one in part.behaviours]
        looked_for = [*built_in(), *mined]
        for behaviour in looked_for:
            store.connection.execute(f"INSERT INTO known SELECT '{behaviour.name}', * FROM ({behaviour.sql})")
        self._behaviours = [
            behaviour.model_copy(
                update={"sql": f"SELECT trace_id, value, step FROM known WHERE name = '{behaviour.name}'", "needs": ()}
            )
            for behaviour in looked_for
        ]
        self._attempts = attempts

    def findings(self, failed: Sequence[bool]) -> list[Measured]:
        """What would be called proven if these had failed."""
        rows = [(trace, "failure" if f else "success") for (trace, _, _), f in zip(self._attempts, failed, strict=True)]
        _set(self._store.connection, "outcome", rows)
        measured = [measure(self._store, behaviour, {}) for behaviour in self._behaviours]
        return proven(measured, q_values(measured))

    def shown(self, failed: Sequence[bool], runs: Sequence[str]) -> bool:
        """Whether anything would be shown of a run if these had failed and belonged to these runs.

        Each run has a behaviour of its own, so that whichever does worse by chance is marked by one.
        """
        connection = self._store.connection
        rows = [(trace, "failure" if f else "success") for (trace, _, _), f in zip(self._attempts, failed, strict=True)]
        _set(connection, "outcome", rows)
        _set(connection, "run_id", [(trace, run) for (trace, _, _), run in zip(self._attempts, runs, strict=True)])
        compared = compare_groups(self._store)
        if not compared.clear:
            return False
        own = [
            Behaviour(name=f"run_{n}", title=run, meaning=run, sql=_OF_RUN.format(run))
            for n, run in enumerate(sorted({*runs}))
        ]
        measured = [measure(self._store, behaviour, {}) for behaviour in (*own, *self._behaviours)]
        return any(one.support.level == "shown" for one in marked_groups(self._store, measured, compared))

    def naive(self, failed: Sequence[bool]) -> list[str]:
        """What a comparison over all attempts, each behaviour by itself at 0.05, would call a cause."""
        by_trace = {trace: f for (trace, _, _), f in zip(self._attempts, failed, strict=True)}
        total, failures = len(by_trace), sum(by_trace.values())
        called = []
        for behaviour in built_in():
            shown = self._store.rows(f"SELECT trace_id FROM known WHERE value AND name = '{behaviour.name}'")
            carriers = [by_trace[str(trace)] for (trace,) in shown if str(trace) in by_trace]
            bad, count = sum(carriers), len(carriers)
            if count < 5 or behaviour.consequence:
                continue
            test = fisher_exact([[bad, count - bad], [failures - bad, total - count - failures + bad]], "greater")
            called += [behaviour.name] if test.pvalue <= 0.05 else []
        return called


_OF_RUN = "SELECT trace_id, run_id = '{}' AS value, 0 AS step FROM attempts"


def _set(connection: duckdb.DuckDBPyConnection, column: str, rows: Sequence[tuple[str, str]]) -> None:
    values = ", ".join(f"('{trace}', '{value}')" for trace, value in rows)
    connection.execute(
        f"UPDATE attempts SET {column} = v.value FROM (VALUES {values}) AS v(trace_id, value)"
        " WHERE attempts.trace_id = v.trace_id"
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """In how many of `of` draws something was found, by us and by the naive comparison."""

    ours: int
    naive: int
    of: int


def shuffled(real: dict[str, list[Steps]], *, shuffles: int, seed: int, tell: Callable[[str], None]) -> Rate:
    """The real attempts as they are, outcomes drawn once by task and then shuffled within tasks."""
    rng = np.random.default_rng(seed)
    attempts = [
        Attempt(f"a-{number}", task, False, steps)
        for number, (task, steps) in enumerate((t, s) for t, several in sorted(real.items()) for s in several)
    ]
    store = Made(attempts)
    known = Known(store, [(a.trace_id, a.task_id, False) for a in attempts])
    difficulty = {task: rng.beta(2, 2) for task in real}
    base = np.array([rng.random() < difficulty[a.task_id] for a in attempts])
    tasks = np.array([sorted(real).index(a.task_id) for a in attempts])
    ours = naive = 0
    for number in range(shuffles):
        order = np.lexsort((rng.random(len(base)), tasks))
        mixed = np.empty_like(base)
        mixed[np.argsort(tasks, kind="stable")] = base[order]
        ours += bool(known.findings(mixed.tolist()))
        naive += bool(known.naive(mixed.tolist()))
        if (number + 1) % 100 == 0:
            tell(f"nothing there: {number + 1} of {shuffles} shuffles, a finding in {ours}")
    store.close()
    return Rate(ours, naive, shuffles)


def hard_tasks(real: dict[str, list[Steps]], *, draws: int, seed: int, tell: Callable[[str], None]) -> Rate:
    """Three modes planted with the difficulty of the task as their rate, whatever the attempt's own outcome."""
    ours = naive = 0
    for number in range(draws):
        rng = np.random.default_rng([seed, number])
        attempts = draw(real, 400, rng)
        names = [str(name) for name in rng.choice(sorted(MODES), size=3, replace=False)]
        for start in range(0, len(attempts), PER_TASK):
            group = attempts[start : start + PER_TASK]
            # The drawn difficulty itself, not the share that failed: with that, outcomes would leak into the rate.
            rate = group[0].difficulty
            for attempt in group:
                for name in names:
                    if rng.random() < rate:
                        MODES[name](attempt.steps, rng)
        store = Made(attempts)
        known = Known(store, [(a.trace_id, a.task_id, a.failed) for a in attempts])
        failed = [a.failed for a in attempts]
        ours += bool(known.findings(failed))
        naive += bool(known.naive(failed))
        store.close()
        tell(f"hard tasks: {number + 1} of {draws}, ours called {ours}, naive {naive}")
    return Rate(ours, naive, draws)
