"""Exports: what comes back when they are imported again, and what is reported where something does not."""

import gzip
import io
import json
from typing import Any

import pytest
from export_samples import DATA, KEPT, KEPT_BY_OTLP, SOURCES, span, stored, tables
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.store import Options, Store, build_store
from halo_opt.store.export import export_traces, otlp
from halo_opt.store.export.records import SpanRecord


@pytest.mark.parametrize("source", SOURCES)
def test_message_formats_come_back_equal_from_their_spans(tmp_path, source):
    build_store([DATA / source], tmp_path / "a.duckdb")
    exported = export_traces(tmp_path / "a.duckdb", tmp_path / "out.jsonl", target="spans")
    build_store([tmp_path / "out.jsonl"], tmp_path / "b.duckdb")
    assert tables(tmp_path / "b.duckdb") == tables(tmp_path / "a.duckdb")
    assert (exported.left_out, exported.lost) == ({}, {})
    assert exported.spans == len((tmp_path / "out.jsonl").read_text().splitlines())


@pytest.mark.parametrize("source", SOURCES)
def test_message_formats_come_back_equal_from_otlp(tmp_path, source):
    pytest.importorskip("halo_opt.store.readers.otlp")
    build_store([DATA / source], tmp_path / "a.duckdb")
    export_traces(tmp_path / "a.duckdb", tmp_path / "out.jsonl", target="otlp")
    build_store([tmp_path / "out.jsonl"], tmp_path / "b.duckdb")
    assert tables(tmp_path / "b.duckdb", KEPT_BY_OTLP) == tables(tmp_path / "a.duckdb", KEPT_BY_OTLP)


def test_made_spans_carry_openinference_names(tmp_path):
    build_store([DATA / SOURCES[0]], tmp_path / "a.duckdb")
    export_traces(tmp_path / "a.duckdb", tmp_path / "out.jsonl", target="spans")
    spans = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    by_kind = {s["attributes"]["openinference.span.kind"]: s for s in spans}
    assert set(by_kind) == {"AGENT", "CHAIN", "LLM", "TOOL"}
    assert {"tool.name", "input.value", "output.value"} <= by_kind["TOOL"]["attributes"].keys()
    llm = by_kind["LLM"]["attributes"]
    assert llm["llm.input_messages.0.message.role"] == "system"
    assert llm["llm.output_messages.0.message.role"] == "assistant"
    assert by_kind["AGENT"]["attributes"]["halo.outcome"] in ("success", "failure")
    assert by_kind["AGENT"]["resource"]["attributes"]["halo.task_id"].startswith("airline-")


def test_lines_of_span_files_go_out_byte_for_byte(tmp_path):
    odd = json.dumps(span("c", "root", odd_field={"a": [1, None]}, attributes={"x": "\ud800", "big": 10**30}))
    spaced = '{ "trace_id":"t1" , "span_id" : "d","parent_span_id":"root","attributes":{"n":1.0e0,"nan":NaN} }'
    root = json.dumps(span(resource={"attributes": {"halo.run_id": "r1"}}, attributes={"halo.task_id": "k"}))
    store = stored(tmp_path, root, odd, spaced)
    exported = export_traces(store, tmp_path / "out.jsonl", target="spans")
    assert (tmp_path / "out.jsonl").read_text().splitlines() == [root, odd, spaced]
    assert (exported.traces, exported.spans, exported.lost) == (1, 3, {})


