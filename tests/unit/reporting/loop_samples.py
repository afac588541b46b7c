"""Invented but realistic comparisons and improvement runs, for the tests of reports."""

from typing import Any

from halo_opt.core.loop_records import (
    BestOfK,
    CandidateSummary,
    IterationSummary,
    LoopSummary,
    NoiseFloor,
    ScoreEstimate,
    SealedResult,
)
from halo_opt.core.records import (
    AppendText,
    BehaviourShift,
    Interval,
    Prediction,
    Proposal,
    ReplaceText,
    ScoreDiff,
    SetValue,
    TaskFlip,
    UnpairedAttempt,
    Verdict,
)


def score_diff(before: float, after: float, interval: Interval | None, p: float | None, **changes: Any) -> ScoreDiff:
    fields: dict[str, Any] = {
        "before": "run-1",
        "after": "run-2",
        "pairs": 54,
        "tasks": 18,
        "rate_before": before,
        "rate_after": after,
        "difference": after - before,
        "interval": interval,
        "p_value": p,
        "gained": [
            TaskFlip(task_id="miniwob.login-user", pairs=3, before=0, after=3),
            TaskFlip(task_id="miniwob.enter-text", pairs=3, before=1, after=2),
        ],
        "lost": [TaskFlip(task_id="miniwob.click-tab-2", pairs=3, before=3, after=2)],
        "behaviours": [
            BehaviourShift(behaviour="repeated_action", before=0.62, after=0.11),
            BehaviourShift(behaviour="long_idle_start", before=None, after=None),
        ],
        "errors_before": 1,
        "errors_after": 0,
        "unpaired": [UnpairedAttempt(task_id="miniwob.book-flight", seed=2, measured_in="before")],
    }
    return ScoreDiff(**(fields | changes))


def estimate(rate: float | None, half: float = 0.1) -> ScoreEstimate:
    interval = None if rate is None else (max(0.0, rate - half), min(1.0, rate + half))
    return ScoreEstimate(rate=rate, interval=interval, tasks=18, attempts=54, errors=1)


DIFF_TEXT = """diff --git a/harness/config.yaml b/harness/config.yaml
--- a/harness/config.yaml
+++ b/harness/config.yaml
@@ -4,7 +4,7 @@ defaults:
   observation: compact
-  addressing: number
+  addressing: label  # targets are chosen by what they say, so that a small model need not count, however long this is
   history: 0
"""


def candidate(ident: str, before: float, after: float, *, accepted: bool) -> CandidateSummary:
    proposal = Proposal(
        id=ident,
        findings=["F1"],
        hypothesis="A small model loses count of numbered targets; naming them by label removes the wrong clicks.",
        edits=[
            SetValue(path="harness/config.yaml", key="defaults.addressing", value="label"),
            ReplaceText(path="prompts/harness/worker.j2", old="Answer with a number.", new="Answer with a label."),
            AppendText(path="prompts/harness/worker.j2", text="Fill every field before you submit."),
        ],
        predictions=[Prediction(behaviour="unknown_target", direction="down")],
        source="playbook",
    )
    reason = "better on the gate (p = 0.0004), no guard broke" if accepted else "not better than chance (p = 0.41)"
    verdict = Verdict(
        proposal_id=ident,
        accepted=accepted,
        reason=reason,
        diff=score_diff(before, after, (after - before - 0.1, after - before + 0.1), 0.0004 if accepted else 0.41),
        broken_guards=[] if accepted else ["miniwob.click-button"],
        mechanism_fired=True if accepted else None,
    )
    return CandidateSummary(proposal=proposal, commit="1f3c9a7", diff_text=DIFF_TEXT, verdict=verdict)


def iteration(ident: int, gate: float, candidates: list[CandidateSummary]) -> IterationSummary:
    return IterationSummary(
        number=ident,
        report=f"iter-{ident:02d}/report.html",
        train=estimate(gate - 0.03),
        gate=estimate(gate),
        candidates=candidates,
    )


def loop_summary(**changes: Any) -> LoopSummary:
    sealed_diff = score_diff(0.083, 0.611, (0.36, 0.69), 0.00002, pairs=72)
    fields: dict[str, Any] = {
        "loop_id": "demo",
        "made_at": "2026-11-21T21:05:00Z",
        "model": "SmolLM2-135M-Instruct-Q4_1",
        "harness_revision_before": "e4638a7",
        "harness_revision_after": "90bd112",
        "branch": "halo/demo",
        "iterations": [
            iteration(
                1, 0.10, [candidate("P1", 0.08, 0.10, accepted=False), candidate("P2", 0.08, 0.09, accepted=False)]
            ),
            iteration(2, 0.33, [candidate("P3", 0.10, 0.33, accepted=True)]),
            iteration(
                3, 0.63, [candidate("P4", 0.33, 0.63, accepted=True), candidate("P5", 0.33, 0.2, accepted=False)]
            ),
            iteration(4, 0.63, []),
        ],
        "baseline_noise": NoiseFloor(diff=score_diff(0.083, 0.09, (-0.04, 0.055), 0.8)),
        "best_of_k": BestOfK(
            k=4, rate=0.19, interval=(0.1, 0.3), spend_per_pair=4.0, optimized_spend_per_pair=3.7, spend_unit="attempts"
        ),
        "sealed": SealedResult(
            tasks=18,
            attempts=72,
            original=estimate(0.083, 0.07),
            final=estimate(0.611, 0.13),
            difference=0.528,
            interval=(0.36, 0.69),
            p_value=0.00002,
            diff=sealed_diff,
        ),
        "attempts": 612,
        "errors": 7,
        "tokens_in": 1_284_330,
        "tokens_out": 88_120,
        "cost_usd": None,
        "seconds": 893.0,
        "stopped_because": "all 4 iterations were done",
        "caveats": ["One model and one benchmark: nothing is claimed of others."],
    }
    return LoopSummary(**(fields | changes))


def empty_diff() -> ScoreDiff:
    none: dict[str, Any] = dict.fromkeys(("rate_before", "rate_after", "difference"))
    empty: dict[str, Any] = {"gained": [], "lost": [], "behaviours": [], "unpaired": [], "errors_before": 0}
    return score_diff(0, 0, None, None, **none, **empty, pairs=0, tasks=0)


def empty_loop() -> LoopSummary:
    nothing = ScoreEstimate(rate=None, interval=None, tasks=0, attempts=0, errors=0)
    hollow = IterationSummary(number=1, report="", train=nothing, gate=nothing, candidates=[])
    return loop_summary(
        iterations=[hollow], baseline_noise=None, best_of_k=None, sealed=None, cost_usd=None, caveats=[], attempts=0
    )
