"""loop.json from what a loop knows, with what its reader must be told. Never measures anything."""

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from halo_opt.core.config import LoopConfig
from halo_opt.core.journal import Journal
from halo_opt.core.loop_records import LoopSummary
from halo_opt.core.records import AttemptKey
from halo_opt.experiment.scores import estimate

if TYPE_CHECKING:
    from halo_opt.loop.cycle import Cycle

# Below this many tasks an interval is wide and the choice of tasks alone can make a gain.
FEW_TASKS = 15


def note_look(config: LoopConfig, keys: list[AttemptKey], journal: Journal) -> int:
    """Write this look at the sealed split to the ledger and say how many there were before it.

    The ledger lies beside all loops: a sealed split that several loops have looked at is no longer unseen.
    """
    ledger = config.resolve(config.reports) / "sealed_looks.jsonl"
    split = hashlib.sha256("\n".join(sorted(key.model_dump_json() for key in keys)).encode()).hexdigest()[:16]

    def look() -> int:
        lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
        before = sum(1 for line in lines if line.strip() and json.loads(line)["split"] == split)
        entry = {"split": split, "loop_id": config.loop_id, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        with ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        return before

    return int(journal.once("sealed_look", look))


def summarize(cycle: "Cycle", *, seconds: float) -> LoopSummary:
    """The whole loop as a record."""
    spent = cycle.bench.spent
    return LoopSummary(
        loop_id=cycle.config.loop_id,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model=cycle.bench.model,
        harness_revision_before=cycle.start.revision,
        harness_revision_after=cycle.revision,
        branch=cycle.workshop.branch,
        iterations=cycle.iterations,
        baseline_noise=cycle.noise,
        best_of_k=cycle.best_of_k,
        sealed=cycle.sealed,
        attempts=spent.attempts,
        errors=spent.errors,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        cost_usd=spent.cost_usd,
        seconds=seconds,
        stopped_because=cycle.stopped_because,
        caveats=_caveats(cycle),
    )


def _caveats(cycle: "Cycle") -> list[str]:
    """What limits the belief that the numbers deserve."""
    said = []
    if cycle.sealed_looks:
        said.append(
            f"The sealed split had been looked at {cycle.sealed_looks} times before: these tasks are no longer unseen. "
            "Change splits.shuffle_seed or the tasks for a fresh look."
        )
    if cycle.sealed is not None and cycle.sealed.tasks < FEW_TASKS:
        said.append(f"The sealed split has {cycle.sealed.tasks} tasks: the interval is wide for that reason.")
    tried = sum(len(iteration.candidates) for iteration in cycle.iterations)
    if tried > 1:
        said.append(
            f"{tried} patches were tried on one gate split, so the gate score of a kept patch is flattered by "
            "selection; the sealed score is not."
        )
    if cycle.bench.spent.errors:
        said.append(f"{cycle.bench.spent.errors} attempts were errors: retried, and never counted as failures.")
    solved = estimate(cycle.gate_results(cycle.start.revision, words="gate")).rate
    if solved == 0:
        said.append("The original harness solved nothing on the gate split, so no guard task could protect a success.")
    if cycle.bench.spent.cost_usd is None:
        said.append("The price of this model is not known: no cost is given.")
    model = "the harness's own model" if cycle.bench.endpoint is None else cycle.bench.model
    said.append(
        f"Measured with {model} alone: a harness that helps one model can hurt another. Run the loop again "
        "for each model that you use."
    )
    return said
