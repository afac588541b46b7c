"""Stores that are kept up to date: only what is new is read, and the result is that of reading everything afresh."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.core.errors import InputError
from halo_opt.store import Options, Store, build_store

INDEX = Options(contents=False)
# All that does not say where in which file something lay.
TABLES = {
    "attempts": "* EXCLUDE (source, line)",
    "spans": "* EXCLUDE (source, line, byte_offset, byte_length)",
    "messages": "*",
    "steps": "*",
    "tool_calls": "*",
    "scores": "*",
    "runs": "* EXCLUDE (source)",
}


def span(trace: str, number: int, *, parent: str = "", kind: str = "AGENT", **attributes: Any) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": f"{trace}-{number}",
        "parent_span_id": parent,
        "name": kind.lower(),
        "start_time": f"2026-05-04T10:00:{number:02d}.5Z",
        "end_time": f"2026-05-04T10:01:{number:02d}Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {"service.name": "shop"}},
        "attributes": {"openinference.span.kind": kind, **attributes},
    }


def trace(name: str, *, reward: float = 1.0) -> list[dict[str, Any]]:
    root = f"{name}-0"
    return [
        span(name, 0, task_id=f"task of {name}", reward=reward, **{"input.value": "buy a hat"}),
        span(name, 1, parent=root, kind="LLM", **{"llm.token_count.prompt": 10, "output.value": "calling"}),
        span(name, 2, parent=root, kind="TOOL", **{"tool.name": "pay", "input.value": '{"to": "é"}'}),
    ]


def lines(*spans: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in spans)


def contents(store: Path, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    with Store.open(store) as opened:
        return {t: sorted(opened.rows(f"SELECT {TABLES[t]} FROM {t}"), key=repr) for t in tables or TABLES}


KEYS = st.sampled_from(
    [
        "openinference.span.kind", "gen_ai.operation.name", "llm.model_name", "gen_ai.request.model", "tool.name",
        "llm.token_count.prompt", "gen_ai.usage.output_tokens", "llm.cost.total", "input.value", "output.value",
        "error.type", "halo.step.index", "reward", "task_id", "halo.goal", "other", "llm.input_messages.0.message.role",
        "llm.input_messages.0.message.content",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False, width=16), st.text(max_size=6),
    st.sampled_from(["LLM", "TOOL", "AGENT", "chat", "user", "1"]), st.lists(st.integers(0, 3), max_size=2),
)  # fmt: skip
TIMES = st.sampled_from(
    ["2026-05-04T10:00:00Z", "2026-05-04T12:00:01+02:00", "2026-05-04T10:00:00.123456789Z", 1_777_888_999 * 10**9, "x"]
)
SPANS = st.fixed_dictionaries(
    {
        "trace_id": st.sampled_from(["a", "b", "c"]),
        "span_id": st.uuids().map(str),
        "name": st.sampled_from(["agent", "execute_tool pay", "chat"]),
    },
    optional={
        "parent_span_id": st.sampled_from(["", "gone", None]),
        "start_time": TIMES,
        "end_time": TIMES,
        "status": st.sampled_from(
            [None, "ERROR", {"code": "STATUS_CODE_ERROR", "message": "no"}, {"code": 2}, {"message": 3}, []]
        ),
        "attributes": st.one_of(st.dictionaries(KEYS, VALUES, max_size=8), VALUES),
        "resource": st.one_of(st.just({"attributes": {"halo.run_id": "r"}}), VALUES),
    },
)


@examples(5, fresh=30)
@given(spans=st.lists(SPANS, min_size=1, max_size=12))
def test_index_and_contents_hold_what_reading_line_by_line_holds(spans, tmp_path_factory):
    folder = tmp_path_factory.mktemp("same")
    (folder / "t.jsonl").write_bytes(lines(*spans))
    (folder / "t.jsonl.gz").write_bytes(gzip.compress(lines(*spans)))
    build_store([folder / "t.jsonl"], folder / "plain.duckdb")
    build_store([folder / "t.jsonl.gz"], folder / "packed.duckdb")
    assert contents(folder / "plain.duckdb") == contents(folder / "packed.duckdb")


def test_index_alone_answers_counts_and_contents_come_later(tmp_path):
    file, place = tmp_path / "t.jsonl", tmp_path / "s.duckdb"
    file.write_bytes(lines(*trace("a"), *trace("b", reward=0)))
    summary = build_store([file], place, options=INDEX)
    assert (summary.attempts, summary.spans, summary.without_contents) == (2, 6, 2)
    index = contents(place, "attempts")
    with Store.open(place) as store:
        assert store.rows("SELECT count(*) FROM messages") == [(0,)]
        assert store.rows("SELECT outcome, steps, tokens_in, goal FROM attempts ORDER BY trace_id") == [
            ("success", 1, 10, "buy a hat"),
            ("failure", 1, 10, "buy a hat"),
        ]
        offset, length = store.rows("SELECT byte_offset, byte_length FROM spans WHERE span_id = 'b-0'")[0]
    assert json.loads(file.read_bytes()[offset : offset + length])["span_id"] == "b-0"
    assert build_store([file], place).without_contents == 0
    assert contents(place, "attempts") == index
    with Store.open(place) as store:
        assert store.rows("SELECT tool, arguments FROM tool_calls") == [("pay", '{"to": "é"}')] * 2


@pytest.mark.parametrize("options", [INDEX, Options()])
def test_growing_in_parts_gives_what_one_import_gives(tmp_path, options):
    whole = lines(*trace("a"), *trace("b"), *trace("c"))
    file = tmp_path / "t.jsonl"
    # A part may end within a trace and within a line.
    for end in (len(whole) // 3, len(whole) // 2, len(whole) - 5, len(whole)):
        file.write_bytes(whole[:end])
        summary = build_store([file], tmp_path / "grown.duckdb", options=options)
    assert summary.rejects == 0
    build_store([file], tmp_path / "once.duckdb", options=options)
    assert contents(tmp_path / "grown.duckdb") == contents(tmp_path / "once.duckdb")


def test_half_written_last_line_waits_and_is_said(tmp_path):
    file, place = tmp_path / "t.jsonl", tmp_path / "s.duckdb"
    good, late = lines(*trace("a")), lines(*trace("b"))
    file.write_bytes(good + late[:40])
    assert build_store([file], place).reject_reasons == {"last line is cut off": 1}
    with Store.open(place) as store:
        assert store.rows("SELECT line, byte_offset FROM rejects") == [(4, len(good))]
    file.write_bytes(good + late)
    summary = build_store([file], place)
    assert (summary.rejects, summary.attempts) == (0, 2)


def test_only_new_bytes_are_read(tmp_path):
    file, place = tmp_path / "t.jsonl", tmp_path / "s.duckdb"
    filler = lines(*(one for n in range(40) for one in trace(f"f{n}")))
    assert len(filler) > 20_000
    file.write_bytes(filler + lines(*trace("z")))
    build_store([file], place, options=INDEX)
    # Unreadable from here on, were it read again: neither the head nor the tail that a rewrite is told by.
    raw = bytearray(file.read_bytes())
    middle = slice(70_000, 70_050) if len(raw) > 80_000 else None
    if middle is not None:
        raw[middle] = b"\x00" * 50
    file.write_bytes(bytes(raw) + lines(*trace("new")))
    summary = build_store([file], place, options=INDEX)
    assert (summary.attempts, summary.rejects) == (42, 0)


def test_rewritten_file_is_read_afresh(tmp_path):
    file, place = tmp_path / "t.jsonl", tmp_path / "s.duckdb"
    file.write_bytes(lines(*trace("a"), *trace("b")))
    build_store([file], place)
    file.write_bytes(lines(*trace("c"), *trace("d"), *trace("e")))
    build_store([file], place)
    build_store([file], tmp_path / "once.duckdb")
    assert contents(place) == contents(tmp_path / "once.duckdb")


def test_file_that_is_gone_is_forgotten_and_a_new_one_is_added(tmp_path):
    folder, place = tmp_path / "in", tmp_path / "s.duckdb"
    folder.mkdir()
    (folder / "one.jsonl").write_bytes(lines(*trace("a")))
    (folder / "two.jsonl").write_bytes(lines(*trace("b")))
    build_store([folder], place)
    (folder / "one.jsonl").unlink()
    (folder / "three.jsonl").write_bytes(lines(*trace("c")))
    summary = build_store([folder], place)
    assert (summary.attempts, len(summary.files)) == (2, 2)
    with Store.open(place) as store:
        assert store.rows("SELECT trace_id, run_id FROM attempts ORDER BY 1") == [("b", "in"), ("c", "in")]


def test_trace_in_two_files_is_one_attempt_and_a_copied_file_adds_nothing(tmp_path):
    folder, place = tmp_path / "in", tmp_path / "s.duckdb"
    folder.mkdir()
    first, *rest = trace("a")
    (folder / "part-1.jsonl").write_bytes(lines(first))
    (folder / "part-2.jsonl").write_bytes(lines(*rest))
    summary = build_store([folder], place)
    assert (summary.attempts, summary.spans, summary.rejects) == (1, 3, 0)
    (folder / "part-3.jsonl").write_bytes(lines(*rest))
    summary = build_store([folder], place)
    assert (summary.attempts, summary.spans) == (1, 3)
    assert summary.reject_reasons == {}
    (folder / "part-2.jsonl").unlink()
    (folder / "part-3.jsonl").unlink()
    assert build_store([folder], place).spans == 1


def test_scores_from_outside_make_outcomes(tmp_path):
    file, place = tmp_path / "t.jsonl", tmp_path / "s.duckdb"
    bare = [span(name, 0, task_id=f"task of {name}") for name in ("a", "b", "c")]
    file.write_bytes(lines(*bare))
    scores = tmp_path / "scores.csv"
    scores.write_text("id,score,label\na,1,\ntask of b,,failed\nnobody,1,\nc,,perhaps\n")
    summary = build_store([file], place, options=Options(scores=scores))
    assert summary.reject_reasons == {"no attempt of that id": 1, "neither a score nor an outcome": 1}
    with Store.open(place) as store:
        assert store.rows("SELECT trace_id, outcome, score FROM attempts ORDER BY 1") == [
            ("a", "success", 1.0),
            ("b", "failure", None),
            ("c", None, None),
        ]
        assert store.rows("SELECT trace_id, source FROM scores ORDER BY 1") == [
            ("a", "scores.csv"),
            ("b", "scores.csv"),
        ]
    scores.write_text('{"trace_id": "zz", "score": 1}\n')
    with pytest.raises(InputError, match=r"no line of it gives a score.*trace or task ids"):
        build_store([file], place, options=Options(scores=scores))


def test_format_can_be_said_instead_of_found(tmp_path):
    file = tmp_path / "t.jsonl"
    file.write_bytes(b"junk\n" * 60 + lines(*trace("a")))
    with pytest.raises(InputError, match="no traces were recognised"):
        build_store([file], tmp_path / "s.duckdb")
    assert build_store([file], tmp_path / "s.duckdb", options=Options(format="spans")).rejects == 60
    with pytest.raises(InputError, match=r"there is no format 'span'; formats are .*spans"):
        build_store([file], tmp_path / "s.duckdb", options=Options(format="span"))
