"""Which scores become outcomes: one rule for all formats, the threshold of the user, and files of scores."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.core.errors import InputError
from halo_opt.store import ImportSummary, Options, Store, build_store
from halo_opt.store.outcomes import OutcomeRule, stated_score, verdict_of
from halo_opt.store.rows import AttemptRow

CASES = Path(__file__).parents[2] / "data" / "cases"
RANGE, ERRORS = CASES / "scores_out_of_range", CASES / "scores_turn_errors_into_failures"
PLAIN = Options()
PARTIAL = CASES / "partial_credit_is_ignored"
STATED = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.floats(), max_size=2),
    st.sampled_from(["3/5", "85%", "1e999", "NaN", "-0.1", "1.5", " 1 ", "pass", "FAILED", "4", "0.5", ""]),
)  # fmt: skip


def outcomes(
    tmp_path: Path, *inputs: Path, options: Options = PLAIN
) -> tuple[dict[str, tuple[Any, ...]], ImportSummary]:
    """(outcome, score) of each task, and the summary of the import."""
    summary = build_store(inputs, tmp_path / "s.duckdb", options=options)
    with Store.open(tmp_path / "s.duckdb") as store:
        rows = store.rows("SELECT task_id || coalesce('/' || seed, ''), outcome, score FROM attempts")
    return {str(task): tuple(rest) for task, *rest in rows}, summary


def chats(tmp_path: Path, *records: dict[str, Any]) -> Path:
    talk = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    file = tmp_path / "talks.jsonl"
    file.write_text(
        "".join(json.dumps({"task_id": f"t{n}", **r, "messages": talk}) + "\n" for n, r in enumerate(records))
    )
    return file


@given(stated=STATED, verdict=st.sampled_from([None, "success", "failure", "error"]))
def test_only_a_full_score_or_a_verdict_is_a_success(stated, verdict):
    judged = OutcomeRule().judge(AttemptRow("t", "r", "k", outcome=verdict, score=stated)).attempt
    if judged.outcome == "success" and verdict is None:
        assert stated_score(stated).number == pytest.approx(1.0) or verdict_of(stated) == "success"


@given(stated=STATED, verdict=st.sampled_from([None, "success", "failure", "error"]))
def test_a_stored_score_is_a_fraction_of_a_measured_attempt(stated, verdict):
    judged = OutcomeRule().judge(AttemptRow("t", "r", "k", outcome=verdict, score=stated)).attempt
    assert judged.score is None or (0 <= judged.score <= 1 and judged.outcome in ("success", "failure"))


@given(stated=STATED, at=st.floats(min_value=1e-6, max_value=200))
def test_a_threshold_does_not_change_a_verdict(stated, at):
    judged = OutcomeRule(at).judge(AttemptRow("t", "r", "k", outcome="failure", score=stated)).attempt
    assert judged.outcome == "failure"


@given(score=st.floats(min_value=0, max_value=1), at=st.floats(min_value=0.01, max_value=1))
def test_a_score_is_a_success_from_the_threshold_on(score, at):
    outcome = OutcomeRule(at).judge(AttemptRow("t", "r", "k", score=score)).attempt.outcome
    assert (outcome == "success") == (score >= at - 1e-9)


@pytest.mark.parametrize("stated", [8, -1, 1.01, math.inf, math.nan, "3/5", "85%", "great"])
def test_a_score_on_an_unknown_scale_is_named_with_a_remedy(stated):
    problem = OutcomeRule().judge(AttemptRow("t", "r", "k", score=stated)).problem
    assert problem is not None and str(stated) in problem and "--success-at" in problem


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.inf, math.nan])
def test_a_threshold_must_be_a_number_above_0(tmp_path, threshold):
    with pytest.raises(InputError, match=r"--success-at .* must be a number above 0"):
        build_store([chats(tmp_path, {"score": 1})], tmp_path / "s.duckdb", options=Options(success_at=threshold))


@pytest.mark.parametrize("file", ["pct85.jsonl", "rating3of5.jsonl", "chat10.jsonl"])
def test_ratings_give_no_outcome(tmp_path, file):
    found, _ = outcomes(tmp_path, RANGE / file)
    assert set(found.values()) == {(None, None)}


def test_ratings_are_named_in_the_summary(tmp_path):
    _, summary = outcomes(tmp_path, RANGE / "chat10.jsonl")
    assert summary.unusable_scores == {"8": 1, "3": 1, "-1": 1}


def test_a_score_of_1_among_ratings_is_no_success(tmp_path):
    found, _ = outcomes(tmp_path, chats(tmp_path, {"score": 1}, {"score": 5}, {"score": 0}))
    assert {outcome for outcome, _ in found.values()} == {None}


def test_a_verdict_beside_a_rating_counts(tmp_path):
    found, _ = outcomes(tmp_path, chats(tmp_path, {"score": 1, "success": True}, {"score": 5, "success": False}))
    assert found == {"t0": ("success", 1.0), "t1": ("failure", None)}


def test_fractions_count_beside_a_score_that_is_out_of_range(tmp_path):
    found, _ = outcomes(tmp_path, chats(tmp_path, {"score": 0.4}, {"score": 1}, {"score": 7}))
    assert found == {"t0": ("failure", 0.4), "t1": ("success", 1.0), "t2": (None, None)}


def test_a_threshold_above_1_reads_ratings(tmp_path):
    found, _ = outcomes(tmp_path, RANGE / "chat10.jsonl", options=Options(success_at=4))
    assert found == {"a": ("success", None), "b": ("failure", None), "c": ("failure", None)}


def test_a_number_under_the_name_of_a_verdict_is_a_score(tmp_path):
    found, _ = outcomes(tmp_path, chats(tmp_path, {"success": 0.8}, {"success": 85}))
    assert found == {"t0": ("failure", 0.8), "t1": (None, None)}


def test_a_threshold_makes_successes_of_partial_scores(tmp_path):
    found, _ = outcomes(tmp_path, chats(tmp_path, {"reward": 0.8}, {"reward": 0.5}), options=Options(success_at=0.8))
    assert found == {"t0": ("success", 0.8), "t1": ("failure", 0.5)}


def test_a_threshold_judges_the_partial_scores_of_a_harness(tmp_path):
    found, _ = outcomes(tmp_path, PARTIAL / "p2", options=Options(success_at=0.8))
    assert {outcome for outcome, _ in found.values()} == {"success"}


def test_a_harness_judges_its_own_partial_scores_without_a_threshold(tmp_path):
    found, _ = outcomes(tmp_path, PARTIAL / "p2")
    assert {outcome for outcome, _ in found.values()} == {"failure"}


def test_another_threshold_is_another_store(tmp_path):
    file = chats(tmp_path, {"reward": 0.8})
    outcomes(tmp_path, file)
    found, _ = outcomes(tmp_path, file, options=Options(success_at=0.8))
    assert found["t0"] == ("success", 0.8)


def test_a_scores_file_with_values_out_of_range_gives_the_others(tmp_path):
    found, summary = outcomes(tmp_path, RANGE / "traces.jsonl", options=Options(scores=RANGE / "sc.csv"))
    assert {task: row for task, row in found.items() if row[0]} == {
        "job-152/0": ("failure", 0.62),
        "job-152/1": ("success", 1.0),
    }
    assert set(summary.unusable_scores) == {"62", "7", "NaN", "-1", "100%"}


def test_a_rejected_score_has_its_line_and_reason(tmp_path):
    outcomes(tmp_path, RANGE / "traces.jsonl", options=Options(scores=RANGE / "sc.csv"))
    with Store.open(tmp_path / "s.duckdb") as store:
        [(line, reason)] = store.rows("SELECT line, reason FROM rejects WHERE head = '62'")
    assert line == 2
    assert "the score 62 is outside 0 to 1" in reason


def test_a_scores_file_of_ratings_alone_is_refused_with_the_reason(tmp_path):
    scores = tmp_path / "ratings.csv"
    scores.write_text("task_id,score\nt0,1\nt1,5\n")
    file = chats(tmp_path, {}, {})
    with pytest.raises(InputError, match="line 2: the score 1 is part of a rating that goes beyond 1"):
        build_store([file], tmp_path / "s.duckdb", options=Options(scores=scores))


def test_a_scores_file_leaves_errors_errors(tmp_path):
    found, summary = outcomes(tmp_path, ERRORS, options=Options(scores=ERRORS / "scores.csv"))
    assert {task: outcome for task, (outcome, _) in found.items()} == {
        "acme__lib-0": "success",
        "acme__lib-3": "failure",
        "acme__lib-4": "error",
    }
    assert summary.kept_errors == 1


def test_a_success_of_a_scores_file_takes_an_error_away(tmp_path):
    scores = tmp_path / "scores.jsonl"
    scores.write_text('{"instance_id": "acme__lib-4", "resolved": true}\n')
    found, _ = outcomes(tmp_path, ERRORS, options=Options(scores=scores))
    assert found["acme__lib-4"][0] == "success"


def test_the_same_scores_file_laid_over_a_grown_store_counts_once(tmp_path):
    options = Options(scores=RANGE / "sc.csv")
    build_store([RANGE / "traces.jsonl"], tmp_path / "s.duckdb", options=options)
    _, summary = outcomes(tmp_path, RANGE / "traces.jsonl", RANGE / "rating3of5.jsonl", options=options)
    assert summary.unusable_scores["62"] == 1


def test_a_scores_file_that_gives_the_outcomes_leaves_no_warning(tmp_path):
    scores = tmp_path / "scores.csv"
    scores.write_text("task_id,outcome\na,success\nb,failure\nc,failure\n")
    found, summary = outcomes(tmp_path, RANGE / "chat10.jsonl", options=Options(scores=scores))
    assert (found["a"], summary.unusable_scores) == (("success", None), {})


def root(trace: str, reward: float) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": f"{trace}-1",
        "parent_span_id": "",
        "name": "agent",
        "start_time": "2026-05-04T10:00:00Z",
        "end_time": "2026-05-04T10:01:00Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {}},
        "attributes": {"openinference.span.kind": "AGENT", "task_id": trace, "reward": reward},
    }


SCALES = st.lists(st.sampled_from([0, 1, 0.5, 5, -1]), min_size=2, max_size=5)


@examples(everyday=8, fresh=60)
@given(rewards=SCALES, cut=st.integers(min_value=1, max_value=4))
def test_a_file_that_grows_gives_the_outcomes_of_the_whole_file(tmp_path_factory, rewards, cut):
    folder = tmp_path_factory.mktemp("growing")
    lines = [json.dumps(root(f"t{n}", reward)) + "\n" for n, reward in enumerate(rewards)]
    file = folder / "spans.jsonl"
    file.write_text("".join(lines[:cut]))
    outcomes(folder, file)
    file.write_text("".join(lines))
    grown, _ = outcomes(folder, file)
    (folder / "s.duckdb").unlink()
    assert grown == outcomes(folder, file)[0]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_csv_file_of_scores_may_have_other_delimiters_and_capitals(tmp_path, delimiter):
    scores = tmp_path / "scores.csv"
    scores.write_text(f"Task_ID{delimiter}Score\r\na{delimiter}1\r\n")
    found, _ = outcomes(tmp_path, RANGE / "chat10.jsonl", options=Options(scores=scores))
    assert found["a"] == ("success", 1.0)


def test_a_scores_file_without_known_fields_names_those_it_has(tmp_path):
    scores = tmp_path / "scores.csv"
    scores.write_text("task_id,accuracy\na,1\n")
    with pytest.raises(InputError, match="it has the fields task_id, accuracy; name one of them score, reward"):
        build_store([RANGE / "chat10.jsonl"], tmp_path / "s.duckdb", options=Options(scores=scores))
