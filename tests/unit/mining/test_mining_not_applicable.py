"""Behaviours that traces cannot show are not applicable, and the reason is said."""

from typing import Any

import pytest
from mining_fixture import TinyStore, step

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.measure import Measured, measure
from halo_opt.mining.mine import behaviour_rates

BY_NAME: dict[str, Behaviour] = {behaviour.name: behaviour for behaviour in built_in(experimental=True)}
BARE = step("get", "{}")
ANSWERED = step("get", "{}", result="fine")


def measured(tiny: TinyStore, name: str) -> Measured:
    return measure(tiny, BY_NAME[name], {})


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tool_error", "the traces record no results or errors of calls"),
        ("several_errors", "the traces record no results or errors of calls"),
        ("output_format", "the traces record no results or errors of calls"),
        ("empty_result", "the traces record no results of calls"),
        ("action_no_effect", "the traces record no page changes"),
        ("unknown_target", "the traces record no pages"),
        ("stale_element", "the traces record no pages"),
        ("finished_without_acting", "the traces record no calls by which an agent ends its attempt"),
        ("submitted_before_filling", "the traces record no controls that submit a form and no empty fields of forms"),
        ("hit_step_limit", "the traces record no step limit"),
        ("high_cost", "the traces record no costs"),
    ],
)
def test_what_the_traces_do_not_record_is_not_applicable(tiny: TinyStore, name: str, reason: str) -> None:
    tiny.add([BARE])
    got = measured(tiny, name)
    assert (got.state, got.reason) == ("not applicable", reason)


@pytest.mark.parametrize("name", ["tool_error", "output_format", "retry_storm"])
def test_what_they_record_and_do_not_show_is_not_seen(tiny: TinyStore, name: str) -> None:
    tiny.add([ANSWERED])
    assert measured(tiny, name).state == "not seen"


def test_a_page_that_is_named_by_a_tool_counts(tiny: TinyStore) -> None:
    tiny.add([step("browser_click", "{}", result="clicked")])
    assert measured(tiny, "unknown_target").state == "not seen"


@pytest.mark.parametrize("name", ["repeated_action", "tool_error", "nothing_changed", "gave_up"])
def test_traces_without_steps_show_no_behaviour_of_steps(tiny: TinyStore, name: str) -> None:
    tiny.add([])
    assert measured(tiny, name).state == "not applicable"


def test_a_rate_is_unknown_where_a_behaviour_is_not_applicable(tiny: TinyStore) -> None:
    tiny.add([BARE])
    assert behaviour_rates(tiny, ["tool_error"]) == {"tool_error": None}


def counted(tiny: TinyStore, name: str) -> Any:
    return tiny.rows(f"SELECT count(*) FROM ({BY_NAME[name].sql})")


@pytest.mark.parametrize("name", ["tool_error", "output_format"])
def test_only_runs_that_record_it_are_counted(tiny: TinyStore, name: str) -> None:
    tiny.add([ANSWERED], run="one")
    tiny.add([BARE], run="two")
    assert counted(tiny, name) == [(1,)]
