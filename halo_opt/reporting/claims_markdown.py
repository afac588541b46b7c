"""A model's part of a report as Markdown. Pure; its words are set apart in block quotes and never become markup."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from halo_opt.core.report_records import Finding, ModelAnalysis, ModelClaim, UnsupportedClaim
from halo_opt.reporting.claims_parts import MODELS_OWN_WORDS, UNSUPPORTED, Opinion, analysis_rows, opinions

Text = Callable[[str], str]


class Escapes(NamedTuple):
    """The ways to set text, given by the module that knows them: a line of its own, within one, code, a block."""

    line: Text
    within: Text
    code: Text
    quoted: Callable[[str], list[str]]
    table: Callable[[Sequence[str], Sequence[Sequence[str]]], list[str]]


def claim_lines(finding: Finding, as_: Escapes) -> list[str]:
    """What models said of one finding."""
    return [line for said, opinion in opinions(finding) for line in _one(said, opinion, as_)]


def _one(said: ModelClaim, opinion: Opinion, as_: Escapes) -> list[str]:
    lines = [f"**{as_.within(opinion.title)}.** {MODELS_OWN_WORDS}", ""]
    lines += [f"> {as_.line(said.title)}", ">", f"> {as_.line(said.words) or '(no words)'}", ""]
    if said.counter_evidence:
        lines += [f"> Against it: {as_.within(said.counter_evidence)}", ""]
    lines += [as_.line(opinion.category), ""]
    if said.listed:
        lines += ["Its attempts are listed by name, not found by a rule: it may hold for these and for no others.", ""]
    lines += as_.table(["Its number", "Value"], [[as_.within(f.title), as_.within(f.value)] for f in opinion.figures])
    for quote in said.quotes:
        step = "" if quote.step is None else f", step {quote.step}"
        lines += [f"- It quotes {as_.code(quote.trace_id)}{step}:", "", *as_.quoted(quote.words)]
    if said.fix:
        place = as_.code(said.fix.path) + (f", lines {as_.code(said.fix.lines)}" if said.fix.lines else "")
        lines += [f"It would change {place}:", "", f"> {as_.line(said.fix.words) or '(no words)'}", ""]
    return lines + _corrections(said.corrections, as_)


def _corrections(corrections: Sequence[str], as_: Escapes) -> list[str]:
    if not corrections:
        return []
    return ["Corrected when it was checked:", "", *(f"- {as_.within(words)}" for words in corrections), ""]


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


def analysis_lines(analyst: ModelAnalysis | None, as_: Escapes) -> list[str]:
    """The section on the model itself: what ran, what it took, how it ended."""
    if analyst is None:
        return []
    lines = ["## The model that looked", ""]
    lines += as_.table(["", ""], [[as_.within(name), as_.within(value)] for name, value in analysis_rows(analyst)])
    if analyst.summary:
        lines += [f"Its summary, in its own words. {MODELS_OWN_WORDS}", "", f"> {as_.line(analyst.summary)}", ""]
    return lines + _corrections(analyst.corrections, as_)
