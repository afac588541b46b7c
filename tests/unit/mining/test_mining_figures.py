"""Figures in words: found in any writing, and kept only where what was measured says the same of the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.analysis.claims.evidence import Evidence, evidence, misnamed
from halo_opt.analysis.claims.figures import NOT_CONFIRMED, remove_unsupported, unsupported_figures
from halo_opt.analysis.claims.numerals import figures, plain, spelled
from halo_opt.core.report_records import Quoted
from halo_opt.store.guarded.sql_tree import bounds, figure_in_sql, outcomes_named

# 30 of 116 failures and 6 of 84 successes show it.
COUNTS = {"failures_with": 30, "failures": 116, "successes_with": 6, "successes": 84, "difference": 0.187}
QUOTES = [
    Quoted(trace_id="t", step=3, words="cancel within 24 hours of booking, or pay $200"),
    Quoted(trace_id="t", step=7, words="HTTP 500 from get_user on 2024-05-15"),
]
NAMES = frozenset({"gpt-4o", "gpt-4", "task 7", "v2.gomail-5", "airline-25", "run-3", "2024-06-01-a", "0a1b-77"})


@pytest.fixture(scope="module")
def measured() -> Evidence:
    predicate = "SELECT trace_id FROM steps GROUP BY trace_id HAVING count(*) >= 5"
    return evidence(
        COUNTS, {"mean": (12.5, "SELECT avg(steps) FROM attempts")}, quotes=QUOTES, predicate=predicate, names=NAMES
    )


@pytest.mark.parametrize(
    "words",
    [
        "Seen in 30 of 116 failures and 6 of 84 successes.",
        "Thirty of the 116 failures, a quarter of all failures.",
        "26% of failures (25.9%), 7 percent of successes",
        "18% of all attempts show it; 58% of attempts fail, 83% of attempts that show it fail",
        "They fail 19 points more often, 18.7 percentage points to be exact.",
        "There are 116 failures; of the 84 successes, 6 successes show it.",
        "12.5 steps in attempts on average",
        "gpt-4o, GPT-4 and get_user_2 at step 3 and step 7, in task 7 of v2.gomail-5",
        "It meets HTTP 500 on 2024-05-15 and pays $200 within 24 hours.",
        "In airline-25, `airline-25`'s and (airline-25/run-3): task=airline-25 of 2024-06-01-a, trace 0a1b-77.",
        "GPT-4 of 116 failures, run-3.",
        "It makes the same call 5 or more times, at least 5 calls in all.",
        "One of the tools asks two questions; they fail more often.",
    ],
)
def test_what_was_measured_quoted_or_named_stays_letter_by_letter(words: str, measured: Evidence) -> None:
    assert remove_unsupported(words, measured, []) == words


@pytest.mark.parametrize(
    "words",
    [
        "41 of 116 failures", "30 of 84 failures", "6 of 116 failures", "30 of 116 successes", "116 failures show it",
        "116 of 116 failures", "26% of successes", "58% of failures", "forty-one failures", "half of the failures",
        "nine in ten failures", "fails twice as often", "\uff14\uff11 failures",
        "\u0664\u0661 failures", "\u216b failures", "\u56db\u5341\u4e00 failures", "4\u200b1 failures",
        "XLI failures", "100% success", "100% of runs succeed", "41x more",
        "10k failures", "41failures", "failures41", "approx.41 failures", "n=41", "f\u043erty failures",
        "all failures show it",
        "no success shows it", "most failures", "19 points less often", "it fails less often", "it reduces failures",
        "always fails", "at step 9", "HTTP 404", "on 2024-06-15", "at least 41 calls", "tenfold", "-19 points",
        "fails-97", "airline-26", "airline-25-97", "97-airline-25", "gpt-4 of 97 failures", "gpt-4.97", "run-3 97",
        "run-33", "failures-97", "97-fold", "airline-97%", "gpt-4-97 failures", "x25",
        "it fails in 26% of cases", "three quarters of failures", "it explains 60% of failures",
    ],
)  # fmt: skip
def test_what_nothing_bears_out_is_struck_however_it_is_written(words: str, measured: Evidence) -> None:
    corrections: list[str] = []
    assert NOT_CONFIRMED in remove_unsupported(words, measured, corrections)
    assert "no checked number supports it" in corrections[0]


@pytest.mark.parametrize(
    ("words", "known", "kept"),
    [
        ("12 of 40", [12, 40], "12 of 40"),
        ("12.0 of 1,040", [12, 1040], "12.0 of 1,040"),
        ("30% more", [0.3], "30% more"),
        ("30.4% more", [0.3041], "30.4% more"),
        ("31% more", [0.3041], f"{NOT_CONFIRMED} more"),
        ("down -5 points", [5.0], "down -5 points"),
        ("down -5 points", [5], f"down {NOT_CONFIRMED}"),
        ("gpt-4o at step3", [], "gpt-4o at step3"),
        ("v2.gomail", [], "v2.gomail"),
        ("7 times", ["7", None], f"{NOT_CONFIRMED} times"),
        ("93 percent", [93], NOT_CONFIRMED),
        ("93 per cent", [0.93], "93 per cent"),
        ("9x more", [3], f"{NOT_CONFIRMED} more"),
        ("1e5 calls", [100_000], "1e5 calls"),
        ("ninety-three failures", [93], "ninety-three failures"),
        ("ninety-three failures", [94], f"{NOT_CONFIRMED} failures"),
        ("nine out of ten fail", [], f"{NOT_CONFIRMED} fail"),
        ("half of them, three quarters of those", [0.5], f"half of them, {NOT_CONFIRMED} of those"),
        ("dozens, hundreds", [], f"{NOT_CONFIRMED}, {NOT_CONFIRMED}"),
        ("\u00bd of all, \u2460", [], f"{NOT_CONFIRMED} of all, {NOT_CONFIRMED}"),
        ("\uff19\uff13 fail", [12], f"{NOT_CONFIRMED} fail"),
        ("one of the tools, two in a row", [], "one of the tools, two in a row"),
        ("a tenth try, weekend", [], "a tenth try, weekend"),
    ],
)
def test_only_figures_that_a_checked_number_says_stay(words: str, known: list[float], kept: str) -> None:
    assert remove_unsupported(words, known, []) == kept


def test_what_is_left_holds_nothing_that_would_be_struck_again(measured: Evidence) -> None:
    left = remove_unsupported("30 of 41 failures, 9 of 116, half of 84 and 30 of them.", measured, [])
    assert unsupported_figures(left, measured) == []


@given(st.text(max_size=200))
def test_any_text_can_be_read_and_is_stable_once_struck(words: str) -> None:
    left = remove_unsupported(words, [12, 0.3], [])
    assert remove_unsupported(left, [12, 0.3], []) == left


@given(st.integers(0, 999))
def test_a_count_is_read_back_from_its_words(count: int) -> None:
    small = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    small_words = [*small.split(), "seventeen", "eighteen", "nineteen"]
    tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    rest = count % 100
    words = [f"{small_words[count // 100]} hundred and"] if count >= 100 else []
    if rest >= 20:
        words.append(tens[rest // 10 - 2] + (f"-{small_words[rest % 10]}" if rest % 10 else ""))
    elif rest or count < 100:
        words.append(small_words[rest])
    assert spelled(" ".join(words).removesuffix(" and")) == count


def test_numerals_of_every_script_are_read_as_digits() -> None:
    assert [figure.value for figure in figures(plain("\uff14\uff11, \u0664\u0661, \u216b, \u00bd, \u2460"))] == [
        41,
        41,
        12,
        0.5,
        1,
    ]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT 41", "looks at no table"),
        ("SELECT 41 FROM attempts LIMIT 1", "writes a figure itself"),
        ("SELECT max(41) FROM attempts", "writes a figure itself"),
        ("SELECT 41 + 0 * count(*) FROM attempts", "writes a figure itself"),
        ("SELECT 100.0 * count(*) / count(*) FROM attempts", "writes a figure itself"),
        ("SELECT CASE WHEN count(*) > 0 THEN 41 END FROM attempts", "writes a figure itself"),
        ("SELECT count(*) FROM (SELECT * FROM attempts LIMIT 41)", "counts what LIMIT left"),
        ("SELECT max(x) FROM (VALUES (41)) AS t(x), attempts", "makes rows of its own"),
        ("WITH attempts AS (SELECT 41 AS n) SELECT n FROM attempts", "looks at no table"),
        ("SELECT 100.0 * count(*) FILTER (outcome = 'failure') / count(*) FROM attempts", None),
        ("SELECT sum(CASE WHEN steps > 30 THEN 1 ELSE 0 END) FROM attempts", None),
        ("WITH p AS (SELECT trace_id FROM steps GROUP BY 1 HAVING count(*) >= 5) SELECT count(*) FROM p", None),
        ("SELECT quantile_cont(steps, 0.9) FROM attempts", None),
    ],
)
def test_sql_that_brings_its_figure_along_is_told_from_sql_that_counts(sql: str, reason: str | None) -> None:
    found = figure_in_sql(sql)
    assert found is None if reason is None else reason in str(found)


def test_what_a_number_counts_must_be_what_its_name_says() -> None:
    successes = "SELECT count(*) FROM attempts WHERE outcome = 'success'"
    assert misnamed("failures that show it", successes) == "its name says failures and its SQL counts successes"
    assert misnamed("successes", successes) is None
    assert misnamed("failures", "SELECT count(*) FROM attempts WHERE outcome <> 'success'") is None
    assert outcomes_named(successes) == {"success"}
    assert bounds("SELECT trace_id FROM attempts WHERE steps > 30 AND seed = 2") == {30.0, 2.0}
