"""What words about attempts may rest on: checked numbers, quotes, names. Plain data, and the nouns that say of what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Base = Literal["failures", "successes", "attempts", "any"]
Role = Literal["part", "whole", "share", "ends", "rate", "difference", "number"]

NOUNS: dict[Base, str] = {
    "failures": r"failures?|failed|failing|fails?|unsuccessful",
    "successes": r"success(?:es)?|successful(?:ly)?|succeed(?:s|ed|ing)?|solved|passed|passes",
    "attempts": r"attempts?|runs?|traces?|trials?|episodes?|rollouts?|conversations?",
}
NOUN = re.compile("|".join(rf"(?P<{base}>\b(?:{words})\b)" for base, words in NOUNS.items()), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Known:
    """A checked number: of what, and what it is of it.

    A part (those that show it), its whole, or the share of the one in the other; how many end so ("ends") and at what
    rate, of all or of those that show it; a difference; or a number by itself. A whole number is a count where it is an
    int, else it may be a percentage.
    """

    value: float
    base: Base = "any"
    role: Role = "number"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that words may rest on.

    `quotes` are words that stand in the traces, `steps` where they stand, `names` what the traces call things (lower
    case), `limits` the bounds that the predicate itself sets. `shares` say how many of a base show it, `effect` has the
    sign of what it does to failing; None and absent where nobody measured.
    """

    known: Sequence[Known]
    quotes: Sequence[str] = ()
    steps: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    limits: frozenset[float] = frozenset()
    shares: Mapping[Base, float] = field(default_factory=dict)
    effect: float | None = None
    failing: float | None = None


def together(parts: Sequence[Evidence]) -> Evidence:
    """What several things bear out side by side. How many show it, and to what effect, only one of them can say."""
    sole = [part for part in parts if part.shares]
    one = sole[0] if len(sole) == 1 else None
    return Evidence(
        known=[known for part in parts for known in part.known],
        quotes=[quote for part in parts for quote in part.quotes],
        steps=frozenset[int]().union(*(part.steps for part in parts)),
        names=frozenset[str]().union(*(part.names for part in parts)),
        limits=frozenset[float]().union(*(part.limits for part in parts)),
        shares=one.shares if one else {},
        effect=one.effect if one else None,
        failing=one.failing if one else None,
    )


def named(match: re.Match[str]) -> Base:
    """Of what a noun that `NOUN` found is."""
    return next(base for base in NOUNS if match[base])
