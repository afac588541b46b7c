"""Macros mined from span files: what successful attempts have in common, and nothing that only one of them knew."""

import json
from pathlib import Path
from typing import Any

import pytest
from harness_pages import page, submit, textbox

from harness.core.errors import UsageError
from harness.decide.skills.mined import MinedRoutine, MinedSkill, SkillFile, load_skills
from harness.decide.skills.mining import mine
from harness.decide.skills.routine import MacroStep

GOAL = 'Enter the username "{}" and the password "{}" and press login.'
URL = "http://127.0.0.1:{}/miniwob/login-user.html"
Told = tuple[str, str, str | None]


def log_in(user: str, secret: str) -> list[Told]:
    return [
        ("fill", 'textbox "Username"', user),
        ("fill", 'textbox "Password"', secret),
        ("click", 'button "Login"', None),
    ]


def write(
    folder: Path, number: int, goal: str, steps: list[Told], *, outcome: str = "success", failed: int | None = None
) -> Path:
    """A span file as the harness writes it."""
    resource = {"attributes": {"halo.task_id": "miniwob.login-user", "halo.seed": number}}
    spans: list[dict[str, Any]] = []
    for index, (name, target, text) in enumerate(steps):
        words = {"target": target.split('"')[1], **({"text": text} if text is not None else {})}
        error = {"halo.action.error_type": "execution"} if index == failed else {}
        told = {
            "halo.step.index": index,
            "halo.page.url": URL.format(8000 + number),
            "halo.page.type": "login",
            "halo.page.changed": index != failed,
            **error,
        }
        tool = {"tool.name": name, "tool.parameters": json.dumps(words), "halo.action.target": target}
        step_id = f"s{index}"
        spans += [
            {"span_id": f"t{index}", "parent_span_id": step_id, "attributes": tool, "resource": resource},
            {"span_id": step_id, "parent_span_id": "root", "attributes": told, "resource": resource},
        ]
    root = {"halo.goal": goal, "halo.outcome": outcome}
    spans.append({"span_id": "root", "parent_span_id": "", "attributes": root, "resource": resource})
    path = folder / "rules" / f"miniwob.login-user__seed_{number}__attempt_0.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(s) + "\n" for s in spans), encoding="utf-8")
    return path


def test_a_routine_that_successes_share_is_mined_with_the_values_masked(tmp_path: Path) -> None:
    write(tmp_path, 0, GOAL.format("ann", "x1"), log_in("ann", "x1"))
    write(tmp_path, 1, GOAL.format("bob", "y2"), log_in("bob", "y2"))
    (skill,) = mine([tmp_path])
    assert [(s.action, s.label, s.text) for s in skill.steps] == [
        ("fill", "Username", "⟨0⟩"), ("fill", "Password", "⟨1⟩"), ("click", "Login", None),
    ]  # fmt: skip
    assert (skill.support, skill.site, skill.page_types) == (2, "miniwob|local|/miniwob/login-user.html", ["login"])


def test_what_only_one_goal_s_values_led_to_is_not_mined(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, number, GOAL.format("ann", "x1"), log_in("ann", "x1"))
    assert mine([tmp_path]) == []


def test_failures_and_their_routines_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, 0, GOAL.format("ann", "x1"), log_in("ann", "x1"))
    write(tmp_path, 1, GOAL.format("bob", "y2"), log_in("bob", "y2"), outcome="failure")
    assert mine([tmp_path]) == []


def test_no_routine_runs_across_a_step_that_failed(tmp_path: Path) -> None:
    for number, user in enumerate(("ann", "bob")):
        write(tmp_path, number, GOAL.format(user, "z"), log_in(user, "z"), failed=1)
    assert mine([tmp_path]) == []


def test_a_part_that_more_attempts_share_is_kept_beside_the_whole(tmp_path: Path) -> None:
    for number, user in enumerate(("ann", "bob")):
        write(tmp_path, number, GOAL.format(user, "z"), log_in(user, "z"))
    write(tmp_path, 2, GOAL.format("cid", "z"), log_in("cid", "z")[:2])
    assert sorted((len(s.steps), s.support) for s in mine([tmp_path])) == [(2, 3), (3, 2)]


def test_files_that_are_no_attempts_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, 0, GOAL.format("ann", "x1"), log_in("ann", "x1"))
    write(tmp_path, 1, GOAL.format("bob", "y2"), log_in("bob", "y2"))
    whole = path.read_text(encoding="utf-8")
    (path.parent / "a__attempt_0.jsonl").write_text(whole[:200] + "\n[1]\n\x00", encoding="utf-8")
    assert len(mine([tmp_path])) == 1


@pytest.fixture
def skill(tmp_path: Path) -> MinedSkill:
    write(tmp_path, 0, GOAL.format("ann", "x1"), log_in("ann", "x1"))
    write(tmp_path, 1, GOAL.format("bob", "y2"), log_in("bob", "y2"))
    return mine([tmp_path])[0]


def test_a_mined_skill_runs_for_another_goal_of_its_template(skill: MinedSkill) -> None:
    routine, goal = MinedRoutine(skill, "miniwob"), GOAL.format("cid", "w3")
    made: list[MacroStep] = []
    for user, secret in (("", ""), ("cid", ""), ("cid", "w3")):
        boxes = (textbox(1, "Username", user), textbox(2, "Password", secret, kind="password"), submit(3, "Login"))
        view = page(*boxes).model_copy(update={"address": URL.format(9)})
        step = routine.next(goal, view, made) if made else routine.first(goal, view)
        assert step is not None
        made.append(step)
    assert [m.action.describe() for m in made] == [
        'fill "Username" with "cid"', 'fill "Password" with "w3"', 'click "Login"',
    ]  # fmt: skip
    assert routine.next(goal, view, made) is None
    assert routine.reached(goal, view, made)


def test_a_mined_skill_needs_its_goal_site_and_kind_of_page(skill: MinedSkill) -> None:
    boxes = (textbox(1, "Username"), textbox(2, "Password", kind="password"), submit(3, "Login"))
    here = page(*boxes).model_copy(update={"address": URL.format(9)})
    goal = GOAL.format("cid", "w3")
    assert MinedRoutine(skill, "miniwob").first(goal, here) is not None
    assert MinedRoutine(skill, "real").first(goal, here) is None
    assert MinedRoutine(skill, "miniwob").first("Delete the account.", here) is None
    assert MinedRoutine(skill, "miniwob").first(goal, here.model_copy(update={"address": "http://x.org/"})) is None
    plain = page(textbox(1, "Username")).model_copy(update={"address": URL.format(9)})
    assert MinedRoutine(skill, "miniwob").first(goal, plain) is None


def test_a_skill_file_comes_back_as_it_was_written(skill: MinedSkill, tmp_path: Path) -> None:
    path = tmp_path / "skills.json"
    path.write_text(SkillFile(skills=[skill]).model_dump_json(), encoding="utf-8")
    assert load_skills(path) == [skill]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not JSON"), ('{"version": 1}', "skills: Field required"), ('{"version": 3, "skills": []}', "version")],
)
def test_a_file_that_holds_no_skills_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "skills.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_skills(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
