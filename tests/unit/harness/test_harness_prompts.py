"""Prompt files are edited by an optimizer: what they may hold, and that nothing undefined is ever rendered."""

import shutil
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.decide.examples import example_steps, load_examples
from harness.decide.model_policy import fixed_messages
from harness.evaluation.config_check import check
from harness.settings.load import DEFAULT_CONFIG
from harness.settings.prompts import PROMPT_DIR, Prompts
from harness.settings.schema import HarnessSettings


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    shutil.copytree(PROMPT_DIR, folder)
    return folder


def settings(**groups: dict[str, object]) -> HarnessSettings:
    return HarnessSettings.model_validate(groups)


def refused(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        Prompts(folder)
    return str(caught.value)


def test_the_bundled_prompts_render_in_every_combination() -> None:
    check(DEFAULT_CONFIG)


def test_an_unknown_variable_names_the_nearest(prompts: Path) -> None:
    said = refused(prompts, "worker.j2", "Goal: {{ gaol }}")
    assert "unknown variable 'gaol'" in said
    assert "'goal'" in said


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 10**10 }}",
        "{{ goal.__class__ }}",
        "{{ goal.format(1) }}",
        "{% include 'system.j2' %}",
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{{ goal ~ page }}",
        "{% for a in history %}{% for b in history %}x{% endfor %}{% endfor %}",
        "{{ goal | replace('a', 'b') }}",
        "{{ page" + "|tojson" * 40 + " }}",
        "{{ page | join('xx') | join('yy') }}",
        "{{ history | join(page) }}",
        "{{ " + "(" * 3000 + "goal" + ")" * 3000 + " }}",
        "{% if goal %}",
    ],
)
def test_a_template_outside_the_allow_list_is_refused_before_it_runs(prompts: Path, text: str) -> None:
    assert "worker.j2" in refused(prompts, "worker.j2", text)


def test_a_missing_prompt_is_named(prompts: Path) -> None:
    (prompts / "retry.j2").unlink()
    with pytest.raises(UsageError, match=r"retry\.j2 cannot be read"):
        Prompts(prompts)


def test_a_huge_prompt_is_refused(prompts: Path) -> None:
    assert "at most 20000" in refused(prompts, "system.j2", "x" * 20_001)


def test_a_prompt_that_renders_to_very_much_stops_early(prompts: Path) -> None:
    (prompts / "worker.j2").write_text("{% for a in page %}{{ page }}{% endfor %}" * 100, encoding="utf-8")
    with pytest.raises(UsageError, match="renders to more than 60000 characters"):
        Prompts(prompts).render("worker.j2", {"goal": "g", "page": "x" * 100_000})


def test_state_rules_add_words_to_the_system_prompt() -> None:
    prompts, examples = Prompts(), load_examples()
    bare = fixed_messages(settings(), prompts, examples)
    ruled = fixed_messages(settings(prompt={"state_rules": True}), prompts, examples)
    assert len(bare) == len(ruled) == 1
    assert len(ruled[0].content) > len(bare[0].content)


def test_few_shot_adds_pairs_of_user_and_assistant() -> None:
    messages = fixed_messages(settings(prompt={"few_shot": True}), Prompts(), load_examples())
    roles = [m.role for m in messages]
    assert roles[0] == "system"
    assert roles[1:] == ["user", "assistant"] * ((len(roles) - 1) // 2)
    assert len(roles) > 5


def test_examples_name_targets_as_the_settings_do() -> None:
    examples = load_examples()
    by_ref = [reply for _, reply in example_steps(examples, settings())]
    by_label = [reply for _, reply in example_steps(examples, settings(actions={"addressing": "label"}))]
    assert '"target": "1"' in by_ref[0]
    assert by_ref[0] != by_label[0]


def test_examples_show_state_and_history_only_when_the_settings_do() -> None:
    shown = example_steps(load_examples(), settings(observation={"element_state": True}, history={"length": 3}))
    hidden = example_steps(load_examples(), settings())
    assert any("ticked" in turn.page for turn, _ in shown)
    assert not any("ticked" in turn.page for turn, _ in hidden)
    assert any(turn.history for turn, _ in shown)
    assert not any(turn.history for turn, _ in hidden)


def test_an_example_that_aims_at_nothing_is_refused(prompts: Path) -> None:
    path = prompts / "examples.yaml"
    path.write_text(
        "- goal: g\n  page:\n    - {role: button, name: A}\n  steps:\n    - {action: click, target: B}\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match="'B' is not on the page"):
        check(DEFAULT_CONFIG, prompts, path)


def test_a_mistyped_key_of_an_example_is_named(prompts: Path) -> None:
    path = prompts / "examples.yaml"
    path.write_text("- goal: g\n  paeg: []\n  steps: []\n", encoding="utf-8")
    with pytest.raises(UsageError, match="paeg"):
        load_examples(path)


def test_the_system_prompt_speaks_of_what_is_switched_on_and_of_nothing_else() -> None:
    plain = fixed_messages(settings(), Prompts(), [])[0].content
    assert not any(word in plain for word in ("goto", "answer", "confidence"))
    asked = fixed_messages(
        settings(
            actions={"navigation": True, "answer": True},
            hierarchy={"manager": True},
            escalation={"low_confidence": True},
        ),
        Prompts(),
        [],
    )[0].content
    assert all(word in asked for word in ('"back"', '"goto"', '"wait"', "answer to the user", '"confidence"'))
    alone = fixed_messages(settings(escalation={"low_confidence": True}), Prompts(), [])[0].content
    assert alone == plain


def test_the_manager_reads_why_it_is_asked_and_what_is_proposed() -> None:
    values = {"goal": "g", "page": "p", "history": [], "notes": [], "step": 1, "steps_left": 1}
    plain = Prompts().render("worker.j2", {**values, "reason": "", "proposal": ""})
    assert plain == "Goal: g\nPage:\np"
    asked = Prompts().render("worker.j2", {**values, "reason": "this would end the task", "proposal": "done"})
    assert asked.endswith(
        "Look closely: this would end the task.\n"
        "Proposed: done. Repeat it if it is right; otherwise reply with a better action."
    )
