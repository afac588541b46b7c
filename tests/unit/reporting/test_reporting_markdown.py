"""Markdown holds the report for a reader of pull requests, and no text of a trace becomes markup in it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loop_samples import empty_loop, loop_summary
from reporting_payloads import (
    PAYLOADS,
    poisoned_loop,
    poisoned_report,
)
from reporting_samples import empty_report, finding, number, report

from halo_opt.reporting.loop_report import loop_markdown
from halo_opt.reporting.markdown import block, code, escape, report_markdown


def outside_code(markdown: str) -> str:
    """The text without fenced blocks and inline code: where markup would act."""
    lines, fence = [], ""
    for line in markdown.splitlines():
        found = re.match(r" *(`{3,})", line)
        if not fence and found:
            fence = found.group(1)
        elif fence and line.strip() == fence:
            fence = ""
        elif not fence:
            lines.append(line)
    assert fence == ""
    return re.sub(r"(?<![\\`])(`+)(?!`).+?(?<!`)\1(?!`)", "", "\n".join(lines))


def test_the_report_is_readable_as_it_stands() -> None:
    text = report_markdown(report())
    assert "| Success rate | 8.6% | 4% to 15% |" in text
    assert "### F1: Repeated an action with no effect" in text
    assert "- `miniwob.login-user`, seed 3, step 4" in text
    assert "Remedies: `loop_guard`, `ban_no_effect`." in text


def test_a_harness_finding_without_a_remedy_of_its_own_says_so() -> None:
    text = report_markdown(report(findings=[finding("F1", "Repeats", 3.0, remedies=[], category="harness")]))
    assert "No specific remedy is known for this. General rules in the prompt may help." in text


def test_the_file_stays_short_because_the_sql_stays_in_the_json() -> None:
    text = report_markdown(report())
    assert "SELECT" not in text
    assert "report.json has the SQL of every number" in text
    assert "| Repeats the action that it just did | tested | 60 of 96 | 1 of 9 | +38.0 points |" in text


def test_a_report_without_findings_says_so() -> None:
    shown = report_markdown(empty_report())
    assert "No behaviour was measurably more common in failures than in successes." in shown
    assert "listed below" not in shown
    listed = report_markdown(report(findings=[]))
    assert "can be seen. Everything that was tested is listed below." in listed


def test_a_report_over_traces_without_failures_says_that_there_is_none_to_explain() -> None:
    shown = report_markdown(report(findings=[], overview={"attempts": number(9), "failures": number(0)}))
    assert "No attempt in these traces is known to have failed, so there is no failure to explain." in shown
    assert "measurably more common" not in shown


def test_the_loop_tells_its_result_first_and_every_patch() -> None:
    text = loop_markdown(loop_summary(), reports={1: "iter-01/report.html", 2: "javascript:alert(1)"})
    assert text.startswith("# Loop demo: 8% to 61% on sealed tasks\n")
    assert "### P3, iteration 2: kept" in text
    assert "### P1, iteration 1: dropped" in text
    assert "+  addressing: label" in text
    assert "[Analysis of iteration 1](<iter-01/report.html>)" in text
    assert "Analysis of iteration 2" not in text


def test_an_empty_loop_is_told_without_made_up_numbers() -> None:
    text = loop_markdown(empty_loop(), reports={})
    assert "nothing is claimed about tasks" in text
    assert "No patch was tried." in text
    assert "None" not in text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_is_markup_outside_of_code(payload: str) -> None:
    for text in (report_markdown(poisoned_report(payload)), loop_markdown(poisoned_loop(payload), reports={})):
        acting = outside_code(text)
        without_folds = re.sub(r"^(?:</?details>|<summary>[\w ]+</summary>)$", "", acting, flags=re.MULTILINE)
        assert not re.search(r"(?<!\\)<[a-zA-Z/!]", without_folds)
        assert not re.search(r"(?<!\\)\]\(", acting)
        assert not re.search(r"(?<!\\)://", acting)


@given(st.text(max_size=60))
def test_fences_and_ticks_are_longer_than_any_within(text: str) -> None:
    lines = block(text + "\n````")
    assert lines[0].startswith("`````")
    assert lines[-1] not in lines[1:-1]
    assert "\n" not in code(text)
    assert "\n" not in escape(text)


@pytest.mark.parametrize("text", ["# x", "- x", "+ x", "1. x", "12) x", "=== x", "--- x"])
def test_a_line_of_text_starts_no_heading_list_or_rule(text: str) -> None:
    assert re.match(r"\d*\\", escape(text))


def test_what_comes_along_and_where_a_success_parts_are_told() -> None:
    text = report_markdown(report())
    assert "- Takes longer than usual. 58 of the 60 failures that show this also show the finding." in text
    assert "acts differently from step 2 on. The failure, then the success:" in text
    assert "step 2: fill [5]" in text


def test_groups_stand_in_a_table_with_what_they_show() -> None:
    text = report_markdown(report())
    assert "**By model.** Seen in small and hardly in big. (q = 0.0004)" in text
    assert "| small | 40 of 80 | 39% to 61% | 39 of 40 |" in text
    assert "| big | 0 of 40 | not measured | 0 of 20 |" in text
