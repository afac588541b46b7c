"""What the SDK's own graders say of a state, without a browser: a judgement is a score, anything else is an error."""

from types import SimpleNamespace
from typing import Any

import pytest

from harness.core.errors import AttemptError, Cause
from harness.envs.real import load_sdk, verdict
from harness.envs.registry import BROKEN, sdk_registry

ORDERED = {"initialfinaldiff": {"added": {"order": {"orders": {"0": {"items": [{"id": 212}]}}}}}, "differences": {}}


def task(name: str) -> Any:
    load_sdk()
    from agisdk.REAL.browsergym.webclones.evaluate import WebCloneEvaluator
    from agisdk.REAL.browsergym.webclones.task_config import TaskConfig

    config = TaskConfig(name, "v2")
    return SimpleNamespace(task_config=config, evaluator=WebCloneEvaluator(task_config=config))


def test_done_is_one_and_not_done_is_zero() -> None:
    assert verdict(task("omnizon-13"), ORDERED, "") == 1.0
    assert verdict(task("omnizon-13"), {"initialfinaldiff": {}, "differences": {}}, "") == 0.0


def test_markup_in_a_state_does_not_stop_the_grading_and_the_state_is_not_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert verdict(task("omnizon-13"), {**ORDERED, "note": "[/bold] [nonsense"}, "") == 1.0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gocalendar-11", r"eval_gocalendar_11\.py printed neither SUCCESS nor FAILURE \(no output\)"),
        ("gocalendar-4", r"eval_gocalendar_4\.py printed neither .*AttributeError: 'NoneType' object"),
    ],
)
def test_a_grader_that_crashes_or_says_nothing_is_no_zero(name: str, words: str) -> None:
    with pytest.raises(AttemptError, match=words) as caught:
        verdict(task(name), {"initialfinaldiff": None, "differences": None}, "")
    assert caught.value.cause is Cause.GRADING_FAILED


def test_a_grader_that_cannot_be_run_is_no_zero() -> None:
    missing = task("omnizon-13")
    missing.task_config.task.evals[0].script = "eval_none.py"
    with pytest.raises(AttemptError, match=r"the grader failed: Evaluation script 'eval_none\.py' not found"):
        verdict(missing, ORDERED, "")


@pytest.mark.slow
def test_the_graders_called_broken_are_just_those_that_pass_or_say_nothing_when_nothing_was_done() -> None:
    registry = sdk_registry()
    assert registry is not None
    odd = set()
    for one in registry.tasks:
        try:
            if verdict(task(one.id.removeprefix("v2.")), {}, "") > 0:
                odd.add(one.id)
        except AttemptError:
            odd.add(one.id)
    assert odd == set(BROKEN)
