"""The modes of the hierarchy as a user runs them: `eval`, a model endpoint, the run folder, mined skills."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness_runs import ROOT, Endpoint, address, config, results, run_eval
from ruamel.yaml import YAML

pytestmark = pytest.mark.browser
GOOD: dict[str, dict[str, Any]] = {
    "observation": {"element_state": True},
    "actions": {"addressing": "label", "constrain_targets": True, "applicable_only": True},
    "guards": {"loop": "block", "loop_after": 1, "no_effect_ban": True, "submit_check": "block", "done_check": True},
}
TOTALS = ("halo.cache.hits", "halo.macro.steps", "halo.manager.calls", "halo.worker.calls")


def attempts(tmp_path: Path, tasks: list[str], attempt: int) -> Path:
    path = tmp_path / f"attempts_{attempt}.jsonl"
    jobs = [{"task_id": f"miniwob.{t}", "seed": s, "attempt": attempt} for t in tasks for s in (0, 1)]
    path.write_text("".join(json.dumps(j) + "\n" for j in jobs), encoding="utf-8")
    return path


def root_spans(out: Path, mode: str, attempt: int) -> list[dict[str, Any]]:
    found = []
    for path in sorted((out / mode).glob(f"*__attempt_{attempt}.jsonl")):
        spans = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        found += [s["attributes"] for s in spans if s["parent_span_id"] == ""]
    return found


def by_rules(tmp_path: Path, **groups: Any) -> Path:
    path = config(tmp_path, **{**GOOD, **groups})
    yaml = YAML()
    data = yaml.load(path.read_text(encoding="utf-8"))
    data["defaults"]["worker"] = "rules"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(data, file)
    return path


@pytest.fixture(scope="module")
def two_passes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same attempts twice into one run folder, with all helpers and the rules policy."""
    folder = tmp_path_factory.mktemp("passes")
    settings = by_rules(folder)
    for attempt in (0, 1):
        file = attempts(folder, ["login-user", "click-option", "enter-text"], attempt)
        done = run_eval(
            folder / "run", "--attempts", str(file), "--mode", "hierarchy_vac_macros", "--config", str(settings)
        )
        assert done.returncode == 0, done.stderr
    return folder / "run"


def test_the_second_pass_of_a_run_asks_the_worker_less(two_passes: Path) -> None:
    totals = [
        {name: sum(r[name] for r in root_spans(two_passes, "hierarchy_vac_macros", attempt)) for name in TOTALS}
        for attempt in (0, 1)
    ]
    assert totals[0]["halo.worker.calls"] > totals[1]["halo.worker.calls"] == 0
    assert totals[1]["halo.cache.hits"] > totals[0]["halo.cache.hits"]
    assert totals[0]["halo.macro.steps"] > 0
    lines = (two_passes / "results.jsonl").read_text(encoding="utf-8").splitlines()
    wins = [sum(r["outcome"] == "success" and r["attempt"] == a for r in map(json.loads, lines)) for a in (0, 1)]
    assert wins[0] <= wins[1] == 6
    assert (two_passes / "cache" / "actions.jsonl").exists()


def test_skills_are_mined_from_the_run_and_said(two_passes: Path, tmp_path: Path) -> None:
    out = tmp_path / "skills.json"
    done = subprocess.run(
        [sys.executable, "-m", "harness", "skills", "mine", str(two_passes), "--out", str(out)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    skills = json.loads(out.read_text(encoding="utf-8"))["skills"]
    login = next(s for s in skills if "username" in s["template"])
    assert [s["label"] for s in login["steps"]] == ["Username", "Password", "Login"]
    assert len(done.stdout.splitlines()) == len(skills)


def test_mining_what_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "skills", "mine", str(tmp_path / "no"), "--out", str(tmp_path / "s.json")],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip().startswith("error: ")
    assert "does not exist" in done.stderr


def test_a_manager_behind_an_endpoint_is_told_why_and_what(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.replies = ["let me think", '{"action": "click", "target": "1"}']
    out = tmp_path / "run"
    path = config(tmp_path, observation={"screenshot": "send"})
    done = run_eval(
        out, "--tasks", "miniwob.click-test", "--mode", "hierarchy_mgr_gate", "--config", str(path), **address(endpoint)
    )
    assert done.returncode == 0, done.stderr
    result = results(out)["click-test/0"]
    assert (result["outcome"], result["tokens_in"]) == ("success", 40)
    (root,) = root_spans(out, "hierarchy_mgr_gate", 0)
    assert [root[name] for name in TOTALS] == [0, 0, 1, 1]
    words = [body["messages"][-1]["content"][0]["text"] for body in endpoint.bodies]
    assert "Look closely" not in words[0]
    assert "Look closely: the last reply was no possible action." in words[1]
    pictures = [body["messages"][-1]["content"][1]["image_url"]["url"][:22] for body in endpoint.bodies]
    assert pictures == ["data:image/png;base64,"] * 2
    assert len(list((out / "artifacts").rglob("step_000.png"))) == 1


def test_the_baseline_is_asked_what_it_always_was(endpoint: Endpoint, tmp_path: Path) -> None:
    done = run_eval(tmp_path / "run", "--tasks", "miniwob.click-test", **address(endpoint))
    assert done.returncode == 0, done.stderr
    (body,) = endpoint.bodies
    assert [m["content"] for m in body["messages"]] == [
        "You are a web agent. You reach the user's goal on a web page, one action at a time.\n"
        "Reply with one action as JSON:\n"
        '{"action": "click", "target": "number of the element"}\n'
        '{"action": "fill", "target": "number of the text field", "text": "what to type"}\n'
        '{"action": "select", "target": "number of the list", "text": "the option"}\n'
        '{"action": "press", "text": "Enter"}\n'
        '{"action": "scroll", "text": "down"}\n'
        '{"action": "done"} when the goal is reached.',
        'Goal: Click the button.\nPage:\n[1] button "Click Me!"',
    ]
    schema = body["response_format"]["json_schema"]["schema"]
    assert set(schema["properties"]) == {"action", "target", "text"}
    assert schema["properties"]["action"]["enum"] == ["click", "fill", "select", "press", "scroll", "done"]
    assert not (tmp_path / "run" / "cache").exists()
    assert not (tmp_path / "run" / "artifacts").exists()
