"""Runs the attempts of a loop, each set of them once.

Each set is a phase of the journal under a key that names split and revision, so that asking again for what was
measured costs nothing, in this process or after a crash.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.errors import BudgetSpent, EnvironmentMissing
from halo_opt.core.journal import Journal
from halo_opt.core.paths import CachePaths, RunPaths
from halo_opt.core.progress import Progress
from halo_opt.core.records import AttemptKey, AttemptResult, Outcome, Run
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.results import ResultsTail, read_results
from halo_opt.git.commits import worktree
from halo_opt.git.reading import open_repo
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.prices import attempt_cost

# Our own model server may die, which the harness can only report as a missing environment: it is restarted this often.
SERVER_RESTARTS = 2


def harness_environment(config: LoopConfig, endpoint: Endpoint | None, run: Run) -> dict[str, str]:
    """What a harness command finds in its environment beside that of this process."""
    return {
        **config.harness.env,
        **(endpoint.environment() if endpoint is not None else {}),
        "HALO_HARNESS_REVISION": run.harness_revision,
        "HALO_RUN_ID": run.run_id,
    }


def new_run(config: LoopConfig, run_id: str, *, purpose: str, revision: str, model: str | None = None) -> Run:
    """The record of a run that begins now; `model` is the worker's, that of `config` by default."""
    return Run(
        run_id=run_id,
        purpose=purpose,
        harness_revision=revision,
        model=model or config.model,
        command=config.harness.command,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


@dataclass
class Spent:
    """What the attempts of a loop have cost so far; `cost_usd` is None as soon as one attempt has no known price."""

    attempts: int = 0
    errors: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0

    def add(self, result: AttemptResult, cost_usd: float | None) -> None:
        """Count one finished attempt."""
        self.attempts += 1
        self.errors += result.outcome is Outcome.ERROR
        self.tokens_in += result.tokens_in or 0
        self.tokens_out += result.tokens_out or 0
        self.cost_usd = None if self.cost_usd is None or cost_usd is None else self.cost_usd + cost_usd


@dataclass
class AttemptRunner:
    """Runs attempts of any revision of one loop's harness and counts what they cost."""

    config: LoopConfig
    endpoint: Endpoint | None
    journal: Journal
    console: Console
    spent: Spent = field(default_factory=Spent)

    def __post_init__(self) -> None:
        for event in self.journal.events:
            if event.kind == "attempt_finished":
                result = AttemptResult.model_validate(event.data)
                self.spent.add(result, attempt_cost(result, self.endpoint))

    @property
    def model(self) -> str:
        """The model's name as attempts record it; "none" where the harness brings its own."""
        return self.config.model if self.endpoint is None else self.endpoint.model

    def folder(self, name: str) -> Path:
        """The run folder of one set of attempts."""
        return self.config.resolve(self.config.traces) / f"{self.config.loop_id}.{name}"

    def run(self, name: str, *, revision: str, keys: Sequence[AttemptKey], label: str) -> list[AttemptResult]:
        """Run a set of attempts, or take their results from the journal where they were run already.

        Args:
            name: Names the set: split and revision, and the run folder after the loop's name.
            revision: The commit of the harness.
            keys: The attempts.
            label: What the progress line calls them.

        Returns:
            One result for each key that has one, in the order of `keys`.

        Raises:
            BudgetSpent: When `budget` of the loop file is used up; finished attempts are kept.
            EnvironmentMissing: When the harness cannot run on this machine.
        """
        found = self.journal.once(f"collect:{name}:{len(keys)}", lambda: self._collect(name, revision, keys, label))
        results = [AttemptResult.model_validate(line) for line in found]
        place = {key: number for number, key in enumerate(keys)}
        return sorted((r for r in results if r.key in place), key=lambda result: place[result.key])

    def _collect(self, name: str, revision: str, keys: Sequence[AttemptKey], label: str) -> list[dict[str, Any]]:
        top = open_repo(self.config.harness_root)
        inside = self.config.harness_root.relative_to(top)
        tree = CachePaths(self.config.base / ".halo_opt").worktrees / f"{self.config.loop_id}-{revision[:12]}"
        folder = self.folder(name)
        purpose = name.split(".", maxsplit=1)[0]
        run = new_run(self.config, folder.name, purpose=purpose, revision=revision, model=self.model)
        already = len(keys) - len(read_results(RunPaths(folder).results).missing(keys, retry_errors=0))
        with worktree(top, revision, tree), self.console.progress(len(keys), already=already, words=label) as progress:
            tail = self._collect_with_restarts(run, keys, folder, tree / inside, progress)
        return [tail.results[key].model_dump(mode="json") for key in keys if key in tail.results]

    def _collect_with_restarts(
        self, run: Run, keys: Sequence[AttemptKey], folder: Path, cwd: Path, progress: Progress
    ) -> ResultsTail:
        """Collect; where our own model server died, start it again and go on with what is missing."""

        def finished(result: AttemptResult) -> None:
            cost = self._record(run.run_id, result)
            progress.advance(result.outcome, cost, final=result.outcome is not Outcome.ERROR)
            self._check_budget()

        def existing(result: AttemptResult) -> None:
            """Count a result that reached the disk after the last event of a session that was killed."""
            if result.trace_id not in journaled:
                self._record(run.run_id, result)

        restarts_left = SERVER_RESTARTS if self.endpoint is not None and self.endpoint.provider == "local" else 0
        while True:
            if self.endpoint is not None:
                self.endpoint.ensure_alive()
            env = harness_environment(self.config, self.endpoint, run)
            job = Job(run, keys, folder, cwd, env, self.config.collect)
            events = self.journal.events
            journaled = {event.data["trace_id"] for event in events if event.kind == "attempt_finished"}
            try:
                return collect(job, on_result=finished, on_existing=existing)
            except EnvironmentMissing:
                if restarts_left == 0:
                    raise
                restarts_left -= 1

    def _record(self, run_id: str, result: AttemptResult) -> float | None:
        """Write a finished attempt to the journal and count it; its price in US dollars, None when not known."""
        cost = attempt_cost(result, self.endpoint)
        self.journal.append("attempt_finished", run=run_id, **result.model_dump(mode="json"))
        self.spent.add(result, cost)
        return cost

    def _check_budget(self) -> None:
        budget = self.config.budget
        if budget.attempts is not None and self.spent.attempts >= budget.attempts:
            raise BudgetSpent(f"budget.attempts of {budget.attempts} is used up; raise it in the loop file to go on")
        if budget.usd is not None and (self.spent.cost_usd or 0.0) >= budget.usd:
            raise BudgetSpent(f"budget.usd of ${budget.usd:g} is used up; raise it in the loop file to go on")
