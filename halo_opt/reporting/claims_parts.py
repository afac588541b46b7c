"""A model's part of a report as plain values: its claims of a finding, what was removed, what ran.

A model's words stay in fields of their own, so that no page can show them as ours.
"""

from collections.abc import Mapping
from typing import NamedTuple

from halo_opt.core.report_records import Finding, ModelAnalysis, ModelClaim
from halo_opt.core.text import counted
from halo_opt.reporting.formatting import Figure, Made, count

MODELS_OWN_WORDS = (
    "The words and the opinions are the model's. Its quotes stand in the traces. Figures for which it gave SQL were"
    " filled in by halo-opt; any other figure is listed as unchecked."
)
SUMMARY = "The summary of the model ({}), in its own words:"
UNCHECKED = "Figures that no checked number gave: {}."
LISTED_BY_NAME = (
    "Its attempts are listed by name, not found by a rule. It may hold for these attempts and for no others."
)
UNSUPPORTED = "Claims of the model that the traces do not support. They are no findings, and no patch is made of them."


class Opinion(NamedTuple):
    """One model's words about a finding, ready to be escaped and shown."""

    title: str
    words: str
    level: str
    category: str
    figures: list[Figure]
    fix: str


def opinions(finding: Finding) -> list[tuple[ModelClaim, Opinion]]:
    """The model claims of a finding, each with its words for a page."""
    shown = []
    for claim in finding.model_claims:
        title = f"What {claim.model} claims (claim {claim.claim})"
        level, category = claim_level_words(claim), category_words(claim)
        opinion = Opinion(title, claim.words, level, category, claim_figures(claim), fix_words(claim))
        shown.append((claim, opinion))
    return shown


def claim_level_words(claim: ModelClaim) -> str:
    """A claim's level and why it is not higher, its unchecked figures, and what its agent could see."""
    lift = f"What would lift it: {claim.to_lift}" if claim.to_lift else ""
    unchecked = UNCHECKED.format(", ".join(claim.unchecked)) if claim.unchecked else ""
    scope = f"The agent that made it saw {claim.scope}." if claim.scope else ""
    words = [f"Level of the claim: {claim.level}.", claim.level_reason, lift, unchecked, scope]
    return " ".join(filter(None, words))


def fix_words(claim: ModelClaim) -> str:
    """What of the harness the claim's fix would change; '' where it has no fix or names a file."""
    if claim.fix is None or claim.fix.path:
        return ""
    return "the harness" if claim.fix.part == "other" else f"the {claim.fix.part}"


def category_words(claim: ModelClaim) -> str:
    """What the model puts the failures down to, and what the triage says."""
    opinion = f"The model puts these failures down to: {claim.category}."
    if claim.triaged is None:
        return f"{opinion} No class of the triage covers more than half of them."
    agrees = "agrees" if claim.triaged == claim.category else f"says {claim.triaged}"
    return f"{opinion} For most of them the triage {agrees}."


def claim_figures(claim: ModelClaim) -> list[Figure]:
    """The claim's numbers without units: their names are the model's, so nothing can be read from them."""
    return [
        Figure(name, name, _written(number.value), None, [Made(name, number.sql, [])])
        for name, number in claim.numbers.items()
    ]


def _written(value: object) -> str:
    if isinstance(value, int):
        return count(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def analysis_rows(analysis: ModelAnalysis) -> list[tuple[str, str]]:
    """What ran, what it took and how it ended, as (name, value)."""
    cost = "not known" if analysis.cost_usd is None else f"{analysis.cost_usd:.4f} US dollars"
    ended = analysis.ended + (f": {analysis.reason}" if analysis.reason else "")
    cached = f", {count(analysis.tokens_cached)} of them from the provider's cache" if analysis.tokens_cached else ""
    return [
        ("Models", ", ".join(f"{role}: {model}" for role, model in analysis.models.items())),
        ("Ended", f"{ended} (stopped before it was done)" if analysis.salvaged else ended),
        ("Claims", f"{count(analysis.claims)}, of which {count(analysis.confirmed)} supported by the traces"),
        ("Predicates tested against outcomes", count(analysis.predicates)),
        ("Agents", f"{count(analysis.agents)}, {counted(analysis.turns, 'turn')}"),
        ("Tools", _counted(analysis.tools) or "none was used"),
        ("Faults", _counted(analysis.faults) or "none"),
        ("Model calls", count(analysis.calls)),
        ("Tokens", f"{count(analysis.tokens_in)} in{cached}, {count(analysis.tokens_out)} out"),
        ("Cost", cost),
        ("Time", f"{analysis.seconds:.1f} seconds"),
        ("Python of the model", analysis.python),
    ]


def _counted(named: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count(times)}" for name, times in named.items())
