"""Which attempts belong to which split. Pure: the same tasks and seed give the same splits on every machine."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from halo_opt.config import SplitConfig, SplitsConfig
from halo_opt.errors import ConfigError
from halo_opt.records import AttemptKey

# Seeds of a split start at its own thousand (SplitConfig allows 1000), so no split ever sees another's page.
SEED_BLOCK = 1000


class Split(StrEnum):
    """`train`: analysed and patched on. `gate`: decides. `sealed`: looked at once, at the end."""

    TRAIN = "train"
    GATE = "gate"
    SEALED = "sealed"


def make_splits(task_ids: Sequence[str], config: SplitsConfig) -> dict[Split, list[AttemptKey]]:
    """Disjoint tasks for each split, drawn at random by `config.shuffle_seed`; every task with each of its seeds.

    Attempts are ordered seed by seed, so that a run that stops early has seen every task about equally often.
    """
    repeated = sorted({task for task in task_ids if task_ids.count(task) > 1})
    if repeated:
        raise ConfigError(f"tasks: {repeated[0]} is listed twice; each task belongs to one split only")
    sizes: list[tuple[Split, SplitConfig]] = [
        (Split.TRAIN, config.train),
        (Split.GATE, config.gate),
        (Split.SEALED, config.sealed),
    ]
    wanted = sum(size.tasks for _, size in sizes)
    if wanted > len(task_ids):
        raise ConfigError(f"splits ask for {wanted} tasks and there are {len(task_ids)}; lower splits.*.tasks")
    order = np.random.default_rng(config.shuffle_seed).permutation(len(task_ids))
    shuffled = [sorted(task_ids)[index] for index in order]
    splits: dict[Split, list[AttemptKey]] = {}
    first = 0
    for block, (split, size) in enumerate(sizes):
        tasks = shuffled[first : first + size.tasks]
        first += size.tasks
        seeds = range(block * SEED_BLOCK, block * SEED_BLOCK + size.seeds)
        splits[split] = [AttemptKey(task_id=task, seed=seed) for seed in seeds for task in tasks]
    return splits


def repeat(keys: Sequence[AttemptKey], attempt: int) -> list[AttemptKey]:
    """The same tasks and seeds as another, independent try: the model draws anew."""
    return [key.model_copy(update={"attempt": attempt}) for key in keys]
