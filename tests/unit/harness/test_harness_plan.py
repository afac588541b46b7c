"""From options to what runs: limits, subsets of the config, and what a dry run says."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from harness.cli.app import app
from harness.cli.exploration_verb import two_of
from harness.cli.plan import Overrides, RunOptions, most_calls, plan_lines, settings_of, task_ids, with_overrides
from harness.core.errors import UsageError
from harness.evaluation.selection import TaskOptions
from harness.record.results import Job
from harness.settings.load import DEFAULT_CONFIG
from harness.settings.schema import HarnessSettings


def with_changes(**values: object) -> HarnessSettings:
    base = HarnessSettings.model_validate({"limits": {"seconds": 120}})
    return with_overrides(DEFAULT_CONFIG, base, Overrides(**values))  # type: ignore[arg-type]


def test_score_and_speed_set_the_steps_and_the_time_to_use_them() -> None:
    score, speed = with_changes(score=True).limits, with_changes(score=False).limits
    assert (score.steps, score.seconds) == (70, 700)
    assert (speed.steps, speed.seconds) == (25, 250)
    assert with_changes(score=True, max_seconds=60).limits.seconds == 60
    assert with_changes(max_steps=9).limits.steps == 9
    assert with_changes() == HarnessSettings.model_validate({"limits": {"seconds": 120}})


def test_two_step_limits_are_refused() -> None:
    with pytest.raises(UsageError, match="give one of them"):
        with_changes(score=True, max_steps=3)


@pytest.mark.parametrize("values", [{"temperature": 9.0}, {"max_steps": 1000}, {"max_seconds": 0.5}])
def test_options_keep_to_the_bounds_of_the_settings(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(values)).removeprefix("max_")):
        with_changes(**values)


def test_a_temperature_is_laid_over_the_model_s() -> None:
    assert with_changes(temperature=0.0).model.temperature == 0.0


def test_the_bound_of_model_calls_holds_second_chances() -> None:
    settings = HarnessSettings.model_validate({"limits": {"steps": 10}, "retry": {"invalid_action": 2}})
    assert most_calls(settings, 3) == 90
    assert most_calls(HarnessSettings.model_validate({"worker": "rules"}), 3) == 0


def test_a_dry_run_names_tasks_mode_model_and_limits() -> None:
    jobs = [Job(task_id=task, seed=seed) for task in ("a", "b") for seed in (0, 1)]
    mode, settings = settings_of(DEFAULT_CONFIG, "baseline_worker", Overrides(max_steps=4))
    said = "\n".join(plan_lines(mode, settings, jobs, RunOptions()))
    for words in ("baseline_worker", settings.model.name, "4 steps, 120 s", "4 of 2 tasks", "at most 16", "a b"):
        assert words in said


def test_a_mode_that_could_leave_its_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("mode: ../out\nmodes: {../out: {worker: rules}}\n")
    with pytest.raises(UsageError, match=r"mode '\.\./out' cannot name a folder"):
        settings_of(path, None, Overrides())


def test_tasks_must_be_asked_for_unless_all_is_what_a_verb_means() -> None:
    with pytest.raises(UsageError, match="say which tasks: --tasks a,b, --task-type NAME, or --site NAME"):
        task_ids(DEFAULT_CONFIG, TaskOptions(), RunOptions())
    assert len(task_ids(DEFAULT_CONFIG, TaskOptions(sample_size=7), RunOptions(), all_by_default=True)) == 7


def test_a_registry_that_is_not_there_is_said_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="make it with 'tasks snapshot"):
        task_ids(DEFAULT_CONFIG, TaskOptions(tasks="miniwob.click-test"), RunOptions(task_registry=tmp_path / "r.json"))


@pytest.mark.parametrize("text", ["0", "0,1,2", "a,b", "0,0", "", "nan,1", "0,3"])
def test_two_temperatures_are_two_different_numbers_in_bounds(text: str) -> None:
    with pytest.raises(UsageError, match="--temperatures takes"):
        two_of(text)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("eval", "--out", "x"), "give either --attempts FILE, or tasks"),
        (("eval", "--out", "x", "--tasks", "a", "--attempts", "b"), "give either --attempts FILE, or tasks"),
        (("eval", "--tasks", "miniwob.click-test", "--mode", "rules"), "--out DIR is missing"),
        (("rollout", "--out", "x"), "say which tasks"),
        (("rollout", "--out", "x", "--tasks", "miniwob.click-test", "--mode", "rulse"), "the nearest is 'rules'"),
        (("verify-exploration", "--tasks", "miniwob.click-test", "--mode", "rules", "--out", "x"), "calls no model"),
        (("debug", "miniwob.click-tset", "--mode", "rules"), "there is no task 'miniwob.click-tset'"),
        (("debug", "gomail-5"), "v2.gomail-5"),
        (("matrix", "--modes", "rulse", "--out", "x"), "mode 'rulse' is not in"),
        (("matrix", "--modes", ",", "--out", "x"), "--modes must name at least one"),
        (("smoke", "--mode", "rulse"), "mode 'rulse' is not in"),
    ],
)
def test_every_verb_refuses_in_words_what_cannot_be_used(args: tuple[str, ...], words: str) -> None:
    done = CliRunner().invoke(app, list(args))
    assert isinstance(done.exception, UsageError)
    assert words in str(done.exception)


def test_every_verb_says_what_it_does() -> None:
    for verb in ("eval", "matrix", "rollout", "verify-exploration", "debug", "smoke", "describe", "check", "tasks"):
        assert len(CliRunner().invoke(app, [verb, "--help"]).stdout.splitlines()) > 3


def test_an_option_means_the_same_wherever_it_appears() -> None:
    """One spelling, one help text: whoever learned an option at one verb knows it at the next."""
    told: dict[str, set[str | None]] = {}
    for name, verb in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        for option in getattr(verb, "params", []):
            if name != "tasks" and option.param_type_name == "option" and option.name not in {"out"}:
                told.setdefault("/".join(option.opts), set()).add(option.help)
    assert {"--tasks", "--seed", "--mode", "--max-steps", "--temperature"} <= set(told)
    assert [name for name, helps in told.items() if len(helps) > 1] == []
