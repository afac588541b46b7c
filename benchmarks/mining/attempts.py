"""Stores made of real attempts whose outcomes are drawn anew, so that what goes with failing is known. Only in memory.

The steps of an attempt are those of a real one, taken without regard to how it ended; its outcome is drawn from the
difficulty of its task alone. So nothing separates failures from successes but what is planted afterwards.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from halo_opt.core.errors import InputError
from halo_opt.store import Store, build_store, schema

EXCERPT = Path(__file__).parents[2] / "tests" / "data" / "tau-bench"
KEPT = ("tool", "arguments", "target", "result", "error", "error_type", "page_changed", "reply")
PER_TASK = 8
Steps = list[dict[str, Any]]


@dataclass(slots=True)
class Attempt:
    """One made attempt. `planted` names what was planted into it; `difficulty` is the chance of failing at its task."""

    trace_id: str
    task_id: str
    failed: bool
    steps: Steps
    planted: set[str] = field(default_factory=set)
    difficulty: float = 0.5
    run: str = "made"
    goal: str | None = None
    seed: int | None = None


class Made:
    """A store of made attempts, asked like any other: in memory, or in `file`, which `Store.open` then opens."""

    def __init__(self, attempts: Sequence[Attempt], *, file: Path | None = None) -> None:
        # Without a folder of its own DuckDB would spill into the working directory.
        self._spill = tempfile.TemporaryDirectory(prefix="halo-mining-")
        self.connection = duckdb.connect(str(file or ":memory:"), config={"temp_directory": self._spill.name})
        self.connection.execute(schema.ddl())
        self.connection.execute("INSERT INTO meta VALUES ('version', ?)", [str(schema.VERSION)])
        self._load("attempts", [_attempt_row(a) for a in attempts])
        self._load("steps", [{"trace_id": a.trace_id, "step": n, **s} for a in attempts for n, s in enumerate(a.steps)])

    def _load(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Through a file, which DuckDB reads much faster than it takes rows one by one."""
        columns = {c.name: c.type for c in schema.BY_NAME[table].columns if any(c.name in row for row in rows[:50])}
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            read = f"read_json(?, format = 'newline_delimited', columns = {columns})"
            self.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM {read}", [file.name])

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self.connection.execute(sql, list(params)).fetchall()
        except duckdb.Error as error:
            raise InputError(str(error)) from error

    def close(self) -> None:
        self.connection.close()
        self._spill.cleanup()


def _attempt_row(a: Attempt) -> dict[str, Any]:
    return {
        "trace_id": a.trace_id,
        "run_id": a.run,
        "goal": a.goal,
        "task_id": a.task_id,
        "seed": int(a.trace_id.rsplit("-", 1)[1]) if a.seed is None else a.seed,
        "attempt": 0,
        "outcome": "failure" if a.failed else "success",
        "end_reason": "task_over",
        "model": "m",
        "steps": len(a.steps),
    }


def real_attempts(runs: Path) -> dict[str, list[Steps]]:
    """The steps of every attempt in trace files, by task."""
    with tempfile.TemporaryDirectory() as folder:
        build_store([runs], Path(folder) / "runs.duckdb")
        with Store.open(Path(folder) / "runs.duckdb") as store:
            rows = store.rows(
                f"SELECT a.task_id, a.trace_id, {', '.join(f's.{name}' for name in KEPT)}"
                " FROM attempts AS a JOIN steps AS s USING (trace_id) ORDER BY a.task_id, a.trace_id, s.step"
            )
    found: dict[str, dict[str, Steps]] = {}
    for task, trace, *values in rows:
        step = {name: value for name, value in zip(KEPT, values, strict=True) if value is not None}
        found.setdefault(task, {}).setdefault(trace, []).append(step)
    return {task: list(traces.values()) for task, traces in found.items()}


def draw(real: dict[str, list[Steps]], count: int, rng: np.random.Generator) -> list[Attempt]:
    """`count` attempts, eight a task: steps of a real task's attempts, outcomes by the made task's own difficulty."""
    names = sorted(real)
    made = []
    for task in range(max(1, count // PER_TASK)):
        source = real[names[int(rng.integers(len(names)))]]
        difficulty = rng.beta(2, 2)
        for _ in range(PER_TASK):
            steps = [dict(step) for step in source[int(rng.integers(len(source)))]]
            failed = bool(rng.random() < difficulty)
            made.append(Attempt(f"a-{len(made)}", f"task-{task}", failed, steps, difficulty=float(difficulty)))
    return made
