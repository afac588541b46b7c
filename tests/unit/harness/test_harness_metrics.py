"""The figures of an evaluation: the team's definitions, held for any results."""

from harness_results import result
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluation.metrics import counting, metrics, shown, wall_seconds
from harness.record.results import Result

SCORES = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 1.0]))


@st.composite
def results(draw: st.DrawFn) -> list[Result]:
    rows = draw(st.lists(st.tuples(SCORES, st.integers(0, 70), st.integers(0, 3000)), max_size=30))
    return [result(f"t{n}", score=s, steps=k, seconds=t) for n, (s, k, t) in enumerate(rows)]


@given(results())
def test_every_attempt_is_a_success_a_failure_or_an_error(found: list[Result]) -> None:
    m = metrics(found)
    assert m.valid_tasks + m.init_or_agent_errors == len(found)
    assert m.successes + m.failures == m.valid_tasks
    assert min(m.successes, m.failures, m.init_or_agent_errors) >= 0


@given(results())
def test_a_rate_is_of_valid_tasks_and_missing_without_any(found: list[Result]) -> None:
    m = metrics(found)
    if m.valid_tasks:
        assert m.success_rate == m.successes / m.valid_tasks
    else:
        assert (m.success_rate, m.median_steps, m.median_wall_time) == (None, None, None)


@given(results(), st.lists(st.integers(0, 70), max_size=5))
def test_errors_change_no_figure_but_their_own_count(found: list[Result], steps: list[int]) -> None:
    errors = [result(f"e{n}", score=None, steps=k, seconds=900) for n, k in enumerate(steps)]
    before, after = metrics(found), metrics([*found, *errors])
    assert after.model_copy(update={"init_or_agent_errors": before.init_or_agent_errors}) == before
    assert after.init_or_agent_errors == before.init_or_agent_errors + len(errors)


@given(results())
def test_medians_lie_among_the_valid_attempts(found: list[Result]) -> None:
    m = metrics(found)
    valid = [r for r in found if r.outcome != "error"]
    if m.median_steps is not None and m.median_wall_time is not None:
        assert min(r.steps for r in valid) <= m.median_steps <= max(r.steps for r in valid)
        assert min(map(wall_seconds, valid)) <= m.median_wall_time <= max(map(wall_seconds, valid))


def test_a_part_of_the_reward_is_a_success_for_the_team() -> None:
    m = metrics([result("a", score=0.4), result("b", score=0.0), result("c", score=None)])
    assert (m.valid_tasks, m.init_or_agent_errors, m.successes, m.failures) == (2, 1, 1, 1)
    assert m.success_rate == 0.5


def test_the_figures_are_read_off_as_lines() -> None:
    lines = metrics([result("a", steps=3), result("b", steps=4, seconds=5)]).lines()
    assert lines[0].split() == ["valid_tasks", "2"]
    assert [line.split()[1] for line in lines] == ["2", "0", "2", "0", "1", "3.5", "4.5"]
    assert metrics([]).lines()[-1].split() == ["median_wall_time", "-"]
    assert shown(0.12345) == "0.123"


def test_the_last_measurement_counts_and_an_error_never_replaces_one() -> None:
    first, error, last = result(score=0.0), result(score=None), result(score=1.0)
    assert counting([error, first, error]) == [first]
    assert counting([first, last]) == [last]
    assert counting([error, result(score=None, steps=9)])[0].steps == 9
    assert len(counting([first, result(attempt=1), result(seed=1)])) == 3
