"""Consequences are folded under what comes first and explains them; what merely meets is left standing."""

import random
from collections.abc import Sequence

from mining_fixture import TinyStore, step

from halo_opt.core.report_records import Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import Condition
from halo_opt.mining.mine import mine_store

RIGHT = step("open", "{}", result="ok")


def seen(tool: str) -> Behaviour:
    """A behaviour shown by using a tool of this name."""
    return Behaviour(name=tool, title=f"Uses {tool}", meaning="-", condition=Condition(where=f"tool = '{tool}'"))


def report_of(store: TinyStore, *tools: str) -> Report:
    behaviours = [seen(tool) for tool in tools]
    return mine_store(store, [], title="t", made_at="2026-01-01T00:00:00+00:00", behaviours=behaviours, patterns=False)


def attempt(store: TinyStore, task: int, tools: Sequence[str], failed: bool) -> None:
    steps = [step(tool, "{}", result="ok") for tool in tools] or [RIGHT]
    store.add(steps, outcome="failure" if failed else "success", task=f"task-{task}")


def test_what_follows_from_a_cause_is_folded_under_it(tiny: TinyStore) -> None:
    rng = random.Random(3)
    for number in range(400):
        cause = rng.random() < 0.4
        tools = ["slip"] if cause else []
        # Most slips lead to a retry, and nothing else does: retries do no harm of their own.
        tools += ["retry"] if rng.random() < (0.7 if cause else 0.02) else []
        attempt(tiny, number % 40, tools, rng.random() < (0.7 if cause else 0.2))
    report = report_of(tiny, "slip", "retry")
    assert [finding.behaviour for finding in report.findings] == ["slip"]
    [folded] = report.findings[0].consequences
    assert folded.behaviour == "retry"
    assert "the finding comes first or at the same step" in folded.claim
    assert "do not fail measurably more often" in folded.claim
    assert folded.numbers["difference_with_it_held_fixed"].value is not None


def test_two_causes_that_meet_by_chance_both_stand(tiny: TinyStore) -> None:
    rng = random.Random(5)
    for number in range(600):
        one, two = rng.random() < 0.5, rng.random() < 0.3
        tools = ["one"] * one + ["two"] * two
        attempt(tiny, number % 40, tools, rng.random() < 0.1 + 0.4 * one + 0.35 * two)
    report = report_of(tiny, "one", "two")
    assert {finding.behaviour for finding in report.findings} == {"one", "two"}


def test_a_cause_is_not_folded_under_what_it_leads_to(tiny: TinyStore) -> None:
    rng = random.Random(7)
    for number in range(400):
        late = rng.random() < 0.4
        early = late and rng.random() < 0.8
        attempt(tiny, number % 40, ["early"] * early + ["late"] * late, rng.random() < (0.75 if late else 0.15))
    report = report_of(tiny, "early", "late")
    standing = {finding.behaviour for finding in report.findings}
    assert "early" in standing


def test_two_names_of_one_thing_are_one_finding_with_the_remedies_of_both(tiny: TinyStore) -> None:
    for task in range(12):
        for failed in (True, True, False, False):
            attempt(tiny, task, ["slip", "fall"] if failed else [], failed)
    behaviours = [seen(tool).model_copy(update={"remedies": (f"mend_{tool}",)}) for tool in ("slip", "fall")]
    report = mine_store(tiny, [], title="t", made_at="2026-01-01T00:00:00+00:00", behaviours=behaviours, patterns=False)
    [finding] = report.findings
    assert finding.behaviour == "slip"
    assert finding.remedies == ["mend_slip", "mend_fall"]
    assert finding.consequences[0].claim.endswith("The data do not show which of the two is the cause.")


def test_chains_are_folded_under_their_beginning(tiny: TinyStore) -> None:
    for task in range(12):
        for failed in (True, True, False, False):
            attempt(tiny, task, ["first", "second", "third"] if failed else [], failed)
    report = report_of(tiny, "third", "second", "first")
    [finding] = report.findings
    assert finding.behaviour == "first"
    assert {one.behaviour for one in finding.consequences} == {"second", "third"}
