"""Attempts that the harness's own verbs made are read like those of an optimizer: real Chromium, then the store."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from halo_opt.store import Store, build_store

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser


def test_a_rollout_is_laid_out_by_attempt_and_the_store_reads_all_of_it(tmp_path: Path) -> None:
    out, task = tmp_path / "rollout", "miniwob.click-test"
    args = ["rollout", "--per-task", "2", "--tasks", task, "--task-seed", "3", "--mode", "rules", "--out", str(out)]
    subprocess.run([sys.executable, "-m", "harness", *args], cwd=ROOT, check=True, timeout=600)
    assert sorted(p.name for p in (out / "rules").iterdir()) == [f"{task}__attempt_{k}.jsonl" for k in (0, 1)]
    [line] = [json.loads(text) for text in (out / "rollout_summary.jsonl").read_text().splitlines()]
    assert (line["task_id"], line["task_seed"], line["attempts"], line["scores"]) == (task, 3, 2, [1.0, 1.0])
    (out / "errors.jsonl").write_text('{"trace_id": "x", "words": "an error of another attempt"}\n')
    build_store([out], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        rows = store.rows("SELECT task_id, seed, attempt, outcome, steps FROM attempts ORDER BY attempt")
        assert [tuple(row) for row in rows] == [(task, 3, 0, "success", 1), (task, 3, 1, "success", 1)]
        assert store.rows("SELECT count(*) FROM rejects")[0][0] == 0
