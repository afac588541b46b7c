"""OTLP JSON: typed values, ids, times and events come out as the same rows that flat spans give."""

import base64
import json

import pytest
from hypothesis import given
from reader_tools import as_document, as_lines, few, same_when_packed, spoiled, stored, survives
from samples import OTLP_SPANS, TRACE, otlp, otlp_lines, otlp_record, otlp_span, typed


@pytest.mark.parametrize("write", [otlp, otlp_lines])
def test_attempt_has_task_outcome_model_tokens_and_times(write, tmp_path):
    columns = "trace_id, task_id, outcome, score, model, tokens_in, tokens_out, steps, harness_revision, goal"
    with stored(write(tmp_path)) as store:
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            (TRACE, "sums-1", "success", 1.0, "m-1", 20, 5, 1, "1.2", "What is 6 times 7?")
        ]
        assert store.rows("SELECT started_at::VARCHAR, ended_at::VARCHAR FROM attempts") == [
            ("2026-05-04 10:00:01", "2026-05-04 10:00:03.5")
        ]
        assert store.rows("SELECT run_id, format FROM runs") == [("otlp", "otlp")]


def test_exception_event_tells_the_error_of_a_call(tmp_path):
    with stored(otlp(tmp_path)) as store:
        assert store.rows("SELECT tool, arguments, error, error_type FROM tool_calls") == [
            ("multiply", '{"a": 6, "b": 7}', "too much", "OverflowError")
        ]
        [(event,)] = store.rows("SELECT attributes->'$.\"otlp.events\"[0].attributes' FROM spans WHERE kind = 'TOOL'")
        assert json.loads(event)["exception.message"] == "too much"


def test_exception_that_a_span_dealt_with_is_no_error(tmp_path):
    dealt_with = {**OTLP_SPANS[2], "status": {"code": "STATUS_CODE_OK"}}
    with stored(as_document(tmp_path / "x.json", otlp_record(dealt_with))) as store:
        assert store.rows("SELECT error, error_type FROM tool_calls") == [(None, None)]


def test_messages_are_told_once(tmp_path):
    with stored(otlp(tmp_path)) as store:
        assert store.rows("SELECT role, content FROM messages ORDER BY position") == [
            ("user", "What is 6 times 7?"),
            ("assistant", '{"a": 6, "b": 7}'),
        ]


def test_trace_spread_over_lines_is_one_attempt_and_traces_may_be_interleaved(tmp_path):
    other = "0" * 31 + "7"
    lines = [otlp_record(found, {**found, "traceId": other}) for found in OTLP_SPANS]
    with stored(as_lines(tmp_path / "x.jsonl", *lines)) as store:
        assert store.rows("SELECT trace_id, steps FROM attempts ORDER BY 1") == [(other, 1), (TRACE, 1)]
        assert store.rows("SELECT count(*), list(DISTINCT line ORDER BY line) FROM spans") == [(6, [1, 2, 3])]


def test_snake_case_older_layout_and_base64_ids_mean_the_same(tmp_path):
    span = {
        "trace_id": base64.b64encode(bytes.fromhex(TRACE)).decode(),
        "span_id": base64.b64encode(bytes(range(8))).decode(),
        "parent_span_id": base64.b64encode(bytes(8)).decode(),
        "name": "step",
        "start_time_unix_nano": 1_777_888_801_000_000_000,
        "end_time_unix_nano": 0,
        "attributes": [{"key": "n", "value": {"int_value": "7"}}, {"key": "x", "value": {"double_value": 0.5}}],
    }
    library = {"instrumentation_library": {"name": "old"}, "spans": [span]}
    record = {"resource_spans": [{"resource": {}, "instrumentation_library_spans": [library]}]}
    with stored(as_document(tmp_path / "x.json", record)) as store:
        columns = "trace_id, span_id, parent_span_id, started_at::VARCHAR, ended_at, attributes"
        [row] = store.rows(f"SELECT {columns} FROM spans")
    assert row[:5] == (TRACE, "0001020304050607", "", "2026-05-04 10:00:01", None)
    assert json.loads(row[5]) == {"n": 7, "x": 0.5}


def test_grafana_tempo_batches_are_read(tmp_path):
    record = {"batches": otlp_record(*OTLP_SPANS)["resourceSpans"]}
    with stored(as_document(tmp_path / "x.json", record)) as store:
        assert store.rows("SELECT task_id FROM attempts") == [("sums-1",)]


