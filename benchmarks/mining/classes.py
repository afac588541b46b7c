"""Attempts built to belong to each class of the triage, and which class they are given."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.mining.attempts import Attempt, Made, Steps
from benchmarks.mining.injections import MODES, TALK
from halo_opt.mining.explanations import COLUMNS
from halo_opt.mining.mine import mine_store
from halo_opt.mining.triage import CLASSES

PER_CLASS_TASKS = 12
ATTEMPTS = 6


def confusion(real: dict[str, list[Steps]], *, seed: int) -> Counter[tuple[str, str]]:
    """(built to be, judged to be) counted over failed attempts and errors."""
    rng = np.random.default_rng(seed)
    # What a real attempt shows by itself would make it belong to two classes at once.
    pool = [s for several in real.values() for s in several if _acts(s) and not any("error" in one for one in s)]
    built: dict[str, str] = {}
    attempts: list[Attempt] = []
    columns: dict[str, dict[str, Any]] = {}
    checks: list[tuple[str, str, float]] = []

    def add(kind: str, task: int, steps: Steps, *, failed: bool = True, **more: Any) -> str:
        name = f"a-{len(attempts)}"
        attempts.append(Attempt(name, f"{kind}-{task}", failed, [dict(step) for step in steps]))
        columns[name] = more
        if failed:
            built[name] = kind
        return name

    def some() -> Steps:
        return [dict(step) for step in pool[int(rng.integers(len(pool)))]]

    for task in range(PER_CLASS_TASKS):
        _harness(add, some, task, rng)
        _model(add, some, task)
        _grader(add, some, task, checks)
        for number in range(ATTEMPTS):
            add("infrastructure", task, some()[:2], outcome="error", cause="browser_died", harness_revision="r1")
            # Solved now and then, and nothing tells the failures from the successes.
            add("unexplained", task, some(), failed=bool(number % 2), harness_revision=f"r{number % 2}")
    store = Made(attempts)
    _lay_over(store, columns, checks)
    report = mine_store(store, [], title="triage", made_at="2026-01-01T00:00:00+00:00")
    judged = {row[0]: row[COLUMNS.index("class_by_rules")] for row in store.rows(report.triage_sql or "")}
    store.close()
    return Counter((kind, str(judged.get(name, "not judged"))) for name, kind in built.items())


def _acts(steps: Steps) -> bool:
    return any(step.get("tool") not in {*TALK, None} for step in steps)


def _harness(add: Any, some: Any, task: int, rng: np.random.Generator) -> None:
    """The same call again and again makes attempts fail that otherwise succeed."""
    for number in range(ATTEMPTS):
        steps = some()
        if number % 2:
            MODES["retries a failed call unchanged"](steps, rng)
        add("harness", task, steps, failed=bool(number % 2), harness_revision="r1")


def _model(add: Any, some: Any, task: int) -> None:
    """Never solved by this model with two harnesses; every third task is solved by another one."""
    for number in range(ATTEMPTS):
        add("model", task, some(), harness_revision=f"r{number % 2}")
    if task % 3 == 0:
        add("model", task, some(), failed=False, model="other", harness_revision="r1")


def _grader(add: Any, some: Any, task: int, checks: list[tuple[str, str, float]]) -> None:
    """Three ways of being wrong: an equal attempt passes, doing nothing passes, one check always fails."""
    kind = task % 3
    if kind == 0:
        steps = some()
        for number in range(ATTEMPTS):
            add("grader", task, steps, failed=number > 0, seed=1, harness_revision="r1")
    elif kind == 1:
        add("grader", task, [{"tool": "done"}], failed=False, harness_revision="r1")
        for _ in range(ATTEMPTS - 1):
            add("grader", task, some(), harness_revision="r1")
    else:
        for _ in range(ATTEMPTS):
            name = add("grader", task, some(), harness_revision="r1")
            checks += [(name, "form", 1.0), (name, "total", 0.0)]


def _lay_over(store: Made, columns: dict[str, dict[str, Any]], checks: Sequence[tuple[str, str, float]]) -> None:
    for name, more in columns.items():
        for column, value in more.items():
            store.connection.execute(f"UPDATE attempts SET {column} = ? WHERE trace_id = ?", [value, name])
    for name, check, value in checks:
        store.connection.execute("INSERT INTO scores VALUES (?, ?, ?, NULL, 'made')", [name, check, value])


def table(counts: Counter[tuple[str, str]]) -> list[str]:
    """The confusion table: a row what they were built to be, a column what they were judged to be."""
    lines = ["| built \\ judged | " + " | ".join(CLASSES) + " | right |", "|" + " --- |" * (len(CLASSES) + 2)]
    for kind in CLASSES:
        row = [counts[kind, judged] for judged in CLASSES]
        share = counts[kind, kind] / max(1, sum(row))
        lines.append(f"| {kind} | " + " | ".join(map(str, row)) + f" | {100 * share:.0f}% |")
    right = sum(counts[kind, kind] for kind in CLASSES)
    return [*lines, f"| all | {' | '.join('' for _ in CLASSES)} | {100 * right / max(1, sum(counts.values())):.0f}% |"]
