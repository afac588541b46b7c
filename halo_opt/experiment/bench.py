"""Runs attempts of one harness revision for the loop, once. Never decides what they mean.

Each set of attempts is a phase of the journal under a key that names split and revision, so asking again for what was
measured already costs nothing, in this process or after a crash.
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
from halo_opt.core.records import AttemptKey, AttemptResult, Outcome, Run
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.results import read_results
from halo_opt.git.commits import worktree
from halo_opt.git.reading import open_repo
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.prices import attempt_cost

# Our own model server may have died, which the harness can only report as a missing environment: tried anew this often.
REVIVALS = 2


def harness_environment(config: LoopConfig, endpoint: Endpoint | None, run: Run) -> dict[str, str]:
    """What a harness command finds in its environment beside that of this process."""
    return {
        **config.harness.env,
        **(endpoint.environment() if endpoint is not None else {}),
        "HALO_HARNESS_REVISION": run.harness_revision,
        "HALO_RUN_ID": run.run_id,
    }


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
class Bench:
    """Where a loop's attempts are run."""

    config: LoopConfig
    endpoint: Endpoint | None
    journal: Journal
    console: Console
    spent: Spent = field(default_factory=Spent)

    def __post_init__(self) -> None:
        for event in self.journal.events:
            if event.kind == "attempt_finished":
                result = AttemptResult.model_validate(event.data)
                self.spent.add(result, self._cost(result))

    @property
    def model(self) -> str:
        """The model's name as attempts record it."""
        return self.config.model if self.endpoint is None else self.endpoint.model

    def folder(self, name: str) -> Path:
        """The run folder of one set of attempts."""
        return self.config.resolve(self.config.traces) / f"{self.config.loop_id}.{name}"

    def measure(self, name: str, *, revision: str, keys: Sequence[AttemptKey], words: str) -> list[AttemptResult]:
        """The results of these attempts with the harness at `revision`, one for each key, in their order."""
        found = self.journal.once(f"collect:{name}:{len(keys)}", lambda: self._collect(name, revision, keys, words))
        results = [AttemptResult.model_validate(line) for line in found]
        wanted = {key: place for place, key in enumerate(keys)}
        return sorted((r for r in results if r.key in wanted), key=lambda result: wanted[result.key])

    def _collect(self, name: str, revision: str, keys: Sequence[AttemptKey], words: str) -> list[dict[str, Any]]:
        top = open_repo(self.config.harness_root)
        inside = self.config.harness_root.relative_to(top)
        tree = CachePaths(self.config.base / ".halo_opt").worktrees / f"{self.config.loop_id}-{revision[:12]}"
        folder = self.folder(name)
        run = Run(
            run_id=folder.name,
            purpose=name.split(".", maxsplit=1)[0],
            harness_revision=revision,
            model=self.model,
            command=self.config.harness.command,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._catch_up(folder)
        already = len(keys) - len(read_results(RunPaths(folder).results).missing(keys, retry_errors=0))
        with worktree(top, revision, tree), self.console.progress(len(keys), already=already, words=words) as progress:

            def finished(result: AttemptResult) -> None:
                cost = self._cost(result)
                self.journal.append("attempt_finished", run=run.run_id, **result.model_dump(mode="json"))
                self.spent.add(result, cost)
                progress.advance(result.outcome, cost, final=result.outcome is not Outcome.ERROR)
                self._check_budget()

            for revival in range(REVIVALS + 1):
                if self.endpoint is not None:
                    self.endpoint.ensure_alive()
                env = harness_environment(self.config, self.endpoint, run)
                job = Job(run, keys, folder, tree / inside, env, self.config.collect)
                try:
                    tail = collect(job, on_result=finished)
                    break
                except EnvironmentMissing:
                    if revival == REVIVALS or self.endpoint is None or self.endpoint.provider != "local":
                        raise
        return [tail.results[key].model_dump(mode="json") for key in keys if key in tail.results]

    def _catch_up(self, folder: Path) -> None:
        """Journal what reached the disk after the last event of a session that was killed."""
        seen = {event.data["trace_id"] for event in self.journal.events if event.kind == "attempt_finished"}
        for result in read_results(RunPaths(folder).results).results.values():
            if result.trace_id not in seen:
                self.journal.append("attempt_finished", run=folder.name, **result.model_dump(mode="json"))
                self.spent.add(result, self._cost(result))

    def _cost(self, result: AttemptResult) -> float | None:
        return attempt_cost(result, self.endpoint)

    def _check_budget(self) -> None:
        budget = self.config.budget
        if budget.attempts is not None and self.spent.attempts >= budget.attempts:
            raise BudgetSpent(f"budget.attempts of {budget.attempts} is used up; raise it in the loop file to go on")
        if budget.usd is not None and (self.spent.cost_usd or 0.0) >= budget.usd:
            raise BudgetSpent(f"budget.usd of ${budget.usd:g} is used up; raise it in the loop file to go on")
