"""Signatures and sequences: what is masked, what is offered, and which of two patterns stands for both."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mining_fixture import TinyStore, step

from halo_opt.mining.materialized import MaterializedStore
from halo_opt.mining.mine import mine_store
from halo_opt.mining.sequences import Pattern, closed_patterns, contains, sequences
from halo_opt.mining.signatures import Offered, offered, signatures

READ = step("read", '{"id": 1}', result="x")
WRITE = step("write", '{"id": 1, "text": "a"}', result="ok")
LOOK = step("look", "{}", result="y")


def missing(number: int) -> dict[str, object]:
    return step("execute", f"cat /tmp/{number}.txt", error_type="tool_error", error=f"cat: /tmp/{number}.txt: missing")


def behaviours_of(tiny: TinyStore, what: Callable[[MaterializedStore], Offered]) -> dict[str, list[str]]:
    """The title of each behaviour that is offered, with the attempts that show it."""
    with MaterializedStore(tiny) as materialized:
        return {b.title: sorted(t for t, value, _ in tiny.rows(b.sql) if value) for b in what(materialized).behaviours}


def test_errors_and_calls_are_counted_under_their_templates(tiny: TinyStore) -> None:
    for number in range(3):
        tiny.add([missing(number), missing(number + 50), READ])
    with MaterializedStore(tiny) as materialized:
        found = {(one.kind, one.template): (one.steps, one.attempts) for one in signatures(materialized)}
    assert found == {
        ("error", "cat: <path>: missing"): (6, 3),
        ("call", "cat <path>"): (6, 3),
        ("call", "read(id)"): (3, 3),
    }


def test_only_templates_that_enough_attempts_show_are_offered_and_the_rest_is_counted(tiny: TinyStore) -> None:
    for number in range(12):
        tiny.add([missing(number)])
    for _ in range(9):
        tiny.add([READ])
    with MaterializedStore(tiny) as materialized:
        found = offered(materialized)
    assert sorted(b.title for b in found.behaviours) == ["Calls: cat <path>", "Gets the error: cat: <path>: missing"]
    assert "3 templates by masking names and numbers. 2 of them occur in at least 10 attempts" in found.method
    assert "2 of these (the most common, at most 20 of each kind) were tested." in found.method


def test_a_sequence_is_seen_where_it_is_completed(tiny: TinyStore) -> None:
    for _ in range(10):
        tiny.add([LOOK, READ, WRITE])
    tiny.add([READ, LOOK, WRITE])
    tiny.add([READ])
    with MaterializedStore(tiny) as materialized:
        [found] = [b for b in sequences(materialized).behaviours if b.within is None]
    assert found.title == "Does look, then read, then write"
    rows = tiny.rows(found.sql)
    assert [step for _, value, step in rows if value] == [2] * 10
    assert sum(not value for _, value, _ in rows) == 2


def test_a_pair_with_something_between_is_a_pattern_of_its_own(tiny: TinyStore) -> None:
    for number in range(12):
        tiny.add([READ, *[step(f"other{number}{n}", "{}") for n in range(number % 3)], WRITE])
    tiny.add([READ, *[step(f"far{n}", "{}") for n in range(4)], WRITE])
    assert behaviours_of(tiny, sequences) == {"Does read and soon after write": [f"trace-{n:04}" for n in range(12)]}


def test_a_failed_call_is_another_action_than_one_that_worked(tiny: TinyStore) -> None:
    for number in range(10):
        tiny.add([missing(number), READ])
        tiny.add([step("execute", "cat a | wc -l", result="1"), READ])
    assert set(behaviours_of(tiny, sequences)) == {"Does cat (fails), then read", "Does cat | wc, then read"}


def test_errors_are_in_no_pattern_and_outcomes_choose_none(tiny: TinyStore) -> None:
    for number in range(12):
        tiny.add([READ, WRITE], outcome="failure" if number < 6 else "success")
        tiny.add([LOOK, READ], outcome="error")
    before = behaviours_of(tiny, sequences)
    tiny.rows("UPDATE attempts SET outcome = 'success' WHERE outcome = 'failure'")
    assert behaviours_of(tiny, sequences) == before == {}  # all measured attempts show it: it separates nothing


def pattern(*actions: str, within: int | None = None, attempts: int = 10) -> Pattern:
    return Pattern(actions, within, attempts)


@pytest.mark.parametrize(
    ("whole", "part", "expected"),
    [
        (pattern("a", "b", "c"), pattern("b", "c"), True),
        (pattern("b", "c"), pattern("a", "b", "c"), False),
        (pattern("a", "b"), pattern("a", "b"), False),
        (pattern("a", "x", "b"), pattern("a", "b"), False),
        (pattern("a", "x", "b"), pattern("a", "b", within=4), True),
        (pattern("a", "b"), pattern("a", "b", within=4), True),
        (pattern("a", "b", within=4), pattern("a", "b"), False),
        (pattern("a", "b", within=2), pattern("a", "b", within=4), True),
    ],
)
def test_which_pattern_holds_which(whole: Pattern, part: Pattern, expected: bool) -> None:
    assert contains(whole, part) is expected


def test_a_longer_pattern_stands_for_one_that_nearly_always_comes_with_it() -> None:
    long, short, other = (
        pattern("a", "b", "c", attempts=9),
        pattern("a", "b", attempts=10),
        pattern("b", "c", attempts=20),
    )
    assert closed_patterns([short, long, other]) == [long, other]


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), st.integers(1, 50)), max_size=12))
def test_no_two_kept_patterns_are_one_thing(given_: list[tuple[list[str], int]]) -> None:
    kept = closed_patterns([pattern(*actions, attempts=attempts) for actions, attempts in given_])
    assert not any(contains(a, b) and a.attempts >= 0.8 * b.attempts for a in kept for b in kept)


def test_a_proven_sequence_is_reported_once_and_its_parts_are_not(tiny: TinyStore) -> None:
    for task in range(15):
        for _ in range(2):
            tiny.add([LOOK, READ, WRITE, LOOK], outcome="failure", task=f"t{task}")
            tiny.add([WRITE, READ, LOOK, LOOK], outcome="success", task=f"t{task}")
    report = mine_store(tiny, [], title="t", made_at="now", behaviours=[])
    failing = [finding.title for finding in report.findings]
    assert failing
    assert all("then" in title for title in failing)
    held = [set(title.removeprefix("Does ").split(", then ")) for title in failing]
    assert len(held) == 1
    assert "sequences of actions" in report.method
