"""Tiles, plots and the table of all that was tested say what the report has, and nothing for what it has not."""

from reporting_samples import finding, number, report

from halo_opt.reporting.report_parts import (
    explained_plot,
    overview_tiles,
    proven,
    runs_plot,
    seen_plot,
    table_of_tested,
)


def test_tiles_leave_out_what_is_missing_long_or_of_one_run_but_keep_a_missing_success_rate() -> None:
    shown = [tile.title for tile in overview_tiles(report().overview)]
    assert shown == ["Attempts", "Measured", "Success rate", "Errors", "Tasks", "Mean steps"]
    numbers = {"success_rate": number(None), "models": number("a-very-long-model-name, another")}
    assert [(tile.title, tile.value) for tile in overview_tiles(numbers)] == [("Success rate", "not measured")]


def test_runs_are_drawn_with_their_own_interval_and_not_at_all_without_several() -> None:
    drawn = runs_plot(report().overview)
    assert drawn is not None
    assert "run-1: 8.0%" in drawn.wide
    assert drawn.wide.count('class="whisker"') == 3
    assert runs_plot({"success_rate": number(0.5)}) is None


def test_findings_are_drawn_by_the_share_of_failures_with_successes_beside() -> None:
    drawn = seen_plot(report().findings)
    assert drawn is not None
    assert "F1 Repeated an action with no effect: 62% vs 11%" in drawn.narrow
    assert drawn.wide.count("<circle") == 3
    assert seen_plot([]) is None
    assert seen_plot([finding("F1", "A", 0.5, numbers={"failures_with": number(0), "failures": number(0)})]) is None


def test_failures_explained_are_drawn_only_where_the_number_and_its_interval_are_known() -> None:
    drawn = explained_plot(report().findings)
    assert drawn is not None
    assert "F1 Repeated an action with no effect: about 50" in drawn.wide
    unknown = {"explained": number(None), "explained_interval": number(None)}
    assert explained_plot([finding("F1", "A", 0.5, numbers=unknown)]) is None
    assert explained_plot([finding("F1", "A", 0.5, numbers={"explained": number(True)})]) is None


def test_nothing_is_drawn_as_explained_by_a_finding_that_is_not_proven() -> None:
    numbers = dict(finding("F1", "A", 0.5).numbers)
    assert explained_plot([finding("F1", "A", 0.5, numbers=numbers | {"q_value": number(0.2)})]) is None
    assert explained_plot([finding("F1", "A", 0.5, numbers=numbers | {"q_value": number(None)})]) is None
    assert [proven(finding("F1", "A", 0.5, numbers={"q_value": number(q)})) for q in (0.05, 0.06, None)] == [
        True, False, None,
    ]  # fmt: skip


def test_the_table_of_all_tested_names_titles_joins_parts_and_leaves_the_unmeasured_empty() -> None:
    shown = table_of_tested(report().tested)
    assert shown.columns == [
        "Behaviour", "State", "Failures", "Successes", "Difference", "Interval", "p-value", "Reason",
    ]  # fmt: skip
    first, second = shown.rows
    assert first.title == "Repeats the action that it just did"
    assert first.cells == ["tested", "60 of 96", "1 of 9", "+38.0 points", "+21.0 to +52.0 points", "< 0.0001", ""]
    assert second.cells == ["not seen", "", "", "", "", "", "none does"]
    assert (first.sql, second.sql) == ("SELECT run_id, task_id, count(*) FROM shown", None)
    assert shown.numeric == [1, 2, 3, 4, 5]


def test_a_behaviour_that_does_not_apply_is_not_counted_as_none_of_none() -> None:
    assert table_of_tested([{"title": "t", "failures_with": 0, "failures": 0}]).rows[0].cells == [""]


def test_nothing_tested_is_an_empty_table() -> None:
    assert table_of_tested([]).rows == []
    assert [row.title for row in table_of_tested([{"behaviour": "b", "p_value": 0.5}]).rows] == ["b"]
