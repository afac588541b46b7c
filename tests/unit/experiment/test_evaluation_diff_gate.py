from collections.abc import Iterable

import numpy as np
import pytest

from halo_opt.core.config import GateConfig
from halo_opt.core.records import AttemptResult, Outcome, Prediction, Proposal, ScoreDiff
from halo_opt.experiment.diff import compare
from halo_opt.experiment.gate import broken_guards, decide
from halo_opt.experiment.scores import best_of_k, estimate, tries_for_spend

TIMES = {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T00:00:01+00:00"}


def result(task: str, seed: int, score: float | None, *, attempt: int = 0, tokens: int = 100) -> AttemptResult:
    outcome = Outcome.ERROR if score is None else Outcome.SUCCESS if score else Outcome.FAILURE
    return AttemptResult(
        task_id=task,
        seed=seed,
        attempt=attempt,
        trace_id=f"{task}{seed}{attempt}",
        outcome=outcome,
        score=score,
        tokens_in=tokens,
        tokens_out=0,
        **TIMES,
    )


def results(scores: dict[str, Iterable[float | None]], **more: int) -> list[AttemptResult]:
    return [result(task, seed, score, **more) for task, row in scores.items() for seed, score in enumerate(row)]


def diff_of(before: dict, after: dict, **more: object) -> ScoreDiff:
    rng = np.random.default_rng(0)
    return compare(results(before), results(after), names=("a", "b"), rng=rng, **more)


def proposal() -> Proposal:
    prediction = Prediction(behaviour="repeated_action", direction="down")
    return Proposal(id="P1", findings=["F1"], hypothesis="h", edits=[], predictions=[prediction], source="playbook")


def test_errors_and_unpaired_attempts_are_reported_not_averaged() -> None:
    before = {"t1": [0, 1, None], "t2": [0, 0], "only-before": [1]}
    diff = diff_of(before, {"t1": [1, 1, 1], "t2": [0, None]})
    assert (diff.pairs, diff.tasks) == (3, 2)
    assert (diff.rate_before, diff.rate_after) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (diff.errors_before, diff.errors_after) == (1, 1)
    assert [(key.task_id, key.seed) for key in diff.unpaired] == [("only-before", 0), ("t1", 2), ("t2", 1)]


def test_flips_count_both_ways_by_task() -> None:
    diff = diff_of({"up": [0, 0], "down": [1, 0], "same": [1]}, {"up": [1, 1], "down": [0, 0], "same": [1]})
    assert [(flip.task_id, flip.before, flip.after) for flip in diff.gained] == [("up", 0, 2)]
    assert [(flip.task_id, flip.before, flip.after) for flip in diff.lost] == [("down", 1, 0)]


def test_without_shared_attempts_there_is_no_number() -> None:
    diff = diff_of({"a": [1]}, {"b": [0]})
    assert (diff.difference, diff.interval, diff.p_value, diff.rate_before) == (None, None, None, None)


def test_a_clear_gain_is_kept_and_an_aa_run_is_not() -> None:
    low, high = {f"t{n}": [0] for n in range(10)}, {f"t{n}": [1] for n in range(10)}
    kept = decide(proposal(), diff_of(low, high), broken=[], config=GateConfig(), candidates=2)
    assert kept.accepted
    assert "+100 points" in kept.reason
    same = decide(proposal(), diff_of(low, low), broken=[], config=GateConfig(), candidates=2)
    assert not same.accepted
    assert "+0 points on the gate split" in same.reason


def test_a_small_gain_is_called_noise() -> None:
    low = {f"t{n}": [0] for n in range(10)}
    verdict = decide(
        proposal(), diff_of(low, low | {"t0": [1], "t1": [1]}), broken=[], config=GateConfig(), candidates=1
    )
    assert not verdict.accepted
    assert "may be noise" in verdict.reason


def test_candidates_share_the_level() -> None:
    low, five_up = {f"t{n}": [0] for n in range(10)}, {f"t{n}": [int(n < 5)] for n in range(10)}
    diff = diff_of(low, five_up)
    assert diff.p_value == pytest.approx(1 / 32)
    assert decide(proposal(), diff, broken=[], config=GateConfig(), candidates=1).accepted
    assert not decide(proposal(), diff, broken=[], config=GateConfig(), candidates=2).accepted


@pytest.mark.parametrize(("after", "kept"), [(0.2, True), (0.9, False)])
def test_a_gain_without_its_mechanism_is_dropped(after: float, kept: bool) -> None:
    low, high = {f"t{n}": [0] for n in range(10)}, {f"t{n}": [1] for n in range(10)}
    diff = diff_of(low, high, behaviours=({"repeated_action": 0.8}, {"repeated_action": after}))
    verdict = decide(proposal(), diff, broken=[], config=GateConfig(), candidates=1)
    assert (verdict.accepted, verdict.mechanism_fired) == (kept, kept)
    if not kept:
        assert "none of the behaviours that the proposal predicted to change did" in verdict.reason


def test_guards_break_when_always_solved_becomes_never_or_a_named_one_drops() -> None:
    before = results({"always": [1, 1], "often": [1, 0], "named": [1, 1]})
    after = results({"always": [0, 0], "often": [0, 0], "named": [1, 0]})
    assert broken_guards(before, after, []) == ["always"]
    assert broken_guards(before, after, ["named"]) == ["always", "named"]


def test_a_rate_leaves_errors_out() -> None:
    score = estimate(results({"a": [1, None], "b": [0, 0]}))
    assert (score.rate, score.attempts, score.errors, score.tasks) == (pytest.approx(1 / 3), 3, 1, 2)
    assert estimate([]).rate is None


def test_best_of_k_counts_any_success_and_its_spend() -> None:
    tries = [results({"a": [0, 1], "b": [0, 0]}), results({"a": [1, 0], "b": [0, None]}, attempt=1)]
    best = best_of_k(tries, results({"a": [1, 1], "b": [1, 1]}, tokens=250))
    assert (best.k, best.rate, best.spend_per_pair, best.optimized_spend_per_pair) == (2, 0.5, 200, 250)


@pytest.mark.parametrize(("after", "k"), [(50, 2), (100, 2), (201, 3), (300, 3)])
def test_the_original_gets_at_least_the_spend_of_the_optimized(after: int, k: int) -> None:
    assert tries_for_spend(results({"a": [0]}), results({"a": [1]}, tokens=after)) == k
