"""OpenHands: results with a history, saved trajectories and folders of events come out alike, of runtime and SDK."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader_tools import JUNK, as_document, as_lines, few, spoiled, stored, survives
from samples_benchmarks import ASKED, EVENTS, MISSING, RESULT, SDK

from halo_opt.store.readers import READERS
from halo_opt.store.readers.openhands_events import Session, events_of


def folder_of(place: Path, events: list[dict[str, Any]]) -> Path:
    for number, event in enumerate(events):
        as_document(place / "session" / "events" / f"{number}.json", event)
    return place / "session"


WRITE = {
    "results": lambda place, events: as_lines(place / "output.jsonl", {**RESULT, "history": events}),
    "pairs": lambda place, events: as_lines(place / "output.jsonl", {**RESULT, "history": [events[:3], events[3:]]}),
    "trajectory": lambda place, events: as_document(place / "trajectory.json", events),
    "lines": lambda place, events: as_lines(place / "events.jsonl", *events),
    "folder": folder_of,
}


@pytest.mark.parametrize("events", [EVENTS, SDK], ids=["runtime", "sdk"])
@pytest.mark.parametrize("layout", WRITE)
def test_layout_gives_the_same_calls(tmp_path, layout, events):
    with stored(WRITE[layout](tmp_path, events)) as store:
        assert store.rows("SELECT tool, arguments, result, error FROM tool_calls ORDER BY position LIMIT 1") == [
            ("execute_bash", '{"command": "ls /x"}', MISSING, MISSING)
        ]


@pytest.mark.parametrize("events", [EVENTS, SDK], ids=["runtime", "sdk"])
@pytest.mark.parametrize("layout", WRITE)
def test_layout_gives_the_same_steps(tmp_path, layout, events):
    with stored(WRITE[layout](tmp_path, events)) as store:
        assert store.rows("SELECT tool, observation FROM steps ORDER BY step") == [
            ("execute_bash", "Fix the bug."),
            ("finish", MISSING),
        ]
        assert store.rows("SELECT goal, end_reason FROM attempts") == [("Fix the bug.", "done")]


@pytest.mark.parametrize("layout", WRITE)
def test_layout_is_recognised_by_its_own_reader_alone(tmp_path, layout):
    path = WRITE[layout](tmp_path, EVENTS)
    assert [reader.name for reader in READERS if reader.sniff(path)] == ["openhands"]


def test_result_has_what_its_fields_tell(tmp_path):
    columns = "task_id, outcome, model, mode, step_limit, tokens_in, tokens_out, cost_usd"
    with stored(as_lines(tmp_path / "output.jsonl", RESULT)) as store:
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            ("django__django-1", "success", "m-2", "CodeActAgent", 100, 100, 7, 0.5)
        ]


def test_tokens_of_replies_are_summed_where_no_total_is_stated(tmp_path):
    with stored(as_document(tmp_path / "trajectory.json", EVENTS)) as store:
        assert store.rows("SELECT tokens_in, tokens_out, model FROM attempts") == [(5, 3, "m-1")]


def test_calls_of_one_reply_are_one_step():
    session = Session()
    for event in [*EVENTS[:3], {**EVENTS[2], "id": 9, "tool_call_metadata": {**ASKED, "tool_call_id": "c2"}}]:
        session.add(event)
    assert [len(turn.calls) for turn in session.turns] == [2]


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        ("RuntimeError: Agent reached maximum iteration. Current iteration: 100", (None, "step_limit")),
        ("ConnectionError: runtime died", ("error", "error")),
    ],
)
def test_error_of_the_runtime_is_no_failure(tmp_path, error, ending):
    record = {**RESULT, "test_result": {}, "error": error}
    with stored(as_lines(tmp_path / "output.jsonl", record)) as store:
        assert store.rows("SELECT outcome, end_reason FROM attempts") == [ending]


@given(st.lists(st.one_of(JUNK, st.sampled_from([*EVENTS, *SDK]).flatmap(spoiled)), max_size=6))
def test_any_events_are_read(events):
    session = Session()
    for event in events_of(json.loads(json.dumps(events))):
        session.add(event)


@pytest.mark.parametrize("wrapper", ["results", "data", "trajectories", "logs"])
def test_records_in_a_wrapper_are_read(tmp_path, wrapper):
    with stored(
        as_document(tmp_path / "all.json", {"meta": {"seed": 1}, wrapper: [RESULT, {**RESULT, "instance_id": "b"}]})
    ) as store:
        assert store.rows("SELECT count(*), min(outcome) FROM attempts") == [(2, "success")]


@few
@given(spoiled(RESULT))
def test_spoiled_result_gives_rows_or_rejects(record):
    survives(
        lambda folder: as_lines(folder / "bad.jsonl", record), lambda folder: as_lines(folder / "output.jsonl", RESULT)
    )
