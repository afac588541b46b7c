"""An analysis writes itself down as traces that halo-opt reads like anybody's."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from engine_world import World, scripted, sql, submit, turn

from halo_opt.analysis.engine.spans import SpanSink
from halo_opt.analysis.records import AnalysisLimits, AnalysisResult, Ended
from halo_opt.llm.model import ModelError
from halo_opt.mining.mine import mine_store
from halo_opt.store import Store, build_store
from halo_opt.testing import Reply

Made = Callable[..., World]
SECRET = "sk-proj-" + "a1B2" * 12


TURNS = [
    turn(sql("SELECT 42"), {"tool": "refusing"}),
    turn({"tool": "delegate", "question": "why?"}),
    turn({"tool": "llm_map", "question": "what?", "query": "SELECT 1 AS x"}),
    turn(submit(f"the key is {SECRET}")),
]


def logged(world: Made, folder: Path, turns: Sequence[Reply] = TURNS, **changes: Any) -> AnalysisResult:
    root = scripted(turns)
    sub = scripted([turn(sql("SELECT 43")), turn(submit("so"))])
    maps = scripted([json.dumps({"answers": ["one"]})])
    sink = SpanSink(folder, run_id="analysis-1", task_id="tau bench", revision="0.1.0")
    return world({"root": root, "sub": sub, "map": maps}, more={"spans": sink}, **changes).run()


def spans(folder: Path) -> list[dict[str, Any]]:
    [file] = (folder / "analysis").iterdir()
    return [json.loads(line) for line in file.read_text().splitlines()]


def kind(span: dict[str, Any]) -> str:
    return str(span["attributes"]["openinference.span.kind"])


def test_halo_opt_reads_the_trace_of_an_analysis(world: Made, tmp_path: Path) -> None:
    result = logged(world, tmp_path / "own")
    build_store([tmp_path / "own"], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        [attempt] = store.records("SELECT * FROM attempts")
        assert (attempt["outcome"], attempt["steps"], attempt["mode"]) == ("success", 6, "analysis")
        assert (attempt["run_id"], attempt["task_id"], attempt["harness_revision"]) == (
            "analysis-1",
            "tau bench",
            "0.1.0",
        )
        assert (attempt["model"], attempt["tokens_in"]) == ("scripted", result.tokens_in)
        tools = [tool for (tool,) in store.rows("SELECT tool FROM tool_calls ORDER BY step, position")]
        assert sorted(tools) == ["delegate", "llm_map", "refusing", "sql", "sql", "submit_report", "submit_report"]
        [(error,)] = store.rows("SELECT error FROM tool_calls WHERE tool = 'refusing'")
        assert "that cannot be done" in error
        [(result_text,)] = store.rows("SELECT result FROM tool_calls WHERE step = 0 AND tool = 'sql'")
        assert result_text == "[[42]]"
        assert store.rows("SELECT count(*) FROM steps WHERE observation IS NULL OR reply IS NULL") == [(0,)]
        assert store.rows("SELECT reason FROM rejects") == []
        report = mine_store(store, [], title="own", made_at="", patterns=False)
        assert report.overview["attempts"].value == 1


def test_spans_are_nested_as_the_work_was(world: Made, tmp_path: Path) -> None:
    logged(world, tmp_path)
    found = {span["span_id"]: span for span in spans(tmp_path)}
    [root] = [span for span in found.values() if not span["parent_span_id"]]
    assert (kind(root), root["name"]) == ("AGENT", "invoke_agent root")

    def path(span: dict[str, Any]) -> list[str]:
        return [*(path(found[span["parent_span_id"]]) if span["parent_span_id"] else []), kind(span)]

    paths = {span["name"]: path(span) for span in found.values()}
    assert paths["chat root"] == ["AGENT", "CHAIN", "LLM"]
    assert paths["invoke_agent root.1"] == ["AGENT", "CHAIN", "TOOL", "AGENT"]
    assert paths["chat sub"] == ["AGENT", "CHAIN", "TOOL", "AGENT", "CHAIN", "LLM"]
    assert paths["chat map"] == ["AGENT", "CHAIN", "TOOL", "LLM"]
    assert len({span["trace_id"] for span in found.values()}) == 1
    [failed] = [span for span in found.values() if span["status"]["code"] == "STATUS_CODE_ERROR"]
    assert (failed["name"], failed["attributes"]["error.type"]) == ("execute_tool refusing", "tool_refused")


def test_no_secret_is_written(world: Made, tmp_path: Path) -> None:
    logged(world, tmp_path)
    assert all("a1B2a1B2" not in file.read_text() for file in tmp_path.rglob("*.json*"))


def test_logging_changes_no_prompt(world: Made, tmp_path: Path) -> None:
    def asked(**more: Any) -> list[list[str]]:
        model = scripted([turn(sql("SELECT 1")), turn(submit())])
        world(model, more=more).run()
        return [[message.content for message in call] for call in model.asked]

    sink = SpanSink(tmp_path, run_id="r", task_id="t", revision="1")
    assert asked(spans=sink) == asked()


@pytest.mark.parametrize(("turns", "outcome"), [(4, "success"), (1, "failure")])
def test_success_says_that_something_was_handed_in(world: Made, tmp_path: Path, turns: int, outcome: str) -> None:
    said = TURNS if outcome == "success" else [TURNS[0], ModelError("gone")]
    result = logged(world, tmp_path, said, limits=AnalysisLimits(turns=turns))
    assert (result.ended is Ended.SUBMITTED) is (outcome == "success")
    [line] = [json.loads(text) for text in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert (line["outcome"], line["score"], line["cause"]) == (outcome, None, None)
