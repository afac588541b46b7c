"""A model's part of a report as Markdown: its words are escaped and stand in block quotes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from halo_opt.core.report_records import Finding, ModelAnalysis, ModelClaim, Quoted, UnsupportedClaim
from halo_opt.reporting.claims_parts import (
    LISTED_BY_NAME,
    MODELS_OWN_WORDS,
    SUMMARY,
    UNCHECKED,
    UNSUPPORTED,
    Opinion,
    analysis_rows,
    opinions,
)

Text = Callable[[str], str]


class Escapes(NamedTuple):
    """The ways to set text, given by the module that knows them: a line of its own, within one, code, a block."""

    line: Text
    within: Text
    code: Text
    quoted: Callable[[str], list[str]]
    table: Callable[[Sequence[str], Sequence[Sequence[str]]], list[str]]


def claim_lines(finding: Finding, as_: Escapes) -> list[str]:
    """The model claims of one finding."""
    return [line for claim, opinion in opinions(finding) for line in _one(claim, opinion, as_)]


def _one(claim: ModelClaim, opinion: Opinion, as_: Escapes) -> list[str]:
    lines = [f"**{as_.within(opinion.title)}.** {MODELS_OWN_WORDS}", ""]
    lines += [f"> {as_.line(claim.title)}", ">", f"> {as_.line(claim.words) or '(no words)'}", ""]
    if claim.counter_evidence:
        lines += [f"> What speaks against it: {as_.within(claim.counter_evidence)}", ""]
    lines += [as_.line(opinion.level), "", as_.line(opinion.category), ""]
    if claim.listed:
        lines += [LISTED_BY_NAME, ""]
    numbers = [[as_.within(figure.title), as_.within(figure.value)] for figure in opinion.figures]
    lines += as_.table(["The claim's number", "Value"], numbers)
    lines += _quoted("The claim quotes", claim.quotes, as_)
    lines += _quoted("Against it, the claim quotes the success", claim.counter_quotes, as_)
    if claim.fix:
        place = opinion.fix or as_.code(claim.fix.path)
        place += f", lines {as_.code(claim.fix.lines)}" if claim.fix.lines else ""
        lines += [f"The model would change {place}:", "", f"> {as_.line(claim.fix.words) or '(no words)'}", ""]
    if claim.remedies:
        lines += ["What the model would try:", "", *(f"> - {as_.within(words)}" for words in claim.remedies), ""]
    return lines + _corrections(claim.corrections, as_)


def _quoted(introduction: str, quotes: Sequence[Quoted], as_: Escapes) -> list[str]:
    lines: list[str] = []
    for quote in quotes:
        step = "" if quote.step is None else f", step {quote.step}"
        lines += [f"- {introduction} {as_.code(quote.trace_id)}{step}:", "", *as_.quoted(quote.words)]
    return lines


def _corrections(corrections: Sequence[str], as_: Escapes) -> list[str]:
    if not corrections:
        return []
    return ["What the check found:", "", *(f"- {as_.within(words)}" for words in corrections), ""]


def unsupported_lines(claims: Sequence[UnsupportedClaim], as_: Escapes) -> list[str]:
    """The section of claims that did not hold."""
    if not claims:
        return []
    lines = ["## Unsupported claims", "", UNSUPPORTED, ""]
    for claim in claims:
        lines += [f"### Claim {as_.within(claim.claim)} of {as_.within(claim.model)}", ""]
        lines += [f"> {as_.line(claim.title)}", ">", f"> {as_.line(claim.words) or '(no words)'}", ""]
        lines += ["Not supported, because:", "", *(f"- {as_.within(words)}" for words in claim.reasons), ""]
        lines += _corrections(claim.corrections, as_)
    return lines


def analysis_lines(analysis: ModelAnalysis | None, as_: Escapes) -> list[str]:
    """The section on the model itself: what ran, what it took, how it ended."""
    if analysis is None:
        return []
    lines = ["## How the model analyzed", ""]
    lines += as_.table(["", ""], [[as_.within(name), as_.within(value)] for name, value in analysis_rows(analysis)])
    return lines + _corrections(analysis.corrections, as_)


def summary_lines(analysis: ModelAnalysis | None, as_: Escapes) -> list[str]:
    """The model's summary with its figures filled in, and those that no checked number gave."""
    if analysis is None or not analysis.summary:
        return []
    lines = [f"> {as_.line(analysis.summary)}", ""]
    lines += [as_.line(UNCHECKED.format(", ".join(analysis.unchecked))), ""] if analysis.unchecked else []
    return [SUMMARY.format(", ".join(dict.fromkeys(analysis.models.values()))), "", *lines]
