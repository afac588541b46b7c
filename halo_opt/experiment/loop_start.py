"""What a loop is fixed to at its first start: the original harness's commit and the tasks of each split.

A loop that is started again with another model, harness command, splits or gate is refused, because its earlier
results would no longer compare with its later ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.errors import ConfigError
from halo_opt.core.harness_commands import list_tasks
from halo_opt.core.journal import Journal
from halo_opt.core.records import AttemptKey, json_of
from halo_opt.experiment.splits import Split, make_splits
from halo_opt.git.reading import open_repo, resolve, uncommitted


@dataclass(frozen=True)
class LoopStart:
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


def start_loop(config: LoopConfig, *, journal: Journal, console: Console) -> LoopStart:
    """Record the facts of this loop's first start, or read them back when it was started before.

    Raises:
        ConfigError: When the loop was started before with other settings.
        InputError: When the harness is not in a git repository with a commit.
    """
    settings = _fixed_settings(config)

    def begin() -> dict[str, Any]:
        repo = open_repo(config.harness_root)
        if changed := uncommitted(repo):
            console.warn(
                f"the loop runs the harness as it is in the last commit: {len(changed)} uncommitted changes "
                f"(first: {changed[0]}) are not part of it; commit them to include them"
            )
        splits = make_splits(list_tasks(config), config.splits)
        return {
            "asked": settings,
            "revision": resolve(repo, "HEAD"),
            "splits": {split.value: json_of(keys) for split, keys in splits.items()},
        }

    recorded = journal.once("loop_started", begin)
    for name, value in settings.items():
        before = recorded["asked"].get(name)
        if before != value:
            raise ConfigError(
                f"the loop {config.loop_id} was started with another {name} ({before}, now {value}); "
                "choose another loop_id for a new loop, or pass --fresh to move the old one aside"
            )
    return LoopStart(
        revision=recorded["revision"],
        splits={Split(name): _keys(lines) for name, lines in recorded["splits"].items()},
    )


def _keys(lines: list[dict[str, Any]]) -> list[AttemptKey]:
    return [AttemptKey(**line) for line in lines]


def _fixed_settings(config: LoopConfig) -> dict[str, Any]:
    """The settings that must stay the same for as long as a loop lives, as JSON data."""
    return {
        "model": config.model,
        "harness": {"command": config.harness.command, "editable": config.harness.editable, "env": config.harness.env},
        "splits": config.splits.model_dump(mode="json"),
        "gate": config.gate.model_dump(mode="json"),
    }
