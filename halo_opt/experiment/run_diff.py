"""Compare runs by their folders: scores of paired attempts, and how often each behaviour occurs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from halo_opt.core.errors import InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import AttemptResult, ScoreDiff
from halo_opt.experiment.diff import compare
from halo_opt.experiment.results import read_results
from halo_opt.mining.rates import rates


def compare_runs(folders: Sequence[Path], stores: Path) -> list[ScoreDiff]:
    """Compare each run after the first with the first one, paired by task and seed.

    Args:
        folders: Run folders, each with a results.jsonl and its traces.
        stores: The folder in which the runs' stores are kept.

    Returns:
        One comparison for each folder after the first, in their order.

    Raises:
        InputError: A run holds no attempts.
    """
    results = [_results(folder) for folder in folders]
    behaviours = rates(folders, stores)
    return [
        compare(
            results[0],
            results[place],
            names=(folders[0].name, folders[place].name),
            rng=np.random.default_rng(0),
            behaviours=(behaviours[0], behaviours[place]),
        )
        for place in range(1, len(folders))
    ]


def _results(folder: Path) -> list[AttemptResult]:
    tail = read_results(RunPaths(folder).results)
    if not tail.results:
        raise InputError(f"{RunPaths(folder).results} holds no attempts; run 'halo-opt collect' to fill it")
    return list(tail.results.values())
