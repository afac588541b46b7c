"""One run outside a loop: the harness as it lies in the working tree. Never touches git and never judges."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import AttemptKey, AttemptResult, Outcome, Run
from halo_opt.experiment.bench import harness_environment
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.results import read_results
from halo_opt.experiment.splits import Split, repeat
from halo_opt.git.commits import resolve, uncommitted
from halo_opt.git.reading import open_repo
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.prices import attempt_cost


@dataclass(frozen=True)
class Single:
    """What was asked for: a split, or tasks by name; and which try of them."""

    split: Split
    run_id: str | None = None
    tasks: list[str] | None = None
    seeds: int = 1
    attempt: int = 0

    def keys(self, known: Sequence[str], splits: Mapping[Split, list[AttemptKey]]) -> list[AttemptKey]:
        """The attempts to run; InputError names the nearest task to one that does not exist."""
        if self.tasks is None:
            return repeat(splits[self.split], self.attempt)
        for task in self.tasks:
            if task not in known:
                near = difflib.get_close_matches(task, known, n=1)
                hint = f"did you mean {near[0]}?" if near else "the tasks command of the loop file lists them"
                raise InputError(f"there is no task {task}; {hint}")
        seeds = range(self.seeds)
        return [AttemptKey(task_id=task, seed=seed, attempt=self.attempt) for seed in seeds for task in self.tasks]


def revision_now(root: Path) -> str:
    """The harness's commit, marked when the working tree differs from it; `unversioned` outside git."""
    try:
        repo = open_repo(root)
        return resolve(repo, "HEAD") + ("+changes" if uncommitted(repo, ["."]) else "")
    except InputError:
        return "unversioned"


def collect_once(
    config: LoopConfig, wanted: Single, keys: list[AttemptKey], *, endpoint: Endpoint | None, console: Console
) -> tuple[Path, list[AttemptResult]]:
    """Run what is missing of `keys`; the run's folder and one result for each key that has one."""
    revision = revision_now(config.harness_root)
    name = wanted.run_id or f"{wanted.split.value if wanted.tasks is None else 'tasks'}-{revision[:12]}"
    folder = config.resolve(config.traces) / name
    run = Run(
        run_id=name,
        purpose=wanted.split.value if wanted.tasks is None else "chosen tasks",
        harness_revision=revision,
        model=config.model,
        command=config.harness.command,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    env = harness_environment(config, endpoint, run)
    already = len(keys) - len(read_results(RunPaths(folder).results).missing(keys, retry_errors=0))
    with console.progress(len(keys), already=already, words=name) as progress:
        job = Job(run, keys, folder, config.harness_root, env, config.collect)
        tail = collect(
            job,
            on_result=lambda result: progress.advance(
                result.outcome, attempt_cost(result, endpoint), final=result.outcome is not Outcome.ERROR
            ),
        )
    return folder, [tail.results[key] for key in keys if key in tail.results]
