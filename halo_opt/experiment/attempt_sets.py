"""Sets of attempts to compare, read from a run folder's results or from a store."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from halo_opt.core.errors import InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import Outcome
from halo_opt.experiment.results import attempts_of
from halo_opt.mining.rates import Rates
from halo_opt.store import Store
from halo_opt.store.outcomes import OutcomeRule

# The column of an attempt that names its set, by what a user asks for.
GROUP_COLUMNS: Mapping[str, str] = {
    "model": "model",
    "run": "run_id",
    "mode": "mode",
    "revision": "harness_revision",
}


class Attempt(Protocol):
    """What a comparison reads of an attempt. `outcome` is None where its traces do not say how it ended."""

    @property
    def task_id(self) -> str:
        """The task."""
        ...

    @property
    def seed(self) -> int | None:
        """Its seed, where it has one."""
        ...

    @property
    def outcome(self) -> Outcome | None:
        """How the attempt ended."""
        ...

    @property
    def score(self) -> float | None:
        """Its score, 0 to 1."""
        ...


class StoredAttempt(NamedTuple):
    """An attempt of a store."""

    task_id: str
    seed: int | None
    outcome: Outcome | None
    score: float | None


class AttemptSet(NamedTuple):
    """A set of attempts with a name, and how often each behaviour occurs among them (0 to 1; None: not known)."""

    name: str
    attempts: list[Attempt]
    rates: Rates


def run_folder_set(folder: Path, rates: Rates, success_at: float | None = None) -> AttemptSet:
    """The attempts of a run folder, from its results.jsonl. Raises InputError when no line of it can be used.

    With a threshold `success_at`, partial scores are successes from it on, and failures below.
    """
    rule, results = OutcomeRule(success_at), attempts_of(folder)
    outcomes = [rule.leaves(result.outcome, result.score) or rule.outcome(result.score) for result in results]
    attempts = [
        StoredAttempt(result.task_id, result.seed, outcome, result.score)
        for result, outcome in zip(results, outcomes, strict=True)
    ]
    return AttemptSet(folder.name, list(attempts), rates)


def stored_sets(
    store: Store, by: str | None, name: str, rates_by: Callable[[Store, str | None], dict[str | None, Rates]]
) -> list[AttemptSet]:
    """The attempts of a store: one set, or one set for each value of the column that `by` names, sorted by value.

    Args:
        store: The traces.
        by: A key of `GROUP_COLUMNS`, or None for one set.
        name: The name of the one set.
        rates_by: Measures the behaviours of each group of a column, or of all attempts under the key None.

    Raises:
        InputError: The attempts have fewer than two different values in that column.
    """
    column = GROUP_COLUMNS[by] if by else None
    rates = rates_by(store, column)
    if column is None:
        return [AttemptSet(name, _attempts(store, "true", []), rates.get(None, {}))]
    # A run of one attempt is nothing to compare: formats make many that name a run for each attempt.
    several = " HAVING count(*) > 1" if by == "run" else ""
    found = store.rows(f"SELECT {column} FROM attempts WHERE {column} IS NOT NULL GROUP BY 1{several} ORDER BY 1")
    values = [value for (value,) in found]
    if len(values) < 2:
        words = f"all attempts have the {by} {values[0]}" if values else f"no attempt states its {by}"
        raise InputError(f"--by {by} needs two values or more, but {words}. Try --by {_others(by)}")
    return [AttemptSet(value, _attempts(store, f"{column} = ?", [value]), rates.get(value, {})) for value in values]


def is_run_folder(path: Path) -> bool:
    """Whether a folder is a run that `halo-opt collect` made, or that a harness wrote in the same layout."""
    return RunPaths(path).results.is_file()


def _attempts(store: Store, where: str, params: list[str]) -> list[Attempt]:
    rows = store.rows(
        f"SELECT task_id, seed, outcome, score FROM attempts WHERE {where} ORDER BY run_id, task_id, seed, attempt",
        params,
    )
    return [StoredAttempt(task, seed, Outcome(end) if end else None, score) for task, seed, end, score in rows]


def _others(by: str | None) -> str:
    return " or ".join(name for name in GROUP_COLUMNS if name != by)
