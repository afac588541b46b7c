"""Indexing span files where a shortcut could go wrong: many spans, small appends, odd arguments, goals in replies."""

import json
from pathlib import Path
from typing import Any

import pytest

from halo_opt.store import Options, Store, build_store

INDEX = Options(contents=False)
KEPT = {
    "attempts": "* EXCLUDE (line)",
    "spans": "trace_id, span_id, kind, tool, call_hash, tokens_in, line, byte_offset",
    "scores": "*",
}


def span(trace: str, number: int, kind: str, parent: str | None = "0", **attributes: Any) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": f"{trace}-{number}",
        "parent_span_id": f"{trace}-{parent}" if parent else "",
        "name": kind.lower(),
        "start_time": f"2026-05-04T10:00:{number:02d}Z",
        "attributes": {"openinference.span.kind": kind, **attributes},
    }


def trace(name: str) -> list[dict[str, Any]]:
    return [
        span(name, 1, "LLM", **{"llm.token_count.prompt": 7}),
        span(name, 2, "TOOL", **{"tool.name": "pay", "input.value": '{"to": "é"}'}),
        span(name, 0, "AGENT", None, reward=1.0, **{"input.value": f"goal of {name}"}),
    ]


def written(path: Path, *spans: dict[str, Any], mode: str = "w") -> Path:
    with path.open(mode, encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in spans)
    return path


def kept(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    with Store.open(store) as opened:
        return {t: sorted(opened.rows(f"SELECT {columns} FROM {t}"), key=repr) for t, columns in KEPT.items()}


@pytest.mark.parametrize("options", [INDEX, Options()], ids=["index", "contents"])
def test_small_append_to_a_large_store_gives_what_one_import_gives(tmp_path, options):
    path = written(tmp_path / "many.jsonl", *(one for n in range(40) for one in trace(f"t{n}")))
    build_store([path], tmp_path / "grown.duckdb", options=options)
    later = span("t3", 5, "TOOL", **{"tool.name": "ask"})  # an old trace goes on
    repeated = span("t7", 1, "LLM", **{"llm.token_count.prompt": 9_000})
    written(path, *trace("new"), later, repeated, mode="a")
    grown = build_store([path], tmp_path / "grown.duckdb", options=options)
    afresh = build_store([path], tmp_path / "afresh.duckdb", options=options)
    assert kept(tmp_path / "grown.duckdb") == kept(tmp_path / "afresh.duckdb")
    assert (grown.attempts, grown.spans) == (afresh.attempts, afresh.spans) == (41, 124)
    with Store.open(tmp_path / "grown.duckdb") as store:
        assert store.rows("SELECT line, reason, head FROM rejects") == [(125, "span id used twice", "t7 t7-1")]
        assert store.rows("SELECT tokens_in FROM attempts WHERE trace_id = 't7'") == [(7,)]


def test_more_spans_than_one_insert_takes_are_all_there_in_their_places(tmp_path):
    traces = (one for n in range(12_000) for one in trace(f"t{n}"))
    path = written(tmp_path / "many.jsonl", *traces)
    summary = build_store([path], tmp_path / "s.duckdb", options=INDEX)
    assert (summary.attempts, summary.spans, summary.rejects) == (12_000, 36_000, 0)
    with Store.open(tmp_path / "s.duckdb") as store:
        places = store.rows("SELECT line, byte_offset, byte_length, span_id FROM spans ORDER BY line")
    assert [place[0] for place in places] == list(range(1, 36_001))
    whole = path.read_bytes()
    for _, offset, length, span_id in places[::997]:
        assert json.loads(whole[offset : offset + length])["span_id"] == span_id


@pytest.mark.parametrize("arguments", ["1e999", "-1e999", '{"n": [1e999]}', "[" * 3_000 + "]" * 3_000])
def test_arguments_that_no_number_or_depth_can_hold_do_not_end_an_import(tmp_path, arguments):
    odd = json.dumps(span("odd", 1, "TOOL", **{"input.value": "HERE"})).replace('"HERE"', arguments)
    path = written(tmp_path / "s.jsonl", *trace("good"))
    with path.open("a") as file:
        file.write(odd + "\n")
    summary = build_store([path], tmp_path / "s.duckdb", options=INDEX)
    assert summary.spans + summary.rejects == 4
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT tool, line FROM spans WHERE span_id = 'good-2'") == [("pay", 2)]


def test_goal_is_what_the_user_says_first_in_any_reply_where_the_root_names_none(tmp_path):
    def reply(trace: str, number: int, role: str, words: str) -> dict[str, Any]:
        start = "llm.input_messages.0.message"
        return span(trace, number, "LLM", **{f"{start}.role": role, f"{start}.content": words})

    path = written(
        tmp_path / "s.jsonl",
        *(span(name, 0, "AGENT", None) for name in ("a", "b", "c")),
        *(reply("a", 2, "user", "later words"), reply("a", 1, "user", "buy a hat")),
        *(reply("b", 1, "system", "be good"), reply("b", 2, "user", "sell a hat")),
        reply("c", 1, "system", "be good"),
    )
    build_store([path], tmp_path / "s.duckdb", options=INDEX)
    with Store.open(tmp_path / "s.duckdb") as store:
        goals = store.rows("SELECT trace_id, goal FROM attempts ORDER BY 1")
    assert goals == [("a", "buy a hat"), ("b", "sell a hat"), ("c", None)]


@pytest.mark.parametrize("number", [2**31, float(2**31), 2**70])
def test_step_numbers_beyond_the_column_are_unknown(tmp_path, number):
    root = span("t", 0, "AGENT", None, **{"halo.step_limit": number, "halo.total.steps": number})
    path = written(tmp_path / "s.jsonl", root, span("t", 1, "CHAIN", **{"halo.step.index": number}))
    for options in (INDEX, Options()):
        summary = build_store([path], tmp_path / "s.duckdb", options=options)
        assert (summary.spans, summary.rejects) == (2, 0)
        with Store.open(tmp_path / "s.duckdb") as store:
            assert store.rows("SELECT steps, step_limit FROM attempts") == [(None, None)]
            assert store.rows("SELECT count(step) FROM spans") == [(0,)]
