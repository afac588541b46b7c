"""An eval finds its model by `.env` of its folder, keeps the key to itself, and stops where none can answer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness_runs import ROOT, Endpoint, results, spans

from harness.settings.env_file import VARIABLES


def run(folder: Path, env_file: str, *args: str) -> subprocess.CompletedProcess[str]:
    """The eval of one task as a user starts it in a folder of their own, with no model in the environment."""
    (folder / ".env").write_text(env_file, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-m", "harness", "eval", "--out", "out", "--tasks", "miniwob.click-test", *args],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**environ, "PYTHONPATH": str(ROOT)},
        timeout=600,
    )


@pytest.mark.browser
def test_an_adapter_on_vllm_decides_and_its_key_is_written_nowhere(tmp_path: Path, endpoint: Endpoint) -> None:
    address = f"http://127.0.0.1:{endpoint.server_address[1]}"
    done = run(tmp_path, f"HALO_VLLM_URL={address}\nHALO_VLLM_API_KEY=sesame\n", "--mode", "qwen_worker_bc")
    assert done.returncode == 0, done.stderr
    result = results(tmp_path / "out")["click-test/0"]
    assert result["outcome"] in {"success", "failure"}
    assert result["cost_usd"] is None
    calls = [s for s in spans(tmp_path / "out", "qwen_worker_bc", "click-test", 0) if s["name"] == "chat bc"]
    assert calls
    assert calls[0]["resource"]["attributes"]["halo.model"] == "bc"
    written = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").rglob("*.jsonl")]
    assert not [text for text in [*written, done.stdout, done.stderr] if "sesame" in text]


def test_a_missing_key_stops_the_eval_before_a_browser_is_started(tmp_path: Path) -> None:
    done = run(tmp_path, "HALO_WORKER_BACKEND=openai\nHALO_WORKER_MODEL=gpt-4o-mini\n")
    assert done.returncode == 3
    assert done.stderr.strip().splitlines()[-1].startswith("error: OPENAI_API_KEY is not set, and the worker needs it")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "results.jsonl").exists()


def test_a_malformed_env_file_is_bad_input(tmp_path: Path) -> None:
    done = run(tmp_path, "OPENAI_API_KEY sesame\n")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: .env, line 1: expected NAME=value, a comment that begins with #, or nothing"
