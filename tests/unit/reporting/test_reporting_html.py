"""Pages hold all of a record, link what they cite, and no text of a record becomes markup."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from loop_samples import empty_diff, empty_loop, loop_summary
from reporting_payloads import (
    PAYLOADS,
    poisoned_loop,
    poisoned_report,
    poisoned_traces,
)
from reporting_samples import TRACE_A, empty_report, number, report, traces

from halo_opt.core.text import visible
from halo_opt.reporting.diff_files import diff_html
from halo_opt.reporting.html import report_html
from halo_opt.reporting.loop_report import loop_html
from halo_opt.reporting.trace_sections import StepView, TraceView

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page as its elements, ids, links and text; fails on an element that closes wrongly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements with the names of their attributes: what a payload must not change."""
        return [(tag, tuple(attrs)) for tag, attrs in self.elements]

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]

    @property
    def links(self) -> list[str]:
        return [attrs["href"] or "" for tag, attrs in self.elements if tag == "a"]

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def analysis() -> str:
    return report_html(report(), traces=traces())


def loop() -> str:
    return loop_html(loop_summary(), reports={1: "iter-01/report.html"})


PAGES: list[Callable[[], str]] = [
    analysis,
    loop,
    lambda: diff_html(loop_summary().iterations[1].candidates[0].verdict.diff or empty_diff()),
    lambda: report_html(empty_report()),
    lambda: loop_html(empty_loop(), reports={}),
    lambda: diff_html(empty_diff()),
]


@pytest.mark.parametrize("make", PAGES)
def test_every_page_is_well_formed_accessible_and_loads_nothing(make: Callable[[], str]) -> None:
    text = make()
    shown = Page(text)
    tags = [tag for tag, _ in shown.elements]
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(tags)
    assert {"header", "main", "footer"} <= set(tags)
    assert tags.count("h1") == 1
    assert len(shown.ids) == len(set(shown.ids))
    assert all(link[1:] in shown.ids for link in shown.links if link.startswith("#"))
    assert not [name for _, attrs in shown.elements for name in attrs if name.startswith("on") or name == "style"]
    policy = next(a["content"] or "" for t, a in shown.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert all("aria-label" in attrs for tag, attrs in shown.elements if tag == "svg")
    assert tags.count("th") > 0 or "table" not in tags
    assert not re.search(r"\b(None|nan|Undefined)\b", shown.text)
    assert "https://" not in text
    assert "http://" not in text


def test_the_analysis_page_holds_every_part_of_the_report() -> None:
    shown = Page(analysis())
    for said in (
        "Why 108 MiniWoB++ attempts failed",
        "Success rate 8.6% 4% to 15%".replace(" ", ""),
        "loop guard",
        "long tasks have more steps",
        "Gets nothing done",
        "60 of 96",
        "Made 21 November 2026, 20:45 UTC",
        "corrected by Benjamini and Hochberg",
        "differences below 20 points",
        "traces/run-1/results.jsonl",
        "halo-opt sql --traces traces/run-1/results.jsonl 'SELECT count(*)",
        "stratified_difference",
        "No counter-example is listed",
    ):
        assert said in shown.text or said in shown.text.replace(" ", "")


def test_exemplars_link_to_their_step_and_one_without_a_trace_does_not() -> None:
    shown = Page(analysis())
    assert f"#trace-{TRACE_A}-step-4" in shown.links
    assert f"trace-{TRACE_A}-step-4" in shown.ids
    assert not [link for link in shown.links if "ffff" in link]
    assert "f" * 32 in shown.text


def test_a_cited_step_and_its_neighbours_are_open_and_far_ones_folded() -> None:
    text = analysis()
    assert "Steps 0 to 2" in text
    assert "Steps 6 to 7" in text
    assert re.search(r'class="step cited" id="trace-a+-step-4"', text)


def test_a_trace_without_steps_says_so() -> None:
    assert "This attempt has no step." in report_html(report(), traces=[TraceView(trace_id="t", task_id="x")])


def test_a_trace_given_twice_is_shown_once() -> None:
    view = TraceView(trace_id="t", task_id="x", steps=[StepView(index=0)])
    assert Page(report_html(report(), traces=[view, view])).ids.count("trace-t") == 1


def test_without_findings_the_page_says_that_this_is_a_result() -> None:
    assert "No behaviour was measurably more common" in Page(report_html(empty_report())).text


def test_without_failures_the_page_says_that_there_is_none_to_explain() -> None:
    shown = Page(report_html(report(findings=[], overview={"attempts": number(9), "failures": number(0)}))).text
    assert "No attempt in these traces is known to have failed, so there is no failure to explain." in shown
    assert "measurably more common" not in shown


def test_hidden_characters_are_spelled_out() -> None:
    shown = Page(report_html(report(title="a\u202eb\x00c")))
    assert "a\\u202eb\\u0000c" in shown.text


def poisoned_pages(words: str) -> list[Page]:
    """Every kind of page with these words in each field."""
    summary = poisoned_loop(words)
    compared = summary.iterations[1].candidates[0].verdict.diff
    return [
        Page(report_html(poisoned_report(words), traces=poisoned_traces(words))),
        Page(loop_html(summary, reports={1: "iter-01/report.html"})),
        Page(diff_html(compared or empty_diff())),
    ]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_in_any_field_changes_the_shape_of_a_page(payload: str) -> None:
    # A harmless text of as many lines and characters has the same folds; only markup could make another shape.
    harmless = re.sub(r"[^\n]", "x", payload)
    for hostile, plain in zip(poisoned_pages(payload), poisoned_pages(harmless), strict=True):
        assert set(hostile.shape) <= set(plain.shape)
        assert all(link.startswith(("#", "iter-01/")) for link in hostile.links)
        assert visible(payload.split("\n", 1)[0])[:12] in "".join(hostile.words)


def test_a_hostile_report_link_is_shown_as_no_link() -> None:
    text = loop_html(loop_summary(), reports={1: "javascript:alert(1)", 2: "https://example.org/report"})
    assert [link for link in Page(text).links if not link.startswith("#")] == ["https://example.org/report"]
