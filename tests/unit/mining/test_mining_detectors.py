"""Each detector on the smallest attempt that shows its behaviour, and on the nearest one that does not."""

import runpy
from pathlib import Path
from typing import Any

import pytest
from detector_cases import ABSENT, BOOK, CAT, DONE, LS, READ, SHOWN, TELL
from mining_fixture import TinyStore, step

from halo_opt.core.playbook import load_playbook
from halo_opt.mining.detector_files import built_in, load_detectors
from halo_opt.mining.mine import behaviour_rates, behaviour_rates_by

ALL = built_in(experimental=True)
BY_NAME = {behaviour.name: behaviour for behaviour in ALL}

# Told by the whole attempt or by others beside it; each has tests of its own below.
COMPARED = {
    "hit_step_limit",
    "hit_time_limit",
    "hit_token_limit",
    "hit_cost_limit",
    "hit_error_limit",
    "early_stop",
    "long_attempt",
    "nothing_changed",
    "empty_answer",
    "fewer_items_than_asked",
    "given_value_unused",
    "changed_letter_case",
    "other_script",
    "truncated_reply",
    "claimed_change_never_made",
    "no_steps",
    "high_cost",
    "high_tokens",
    "slow_attempt",
    "slow_step",
}


def shown(tiny: TinyStore, name: str) -> list[tuple[Any, ...]]:
    return tiny.rows(f"SELECT value, step FROM ({BY_NAME[name].sql})")


@pytest.mark.parametrize(("name", "steps", "where"), SHOWN)
def test_behaviour_is_seen_at_the_first_step_that_shows_it(
    tiny: TinyStore, name: str, steps: list[dict[str, Any]], where: int | None
) -> None:
    tiny.add(steps)
    assert shown(tiny, name) == [(True, where)]


@pytest.mark.parametrize(("name", "steps"), ABSENT)
def test_the_nearest_innocent_attempt_does_not_show_it(tiny: TinyStore, name: str, steps: list[dict[str, Any]]) -> None:
    tiny.add(steps)
    assert shown(tiny, name) == [(False, None)]


def test_every_detector_has_a_test_of_its_own() -> None:
    assert {name for name, _, _ in SHOWN} | COMPARED == set(BY_NAME)


def test_every_step_behaviour_has_a_near_miss() -> None:
    plain = {"guard_blocked", "unknown_action", "unknown_target", "not_applicable_action", "tool_error", "gave_up"}
    assert {name for name, _, _ in SHOWN} - plain - {"no_effect_streak", "output_format"} <= {n for n, _ in ABSENT}


def test_names_are_unique_and_there_are_enough() -> None:
    assert len(BY_NAME) == len(ALL) >= 14


@pytest.mark.parametrize("behaviour", ALL, ids=lambda b: b.name)
def test_no_detector_looks_at_outcome_or_score_beyond_leaving_errors_out(behaviour: Any) -> None:
    sql = behaviour.sql.replace("a.outcome IS DISTINCT FROM 'error'", "").replace(
        "outcome IS DISTINCT FROM 'error'", ""
    )
    assert "outcome" not in sql
    assert "score" not in sql


@pytest.mark.parametrize("behaviour", ALL, ids=lambda b: b.name)
def test_errors_are_left_out_and_no_attempt_counts_twice(tiny: TinyStore, behaviour: Any) -> None:
    tiny.add([TELL, READ, BOOK, DONE], outcome="error", step_limit=3)
    kept = tiny.add([TELL, READ, BOOK, DONE], step_limit=3)
    traces = [trace for (trace,) in tiny.rows(f"SELECT trace_id FROM ({behaviour.sql})")]
    assert traces in ([kept], [])


def test_step_limit_is_told_by_the_reason_or_else_by_the_steps(tiny: TinyStore) -> None:
    tiny.add([LS, LS], step_limit=2, end_reason="done")
    tiny.add([LS, LS], step_limit=2)
    tiny.add([LS], step_limit=2)
    assert sorted(shown(tiny, "hit_step_limit")) == [(False, None), (False, None), (True, None)]


