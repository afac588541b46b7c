"""The collector against a real harness program in real processes."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from halo_opt.core.config import CollectConfig
from halo_opt.core.errors import BudgetSpent, EnvironmentMissing, InputError
from halo_opt.core.records import AttemptKey, AttemptResult, Outcome, Run
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.results import read_results
from halo_opt.testing import FakeHarness

KEYS = [AttemptKey(task_id=f"fake.task-{number:02d}", seed=seed) for seed in range(2) for number in range(6)]


def job(harness: FakeHarness, *, revision: str = "r1", env: dict[str, str] | None = None, **options: object) -> Job:
    command = ["python", "agent.py", "eval", "--attempts", "{attempts}", "--out", "{out}"]
    run = Run(run_id="run-1", purpose="test", harness_revision=revision, model="fake", command=command, made_at="now")
    folder = harness.folder / "traces" / "run-1"
    return Job(run, KEYS, folder, harness.folder, env or {}, CollectConfig(**{"workers": 2, **options}))


def fault(**what: object) -> dict[str, str]:
    return {"FAKE_FAULT": json.dumps(what)}


@pytest.fixture
def harness(tmp_path: Path) -> FakeHarness:
    return FakeHarness.create(tmp_path / "agent")


def lines_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_every_attempt_is_run_once_and_a_second_call_runs_nothing(harness: FakeHarness) -> None:
    work = job(harness)
    seen: list[AttemptResult] = []
    tail = collect(work, on_result=seen.append)
    assert set(tail.results) == set(KEYS)
    assert Counter(result.key for result in seen) == Counter(KEYS)
    collect(work, on_result=lambda _result: pytest.fail("ran again"))
    assert len(lines_of(work.folder)) == len(KEYS)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"score": float("nan")}, "score must be a number from 0 to 1, or null, and is NaN"),
        ({"started_at": None}, "started_at must be a time such as"),
    ],
)
def test_unusable_results_end_the_run_with_their_reason(
    harness: FakeHarness, result: dict[str, object], reason: str
) -> None:
    with pytest.raises(InputError, match="cannot be used") as caught:
        collect(job(harness, env=fault(result=result)))
    assert reason in str(caught.value)
    assert str(caught.value).count(reason) == 1


def test_after_the_harness_is_mended_only_what_is_missing_is_run(harness: FakeHarness) -> None:
    with pytest.raises(InputError):
        collect(job(harness, env=fault(result={"score": 7})))
    assert set(collect(job(harness)).results) == set(KEYS)


def test_results_of_an_earlier_session_are_handed_over_once_each(harness: FakeHarness) -> None:
    work = job(harness)
    collect(work)
    seen: list[AttemptResult] = []
    collect(work, on_existing=seen.append)
    assert Counter(result.key for result in seen) == Counter(KEYS)


def test_a_lost_result_is_the_only_one_run_again(harness: FakeHarness) -> None:
    work = job(harness)
    collect(work)
    results = work.folder / "results.jsonl"
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"".join(lines[:-2]) + lines[-2][:30])
    seen: list[AttemptResult] = []
    tail = collect(work, on_result=seen.append)
    assert len(seen) == 2
    assert set(tail.results) == set(KEYS)


def test_an_error_is_retried_up_to_the_cap_and_never_a_failure(harness: FakeHarness) -> None:
    work = job(harness, env=fault(error_on="fake.task-03"), retry_errors=2)
    tail = collect(work)
    broken = [key for key in KEYS if key.task_id == "fake.task-03"]
    assert {tail.error_tries[key] for key in broken} == {3}
    assert {tail.results[key].outcome for key in broken} == {Outcome.ERROR}
    assert all(tail.results[key].score is None for key in broken)


def test_a_hung_attempt_is_killed_blamed_and_the_rest_goes_on(harness: FakeHarness, monkeypatch) -> None:
    monkeypatch.setattr("halo_opt.experiment.collect.START_SECONDS", 10.0)
    work = job(harness, env=fault(hang_on="fake.task-02"), attempt_seconds=4, retry_errors=0)
    tail = collect(work)
    assert set(tail.results) == set(KEYS)
    hung = {key.task_id: tail.results[key].cause for key in KEYS if tail.results[key].outcome is Outcome.ERROR}
    assert hung == {"fake.task-02": "time_limit"}


def test_a_crashing_attempt_is_blamed_and_the_rest_goes_on(harness: FakeHarness) -> None:
    tail = collect(job(harness, env=fault(crash_on="fake.task-04"), retry_errors=0))
    crashed = {key.task_id: tail.results[key].cause for key in KEYS if tail.results[key].outcome is Outcome.ERROR}
    assert crashed == {"fake.task-04": "harness_crashed"}


@pytest.mark.parametrize(("code", "kind"), [(3, EnvironmentMissing), (2, InputError), (9, EnvironmentMissing)])
def test_a_harness_that_cannot_run_is_one_error_with_its_words(harness: FakeHarness, code: int, kind: type) -> None:
    with pytest.raises(kind, match="the fake harness was told to refuse"):
        collect(job(harness, env=fault(exit=code)))


def test_a_spent_budget_stops_at_once_and_keeps_what_was_done(harness: FakeHarness) -> None:
    work = job(harness, env=fault(seconds=0.1))
    seen: list[AttemptResult] = []

    def count(result: AttemptResult) -> None:
        seen.append(result)
        if len(seen) == 3:
            raise BudgetSpent("enough")

    with pytest.raises(BudgetSpent):
        collect(work, on_result=count)
    kept = len(read_results(work.folder / "results.jsonl").results)
    assert 3 <= kept < len(KEYS)
    assert set(collect(work).results) == set(KEYS)


def test_a_folder_belongs_to_one_revision(harness: FakeHarness) -> None:
    collect(job(harness))
    with pytest.raises(InputError, match="harness_revision r1, not r2"):
        collect(job(harness, revision="r2"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_killed_at_any_moment_it_leaves_no_process_and_goes_on(harness: FakeHarness, number: int) -> None:
    work = job(harness, env=fault(seconds=0.2))
    program = (
        "import sys; sys.path[:0] = sys.argv[1].split(':')\n"
        "from pathlib import Path\nfrom test_flow_collect import job, fault\n"
        "from halo_opt.experiment.collect import collect\nfrom halo_opt.testing import FakeHarness\n"
        "collect(job(FakeHarness(Path(sys.argv[2])), env=fault(seconds=0.2)))\n"
    )
    path = f"{Path(__file__).parent}:{Path(__file__).parents[2]}"
    child = subprocess.Popen([sys.executable, "-c", program, path, str(harness.folder)], stderr=subprocess.DEVNULL)
    results = work.folder / "results.jsonl"
    wait_until(lambda: results.exists() and results.read_bytes().count(b"\n") >= 3)
    child.send_signal(number)
    child.wait()
    wait_until(lambda: not processes_in(harness.folder))
    done = len(lines_of(work.folder))
    assert done < len(KEYS)
    seen: list[AttemptResult] = []
    tail = collect(work, on_result=seen.append)
    assert set(tail.results) == set(KEYS)
    assert len(seen) == len(KEYS) - done


def wait_until(condition) -> None:
    """Poll; the test's own time limit ends a wait that never comes true."""
    while not condition():
        time.sleep(0.05)


def processes_in(folder: Path) -> list[int]:
    """Processes whose working folder this is."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").readlink() == folder.resolve():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
