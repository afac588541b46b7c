"""Plots stay within their image, draw no coordinate that is not a number, and let no text become markup."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reporting_payloads import PAYLOADS

from halo_opt.reporting.plots import Bar, Estimate, Tried, Turn, bars, estimates, turns
from halo_opt.reporting.svg import number, text_tag

rates = st.one_of(st.none(), st.floats(0, 1), st.floats(allow_nan=True, allow_infinity=True), st.floats(-1, 1))
intervals = st.one_of(st.none(), st.tuples(st.floats(), st.floats()), st.tuples(st.floats(0, 1), st.floats(0, 1)))
labels = st.one_of(st.text(max_size=80), st.sampled_from(PAYLOADS))
widths = st.sampled_from([340.0, 760.0])
HORIZONTAL = ("x", "x1", "x2", "cx")


def parsed(svg: str) -> ElementTree.Element:
    """The image as XML: an unescaped character would not parse, an injected element is not in the list of ours."""
    root = ElementTree.fromstring(svg)
    assert {e.tag for e in root.iter()} <= {
        "svg",
        "title",
        "rect",
        "line",
        "circle",
        "text",
        "polyline",
        "polygon",
        "g",
    }
    return root


def assert_inside(root: ElementTree.Element) -> None:
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            if name in HORIZONTAL:
                assert -0.01 <= float(value) <= width + 0.01
            elif name in ("y", "y1", "y2", "cy"):
                assert -0.01 <= float(value) <= height + 0.01
            elif name in ("width", "height", "r"):
                assert float(value) >= 0
            elif name == "points":
                for x, y in (map(float, point.split(",")) for point in value.split()):
                    assert 0 <= x <= width
                    assert 0 <= y <= height
        if element.tag == "rect":
            assert float(element.attrib["x"]) + float(element.attrib["width"]) <= width + 0.02


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Bar, labels, rates, intervals, labels, rates), max_size=5), widths, labels)
def test_bars_stay_inside_whatever_the_numbers(rows: list[Bar], width: float, label: str) -> None:
    assert_inside(parsed(bars(rows, width=width, label=label)))
    assert_inside(parsed(bars(rows, width=width, label=label, unit="count")))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Estimate, labels, rates, intervals, labels), max_size=4), intervals, widths, labels)
def test_estimates_stay_inside_whatever_the_numbers(
    rows: list[Estimate], band: tuple[float, float] | None, width: float, label: str
) -> None:
    assert_inside(parsed(estimates(rows, width=width, label=label, band=band, band_says=label)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(Turn, labels, rates, intervals, st.lists(st.builds(Tried, labels, rates, st.booleans()), max_size=3)),
        max_size=30,
    ),
    widths,
)
def test_turns_stay_inside_whatever_the_numbers(points: list[Turn], width: float) -> None:
    assert_inside(parsed(turns(points, width=width, label="gate")))


def test_a_bar_is_as_long_as_its_value_and_longer_values_are_longer() -> None:
    root = parsed(
        bars([Bar("a", 0.25, None, ""), Bar("b", 0.5, None, ""), Bar("c", 1.0, None, "")], width=760, label="x")
    )
    lengths = [float(e.attrib["width"]) for e in root.iter("rect") if e.attrib["class"] == "bar"]
    assert [round(length / lengths[2], 3) for length in lengths] == [0.25, 0.5, 1.0]


def test_counts_have_ticks_at_round_numbers_up_to_the_largest() -> None:
    root = parsed(bars([Bar("a", 24.2, (9.1, 39.3), "24")], width=760, label="x", unit="count"))
    assert [e.text for e in root.iter("text") if e.attrib["class"] == "tick"] == ["0", "10", "20", "30", "40"]


def test_a_missing_value_draws_no_bar_and_no_dot() -> None:
    assert 'class="bar"' not in bars([Bar("a", None, None, "not measured")], width=760, label="x")
    assert "circle" not in estimates([Estimate("a", None, None, "not measured")], width=760, label="x")


def test_kept_and_dropped_patches_differ_by_shape_and_say_so() -> None:
    svg = turns([Turn("1", 0.5, None, [Tried("P1", 0.5, True), Tried("P2", 0.1, False)])], width=760, label="gate")
    assert "P1: 50% on the gate, kept" in svg
    assert "P2: 10% on the gate, dropped" in svg
    assert svg.count('class="kept"') == 2  # one in the plot, one in the legend
    assert svg.count('class="dropped"') == 4  # a cross has two strokes


def test_a_screen_reader_hears_every_value() -> None:
    svg = bars([Bar("F1", 0.5, None, "50.0%"), Bar("F2", None, None, "not measured")], width=340, label="Explained")
    assert parsed(svg).attrib["aria-label"] == "Explained. F1: 50.0%; F2: not measured"
    assert parsed(svg).attrib["role"] == "img"


def test_scores_are_higher_in_the_image_when_they_are_higher() -> None:
    root = parsed(turns([Turn(str(n), rate, None) for n, rate in enumerate([0.1, 0.4, 0.9])], width=340, label="x"))
    line = next(root.iter("polyline")).attrib["points"].split()
    heights = [float(point.split(",")[1]) for point in line]
    assert all(later < earlier for earlier, later in pairwise(heights))


def test_labels_of_many_iterations_do_not_run_into_each_other() -> None:
    root = parsed(turns([Turn(str(n), 0.5, None) for n in range(40)], width=340, label="x"))
    at = [float(e.attrib["x"]) for e in root.iter("text") if re.fullmatch(r"\d+", e.text or "")]
    assert len(at) > 3
    assert all(b - a >= 30 for a, b in pairwise(at))


def test_long_words_are_cut_to_their_room_and_whole_in_the_tooltip() -> None:
    svg = text_tag("a rather long title of a finding", 0, 10, room=80)
    text = ElementTree.fromstring(svg)
    assert (text.text or "").endswith("…")
    assert len(text.text or "") <= 10
    assert text[0].text == "a rather long title of a finding"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_coordinate_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="is no coordinate"):
        number(value)
