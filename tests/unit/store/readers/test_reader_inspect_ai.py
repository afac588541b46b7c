"""Inspect logs: JSON logs are read without the library, archives with it; both tell outcomes, errors and limits."""

import importlib.util
import json
import sys
import zipfile

import pytest
from hypothesis import given
from platform_tools import all_rows, document, few, packed, stored, survives, with_junk
from samples_inspect import INSPECT, inspect_archive, inspect_json, inspect_sample

from halo_opt.core.errors import InputError
from halo_opt.store.readers.inspect_ai import InspectReader

needs_inspect = pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is None, reason="needs the extra inspect")


def test_samples_are_attempts_with_outcomes_errors_and_limits(tmp_path):
    with stored(inspect_json(tmp_path)) as store:
        columns = "trace_id, task_id, seed, outcome, score, cause, end_reason"
        assert store.rows(f"SELECT {columns} FROM attempts ORDER BY line") == [
            ("fr-1", "capitals/fr", 1, "success", 1.0, None, "done"),
            ("fr-2", "capitals/fr", 2, "failure", 0.0, None, "done"),
            ("it-1", "capitals/it", 1, "failure", 0.4, None, "done"),
            ("it-2", "capitals/it", 2, "error", None, "harness_crashed", "error"),
            ("es-1", "capitals/es", 1, "failure", None, None, "step_limit"),
        ]
        columns = "goal, model, harness_revision, steps, tokens_in, tokens_out, epoch(ended_at - started_at)"
        assert store.rows(f"SELECT DISTINCT {columns} FROM attempts") == [
            ("What is the capital?", "mockllm/model", "abc", 2, 25, 4, 3.0)
        ]


def test_steps_calls_and_messages(tmp_path):
    with stored(inspect_json(tmp_path)) as store:
        sql = "SELECT step, observation, reply, tool, error_type FROM steps WHERE trace_id = 'fr-1' ORDER BY step"
        assert store.rows(sql) == [
            (0, "What is the capital?", "I look it up.", "look_up", "tool_error"),
            (1, None, "Paris", "respond", None),
        ]
        sql = "SELECT tool, arguments, result, error FROM tool_calls WHERE trace_id = 'fr-1'"
        assert store.rows(sql) == [("look_up", '{"key": "capital"}', "", "Command timed out")]
        sql = "SELECT role, content FROM messages WHERE trace_id = 'fr-1' ORDER BY position"
        assert store.rows(sql) == [
            ("user", "What is the capital?"),
            ("assistant", "I look it up."),
            ("tool", ""),
            ("assistant", "Paris"),
        ]


@pytest.mark.parametrize(
    ("scores", "rows", "outcome"),
    [
        ({"a": {"value": {"x": 1, "y": "no"}}}, [("a.x", 1.0, None), ("a.y", 0.0, "no")], "success"),
        ({"a": {"value": 17}, "b": {"value": "P"}}, [("a", 17.0, None), ("b", 0.5, "P")], "failure"),
        ({"a": {"value": "fine"}}, [("a", None, "fine")], None),
        ({"a": {"value": True}}, [("a", 1.0, None)], "success"),
        ({"a": {"value": [1, 2]}}, [("a", None, "[1, 2]")], None),
        ({"a": {"value": None}}, [], None),
    ],
)
def test_scores_of_all_kinds(tmp_path, scores, rows, outcome):
    sample = inspect_sample("x", 1, "", None, scores=scores)
    with stored(document(tmp_path / "a.json", {**INSPECT, "samples": [sample]})) as store:
        assert store.rows("SELECT name, value, label FROM scores ORDER BY name") == rows
        assert store.rows("SELECT outcome FROM attempts") == [(outcome,)]


@pytest.mark.parametrize(
    ("limit", "outcome", "cause", "end_reason"),
    [
        ("token", "failure", None, "token_limit"),
        ("working", "failure", None, "time_limit"),
        ("operator", "error", "interrupted", "error"),
        ("custom", "failure", None, "custom_limit"),
    ],
)
def test_limits_are_failures_but_an_operator_is_none(tmp_path, limit, outcome, cause, end_reason):
    sample = inspect_sample("x", 1, "", None, limit={"type": limit, "limit": 1.0})
    with stored(document(tmp_path / "a.json", {**INSPECT, "samples": [sample]})) as store:
        assert store.rows("SELECT outcome, cause, end_reason FROM attempts") == [(outcome, cause, end_reason)]


