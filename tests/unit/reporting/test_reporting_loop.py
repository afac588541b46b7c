"""The loop's headline claims a gain only where one was shown, and the plots show what the loop did."""

from typing import Any

import pytest
from loop_samples import empty_loop, estimate, iteration, loop_summary, score_diff

from halo_opt.core.loop_records import NoiseFloor, SealedResult
from halo_opt.core.records import SetValue
from halo_opt.reporting.loop_report import gate_plot, noise_band, sealed_plot
from halo_opt.reporting.loop_view import diff_lines, edit_text, iteration_table, loop_headline, spend_rows, tiles


def sealed(difference: float | None, interval: tuple[float, float] | None, p: float | None) -> SealedResult:
    changes: dict[str, Any] = {"difference": difference, "interval": interval, "p_value": p}
    made = loop_summary().sealed
    assert made is not None
    return made.model_copy(update=changes)


def test_a_gain_is_told_with_its_interval_its_p_and_the_rival() -> None:
    head = loop_headline(loop_summary())
    assert (head.kind, head.title) == ("gain", "8% to 61% on sealed tasks")
    assert "+52.8 points (95% interval +36.0 to +69.0 points, one-sided p < 0.0001)" in head.sentence
    assert "given 4 tries for each, solves 19%: the gain is larger than that of retrying" in head.sentence


def test_an_interval_that_includes_zero_is_no_reliable_gain() -> None:
    head = loop_headline(loop_summary(sealed=sealed(0.08, (-0.02, 0.18), 0.11)))
    assert (head.kind, head.title) == ("unsure", "No reliable gain")
    assert "Chance alone could produce a difference as large" in head.sentence


def test_a_test_that_disagrees_with_the_interval_is_no_reliable_gain() -> None:
    assert loop_headline(loop_summary(sealed=sealed(0.08, (0.01, 0.15), 0.2))).kind == "unsure"


def test_a_difference_within_the_aa_noise_is_no_reliable_gain() -> None:
    noise = NoiseFloor(diff=score_diff(0.1, 0.15, (-0.1, 0.2), 0.4))
    head = loop_headline(loop_summary(sealed=sealed(0.15, (0.02, 0.28), 0.01), baseline_noise=noise))
    assert head.kind == "unsure"
    assert "unchanged harness, measured twice, differs from itself by as much" in head.sentence


def test_a_loss_is_called_worse() -> None:
    head = loop_headline(loop_summary(sealed=sealed(-0.2, (-0.3, -0.1), 0.999)))
    assert head.kind == "worse"
    assert head.title.startswith("Worse:")


def test_retrying_that_does_as_well_is_said() -> None:
    best = loop_summary().best_of_k
    assert best is not None
    head = loop_headline(loop_summary(best_of_k=best.model_copy(update={"rate": 0.7})))
    assert "retrying helps as much" in head.sentence


@pytest.mark.parametrize("changes", [{"sealed": None}, {"sealed": sealed(None, None, None)}])
def test_without_a_sealed_number_nothing_is_claimed(changes: dict[str, Any]) -> None:
    head = loop_headline(loop_summary(**changes))
    assert (head.kind, head.title) == ("unmeasured", "No sealed score")


def test_tiles_say_what_is_missing_rather_than_zero() -> None:
    assert [(t.title, t.value) for t in tiles(empty_loop())] == [("Patches kept", "0 of 0")]
    shown = {t.title: t.value for t in tiles(loop_summary(sealed=sealed(None, None, None)))}
    assert shown["Difference"] == "not measured"
    assert shown["Patches kept"] == "2 of 5"


def test_the_noise_band_lies_around_the_original_rate_within_zero_and_one() -> None:
    assert noise_band(loop_summary()) == pytest.approx((0.043, 0.138))
    wide = NoiseFloor(diff=score_diff(0.1, 0.1, (-0.5, 0.5), 1.0))
    assert noise_band(loop_summary(baseline_noise=wide)) == pytest.approx((0.0, 0.583))
    assert noise_band(loop_summary(baseline_noise=None)) is None


def test_plots_are_left_out_where_nothing_was_measured() -> None:
    assert sealed_plot(empty_loop()) is None
    assert gate_plot(empty_loop()) is None


def test_the_gate_plot_starts_at_the_score_before_the_first_patch() -> None:
    shown = gate_plot(loop_summary())
    assert shown is not None
    assert ">start<" in shown["wide"]
    assert "start: 8%; 1: 10%; 2: 33%; 3: 63%; 4: 63%" in shown["wide"]
    alone = gate_plot(loop_summary(iterations=[iteration(1, 0.2, [])]))
    assert alone is not None
    assert ">start<" not in alone["wide"]


def test_a_row_an_iteration_with_what_became_of_its_patches() -> None:
    rows = iteration_table(loop_summary().iterations).rows
    assert rows[2] == ["3", "60% (50% to 70%)", "63% (53% to 73%)", "2", "P4, P5", "P4"]
    assert rows[3][-2:] == ["none", "none"]
    assert estimate(None).rate is None


def test_an_unknown_cost_is_not_called_free() -> None:
    assert ["Model cost", "not known"] in spend_rows(loop_summary())
    assert ["Model cost", "$0.0000"] in spend_rows(loop_summary(cost_usd=0.0))


def test_changed_lines_that_look_like_file_headers_are_still_changes() -> None:
    text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n--- old\n+++ new\n same\ndiff --git a/y b/y\n--- a/y"
    kinds = [line.kind for line in diff_lines(text)]
    assert kinds == ["file", "file", "file", "at", "minus", "plus", "same", "file", "file"]
    assert diff_lines("") == []


def test_an_edit_is_said_in_words() -> None:
    assert edit_text(SetValue(path="c.yaml", key="a.b", value=3)) == "set a.b to 3 in c.yaml"
