"""A model's part of a report as words: what it said of a finding, what was struck, what ran. Pure.

Must never let a model's words stand where a reader would take them for ours.
"""

from collections.abc import Mapping
from typing import NamedTuple

from halo_opt.core.report_records import Analyst, Finding, Told
from halo_opt.core.text import counted
from halo_opt.reporting.formatting import Figure, Made, count

NOT_OURS = (
    "The words and the opinions are the model's. Its figures and quotes were looked up; what was not found is struck."
)
UNSUPPORTED = "What the model claimed and the traces do not bear out. It is no finding, and no patch is made of it."


class Opinion(NamedTuple):
    """One model's words about a finding, ready to be escaped and shown."""

    title: str
    words: str
    category: str
    figures: list[Figure]


def opinions(finding: Finding) -> list[tuple[Told, Opinion]]:
    """What was said of a finding, each with its words for a page."""
    return [
        (said, Opinion(f"What {said.model} says (claim {said.claim})", said.words, category_words(said), plain(said)))
        for said in finding.told
    ]


def category_words(said: Told) -> str:
    """Whose fault the model thinks it is, and what the triage says."""
    if said.triaged is None:
        return f"The model puts it down to: {said.category}. No class of the triage holds for most of these failures."
    agrees = "agrees" if said.triaged == said.category else f"says {said.triaged}"
    return f"The model puts it down to: {said.category}. The triage of most of these failures {agrees}."


def plain(said: Told) -> list[Figure]:
    """A model's numbers as they are: what they are called is its own, so nothing may be read from the names."""
    return [
        Figure(name, name, _written(number.value), None, [Made(name, number.sql, [])])
        for name, number in said.numbers.items()
    ]


def _written(value: object) -> str:
    if isinstance(value, int):
        return count(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def analyst_rows(analyst: Analyst) -> list[tuple[str, str]]:
    """What ran, what it took and how it ended, as (name, value)."""
    cost = "not known" if analyst.cost_usd is None else f"{analyst.cost_usd:.4f} US dollars"
    ended = analyst.ended + (f": {analyst.reason}" if analyst.reason else "")
    cached = f", {count(analyst.tokens_cached)} of them from the provider's cache" if analyst.tokens_cached else ""
    return [
        ("Models", ", ".join(f"{role}: {model}" for role, model in analyst.models.items())),
        ("Ended", f"{ended} (stopped before it was done)" if analyst.salvaged else ended),
        ("Claims", f"{count(analyst.claims)}, of which {count(analyst.confirmed)} borne out"),
        ("Predicates held against outcomes", count(analyst.asked)),
        ("Agents", f"{count(analyst.agents)}, {counted(analyst.turns, 'turn')}"),
        ("Tools", _counted(analyst.tools) or "none was used"),
        ("Faults", _counted(analyst.faults) or "none"),
        ("Model calls", count(analyst.calls)),
        ("Tokens", f"{count(analyst.tokens_in)} in{cached}, {count(analyst.tokens_out)} out"),
        ("Cost", cost),
        ("Time", f"{analyst.seconds:.1f} seconds"),
        ("Python of the model", analyst.python),
    ]


def _counted(named: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count(times)}" for name, times in named.items())
