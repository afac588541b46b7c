import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.core.records import AttemptKey, AttemptResult, Outcome
from halo_opt.experiment.results import ResultsTail, append_result, read_results


def line(task: str, outcome: str, trace: str = "t") -> AttemptResult:
    return AttemptResult(
        task_id=task, seed=0, attempt=0, trace_id=trace, outcome=Outcome(outcome), started_at="a", ended_at="b"
    )


def test_a_half_written_line_waits_and_a_bad_one_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append_result(path, line("a", "success"))
    whole = path.read_bytes()
    path.write_bytes(whole + b"not json\n" + whole[:20])
    tail = ResultsTail(path)
    assert [result.task_id for result in tail.poll()] == ["a"]
    assert [rejected.line for rejected in tail.rejected] == [2]
    path.write_bytes(path.read_bytes() + whole[20:])
    assert [result.task_id for result in tail.poll()] == ["a"]


def test_appending_after_a_torn_line_starts_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"task_id": "torn')
    append_result(path, line("a", "failure"))
    tail = read_results(path)
    assert list(tail.results) == [AttemptKey(task_id="a", seed=0)]
    assert len(tail.rejected) == 1


@given(outcomes=st.lists(st.sampled_from(["success", "failure", "error"]), min_size=1, max_size=6))
def test_the_last_measurement_counts_and_errors_only_without_one(outcomes: list[str]) -> None:
    tail = ResultsTail(Path("unused"))
    for number, outcome in enumerate(outcomes):
        tail._take(line("a", outcome, str(number)).model_dump_json().encode())
    kept = tail.results[AttemptKey(task_id="a", seed=0)]
    measured = [number for number, outcome in enumerate(outcomes) if outcome != "error"]
    assert kept.trace_id == str(measured[-1] if measured else len(outcomes) - 1)


def test_an_error_is_missing_until_its_tries_are_used() -> None:
    tail = ResultsTail(Path("unused"))
    keys = [AttemptKey(task_id="a", seed=0), AttemptKey(task_id="b", seed=0)]
    for tries in range(1, 4):
        tail._take(line("a", "error", str(tries)).model_dump_json().encode())
        assert (keys[0] in tail.missing(keys, retry_errors=2)) == (tries <= 2)
    assert keys[1] in tail.missing(keys, retry_errors=2)


@pytest.mark.parametrize("number", ["1e999", "9" * 400, str(-(10**30)), '"' + "9" * 400 + '"'])
@pytest.mark.parametrize("field", ["seed", "attempt", "steps", "tokens_in", "tokens_out", "cost_usd", "score"])
def test_a_number_that_no_column_of_the_store_holds_refuses_its_line(tmp_path: Path, field: str, number: str) -> None:
    if field == "cost_usd" and number.startswith("-"):
        number = "-1e999"  # the largest of the numbers above is a sum of money that can be stored
    path = tmp_path / "results.jsonl"
    whole = json.loads(line("a", "success").model_dump_json())
    text = json.dumps({**whole, field: "HERE"}).replace('"HERE"', number)
    path.write_text(text + "\n" + json.dumps(whole) + "\n")
    tail = read_results(path)
    assert [(rejected.line, rejected.reason.split()[0]) for rejected in tail.rejected] == [(1, field)]
    assert len(tail.results) == 1


def test_steps_beyond_an_integer_refuse_their_line() -> None:
    tail = ResultsTail(Path("unused"))
    assert tail._take(line("a", "success").model_dump_json().replace('"steps":0', f'"steps":{2**31}').encode()) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"score": float("nan")}, "score must be a number from 0 to 1, or null, and is NaN"),
        ({"score": 62}, "score must be a number from 0 to 1, or null, and is 62"),
        ({"score": "secret words"}, "score must be a number from 0 to 1, or null"),
        ({"outcome": "passed"}, "outcome must be success, failure or error"),
        ({"started_at": None}, 'started_at must be a time such as "2026-05-04T10:00:00Z", and is null'),
        ({"seed": None}, "seed must be a whole number of 64 bits, and is null"),
    ],
)
def test_why_a_line_cannot_be_used_is_said_with_the_right_form(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({**json.loads(line("a", "success").model_dump_json()), **change}) + "\n")
    assert [rejected.reason for rejected in read_results(path).rejected] == [reason]


def test_each_reason_is_said_once_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    whole = json.loads(line("a", "success").model_dump_json())
    bad = [json.dumps({**whole, "score": 7})] * 5 + [json.dumps({**whole, "outcome": "x"}), "torn"]
    path.write_text("\n".join(bad) + "\n")
    assert read_results(path).unusable() == (
        f"6 lines of {path} cannot be used: score must be a number from 0 to 1, or null, and is 7 (lines 1, 2, 3 and "
        "2 more); outcome must be success, failure or error (line 6)"
    )
