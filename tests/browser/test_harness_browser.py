"""The harness with a real Chromium: it solves tasks, and whatever dies or hangs costs one attempt."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from harness.config_load import DEFAULT_CONFIG
from harness.processes import descendants

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parents[2]
RESULT_FIELDS = {
    "task_id", "seed", "attempt", "trace_id", "outcome", "score", "cause", "steps", "tokens_in", "tokens_out",
    "cost_usd", "started_at", "ended_at",
}  # fmt: skip
GOOD = {
    "observation": {"element_state": True},
    "actions": {"addressing": "label", "constrain_targets": True, "applicable_only": True},
    "guards": {"loop": "block", "loop_after": 1, "no_effect_ban": True, "submit_check": "block", "done_check": True},
}


def config(tmp_path: Path, **groups: dict[str, Any]) -> Path:
    """The bundled config with some settings changed."""
    yaml = YAML()
    data = yaml.load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    for group, values in groups.items():
        data["defaults"][group].update(values)
    path = tmp_path / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(data, file)
    return path


def command(out: Path, *args: str) -> list[str]:
    return [sys.executable, "-m", "harness", "eval", "--out", str(out), *args]


def run_eval(out: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(out, *args),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
        timeout=150,
    )


def results(out: Path) -> dict[str, dict[str, Any]]:
    lines = (out / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return {f"{r['task_id'].removeprefix('miniwob.')}/{r['seed']}": r for r in map(json.loads, lines)}


def spans(out: Path, mode: str, name: str, seed: int) -> list[dict[str, Any]]:
    path = out / mode / f"miniwob.{name}__seed_{seed}__attempt_0.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


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


class Endpoint(HTTPServer):
    """Answers with `replies` in order, then with the last for ever; waits while `held` is clear."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies = ['{"action": "click", "target": "1"}']
        self.held = threading.Event()
        self.asked = threading.Event()
        self.held.set()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        assert isinstance(self.server, Endpoint)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.server.held.wait()
        replies = self.server.replies
        message = {"role": "assistant", "content": replies.pop(0) if len(replies) > 1 else replies[0]}
        reply = {
            "id": "x", "object": "chat.completion", "created": 0, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25},
        }  # fmt: skip
        data = json.dumps(reply).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            return  # the harness was ended while it waited


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.held.set()
    server.shutdown()
    thread.join()
    server.server_close()


def address(server: Endpoint) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_address[1]}/v1", "HALO_MODEL": "tiny"}


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


def test_an_endpoint_that_is_down_stops_the_eval_with_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "run"
    names = "miniwob.click-test,miniwob.enter-text"
    done = run_eval(out, "--tasks", names, OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert done.returncode == 3
    assert done.stderr.strip().splitlines()[-1].startswith("error: no model answers at http://127.0.0.1:9/v1")
    found = results(out)
    assert list(found) == ["click-test/0"]
    assert (found["click-test/0"]["outcome"], found["click-test/0"]["cause"]) == ("error", "model_unreachable")
    assert found["click-test/0"]["score"] is None


def browsers_below(pid: int) -> list[int]:
    """Chromium's own first process among the descendants."""
    found = []
    for one in descendants(pid):
        try:
            line = Path(f"/proc/{one}/cmdline").read_bytes()
        except OSError:
            continue
        if b"--remote-debugging-pipe" in line and b"--type=" not in line:
            found.append(one)
    return found


def wait_for(what: Any, seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def alive(pids: list[int]) -> list[int]:
    """Those that still run; what has ended and only waits to be collected does not."""
    out = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if state != "Z":
            out.append(pid)
    return out


def start(out: Path, endpoint: Endpoint, *args: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(out, *args), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **address(endpoint)},
    )  # fmt: skip


def test_a_browser_that_dies_is_an_error_and_the_next_attempt_has_a_new_one(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.held.clear()
    out = tmp_path / "run"
    with start(out, endpoint, "--tasks", "miniwob.click-test", "--seeds", "0,1") as process:
        endpoint.asked.wait(60)
        for pid in wait_for(lambda: browsers_below(process.pid)):
            os.kill(pid, signal.SIGKILL)
        endpoint.held.set()
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    found = results(out)
    assert (found["click-test/0"]["outcome"], found["click-test/0"]["cause"]) == ("error", "browser_died")
    assert found["click-test/1"]["outcome"] == "success"
    root = next(s for s in spans(out, "baseline_worker", "click-test", 0) if s["name"] == "attempt")
    assert root["status"]["code"] == "STATUS_CODE_ERROR"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_ending_the_eval_ends_its_browser(endpoint: Endpoint, tmp_path: Path, how: signal.Signals) -> None:
    endpoint.held.clear()
    with start(tmp_path / "run", endpoint, "--tasks", "miniwob.click-test", "--seeds", "0,1") as process:
        endpoint.asked.wait(60)
        below = descendants(process.pid)
        assert browsers_below(process.pid)
        process.send_signal(how)
        process.communicate(timeout=60)
    wait_for(lambda: not alive(below))
    assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    assert not (tmp_path / "run" / "results.jsonl").exists()


HANG = "() => { document.body.addEventListener('mousedown', () => { for (;;) {} }); }"
HANGING_CHILD = """
import harness.envs.miniwob as m
start = m.MiniWob.start
def hang(self, page, task_id, seed):
    goal = start(self, page, task_id, seed)
    if seed == 0:
        page.evaluate({script!r})
    return goal
m.MiniWob.start = hang
"""


def test_a_page_stuck_in_a_loop_is_killed_at_the_limit(tmp_path: Path) -> None:
    # A benchmark page that hangs is planted from outside: the child process loads it as any site's customization.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(HANGING_CHILD.format(script=HANG), encoding="utf-8")
    out = tmp_path / "run"
    path = config(tmp_path, limits={"seconds": 6})
    names = "miniwob.click-test"
    done = run_eval(
        out, "--tasks", names, "--seeds", "0,1", "--mode", "rules", "--config", str(path), PYTHONPATH=f"{site}:{ROOT}"
    )
    assert done.returncode == 0, done.stderr
    found = results(out)
    assert (found["click-test/0"]["outcome"], found["click-test/0"]["cause"]) == ("error", "time_limit")
    assert found["click-test/1"]["outcome"] == "success"
    root = next(s for s in spans(out, "rules", "click-test", 0) if s["name"] == "attempt")
    assert root["attributes"]["halo.cause"] == "time_limit"
    assert root["attributes"]["halo.goal"] == "Click the button."