def test_message_events_are_the_conversation(tmp_path):
    call = {"id": "c", "function": {"name": "look", "arguments": '{"q": 1}'}}
    events = [
        {"name": "gen_ai.system.message", "attributes": typed(content="be brief")},
        {"name": "gen_ai.user.message", "attributes": typed(gen_ai__event__content='{"content": "hi"}')},
        {"name": "gen_ai.choice", "attributes": typed(message=json.dumps({"content": "I look", "tool_calls": [call]}))},
    ]
    chat = otlp_span(1, "chat", typed(gen_ai__operation__name="chat"), events=events)
    with stored(as_document(tmp_path / "x.json", otlp_record(chat))) as store:
        assert store.rows("SELECT role, content FROM messages ORDER BY position") == [
            ("system", "be brief"),
            ("user", "hi"),
            ("assistant", 'I look\n{"q": 1}'),
        ]
        assert store.rows("SELECT tool, arguments FROM tool_calls") == [("look", '{"q": 1}')]


def test_instructions_kept_apart_are_the_system_message(tmp_path):
    details = typed(
        gen_ai__system_instructions='[{"type": "text", "content": "be brief"}]',
        gen_ai__input__messages='[{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]',
    )
    events = [{"name": "gen_ai.client.inference.operation.details", "attributes": details}]
    chat = otlp_span(1, "chat", typed(gen_ai__operation__name="chat"), events=events)
    with stored(as_document(tmp_path / "x.json", otlp_record(chat))) as store:
        sql = "SELECT role, content FROM messages ORDER BY position"
        assert store.rows(sql) == [("system", "be brief"), ("user", "hi")]


def test_evaluation_events_are_scores_and_one_alone_is_the_outcome(tmp_path):
    def judged(name: str, score: float) -> dict:
        attributes = typed(gen_ai__evaluation__name=name, gen_ai__evaluation__score__value=score)
        return {"name": "gen_ai.evaluation.result", "attributes": attributes}

    one = otlp_span(1, "agent", [], events=[judged("right", 1.0)])
    two = otlp_span(1, "agent", [], traceId="a" * 32, events=[judged("right", 1.0), judged("kind", 0.5)])
    with stored(as_document(tmp_path / "x.json", otlp_record(one, two))) as store:
        assert store.rows("SELECT outcome FROM attempts ORDER BY trace_id") == [("success",), (None,)]
        assert store.rows("SELECT name, value FROM scores WHERE trace_id LIKE 'a%' ORDER BY 1") == [
            ("kind", 0.5),
            ("right", 1.0),
        ]


def test_lines_and_spans_that_cannot_be_used_are_counted_and_placed(tmp_path):
    path = as_lines(
        tmp_path / "x.jsonl", otlp_record(OTLP_SPANS[0]), {"resourceLogs": []}, otlp_record({"spanId": "1"}, 7), 5
    )
    with stored(path) as store:
        assert store.rows("SELECT line, reason FROM rejects ORDER BY ALL") == [
            (2, "holds no resourceSpans"),
            (3, "span is not an object"),
            (3, "wrong type: trace_id is not text"),
            (4, "not an object but a number"),
        ]


def test_packed_file_reads_the_same(tmp_path):
    assert same_when_packed(otlp_lines(tmp_path))


@few
@given(spoiled(otlp_record(*OTLP_SPANS)))
def test_junk_in_any_field_never_stops_an_import(record):
    survives(lambda folder: as_lines(folder / "x.jsonl", record), otlp)


def console_span(span_id: str, parent: str | None, **attributes: object) -> dict[str, object]:
    return {
        "name": span_id,
        "context": {"trace_id": f"0x{TRACE}", "span_id": f"0x{span_id}", "trace_state": "[]"},
        "kind": "SpanKind.INTERNAL",
        "parent_id": parent and f"0x{parent}",
        "start_time": "2026-05-04T10:00:01.000000Z",
        "end_time": "2026-05-04T10:00:02.000000Z",
        "status": {"status_code": "ERROR", "description": "too much"} if parent else {"status_code": "OK"},
        "attributes": attributes,
        "events": [],
        "links": [],
        "resource": {"attributes": {"service.name": "sums"}, "schema_url": ""},
    }


@pytest.mark.parametrize("indent", [None, 4], ids=["lines", "indented"])
def test_spans_printed_by_the_python_sdk_are_read(tmp_path, indent):
    spans = [
        console_span("00000000000000b2", "00000000000000a1", **{"gen_ai.tool.name": "multiply"}),
        console_span("00000000000000a1", None, task_id="sums-1", reward=1),
    ]
    path = tmp_path / "console.log"
    path.write_text("".join(json.dumps(span, indent=indent) + "\n" for span in spans))
    with stored(path) as store:
        assert store.rows("SELECT trace_id, task_id, outcome FROM attempts") == [(TRACE, "sums-1", "success")]
        assert store.rows("SELECT span_id, tool, error FROM tool_calls") == [
            ("00000000000000b2", "multiply", "too much")
        ]
