"""Which attempts belong to which split. The same tasks and seed give the same splits on every machine."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import islice

import numpy as np

from halo_opt.core.config import SplitConfig, SplitsConfig
from halo_opt.core.errors import ConfigError
from halo_opt.core.records import AttemptKey

# Seeds of a split start at its own thousand (SplitConfig allows 1000), so no split ever sees another's page.
SEED_BLOCK = 1000


class Split(StrEnum):
    """`train`: analysed and patched on. `gate`: decides. `sealed`: looked at once, at the end."""

    TRAIN = "train"
    GATE = "gate"
    SEALED = "sealed"


def make_splits(task_ids: Sequence[str], config: SplitsConfig) -> dict[Split, list[AttemptKey]]:
    """Disjoint tasks for each split: those it names, or as many as it asks for, drawn at random from the others.

    Attempts are ordered seed by seed, so that a run that stops early has seen every task about equally often.
    """
    repeated = sorted({task for task in task_ids if task_ids.count(task) > 1})
    if repeated:
        raise ConfigError(f"tasks: {repeated[0]} is listed twice; each task belongs to one split only")
    sizes = {Split.TRAIN: config.train, Split.GATE: config.gate, Split.SEALED: config.sealed}
    free = _unnamed_tasks(task_ids, sizes)
    order = np.random.default_rng(config.shuffle_seed).permutation(len(free))
    shuffled = iter([free[index] for index in order])
    splits: dict[Split, list[AttemptKey]] = {}
    for block, (split, size) in enumerate(sizes.items()):
        tasks = list(islice(shuffled, size.tasks)) if isinstance(size.tasks, int) else size.tasks
        seeds = range(block * SEED_BLOCK, block * SEED_BLOCK + size.seeds)
        splits[split] = [AttemptKey(task_id=task, seed=seed) for seed in seeds for task in tasks]
    return splits


def _unnamed_tasks(task_ids: Sequence[str], sizes: dict[Split, SplitConfig]) -> list[str]:
    """The tasks that no split names, sorted. Raises ConfigError when a named one does not exist or too few are left."""
    free = sorted(task_ids)
    for split, size in sizes.items():
        for task in size.tasks if not isinstance(size.tasks, int) else []:
            if task not in free:
                problem = "is named twice in the splits" if task in task_ids else "is not among the loop's tasks"
                raise ConfigError(f"splits.{split.value}.tasks: {task} {problem}")
            free.remove(task)
    wanted = sum(size.tasks for size in sizes.values() if isinstance(size.tasks, int))
    if wanted > len(free):
        raise ConfigError(f"splits ask for {wanted} tasks and there are {len(free)} to draw from; lower splits.*.tasks")
    return free


def repeat(keys: Sequence[AttemptKey], attempt: int) -> list[AttemptKey]:
    """The same tasks and seeds as another, independent try: the model draws anew."""
    return [key.model_copy(update={"attempt": attempt}) for key in keys]
