"""What a loop is fixed to at its first start: the harness's commit, the tasks of each split, the model.

Started again with another model, harness command or splits it refuses: its past would not belong to its future.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo_opt.config import LoopConfig, TasksConfig
from halo_opt.console import Console
from halo_opt.errors import ConfigError
from halo_opt.evaluation.splits import Split, make_splits
from halo_opt.journal import Journal
from halo_opt.patching.commands import run_in
from halo_opt.patching.gitread import open_repo
from halo_opt.patching.gitrepo import resolve, uncommitted
from halo_opt.records import AttemptKey


@dataclass(frozen=True)
class Start:
    """The fixed facts of one loop. `revision` is the commit of the original harness."""

    revision: str
    splits: Mapping[Split, list[AttemptKey]]

    def first_seed(self, split: Split) -> list[AttemptKey]:
        """The attempts of a split at its first seed: every task once."""
        keys = self.splits[split]
        return [key for key in keys if key.seed == keys[0].seed]

    def task_ids(self) -> list[str]:
        """All tasks of all splits: names that no patch may contain."""
        return sorted({key.task_id for keys in self.splits.values() for key in keys})


def list_tasks(config: LoopConfig) -> list[str]:
    """The task ids that loop.yaml names, by whichever of its three ways."""
    source: TasksConfig = config.tasks
    if source.ids is not None:
        found = source.ids
    elif source.file is not None:
        path = config.resolve(source.file)
        try:
            found = path.read_text(encoding="utf-8").split()
        except OSError as error:
            raise ConfigError(f"tasks.file: {path} cannot be read: {error.strerror}") from None
    else:
        command = source.command or []
        code, printed, words = run_in(command, config.harness_root, timeout_s=60)
        if code != 0:
            raise ConfigError(f"tasks.command ({' '.join(command)}) failed: {words or f'exit code {code}'}")
        found = printed.split()
    if not found:
        raise ConfigError("tasks: no task ids were found; correct tasks.ids, tasks.file or tasks.command")
    return found


def start_of(config: LoopConfig, *, journal: Journal, console: Console) -> Start:
    """The facts recorded at the first start of this loop, or those of now when this is the first."""
    asked = _asked(config)

    def begin() -> dict[str, Any]:
        repo = open_repo(config.harness_root)
        if dirty := uncommitted(repo, ["."]):
            console.warn(
                f"{len(dirty)} uncommitted changes (first: {dirty[0]}) are not part of this loop: it starts from the "
                "last commit"
            )
        splits = make_splits(list_tasks(config), config.splits)
        keys = {split.value: [key.model_dump() for key in keys] for split, keys in splits.items()}
        return {"asked": asked, "revision": resolve(repo, "HEAD"), "splits": keys}

    found = journal.once("loop_started", begin)
    for name, value in asked.items():
        if found["asked"].get(name) != value:
            raise ConfigError(
                f"the loop {config.loop_id} was started with another {name} ({found['asked'].get(name)}, now {value}); "
                "give the new one its own loop_id, or pass --fresh to set the old one aside"
            )
    return Start(
        revision=found["revision"],
        splits={Split(name): [AttemptKey(**key) for key in keys] for name, keys in found["splits"].items()},
    )


def _asked(config: LoopConfig) -> dict[str, Any]:
    """What must not change between two starts of one loop, as JSON data."""
    return {
        "model": config.model,
        "harness": {"command": config.harness.command, "editable": config.harness.editable, "env": config.harness.env},
        "splits": config.splits.model_dump(mode="json"),
        "gate": config.gate.model_dump(mode="json"),
    }


def loop_folder(config: LoopConfig) -> Path:
    """`reports/<loop_id>/` as an absolute path."""
    return config.resolve(config.reports) / config.loop_id
