"""A model's part of a report: its words stand apart, are escaped, make no link, and say what became of them."""

import re

import pytest
from reporting_payloads import PAYLOADS
from reporting_samples import TRACE_A, analyst, empty_report, finding, model_claim, number, report, traces, unsupported
from test_reporting_html import Page

from halo_opt.core.report_records import Report
from halo_opt.reporting.html import report_html
from halo_opt.reporting.markdown import report_markdown

LINK = "see http://evil.example and [this](http://evil.example) <a href='http://evil.example'>x</a>"


def poisoned(words: str) -> Report:
    """A report in which everything that a model says is the same words."""
    said = model_claim(
        title=words,
        words=words,
        counter_evidence=words,
        corrections=[words],
        numbers={words: number(1)},
        quotes=[{"trace_id": words, "step": 3, "words": words}],
        fix={"path": words, "lines": words, "words": words},
    )
    return report(
        findings=[finding("M1", "A title", 0.5, model_claims=[said])],
        unsupported=[unsupported().model_copy(update={"title": words, "words": words, "reasons": [words]})],
        model_analysis=analyst(
            summary=words, reason=words, models={words: words}, faults={words: 1}, corrections=[words]
        ),
    )


def test_what_a_model_says_of_a_finding_stands_apart_with_its_corrections() -> None:
    page, text = Page(report_html(report(), traces=traces())).text, report_markdown(report())
    for words in (
        "What qwen2.5-1.5b claims (claim C1)",
        "The words and the opinions are the model's.",
        "One success does the same and then fills it.",
        "The model puts these failures down to: model. For most of them the triage says harness.",
        "listed by name, not found by a rule",
        "number clicks of Login was 7; its SQL gives 1",
        "Say that fields come first.",
    ):
        assert words in page
        assert words in text


def test_a_models_number_is_shown_as_it_is_whatever_it_is_called() -> None:
    page = Page(report_html(report())).text
    assert "clicks of Login1SQL" in page
    assert "mean steps0.5SQL" in page
    assert "| clicks of Login | 1 |" in report_markdown(report())


@pytest.mark.parametrize(
    ("triaged", "words"),
    [
        ("model", "For most of them the triage agrees."),
        ("grader", "For most of them the triage says grader."),
        (None, "No class of the triage covers more than half of them."),
    ],
)
def test_whether_the_triage_agrees_is_said(triaged: str | None, words: str) -> None:
    shown = report(findings=[finding("M1", "A", 0.5, model_claims=[model_claim(triaged=triaged)])])
    assert words in Page(report_html(shown)).text
    assert words in report_markdown(shown)


def test_unsupported_claims_are_a_section_of_their_own_with_the_reason() -> None:
    page, text = Page(report_html(report())), report_markdown(report())
    assert "unsupported" in page.ids
    assert "They are no findings, and no patch is made of them." in page.text
    assert "no attempt shows it" in page.text
    assert "## Unsupported claims" in text
    assert "- no attempt shows it" in text


def test_the_report_says_what_ran_what_it_took_and_how_it_ended() -> None:
    page, text = Page(report_html(report())).text, report_markdown(report())
    for words in (
        "root: qwen2.5-1.5b, sub: smollm2-135m",
        "budget: the budget of 5 dollars is spent (stopped before it was done)",
        "2, of which 1 supported by the traces",
        "sql 20, python 2",
        "bad json 2",
        "120,000 in, 60,000 of them from the provider's cache, 4,000 out",
        "93.2 seconds",
        "Landlock 6, seccomp and limits",
    ):
        assert words in page
        assert words in text
    assert "not known" in page
    assert "0.2500 US dollars" in report_markdown(report(model_analysis=analyst(cost_usd=0.25)))


def test_a_report_without_a_model_has_no_word_of_one() -> None:
    for shown in (report_markdown(empty_report()), Page(report_html(empty_report())).text):
        assert "nsupported" not in shown
        assert "How the model analyzed" not in shown


def test_a_quote_links_to_its_step_where_the_page_has_it() -> None:
    links = Page(report_html(report(), traces=traces())).links
    assert f"#trace-{TRACE_A}-step-4" in links


def test_nothing_that_a_model_says_becomes_a_link() -> None:
    page = Page(report_html(poisoned(LINK), traces=traces()))
    assert all(link.startswith("#") for link in page.links)
    text = report_markdown(poisoned(LINK))
    bare = "\n".join(line for line in text.splitlines() if not line.startswith("  ")).replace(f"`{LINK}`", "")
    assert "evil" in bare
    assert "http://" not in bare
    assert not re.search(r"(?<!\\)\]\(", bare)


@pytest.mark.parametrize("words", [*PAYLOADS, LINK])
def test_no_word_of_a_model_becomes_markup(words: str) -> None:
    assert Page(report_html(poisoned(words))).shape == Page(report_html(poisoned("plain"))).shape
