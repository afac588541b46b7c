"""A comparison says what it shows, and what it does not show."""

from collections import Counter

from loop_samples import empty_diff, score_diff

from halo_opt.core.records import TaskFlip, UnpairedAttempt
from halo_opt.reporting.diff_files import diff_markdown
from halo_opt.reporting.diff_view import UNPAIRED_LISTED, diff_headline, diff_tables


def test_a_gain_names_rates_pairs_and_interval() -> None:
    head = diff_headline(score_diff(0.1, 0.4, (0.12, 0.48), 0.003))
    assert head.title == "run-2 is better"
    assert head.sentence == (
        "10% to 40% over 54 pairs of 18 tasks: +30.0 points (95% interval +12.0 to +48.0 points, one-sided p = 0.003)."
    )


def test_a_difference_that_chance_would_show_is_not_called_one() -> None:
    assert diff_headline(score_diff(0.1, 0.2, (-0.1, 0.3), 0.3)).title == "No reliable difference"
    head = diff_headline(score_diff(0.1, 0.2, None, None))
    assert head.title == "No reliable difference"
    assert "no interval: too little data" in head.sentence


def test_a_loss_is_called_one_although_the_test_for_better_says_nothing_of_it() -> None:
    head = diff_headline(score_diff(0.4, 0.1, (-0.5, -0.1), 0.99))
    assert (head.kind, head.title) == ("worse", "run-2 is worse")


def test_runs_without_a_common_attempt_are_not_compared() -> None:
    head = diff_headline(empty_diff())
    assert (head.kind, head.title) == ("unmeasured", "Success rates cannot be compared")


def test_flips_both_ways_behaviours_errors_and_unpaired_attempts_are_listed_apart() -> None:
    tables = {t.title: t.rows for t in diff_tables(score_diff(0.1, 0.4, (0.1, 0.5), 0.01))}
    assert tables["Scores"] == [["success rate of pairs", "10.0%", "40.0%"], ["errors (not measured)", "1", "0"]]
    assert tables["Tasks that changed"] == [
        ["miniwob.login-user", "0/3", "3/3", "gained"],
        ["miniwob.enter-text", "1/3", "2/3", "gained"],
        ["miniwob.click-tab-2", "3/3", "2/3", "lost"],
    ]
    assert tables["Behaviours that changed most"] == [["repeated_action", "62%", "11%", "-51.0 points"]]
    assert tables["Measured on one side only (1)"] == [["miniwob.book-flight", "2", "run-1"]]


def _flips(first: int, count: int, *, before: int) -> list[TaskFlip]:
    return [TaskFlip(task_id=f"t{n}", pairs=1, before=before, after=1 - before) for n in range(first, first + count)]


def test_of_many_changed_tasks_both_directions_are_shown() -> None:
    flips = {"gained": _flips(0, 90, before=0), "lost": _flips(90, 40, before=1)}
    many = score_diff(0.1, 0.4, (0.1, 0.5), 0.01).model_copy(update=flips)
    [rows] = [table.rows for table in diff_tables(many) if table.title == "Tasks that changed"]
    assert Counter(row[3] for row in rows[:-1]) == {"gained": 25, "lost": 25}
    assert rows[-1] == ["and 80 more", "", "", "65 gained, 15 lost"]


def test_few_lost_tasks_are_all_shown_among_many_changed_ones() -> None:
    flips = {"gained": _flips(0, 90, before=0), "lost": _flips(90, 2, before=1)}
    many = score_diff(0.1, 0.4, (0.1, 0.5), 0.01).model_copy(update=flips)
    [rows] = [table.rows for table in diff_tables(many) if table.title == "Tasks that changed"]
    assert Counter(row[3] for row in rows[:-1]) == {"gained": 48, "lost": 2}


def test_a_side_of_errors_alone_is_called_so() -> None:
    unpaired = [UnpairedAttempt(task_id="t", seed=None, measured_in="before")]
    counts = {"unpaired": unpaired, "attempts_after": 3, "errors_after": 3}
    sentence = diff_headline(empty_diff().model_copy(update=counts)).sentence
    assert sentence == "every attempt of run-2 ended in an error, so only behaviours are compared."


def test_many_unpaired_attempts_are_counted_and_the_first_listed() -> None:
    unpaired = [UnpairedAttempt(task_id="t", seed=n, measured_in="after") for n in range(UNPAIRED_LISTED + 7)]
    shown = diff_tables(score_diff(0.1, 0.4, None, None, unpaired=unpaired))[-1]
    assert shown.title == "Measured on one side only (17)"
    assert shown.rows[-1] == ["and 7 more", "", ""]
    assert len(shown.rows) == UNPAIRED_LISTED + 1


def test_markdown_has_the_headline_and_the_tables() -> None:
    text = diff_markdown(score_diff(0.1, 0.4, (0.12, 0.48), 0.003))
    assert text.startswith("# run-1 and run-2\n")
    assert "**run-2 is better.**" in text
    assert "| miniwob.click-tab-2 | 3/3 | 2/3 | lost |" in text
    assert [t.title for t in diff_tables(empty_diff())] == ["Scores"]
