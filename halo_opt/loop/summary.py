"""The summary of a loop (loop.json): its numbers, and the caveats that its reader must know."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

from halo_opt.core.config import LoopConfig
from halo_opt.core.journal import Journal
from halo_opt.core.loop_records import BestOfK, IterationSummary, LoopSummary, NoiseFloor, ScoreEstimate, SealedResult
from halo_opt.core.records import AttemptKey
from halo_opt.experiment.runner import Spent

# Below this many tasks an interval is wide and the choice of tasks alone can make a gain.
FEW_TASKS = 15


@dataclass
class LoopState:
    """What a loop has found so far. `revision` is the commit of the harness with all kept patches."""

    original_revision: str
    revision: str
    stopped_because: str
    iterations: list[IterationSummary] = field(default_factory=list)
    noise: NoiseFloor | None = None
    original_gate: ScoreEstimate | None = None
    sealed: SealedResult | None = None
    best_of_k: BestOfK | None = None
    earlier_sealed_looks: int = 0


def record_sealed_look(config: LoopConfig, keys: list[AttemptKey], journal: Journal) -> int:
    """Add this look at the sealed split to `reports/sealed_looks.jsonl`.

    The file is shared by all loops: a sealed split that several loops have looked at is no longer unseen.

    Returns:
        How many earlier looks at the same tasks and seeds the file holds.
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


def summarize(loop_id: str, state: LoopState, *, spent: Spent, model: str, branch: str, seconds: float) -> LoopSummary:
    """The record of a finished loop.

    Args:
        loop_id: The loop's name.
        state: What the loop found.
        spent: What its attempts cost.
        model: The worker's model, "none" where the harness brings its own.
        branch: The git branch that holds the kept patches.
        seconds: Wall clock of all sessions of the loop together.
    """
    return LoopSummary(
        loop_id=loop_id,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        model=model,
        harness_revision_before=state.original_revision,
        harness_revision_after=state.revision,
        branch=branch,
        iterations=state.iterations,
        baseline_noise=state.noise,
        best_of_k=state.best_of_k,
        sealed=state.sealed,
        attempts=spent.attempts,
        errors=spent.errors,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        cost_usd=spent.cost_usd,
        seconds=seconds,
        stopped_because=state.stopped_because,
        caveats=_caveats(state, spent, model),
    )


def _caveats(state: LoopState, spent: Spent, model: str) -> list[str]:
    """What limits how far the numbers can be trusted, one sentence or two each."""
    caveats = []
    if state.earlier_sealed_looks:
        caveats.append(
            f"Earlier loops looked at the same sealed split {state.earlier_sealed_looks} times, so its tasks are no "
            "longer unseen. Change splits.shuffle_seed or the tasks to measure on unseen ones."
        )
    if state.sealed is not None and state.sealed.tasks < FEW_TASKS:
        caveats.append(f"The sealed split has only {state.sealed.tasks} tasks, which makes its interval wide.")
    tried = sum(len(iteration.candidates) for iteration in state.iterations)
    if tried > 1:
        caveats.append(
            f"{tried} patches were tried on the same gate split. The gate score of a kept patch is therefore too high "
            "on average (it was selected for being high); the sealed score is not."
        )
    if spent.errors:
        caveats.append(f"{spent.errors} attempts ended as errors. They were retried and count neither way in any rate.")
    if state.original_gate is not None and state.original_gate.rate == 0:
        caveats.append("The original harness solved no task of the gate split, so there was no success to guard.")
    if spent.cost_usd is None:
        caveats.append("No cost is given, because the price of this model is not known.")
    name = "the harness's own model" if model == "none" else model
    caveats.append(
        f"All attempts used {name}. A harness that helps one model can hurt another: run the loop again for each "
        "model that you use."
    )
    return caveats
