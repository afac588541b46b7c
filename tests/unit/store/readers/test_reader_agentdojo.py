"""AgentDojo's run logs: the suite is part of the task, utility is the outcome, an attack makes another task."""

from pathlib import Path

import pytest
from hypothesis import given
from reader_tools import as_document, few, spoiled, stored, survives
from samples_benchmarks import LOG

from halo_opt.store import Store, build_store
from halo_opt.store.readers import READERS

CASES = Path(__file__).parents[3] / "data" / "cases"


@pytest.fixture
def case(tmp_path):
    build_store([CASES / "agentdojo"], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        yield store


def test_suite_is_part_of_the_task(case):
    assert case.rows("SELECT task_id, outcome, model, goal FROM attempts ORDER BY 1") == [
        ("bank-t1", "failure", "model-x", "Pay the bill."),
        ("shop-t1", "success", "model-x", "Order shoes."),
    ]


def test_files_of_one_folder_are_one_run(case):
    assert case.rows("SELECT count(DISTINCT run_id) FROM attempts") == [(1,)]


def test_call_has_the_error_of_its_tool_message(case):
    assert case.rows("SELECT DISTINCT tool, arguments, error FROM tool_calls") == [
        ("pay_bill", '{"id": 7}', "ValueError: no such bill")
    ]


def test_security_is_a_score_and_not_the_outcome(case):
    assert case.rows("SELECT DISTINCT value FROM scores WHERE name = 'security'") == [(1.0,)]


def log(folder: Path, **changes: object) -> Path:
    record = {**LOG, **changes}
    attack, injected = record["attack_type"] or "none", record["injection_task_id"] or "none"
    place = folder / "runs" / "gpt-4o-2024-05-13" / "workspace" / "user_task_3" / str(attack)
    return as_document(place / f"{injected}.json", record, indent=4)


def test_attack_and_injected_task_make_another_task_and_mode(tmp_path):
    build_store([log(tmp_path), log(tmp_path, attack_type=None, injection_task_id=None)], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT task_id, mode, run_id FROM attempts ORDER BY 1") == [
            ("workspace-user_task_3", None, "gpt-4o-2024-05-13"),
            (
                "workspace-user_task_3-important_instructions-injection_task_0",
                "important_instructions",
                "gpt-4o-2024-05-13",
            ),
        ]


def test_times_come_from_the_timestamp_and_the_duration(tmp_path):
    with stored(log(tmp_path)) as store:
        assert store.rows("SELECT epoch(ended_at - started_at) FROM attempts") == [(2.5,)]


def test_error_of_the_pipeline_is_no_measurement(tmp_path):
    with stored(log(tmp_path, error="BadRequestError: context length", utility=False)) as store:
        assert store.rows("SELECT outcome, score FROM attempts") == [("error", None)]


def test_verdict_may_stand_under_evaluation(tmp_path):
    record = {name: value for name, value in LOG.items() if name not in ("utility", "security")}
    path = as_document(tmp_path / "seed_1.json", {**record, "evaluation": {"utility": False, "security": True}})
    with stored(path) as store:
        assert store.rows("SELECT outcome FROM attempts") == [("failure",)]


def test_log_is_recognised_by_its_own_reader_alone(tmp_path):
    assert [reader.name for reader in READERS if reader.sniff(log(tmp_path))] == ["agentdojo"]


@pytest.mark.parametrize("wrapper", ["results", "data", "trajectories", "logs"])
def test_records_in_a_wrapper_are_read(tmp_path, wrapper):
    with stored(
        as_document(
            tmp_path / "all.json", {"meta": {"seed": 1}, wrapper: [LOG, {**LOG, "user_task_id": "user_task_4"}]}
        )
    ) as store:
        assert store.rows("SELECT count(*), min(outcome) FROM attempts") == [(2, "success")]


@few
@given(spoiled(LOG))
def test_spoiled_log_gives_rows_or_rejects(record):
    survives(
        lambda folder: as_document(folder / "bad.json", record), lambda folder: as_document(folder / "good.json", LOG)
    )
