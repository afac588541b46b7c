"""What a whole loop did: the record of loop.json and its parts. Units as in halo_opt.core.records."""

from typing import Literal

from halo_opt.core.records import Interval, Proposal, Record, ScoreDiff, Verdict


class ScoreEstimate(Record):
    """A success rate over measured attempts with its interval (clustered by task); None where there is no data.

    The mean score and its interval are None where all scores are 0 or 1, whose mean is the success rate.
    """

    rate: float | None
    interval: Interval | None
    tasks: int
    attempts: int
    errors: int
    mean_score: float | None = None
    mean_score_interval: Interval | None = None


class CandidateSummary(Record):
    """One patch that an iteration tried: what it changes, what the gate saw, what became of it."""

    proposal: Proposal
    commit: str
    diff_text: str
    verdict: Verdict


class IterationSummary(Record):
    """One turn of the loop: the train traces it read, the patches it tried, the gate score it ended with."""

    number: int
    report: str
    train: ScoreEstimate
    gate: ScoreEstimate
    candidates: list[CandidateSummary]


class NoiseFloor(Record):
    """The unchanged harness against itself (A/A): what a difference looks like when nothing changed."""

    diff: ScoreDiff


class BestOfK(Record):
    """The original harness given k tries per task and seed, any success counting: the same spend, no optimization."""

    k: int
    rate: float | None
    interval: Interval | None
    spend_per_pair: float
    optimized_spend_per_pair: float
    spend_unit: str


class SealedResult(Record):
    """The sealed split, looked at once, at the end: tasks and seeds that no other part of the loop saw."""

    tasks: int
    attempts: int
    original: ScoreEstimate
    final: ScoreEstimate
    difference: float | None
    interval: Interval | None
    p_value: float | None
    diff: ScoreDiff


class LoopSummary(Record):
    """loop.json: what the loop did, what it measured, and the caveats that its reader must know."""

    schema_version: Literal[1] = 1
    loop_id: str
    made_at: str
    model: str
    harness_revision_before: str
    harness_revision_after: str
    branch: str
    iterations: list[IterationSummary]
    baseline_noise: NoiseFloor | None
    best_of_k: BestOfK | None
    sealed: SealedResult | None
    attempts: int
    errors: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    seconds: float
    stopped_because: str
    caveats: list[str]