def test_limit_that_was_hit_and_scored_keeps_its_score(tmp_path):
    sample = inspect_sample("x", 1, "Paris", "C", limit={"type": "time", "limit": 1.0})
    with stored(document(tmp_path / "a.json", {**INSPECT, "samples": [sample]})) as store:
        assert store.rows("SELECT outcome, score, end_reason FROM attempts") == [("success", 1.0, "time_limit")]


def test_long_texts_kept_apart_come_back(tmp_path):
    messages = [{"role": "user", "content": [{"type": "text", "text": "attachment://1"}]}]
    sample = inspect_sample("x", 1, "", "C", messages=messages, input="attachment://1", attachments={"1": "long"})
    with stored(document(tmp_path / "a.json", {**INSPECT, "samples": [sample]})) as store:
        assert store.rows("SELECT goal, (SELECT content FROM messages) FROM attempts") == [("long", "long")]


def test_bad_samples_are_counted_and_placed(tmp_path):
    samples = [*INSPECT["samples"], 3, {"id": "x", "epoch": 1}]
    with stored(document(tmp_path / "a.json", {**INSPECT, "samples": samples})) as store:
        assert store.rows("SELECT line, reason FROM rejects ORDER BY line") == [
            (6, "not an object"),
            (7, "missing field messages"),
        ]


def test_log_without_samples_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="log_samples"):
        stored(document(tmp_path / "a.json", {**INSPECT, "samples": None}))


def test_cut_off_log_says_what_to_do(tmp_path):
    path = inspect_json(tmp_path)
    path.write_text(path.read_text()[:-50])
    with pytest.raises(InputError, match="no whole JSON log"):
        stored(path)


def test_archive_without_the_extra_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(InputError, match=r"pip install 'halo-opt\[inspect\]'"):
        stored(inspect_archive(tmp_path))


def test_other_archives_are_not_recognised(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hi")
    (tmp_path / "b.eval").write_bytes(b"PK\x03\x04 and then nothing of an archive")
    assert not any(InspectReader().sniff(tmp_path / name) for name in ("a.zip", "b.eval"))


def test_packed_log_reads_the_same(tmp_path):
    path = inspect_json(tmp_path)
    assert all_rows(packed(path)) == all_rows(path)


@few
@given(with_junk(INSPECT))
def test_junk_in_any_field_never_stops_an_import(log):
    survives(json.dumps(log), "a.json")


@needs_inspect
@pytest.mark.filterwarnings("ignore")
def test_archive_that_the_library_wrote_reads_as_its_json_twin(tmp_path):
    from inspect_ai.log import read_eval_log, write_eval_log

    plain = inspect_json(tmp_path)
    write_eval_log(read_eval_log(str(plain)), str(tmp_path / "capitals.eval"))
    ours, theirs = all_rows(plain), all_rows(tmp_path / "capitals.eval")
    for table in (0, 2, 3, 4, 5):
        assert theirs[table] == ours[table]


@needs_inspect
@pytest.mark.filterwarnings("ignore")
def test_archive_of_an_evaluation_with_a_mock_model(tmp_path):
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    outputs = [ModelOutput.from_content("mockllm/model", words) for words in ("Paris", "Rome")]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=10, output_tokens=2, total_tokens=12)
    samples = [Sample(id=name, input="Capital?", target="Paris") for name in ("a", "b")]
    task = Task(dataset=samples, solver=generate(), scorer=match(), name="capitals")
    model = get_model("mockllm/model", custom_outputs=outputs)
    [log] = eval(task, model=model, log_dir=str(tmp_path / "logs"), display="none", max_samples=1)
    assert log.status == "success"
    [path] = (tmp_path / "logs").glob("*.eval")
    with stored(path) as store:
        columns = "task_id, seed, outcome, score, goal, model, steps, tokens_in, tokens_out, end_reason"
        rest = ("Capital?", "mockllm/model", 1, 10, 2, "done")
        assert store.rows(f"SELECT {columns} FROM attempts ORDER BY task_id") == [
            ("capitals/a", 1, "success", 1.0, *rest),
            ("capitals/b", 1, "failure", 0.0, *rest),
        ]


@needs_inspect
@pytest.mark.filterwarnings("ignore")
def test_damaged_archive_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match="cannot be read by inspect-ai"):
        stored(inspect_archive(tmp_path))
