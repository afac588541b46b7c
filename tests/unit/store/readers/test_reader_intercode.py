"""InterCode's layouts: records in a wrapper, and models that only file and folder names tell."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader_tools import as_document, few, spoiled, stored, survives

from halo_opt.store import Store, build_store
from halo_opt.store.readers.model_names import model_in, model_of_path

CASES = Path(__file__).parents[3] / "data" / "cases"
RECORD = {
    "task_id": 5,
    "query": "List.",
    "turn_history": {
        "actions": ["ls", "pwd"],
        "observations": ["a", "/"],
        "rewards": [0.0, 1.0],
        "valid_action": [True, True],
        "steps": ["Look at the folder.", "Name the folder."],
    },
    "summary": {"max_reward": 1.0, "turns_max": 10},
}


def read(folder: Path, case: str) -> Store:
    build_store([CASES / case], folder / "s.duckdb")
    return Store.open(folder / "s.duckdb")


def test_records_under_logs_are_all_read(tmp_path):
    with read(tmp_path, "intercode_meta_logs") as store:
        assert store.rows("SELECT count(*), count(*) FILTER (outcome = 'success') FROM attempts") == [(4, 2)]


@pytest.mark.parametrize("wrapper", ["logs", "results", "data", "trajectories"])
@pytest.mark.parametrize("records", [[RECORD], {"5": RECORD}], ids=["list", "object"])
def test_records_stand_under_any_usual_name(tmp_path, wrapper, records):
    with stored(as_document(tmp_path / "toy.json", {"meta": {"seed": None}, wrapper: records})) as store:
        assert store.rows("SELECT outcome, steps FROM attempts") == [("success", 2)]


def test_array_of_records_is_read(tmp_path):
    with stored(as_document(tmp_path / "toy.json", [RECORD])) as store:
        assert store.rows("SELECT outcome FROM attempts") == [("success",)]


def test_model_of_the_settings_is_the_model(tmp_path):
    document = {"meta": {"model": "vicuna-13b"}, "logs": {"5": RECORD}}
    with stored(as_document(tmp_path / "ic_bash_multiturn_gpt-4_10_turns.json", document)) as store:
        assert store.rows("SELECT model FROM attempts") == [("vicuna-13b",)]


def test_step_of_the_plan_is_what_the_agent_said(tmp_path):
    with stored(as_document(tmp_path / "toy.json", {"5": RECORD})) as store:
        steps = store.rows("SELECT reply, arguments FROM steps ORDER BY step")
        assert steps == [("Look at the folder.", "ls"), ("Name the folder.", "pwd")]


def test_models_come_from_file_names(tmp_path):
    with read(tmp_path, "intercode_model_names") as store:
        models = store.rows("SELECT model FROM attempts ORDER BY 1")
        assert models == [("chat-bison-001",), ("gpt-3.5",), ("text-davinci-003",), ("vicuna",)]


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("ic_bash_multiturn_text-davinci-003_10_turns_fs_1.json", "text-davinci-003"),
        ("ic_sql_multiturn_gpt-3.5-1_turns.json", "gpt-3.5"),
        ("ic_bash_react_my-own-model_10_turns.json", "my-own-model"),
        ("ic_bash_multiturn_gpt-4_fs_1.json", "gpt-4"),
        ("vicuna/ic_bash_react_10_turns_fs_1.json", "vicuna"),
        ("claude-3-5-sonnet-20241022/results.json", "claude-3-5-sonnet-20241022"),
        ("intercode/ic_bash_react_10_turns_fs_1.json", None),
        ("runs/phishing.json", None),
    ],
)
def test_model_is_found_in_names(path, model):
    assert model_of_path(Path("/data", path)) == model


@given(st.text(max_size=60))
def test_any_name_is_looked_at(name):
    found = model_in(name)
    assert found is None or found in name


@few
@given(spoiled({"meta": {"seed": 1}, "logs": {"5": RECORD}}))
def test_spoiled_wrapper_gives_rows_or_rejects(document):
    survives(
        lambda folder: as_document(folder / "bad.json", document),
        lambda folder: as_document(folder / "good.json", json.loads(json.dumps({"5": RECORD}))),
    )
