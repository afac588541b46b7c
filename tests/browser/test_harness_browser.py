"""The harness with a real Chromium: it solves tasks, and whatever dies or hangs costs one attempt."""

from pathlib import Path

import pytest
from harness_runs import Endpoint, address, config, results, run_eval, spans

pytestmark = pytest.mark.browser
RESULT_FIELDS = {
    "task_id", "seed", "attempt", "trace_id", "outcome", "score", "cause", "steps", "tokens_in", "tokens_out",
    "cost_usd", "started_at", "ended_at",
}  # fmt: skip
GOOD = {
    "observation": {"element_state": True},
    "actions": {"addressing": "label", "constrain_targets": True, "applicable_only": True},
    "guards": {"loop": "block", "loop_after": 1, "no_effect_ban": True, "submit_check": "block", "done_check": True},
}


TASKS = "click-test,click-test-2,enter-text,login-user,enter-password,click-option,choose-list,click-tab-2"


@pytest.fixture(scope="module")
def good_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    names = ",".join(f"miniwob.{t}" for t in TASKS.split(","))
    done = run_eval(
        folder / "run", "--tasks", names, "--seeds", "1", "--mode", "rules", "--config", str(config(folder, **GOOD)),
        HALO_HARNESS_REVISION="abc", HALO_RUN_ID="run-1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "run"


def test_rules_solve_simple_tasks(good_run: Path) -> None:
    found = results(good_run)
    solved = {name for name, r in found.items() if r["outcome"] == "success"}
    assert len(found) == 8
    assert {"click-test/1", "enter-text/1", "login-user/1", "enter-password/1", "click-option/1"} <= solved
    assert not any(r["outcome"] == "error" for r in found.values())


def test_result_lines_are_complete(good_run: Path) -> None:
    for r in results(good_run).values():
        assert set(r) == RESULT_FIELDS
        assert (r["score"] is not None) and 0.0 <= r["score"] <= 1.0
        assert r["steps"] >= 1
        assert r["started_at"] < r["ended_at"]
        assert r["tokens_in"] is None


def test_spans_are_a_tree_with_what_a_miner_needs(good_run: Path) -> None:
    all_spans = spans(good_run, "rules", "login-user", 1)
    result = results(good_run)["login-user/1"]
    root = next(s for s in all_spans if s["parent_span_id"] == "")
    steps = [s for s in all_spans if s["name"] == "step"]
    tools = [s for s in all_spans if s["name"].startswith("execute_tool")]
    ids = {s["span_id"] for s in all_spans}
    assert len(ids) == len(all_spans)
    assert all(s["trace_id"] == result["trace_id"] and len(s["trace_id"]) == 32 for s in all_spans)
    assert all(len(s["span_id"]) == 16 and (s["parent_span_id"] in ids or s is root) for s in all_spans)
    assert all(s["start_time"] <= s["end_time"] for s in all_spans)
    assert root["attributes"]["halo.outcome"] == "success"
    assert root["attributes"]["halo.end_reason"] == "task_over"
    assert "username" in root["attributes"]["halo.goal"]
    assert [s["attributes"]["halo.step.index"] for s in steps] == [0, 1, 2]
    assert [s["attributes"]["halo.page.empty_fields"] for s in steps] == [2, 1, 0]
    assert [s["attributes"]["halo.action.submits"] for s in steps] == [False, False, True]
    assert all(s["attributes"]["halo.page.changed"] is True for s in steps)
    assert [s["attributes"]["tool.name"] for s in tools] == ["fill", "fill", "click"]
    resource = root["resource"]["attributes"]
    assert resource["halo.task_id"] == "miniwob.login-user"
    assert (resource["halo.harness_revision"], resource["halo.run_id"]) == ("abc", "run-1")


def test_the_bare_settings_cost_the_rules_points(good_run: Path, tmp_path: Path) -> None:
    names = "miniwob.enter-text,miniwob.login-user,miniwob.click-option"
    done = run_eval(tmp_path / "run", "--tasks", names, "--seeds", "1", "--mode", "rules")
    assert done.returncode == 0, done.stderr
    bare, good = results(tmp_path / "run"), results(good_run)
    assert sum(good[k]["outcome"] == "success" for k in bare) > sum(r["outcome"] == "success" for r in bare.values())
    stuck = spans(tmp_path / "run", "rules", "login-user", 1)
    assert stuck[-1]["attributes"]["halo.end_reason"] == "step_limit"


def test_a_model_s_replies_are_traced_with_their_tokens(endpoint: Endpoint, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = run_eval(out, "--tasks", "miniwob.click-test", "--seeds", "0", **address(endpoint))
    assert done.returncode == 0, done.stderr
    result = results(out)["click-test/0"]
    assert (result["outcome"], result["tokens_in"], result["tokens_out"]) == ("success", 20, 5)
    call = next(s for s in spans(out, "baseline_worker", "click-test", 0) if s["name"] == "chat tiny")
    assert call["kind"] == "SPAN_KIND_CLIENT"
    assert call["attributes"]["gen_ai.usage.input_tokens"] == 20
    assert call["attributes"]["llm.output_messages.0.message.content"] == endpoint.replies[0]
    assert "Click the button" in call["attributes"]["llm.input_messages.1.message.content"]


def test_prose_and_unknown_targets_are_the_agent_s_mistakes(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.replies = ["Let me think.", '{"action": "click", "target": "77"}', '{"action": "done"}']
    out = tmp_path / "run"
    done = run_eval(out, "--tasks", "miniwob.click-test", **address(endpoint))
    assert done.returncode == 0, done.stderr
    assert results(out)["click-test/0"]["outcome"] == "failure"
    all_spans = spans(out, "baseline_worker", "click-test", 0)
    steps = [s["attributes"] for s in all_spans if s["name"] == "step"]
    assert [s.get("halo.action.error_type") for s in steps] == ["format", "unknown_target", None]
    assert all_spans[-1]["attributes"]["halo.end_reason"] == "done"
