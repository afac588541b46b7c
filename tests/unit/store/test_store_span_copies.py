"""A span that is written more than once counts once: the finished copy, whatever the order."""

import gzip
import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from halo_opt.store import Options, Store, build_store

CASE = Path(__file__).parents[2] / "data" / "cases" / "open_span_then_final"
INDEX = Options(contents=False)


def span(span_id: str, *, end: str | None = "2025-03-01T10:00:09Z", status: str = "OK", **attributes: Any) -> str:
    record = {
        "trace_id": "t",
        "span_id": span_id,
        "parent_span_id": "" if span_id == "root" else "root",
        "name": span_id,
        "start_time": "2025-03-01T10:00:00Z",
        "end_time": end,
        "status": {"code": status},
        "attributes": {"openinference.span.kind": "AGENT" if span_id == "root" else "LLM", **attributes},
    }
    return json.dumps(record) + "\n"


OPEN = [span("root", end=None, status="UNSET"), span("llm", end=None, status="UNSET")]
DONE = [span("root", reward=1.0), span("llm", **{"llm.token_count.prompt": 7, "output.value": "ok"})]


def attempts(store: Path) -> list[tuple[Any, ...]]:
    with Store.open(store) as opened:
        return opened.rows("SELECT outcome, steps, tokens_in, tokens_out FROM attempts ORDER BY task_id, seed")


@pytest.mark.parametrize("name", ["live.jsonl", "live.otlp.jsonl"])
@pytest.mark.parametrize("contents", [False, True], ids=["index", "contents"])
def test_finished_copy_replaces_its_open_snapshot(tmp_path, name, contents):
    summary = build_store([CASE / name], tmp_path / "s.duckdb", options=Options(contents=contents))
    rows = attempts(tmp_path / "s.duckdb")
    assert [row[0] for row in rows] == ["success", "failure", "success", "failure"]
    assert {row[1:] for row in rows} == {(1, 100, 20)}
    assert summary.reject_reasons == {}


@pytest.mark.parametrize("packed", [False, True], ids=["index", "whole"])
def test_any_order_of_copies_gives_the_finished_attempt(tmp_path, packed):
    orders = list(permutations([*OPEN, *DONE]))
    for number, lines in enumerate(orders):
        path = tmp_path / "in" / f"{number}.jsonl{'.gz' if packed else ''}"
        path.parent.mkdir(exist_ok=True)
        data = "".join(lines).replace('"trace_id": "t"', f'"trace_id": "t{number}"').encode()
        path.write_bytes(gzip.compress(data) if packed else data)
    build_store([tmp_path / "in"], tmp_path / "s.duckdb", options=INDEX)
    assert attempts(tmp_path / "s.duckdb") == [("success", 1, 7, None)] * len(orders)


@pytest.mark.parametrize("first", [OPEN, DONE], ids=["open first", "done first"])
def test_copies_in_an_appended_tail_give_what_one_import_gives(tmp_path, first):
    path = tmp_path / "t.jsonl"
    path.write_text("".join(first))
    build_store([path], tmp_path / "s.duckdb", options=INDEX)
    path.write_text("".join([*first, *(DONE if first is OPEN else OPEN)]))
    summary = build_store([path], tmp_path / "s.duckdb", options=INDEX)
    assert attempts(tmp_path / "s.duckdb") == [("success", 1, 7, None)]
    assert summary.spans == 2


def test_copies_that_contradict_each_other_are_listed(tmp_path):
    (tmp_path / "t.jsonl").write_text(
        "".join([*DONE, span("llm", **{"llm.token_count.prompt": 8, "output.value": "no"})])
    )
    assert build_store([tmp_path / "t.jsonl"], tmp_path / "s.duckdb").reject_reasons == {"span id used twice": 1}


def test_equal_copies_are_not_listed(tmp_path):
    (tmp_path / "t.jsonl").write_text("".join(DONE * 3))
    summary = build_store([tmp_path / "t.jsonl"], tmp_path / "s.duckdb")
    assert (summary.spans, summary.rejects) == (2, 0)


def test_a_copy_with_another_order_of_keys_is_equal(tmp_path):
    turned = json.dumps(dict(reversed(list(json.loads(DONE[1]).items())))) + "\n"
    (tmp_path / "t.jsonl").write_text("".join([*DONE, turned]))
    assert build_store([tmp_path / "t.jsonl"], tmp_path / "s.duckdb").rejects == 0
