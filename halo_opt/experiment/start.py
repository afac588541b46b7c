"""What a loop is fixed to at its first start: the harness's commit, the tasks of each split, the model.

Started again with another model, harness command or splits it refuses: its past would not belong to its future.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.errors import ConfigError
from halo_opt.core.journal import Journal
from halo_opt.core.records import AttemptKey
from halo_opt.experiment.splits import Split, make_splits
from halo_opt.git.commits import resolve, uncommitted
from halo_opt.git.reading import open_repo
from halo_opt.patching.harness_commands import list_tasks


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
