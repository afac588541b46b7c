"""One run outside a loop: attempts of the harness as it lies in the working tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from halo_common.text import nearest
from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import AttemptKey, AttemptResult, Outcome
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.results import read_results
from halo_opt.experiment.runner import harness_environment, new_run
from halo_opt.experiment.splits import Split, repeat
from halo_opt.git.reading import open_repo, resolve, uncommitted
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.prices import attempt_cost


@dataclass(frozen=True)
class AttemptSelection:
    """Which attempts to run: those of a split, or of tasks that are named with a number of seeds each.

    `attempt` numbers independent tries of the same task and seed.
    """

    split: Split
    run_id: str | None = None
    tasks: list[str] | None = None
    seeds: int = 1
    attempt: int = 0

    @property
    def purpose(self) -> str:
        """What the run's record gives as its purpose."""
        return self.split.value if self.tasks is None else "chosen tasks"

    def default_run_id(self, revision: str) -> str:
        """The name of the run's folder where the user gives none."""
        return f"{self.split.value if self.tasks is None else 'tasks'}-{revision[:12]}"

    def keys(self, known: Sequence[str], splits: Mapping[Split, list[AttemptKey]]) -> list[AttemptKey]:
        """The attempts to run; InputError names the nearest task to one that does not exist."""
        if self.tasks is None:
            return repeat(splits[self.split], self.attempt)
        for task in self.tasks:
            if task not in known:
                near = nearest(task, known)
                hint = f"did you mean {near}?" if near else "see 'tasks' in the loop file for those that there are"
                raise InputError(f"there is no task {task}; {hint}")
        seeds = range(self.seeds)
        return [AttemptKey(task_id=task, seed=seed, attempt=self.attempt) for seed in seeds for task in self.tasks]


def working_tree_revision(root: Path) -> str:
    """The harness's commit, with `+changes` when the working tree differs from it; `unversioned` outside git."""
    try:
        repo = open_repo(root)
        return resolve(repo, "HEAD") + ("+changes" if uncommitted(repo) else "")
    except InputError:
        return "unversioned"


def collect_working_tree(
    config: LoopConfig, selection: AttemptSelection, keys: list[AttemptKey], *, endpoint: Endpoint | None,
    console: Console,
) -> tuple[Path, list[AttemptResult]]:  # fmt: skip
    """Run what is missing of `keys`; the run's folder and one result for each key that has one."""
    revision = working_tree_revision(config.harness_root)
    name = selection.run_id or selection.default_run_id(revision)
    folder = config.resolve(config.traces) / name
    run = new_run(config, name, purpose=selection.purpose, revision=revision)
    env = harness_environment(config, endpoint, run)
    already = len(keys) - len(read_results(RunPaths(folder).results).missing(keys, retry_errors=0))
    with console.progress(len(keys), already=already, words=name) as progress:

        def finished(result: AttemptResult) -> None:
            final = result.outcome is not Outcome.ERROR
            progress.advance(result.outcome, attempt_cost(result, endpoint), final=final)

        job = Job(run, keys, folder, config.harness_root, env, config.collect)
        tail = collect(job, on_result=finished)
    return folder, [tail.results[key] for key in keys if key in tail.results]