def test_early_and_long_are_measured_against_the_same_task(tiny: TinyStore) -> None:
    for count in (8, 8, 8, 3, 14):
        tiny.add([LS] * count, end_reason="done", task="long")
    for _ in range(3):
        tiny.add([LS, LS], end_reason="done", task="short")
    early = tiny.rows(f"SELECT trace_id FROM ({BY_NAME['early_stop'].sql}) WHERE value")
    long = tiny.rows(f"SELECT trace_id FROM ({BY_NAME['long_attempt'].sql}) WHERE value")
    assert early == [("trace-0003",)]
    assert long == [("trace-0004",)]


def test_an_attempt_that_was_cut_off_did_not_stop_early(tiny: TinyStore) -> None:
    for count in (8, 8, 3):
        tiny.add([LS] * count, end_reason="task_over")
    assert not any(value for value, _ in shown(tiny, "early_stop"))


def test_nothing_changed_applies_only_where_something_can_be_changed(tiny: TinyStore) -> None:
    tiny.add([READ, DONE], run="readers")
    assert shown(tiny, "nothing_changed") == []
    tiny.add([READ, BOOK], run="bookers")
    tiny.add([READ, DONE], run="bookers")
    assert sorted(shown(tiny, "nothing_changed")) == [(False, None), (True, None)]


@pytest.mark.parametrize(
    ("command", "changes"),
    [
        ("rm -rf /tmp/x", True),
        ("cd a && mkdir b", True),
        ("echo hi > out.txt", True),
        ("sed -i s/a/b/ f", True),
        ("find . -type f -exec chmod 644 {} +", True),
        ("ls 2>/dev/null", False),
        ("cat a 2>&1 | grep form", False),
        ("awk '$1 > 3' data", False),
        ("grep -rm1 touch .", False),
    ],
)
def test_shell_commands_are_known_to_change_or_only_to_look(tiny: TinyStore, command: str, changes: bool) -> None:
    tiny.add([step("execute", command, result="")])
    assert bool(shown(tiny, "changed_before_looking")) is changes


def test_rates_are_over_measured_attempts_and_none_where_traces_cannot_tell(tiny: TinyStore) -> None:
    tiny.add([LS, LS])
    tiny.add([LS, CAT], outcome="success", run="other")
    tiny.add([LS, LS], outcome="error")
    rates = behaviour_rates(tiny, ["repeated_action", "action_no_effect"])
    assert rates == {"repeated_action": 0.5, "action_no_effect": None}
    assert behaviour_rates_by(tiny, "run_id", ["repeated_action"])["other"] == {"repeated_action": 0.0}
    assert set(behaviour_rates(tiny)) == set(BY_NAME)


def test_the_page_on_mining_is_in_step_with_the_detectors_and_the_playbook() -> None:
    root = Path(__file__).parents[3]
    script = runpy.run_path(str(root / "scripts" / "docs_pages.py"))
    page = (root / "docs" / "mining.md").read_text(encoding="utf-8")
    assert script["renewed"]("mining.md", page) == page, "run: python scripts/docs_pages.py"


def test_every_detector_that_blames_the_harness_has_remedies_or_is_said_to_have_none() -> None:
    book = load_playbook()
    assert book.no_own_remedy is not None
    without = set(book.no_own_remedy.behaviours)
    blamed = {b.name for b in ALL if b.category == "harness" and not b.consequence}
    assert blamed - set(book.behaviours) == without
    assert without.isdisjoint(book.behaviours)
    assert set(book.behaviours) <= set(BY_NAME)


def test_experimental_detectors_are_off_unless_asked_for() -> None:
    usual = {behaviour.name for behaviour in built_in()}
    assert "never_declines" not in usual
    assert "repeated_action" in usual
    assert "never_declines" in {behaviour.name for behaviour in load_detectors([], experimental=True).behaviours}
