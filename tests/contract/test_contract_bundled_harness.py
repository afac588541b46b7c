"""What the bundled harness writes is what halo_opt reads: real Chromium, the rules policy, the collector, the store."""

from pathlib import Path

import pytest

from halo_opt.core.config import CollectConfig
from halo_opt.core.records import AttemptKey, Outcome, Run
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.results import ResultsTail
from halo_opt.mining.mine import behaviour_rates
from halo_opt.store import Store, build_store

ROOT = Path(__file__).resolve().parents[2]
TASKS = ("miniwob.click-test", "miniwob.enter-text", "miniwob.login-user", "miniwob.click-checkboxes")
KEYS = [AttemptKey(task_id=task, seed=seed) for task in TASKS for seed in (0,)]
COMMAND = ["python", "-m", "harness", "eval", "--attempts", "{attempts}", "--out", "{out}", "--mode", "rules"]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ResultsTail]:
    folder = tmp_path_factory.mktemp("traces") / "rules"
    run = Run(run_id="rules", purpose="test", harness_revision="r1", model="none", command=COMMAND, made_at="now")
    env = {"HALO_HARNESS_REVISION": "r1", "HALO_RUN_ID": "rules"}
    tail = collect(Job(run, KEYS, folder, ROOT, env, CollectConfig(workers=2)))
    build_store([folder], folder.parent / "rules.duckdb")
    return folder, tail


def test_every_attempt_has_a_result_and_the_store_agrees_with_it(collected: tuple[Path, ResultsTail]) -> None:
    folder, tail = collected
    assert set(tail.results) == set(KEYS)
    assert tail.rejected == []
    with Store.open(folder.parent / "rules.duckdb") as store:
        rows = store.rows(
            "SELECT task_id, seed, attempt, outcome, score, steps, harness_revision, run_id FROM attempts"
        )
        rejects = store.rows("SELECT source, line, reason FROM rejects")
    assert rejects == []
    found = {AttemptKey(task_id=task, seed=seed, attempt=attempt): rest for task, seed, attempt, *rest in rows}
    assert found == {
        key: [result.outcome.value, result.score, result.steps, "r1", "rules"] for key, result in tail.results.items()
    }
    assert any(result.outcome is Outcome.SUCCESS for result in tail.results.values())


def test_a_miner_finds_everything_that_it_needs(collected: tuple[Path, ResultsTail]) -> None:
    folder, _ = collected
    with Store.open(folder.parent / "rules.duckdb") as store:
        counts = store.rows(
            "SELECT count(*), count(observation), count(tool), count(page_changed), count(empty_fields), count(submits)"
            " FROM steps"
        )[0]
        bare = store.rows("SELECT task_id FROM attempts WHERE goal IS NULL OR end_reason IS NULL OR step_limit IS NULL")
        rates = behaviour_rates(store)
    steps = counts[0]
    assert steps > 0
    assert counts[1] == counts[2] == counts[4] == steps
    assert bare == []
    needed = ("repeated_action", "action_no_effect", "invalid_action", "submitted_before_filling", "unknown_target")
    assert all(rates[name] is not None for name in needed)