def test_only_the_root_is_changed_where_a_scores_file_knows_more(tmp_path):
    root, child = span(), span("c", "root", attributes={"their.own": {"deep": [1]}})
    stored(tmp_path, root, child)
    (tmp_path / "scores.csv").write_text("id,score\nt1,1\n")
    options = Options(scores=tmp_path / "scores.csv")
    build_store([tmp_path / "theirs.jsonl"], tmp_path / "a.duckdb", options=options)
    export_traces(tmp_path / "a.duckdb", tmp_path / "out.jsonl", target="spans")
    first, second = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(second) == child
    added = json.loads(first)["attributes"]
    assert (added["halo.outcome"], added["halo.score"], added["halo.run_id"]) == ("success", 1.0, "theirs")
    build_store([tmp_path / "out.jsonl"], tmp_path / "b.duckdb")
    assert tables(tmp_path / "b.duckdb") == tables(tmp_path / "a.duckdb")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *("output.value", "input.value", "tool.name", "halo.step.index", "halo.score", "error.type", "halo.goal"),
        *("reward", "gen_ai.usage.output_tokens", "llm.output_messages.0.message.content", "llm.model_name"),
    ]
)
SPANS = st.lists(
    st.builds(
        lambda kind, attributes, status, time, resource: span(
            attributes={"openinference.span.kind": kind, **attributes},
            status={"code": status, "message": "m"},
            start_time=time,
            resource=resource,
        ),
        st.sampled_from(["AGENT", "CHAIN", "LLM", "TOOL", "odd"]),
        st.dictionaries(NAMES | st.text(max_size=6), JSON, max_size=5),
        st.sampled_from(["STATUS_CODE_OK", "STATUS_CODE_ERROR", "odd", None]),
        st.sampled_from(["2026-05-04T10:00:00.123456789Z", "2026-05-04T12:00:00+02:00", "odd", None]),
        st.sampled_from([{}, {"a": 1}, {"attributes": {"halo.run_id": "r", "halo.seed": 3}}, None]),
    ),
    min_size=1,
    max_size=5,
)


@examples(8, fresh=40)
@given(spans=SPANS)
def test_any_spans_come_back_equal(tmp_path_factory, spans):
    folder = tmp_path_factory.mktemp("spans")
    named = [
        {**one, "span_id": f"s{n}", "parent_span_id": "s0" if n else "", "trace_id": f"t{n % 2}"}
        for n, one in enumerate(spans)
    ]
    store = stored(folder, *named)
    export_traces(store, folder / "out.jsonl", target="spans")
    build_store([folder / "out.jsonl"], folder / "b.duckdb")
    same = {**KEPT, "attempts": "* EXCLUDE (source, line, source_id)", "messages": "*"}
    assert tables(folder / "b.duckdb", same) == tables(store, same)


