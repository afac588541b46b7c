"""How often each behaviour occurs in each of several runs."""

import hashlib
import json
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from halo_opt.store import Store, build_store, fresh
from halo_opt.store.index.location import fingerprint

if TYPE_CHECKING:
    from halo_opt.mining.detector_files import Detectors
    from halo_opt.store.protocols import Query

Rates = dict[str, float | None]


def rates(
    folders: Sequence[Path],
    stores: Path,
    detectors: "Detectors | None" = None,
    guarded: "Callable[[Store], Query] | None" = None,
) -> list[Rates]:
    """How often each behaviour occurs among the measured attempts of each run folder.

    Rates of built-in detectors are kept beside a run's store, and measured again when the run or a detector changed.

    Args:
        folders: Run folders.
        stores: The folder in which the runs' stores are kept.
        detectors: The user's own detectors, beside the built-in ones.
        guarded: Gives the guarded way to query a store; the user's detectors need it.

    Returns:
        For each folder the rates, 0 to 1, by behaviour; None where the traces do not tell or nothing was measured.
    """
    if detectors is not None and detectors.behaviours:
        return [_measured(folder, stores, detectors, guarded) for folder in folders]
    return [_kept(folder, stores) for folder in folders]


def rates_in(store: Store, column: str | None) -> dict[str | None, Rates]:
    """The rates of the built-in behaviours in each group of a store's attempts, by the values of a column.

    Args:
        store: The traces.
        column: A column of `attempts`; None for one group of all attempts, whose value is None.
    """
    from halo_opt.mining.detector_files import built_in
    from halo_opt.mining.mine import behaviour_rates_by

    return behaviour_rates_by(store, column, behaviours=built_in())


def _measured(
    folder: Path,
    stores: Path,
    detectors: "Detectors | None" = None,
    guarded: "Callable[[Store], Query] | None" = None,
) -> Rates:
    from halo_opt.mining.detector_files import built_in
    from halo_opt.mining.mine import behaviour_rates

    path = stores / f"{folder.name}.duckdb"
    if not fresh(path, [folder]):
        build_store([folder], path)
    own = detectors.behaviours if detectors is not None else ()
    with Store.open(path) as store:
        return behaviour_rates(store, behaviours=[*built_in(), *own], guarded=guarded(store) if guarded else None)


def _kept(folder: Path, stores: Path) -> Rates:
    """The rates that were kept for exactly these traces and detectors; else they are measured, and kept."""
    path = stores / f"{folder.name}.rates.json"
    key = hashlib.sha256(f"{fingerprint([folder])} {_detectors_hash()}".encode()).hexdigest()
    try:
        kept = json.loads(path.read_bytes())
        if kept["key"] == key:
            return dict(kept["rates"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never written, or damaged: measured again
    found = _measured(folder, stores)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"key": key, "rates": found}), encoding="utf-8")
    unfinished.replace(path)
    return found


def _detectors_hash() -> str:
    """A hash of everything in this package: a change of any detector, or of how they are measured, changes it."""
    sha = hashlib.sha256()
    waiting = [resources.files("halo_opt.mining")]
    while waiting:
        for entry in sorted(waiting.pop().iterdir(), key=lambda entry: entry.name):
            if entry.is_dir() and entry.name != "__pycache__":
                waiting.append(entry)
            elif entry.name.endswith((".py", ".yaml", ".yml")):
                sha.update(entry.name.encode() + b"\0" + entry.read_bytes() + b"\0")
    return sha.hexdigest()
