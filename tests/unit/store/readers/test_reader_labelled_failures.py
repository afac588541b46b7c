"""Who&When and AgentRx: every agent's message is a step, and what people labelled is kept among the scores."""

import pytest
from hypothesis import given
from reader_tools import as_document, as_lines, few, spoiled, stored, survives
from samples_benchmarks import AGENTRX, GENERATED, HAND_CRAFTED, LABELS

from halo_opt.store.readers import READERS


def test_every_agent_makes_steps(tmp_path):
    with stored(as_document(tmp_path / "1.json", HAND_CRAFTED)) as store:
        assert store.rows("SELECT agent, reply FROM steps ORDER BY step") == [
            ("Orchestrator", "Plan."),
            ("Orchestrator", "Search."),
            ("WebSurfer", "Found."),
        ]


def test_names_tell_agents_whose_role_is_user(tmp_path):
    with stored(as_document(tmp_path / "2.json", GENERATED)) as store:
        assert store.rows("SELECT agent FROM steps ORDER BY step") == [("Excel_Expert",), ("Checker_Expert",)]


@pytest.mark.parametrize("record", [HAND_CRAFTED, GENERATED], ids=["hand-crafted", "generated"])
def test_labelled_mistake_is_a_failure(tmp_path, record):
    with stored(as_document(tmp_path / "1.json", record)) as store:
        assert store.rows("SELECT task_id, outcome, goal FROM attempts") == [
            (record["question_ID"], "failure", record["question"])
        ]


def test_record_without_labels_has_no_outcome(tmp_path):
    plain = {name: value for name, value in HAND_CRAFTED.items() if not name.startswith("mistake_")}
    path = as_document(tmp_path / "1.json", plain)
    assert [reader.name for reader in READERS if reader.sniff(path)] == ["who-and-when"]
    with stored(path) as store:
        assert store.rows("SELECT outcome, steps FROM attempts") == [(None, 3)]


def test_labels_are_scores(tmp_path):
    with stored(as_document(tmp_path / "1.json", HAND_CRAFTED)) as store:
        assert store.rows("SELECT name, value, label FROM scores ORDER BY 1") == [
            ("mistake_agent", None, "WebSurfer"),
            ("mistake_reason", None, "It looked at the wrong page."),
            ("mistake_step", 3.0, "WebSurfer"),
        ]


def test_labels_are_no_attributes(tmp_path):
    with stored(as_document(tmp_path / "1.json", HAND_CRAFTED)) as store:
        assert store.rows("SELECT count(*) FROM spans WHERE contains(CAST(attributes AS VARCHAR), 'mistake')") == [(0,)]


def test_agentrx_substeps_are_messages(tmp_path):
    with stored(as_lines(tmp_path / "tau_retail_dataset.jsonl", AGENTRX)) as store:
        assert store.rows("SELECT task_id, goal, steps, outcome FROM attempts") == [
            ("tau_retail_2", "Return it.", 1, None)
        ]
        assert store.rows("SELECT tool, error FROM tool_calls") == [("find", "Error: no such order")]


def test_agentrx_labels_stand_in_the_file_beside(tmp_path):
    as_lines(tmp_path / "tau_retail.jsonl", LABELS)
    with stored(as_lines(tmp_path / "tau_retail_dataset.jsonl", AGENTRX)) as store:
        assert store.rows("SELECT outcome FROM attempts") == [("failure",)]
        assert store.rows("SELECT value, label FROM scores WHERE name = 'failure_step'") == [
            (2.0, "Invalid Invocation, assistant")
        ]


@pytest.mark.parametrize(
    ("record", "name"), [(HAND_CRAFTED, "who-and-when"), (GENERATED, "who-and-when"), (AGENTRX, "agentrx")]
)
def test_layout_is_recognised_by_its_own_reader_alone(tmp_path, record, name):
    path = as_document(tmp_path / "1.json", record)
    assert [reader.name for reader in READERS if reader.sniff(path)] == [name]


@few
@given(spoiled(HAND_CRAFTED))
def test_spoiled_who_and_when_gives_rows_or_rejects(record):
    survives(
        lambda folder: as_document(folder / "bad.json", record),
        lambda folder: as_document(folder / "good.json", HAND_CRAFTED),
    )


@few
@given(spoiled({**AGENTRX, **LABELS}))
def test_spoiled_agentrx_gives_rows_or_rejects(record):
    survives(
        lambda folder: as_document(folder / "bad.json", record),
        lambda folder: as_document(folder / "good.json", AGENTRX),
    )