@examples(6, fresh=30)
@given(spans=SPANS)
def test_packed_spans_come_back_equal_though_their_lines_have_no_place(tmp_path_factory, spans):
    folder = tmp_path_factory.mktemp("packed")
    lines = [{**one, "span_id": f"s{n}", "parent_span_id": "s0" if n else ""} for n, one in enumerate(spans)]
    (folder / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    build_store([folder / "a.jsonl.gz"], folder / "a.duckdb")
    exported = export_traces(folder / "a.duckdb", folder / "out.jsonl", target="spans")
    build_store([folder / "out.jsonl"], folder / "b.duckdb")
    before, after = tables(folder / "a.duckdb"), tables(folder / "b.duckdb")
    differing = {name for name in KEPT if before[name] != after[name]}
    assert differing == {name.split(".")[0] for name in exported.lost}


def plain(value: dict[str, Any]) -> Any:
    """A typed value of OTLP as it was."""
    if not value:
        return None
    [(kind, inner)] = value.items()
    if kind == "arrayValue":
        return [plain(item) for item in inner["values"]]
    if kind == "kvlistValue":
        return {pair["key"]: plain(pair["value"]) for pair in inner["values"]}
    return int(inner) if kind == "intValue" else inner


@given(attributes=st.dictionaries(st.text(max_size=6), JSON, max_size=6))
def test_otlp_attributes_keep_their_types(attributes):
    file = io.BytesIO()
    otlp.write_trace(file, [SpanRecord(span(attributes=attributes))], [])
    [batch] = json.loads(file.getvalue())["resourceSpans"]
    [pair] = batch["resource"]["attributes"]
    assert pair == {"key": "service.name", "value": {"stringValue": "theirs"}}
    found = plain({"kvlistValue": {"values": batch["scopeSpans"][0]["spans"][0]["attributes"]}})
    del found["halo.trace_id"], found["halo.span_id"]
    assert repr(found) == repr(as_otlp_holds(attributes))


def as_otlp_holds(value: Any) -> Any:
    """Whole numbers beyond 64 bits and what is no finite number are text in OTLP's JSON."""
    if isinstance(value, dict):
        return {name: as_otlp_holds(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_otlp_holds(inner) for inner in value]
    big = isinstance(value, int) and not -(2**63) <= value < 2**63
    return str(value) if big or (isinstance(value, float) and value - value != 0) else value


def test_otlp_has_its_own_shape(tmp_path):
    root = span(
        "0123456789ABCDEF",
        trace_id="01234567-89ab-cdef-0123-456789abcdef",
        kind="SPAN_KIND_SERVER",
        start_time="2026-05-04T12:00:00.123456789+02:00",
        end_time=None,
        status={"code": "STATUS_CODE_ERROR", "message": "boom"},
    )
    child = span("c" * 24, "0123456789ABCDEF", root["trace_id"], scope={"name": "y", "version": "2"})
    export_traces(stored(tmp_path, root, child), tmp_path / "out.jsonl", target="otlp")
    [line] = (tmp_path / "out.jsonl").read_text().splitlines()
    [batch] = json.loads(line)["resourceSpans"]
    first, second = batch["scopeSpans"]
    [one], [two] = first["spans"], second["spans"]
    assert (one["traceId"], one["spanId"], one["parentSpanId"]) == (
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef",
        "",
    )
    assert (one["startTimeUnixNano"], one["endTimeUnixNano"]) == ("1777888800123456789", "0")
    assert (one["kind"], one["status"]) == (2, {"code": 2, "message": "boom"})
    assert second["scope"] == {"name": "y", "version": "2"}
    assert (len(two["spanId"]), two["parentSpanId"]) == (16, one["spanId"])
    assert {"key": "halo.span_id", "value": {"stringValue": "c" * 24}} in two["attributes"]


def test_scores_beside_the_reward_are_events_in_otlp_and_told_as_missing_in_spans(tmp_path):
    build_store([DATA / SOURCES[0]], tmp_path / "a.duckdb")
    with Store.open(tmp_path / "a.duckdb") as store:
        [(count,)] = store.rows("SELECT count(*) FROM scores WHERE name <> 'reward'")
    exported = export_traces(tmp_path / "a.duckdb", tmp_path / "o.jsonl", target="otlp")
    assert (tmp_path / "o.jsonl").read_text().count("gen_ai.evaluation.result") == count > 0
    assert exported.notes == []
    exported = export_traces(tmp_path / "a.duckdb", tmp_path / "s.jsonl", target="spans")
    assert exported.notes == [f"{count} scores beside the reward have no place in this format"]


def test_long_conversations_are_not_repeated_in_every_prompt(tmp_path):
    messages = [{"role": role, "content": f"{n} {'x' * 300_000}"} for n in range(12) for role in ("user", "assistant")]
    # What is new looks like the beginning here: it must not be taken for a repetition.
    record = {"task_id": 1, "trial": 0, "reward": 1.0, "traj": [*messages, *messages[:2], *messages[:2]]}
    record["info"] = {"task": {"instruction": "go"}}
    (tmp_path / "long.jsonl").write_text(json.dumps(record) + "\n")
    build_store([tmp_path / "long.jsonl"], tmp_path / "a.duckdb")
    exported = export_traces(tmp_path / "a.duckdb", tmp_path / "out.jsonl", target="spans")
    assert "prompts hold only what is new" in exported.notes[0]
    assert (tmp_path / "out.jsonl").stat().st_size < 30_000_000
    build_store([tmp_path / "out.jsonl"], tmp_path / "b.duckdb")
    assert tables(tmp_path / "b.duckdb") == tables(tmp_path / "a.duckdb")


def test_what_does_not_come_back_is_told(tmp_path):
    record = {"task_id": 1, "trial": 0, "reward": 1.0, "info": {}, "traj": []}
    record["traj"] = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hi"}]
    (tmp_path / "tau.jsonl").write_text(json.dumps(record) + "\n")
    build_store([tmp_path / "tau.jsonl"], tmp_path / "a.duckdb")
    exported = export_traces(tmp_path / "a.duckdb", tmp_path / "out.jsonl", target="spans")
    # Spans cannot say that there is no goal: readers take the user's first words for one.
    assert exported.lost == {"attempts.goal": 1}
