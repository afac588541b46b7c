"""Numbers, names and links are said as people read them, and a missing number never becomes zero."""

import math
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reporting_payloads import PAYLOADS
from reporting_samples import number

from halo_opt.core.text import visible
from halo_opt.reporting import formatting


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("success_rate", 0.0857, "8.6%"),
        ("attempts", 12345, "12,345"),
        ("difference", 0.381234, "+38.1 points"),
        ("difference", -0.0, "0.0 points"),
        ("p_value", 0.00001, "< 0.0001"),
        ("p_value", 0.0061, "0.0061"),
        ("q_value", 0.41, "0.410"),
        ("odds_ratio", 0.5, "0.5"),
        ("mean_steps", 6.83333, "6.833"),
        ("explained", 0.8, "0.8"),
        ("failures", 12.0, "12"),
        ("success_rate_interval", [0.041, 0.152], "4% to 15%"),
        ("difference_interval", [-0.02, 0.095], "-2.0 to +9.5 points"),
        ("mean_steps_interval", [5.0, 7.25], "5 to 7.25"),
        ("kept", True, "yes"),
        ("behaviour", "repeated_action", "repeated_action"),
        ("rate", None, formatting.MISSING),
        ("rate", math.nan, formatting.MISSING),
    ],
)
def test_a_value_is_said_by_the_name_it_has(name: str, value: object, said: str) -> None:
    assert formatting.figure(name, value) == said  # type: ignore[arg-type]


def test_missing_is_never_said_as_zero() -> None:
    for said in (
        formatting.percent(None),
        formatting.points(None),
        formatting.p_value_text(None),
        formatting.interval_text(None),
    ):
        assert said == formatting.MISSING
        assert "0" not in said


def test_an_interval_joins_its_number_and_keeps_both_queries() -> None:
    shown = formatting.figures(
        {"rate": number(0.5, "SELECT 1"), "rate_interval": number([0.4, 0.6], "SELECT 2", "wilson")}
    )
    assert [(f.title, f.value, f.interval) for f in shown] == [("Rate", "50.0%", "40% to 60%")]
    assert [(m.sql, m.statistics) for m in shown[0].made] == [("SELECT 1", []), ("SELECT 2", ["wilson"])]


def test_equal_queries_are_shown_once_with_both_statistics() -> None:
    shown = formatting.figures({"d": number(0.1, "SELECT 1", "a"), "d_interval": number([0.0, 0.2], "SELECT 1", "b")})
    assert shown[0].made == [formatting.Made("D and its interval", "SELECT 1", ["a", "b"])]


def test_a_plain_interval_is_that_of_the_difference_and_signed() -> None:
    shown = formatting.figures({"difference": number(0.3), "interval": number([0.1, 0.5])})
    assert [(f.title, f.value, f.interval) for f in shown] == [("Difference", "+30.0 points", "+10.0 to +50.0 points")]


def test_a_part_is_shown_with_its_whole_and_both_queries() -> None:
    shown = formatting.figures({"failures_with": number(3, "SELECT 3"), "failures": number(9, "SELECT 9")})
    assert [(f.title, f.value) for f in shown] == [("Failures that show it", "3 of 9")]
    assert [m.sql for m in shown[0].made] == ["SELECT 3", "SELECT 9"]


def test_the_interval_of_one_runs_rate_joins_that_runs_rate() -> None:
    numbers = {"rate of a": number(0.1), "rate of b": number(0.2), "rate_interval of b": number([0.1, 0.3])}
    assert [(f.title, f.interval) for f in formatting.figures(numbers)] == [
        ("Rate of a", None),
        ("Rate of b", "10% to 30%"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-11-21T21:05:00Z", "21 November 2026, 21:05 UTC"),
        ("2026-11-21T23:05:00+02:00", "21 November 2026, 21:05 UTC"),
        ("2026-11-21T21:05:00", "21 November 2026, 21:05"),
        ("<script>", "<script>"),
    ],
)
def test_times_are_said_in_utc_and_what_is_none_as_it_is(text: str, said: str) -> None:
    assert formatting.moment(text) == said


def test_an_interval_without_its_number_is_shown_alone() -> None:
    shown = formatting.figures({"rate_interval": number([0.4, 0.6])})
    assert [(f.title, f.value, f.interval) for f in shown] == [("Rate interval", "40% to 60%", None)]


# Hidden characters are spelled out in such a command: it is text to read before it is text to run.
seen_text = st.text(max_size=60).filter(lambda text: visible(text) == text)


@given(seen_text, seen_text)
def test_the_sql_and_the_paths_are_one_argument_each_to_the_shell(sql: str, path: str) -> None:
    assert shlex.split(formatting.sql_command(sql, [path])) == ["halo-opt", "sql", "--traces", path, sql]


def test_many_inputs_are_asked_through_their_index() -> None:
    assert formatting.sql_command("SELECT 1", ["t"] * 9) == "halo-opt sql --store STORE 'SELECT 1'"


@given(st.lists(st.text(max_size=20), unique=True, max_size=8))
def test_slugs_are_safe_in_an_id_and_do_not_collide(texts: list[str]) -> None:
    slugs = [formatting.slug(text) for text in texts]
    assert len(set(slugs)) == len(texts)
    assert all(s and all(c.isascii() and (c.isalnum() or c in "-_") for c in s) for s in slugs)


@pytest.mark.parametrize(
    ("target", "link"),
    [
        ("iter-01/report.html", "iter-01/report.html"),
        ("../a b/report.html", "../a%20b/report.html"),
        ("https://example.org/x?y=1#z", "https://example.org/x?y=1#z"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        ("java\tscript:alert(1)", None),
        (" javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("//evil.example/x", None),
        ("\\\\evil\\x", None),
        ("/etc/passwd", None),
        ("http://[bad", None),
        ("https:", None),
        ("", None),
    ],
)
def test_only_relative_paths_and_web_addresses_become_links(target: str, link: str | None) -> None:
    assert formatting.safe_link(target) == link


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_becomes_a_link_with_a_scheme_or_a_quote(payload: str) -> None:
    link = formatting.safe_link(payload)
    assert link is None or not set(link) & set("\"'<> :")


def test_a_run_keeps_its_name_in_the_title_of_its_rate() -> None:
    assert formatting.title_of("success_rate of my_run_2") == "Success rate of my_run_2"
