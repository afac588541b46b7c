"""What can support a model's words about attempts: counts and numbers that were measured, quotes, and names.

One rule for a claim when it is made and for a report when it is verified, so that what stands goes on standing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from halo_opt.core.records import Value
from halo_opt.core.report_records import Quoted
from halo_opt.store.guarded.sql_tree import bounds, outcomes_named
from halo_opt.store.protocols import Rows

Base = Literal["failures", "successes", "attempts", "any"]
Role = Literal["part", "whole", "share", "ends", "rate", "difference", "number"]

NOUNS: dict[Base, str] = {
    "failures": r"failures?|failed|failing|fails?|unsuccessful",
    "successes": r"success(?:es)?|successful(?:ly)?|succeed(?:s|ed|ing)?|solved|passed|passes",
    "attempts": r"attempts?|runs?|traces?|trials?|episodes?|rollouts?|conversations?",
}
NOUN = re.compile("|".join(rf"(?P<{base}>\b(?:{words})\b)" for base, words in NOUNS.items()), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KnownNumber:
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

    known: Sequence[KnownNumber]
    quotes: Sequence[str] = ()
    steps: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    limits: frozenset[float] = frozenset()
    shares: Mapping[Base, float] = field(default_factory=dict)
    effect: float | None = None
    failing: float | None = None


def combined_evidence(parts: Sequence[Evidence]) -> Evidence:
    """The evidence of several things together. Shares and effect are kept where only one of them has any."""
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


# Only what could be taken for a figure, and no sentence: a trace may call a tool "41 failures".
_NAMES_SQL = (
    "SELECT DISTINCT lower(name) FROM (SELECT DISTINCT tool AS name FROM steps UNION ALL SELECT DISTINCT error_type"
    " FROM steps UNION ALL SELECT unnest([model, mode, run_id, task_id, harness_revision]) FROM"
    " (SELECT DISTINCT model, mode, run_id, task_id, harness_revision FROM attempts)"
    " UNION ALL SELECT trace_id FROM attempts) WHERE regexp_matches(name, '^\\S*[0-9]\\S*$')"
    " AND regexp_matches(name, '\\p{L}')"
    " UNION SELECT 'task ' || lower(task_id) FROM attempts WHERE regexp_matches(task_id, '^\\S*[0-9]\\S*$')"
)
_SAYS_FAILURES = re.compile(r"fail", re.IGNORECASE)
_SAYS_SUCCESSES = re.compile(r"succe|solved|passed", re.IGNORECASE)


def names_in_traces(store: Rows) -> frozenset[str]:
    """What the traces call attempts, tools, errors, models, modes, runs and tasks with a digit in it, in lower case."""
    return frozenset(str(name) for (name,) in store.rows(_NAMES_SQL))


def evidence(
    counts: Mapping[str, Value],
    numbers: Mapping[str, tuple[Value, str]],
    *,
    quotes: Iterable[Quoted] = (),
    predicate: str = "",
    names: frozenset[str] = frozenset(),
) -> Evidence:
    """All evidence for words about one behaviour.

    `counts` has failures_with, failures, successes_with, successes and difference (fractions), None or absent where not
    measured; `numbers` are name -> (value, SQL), each as run again.
    """
    standing = list(quotes)
    parts = _parts(counts)
    shares = {base: part / whole for base, (part, whole) in parts.items() if whole}
    shown = parts["attempts"][0] if parts else 0.0
    difference = counts.get("difference")
    effect = float(difference) if isinstance(difference, int | float) else _raw(shares)
    return Evidence(
        [*_measured(parts), *_numbers(numbers), *_difference(difference)],
        quotes=tuple(quote.words for quote in standing),
        steps=frozenset(quote.step for quote in standing if quote.step is not None),
        names=names,
        limits=bounds(predicate) if predicate else frozenset(),
        shares=shares,
        effect=effect,
        failing=parts["failures"][0] / shown if shown else None,
    )


def _parts(counts: Mapping[str, Value]) -> dict[Base, tuple[float, float]]:
    """How many of each base show it, and how many there are; empty where one of the counts is missing."""
    four = [counts.get(name) for name in ("failures_with", "failures", "successes_with", "successes")]
    present = [float(value) for value in four if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(present) < len(four):
        return {}
    fw, f, sw, s = present
    return {"failures": (fw, f), "successes": (sw, s), "attempts": (fw + sw, f + s)}


def _raw(shares: Mapping[Base, float]) -> float | None:
    return shares["failures"] - shares["successes"] if {"failures", "successes"} <= set(shares) else None


def _measured(parts: Mapping[Base, tuple[float, float]]) -> Iterator[KnownNumber]:
    """The counts in the forms in which people write them."""
    for base, (part, whole) in parts.items():
        yield KnownNumber(part, base, "part")
        yield KnownNumber(whole, base, "whole")
        if whole:
            yield KnownNumber(part / whole, base, "share")
    bases: tuple[Base, ...] = ("failures", "successes") if parts else ()
    for base in bases:
        for ended, among in zip(parts[base], parts["attempts"], strict=True):
            yield KnownNumber(ended, base, "ends")
            if among:
                yield KnownNumber(ended / among, base, "rate")


def _difference(difference: Value) -> Iterator[KnownNumber]:
    if isinstance(difference, int | float):
        yield KnownNumber(float(difference), "any", "difference")


def _numbers(numbers: Mapping[str, tuple[Value, str]]) -> Iterator[KnownNumber]:
    for value, sql in numbers.values():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield KnownNumber(value, base_of(sql), "number")


def base_of(sql: str) -> Base:
    """What a number's SQL is about, by the outcomes that it names: of one, of both, or of all attempts."""
    named = outcomes_named(sql)
    if named == {"failure"}:
        return "failures"
    if named == {"success"}:
        return "successes"
    return "any" if named or re.search(r"\b(score|scores|end_reason|cause)\b", sql, re.IGNORECASE) else "attempts"


def misnamed(name: str, sql: str) -> str | None:
    """Why a number's name does not say what its SQL counts; None where it may."""
    base = base_of(sql)
    says_failures, says_successes = _SAYS_FAILURES.search(name), _SAYS_SUCCESSES.search(name)
    if says_failures and not says_successes and base in {"successes", "attempts"}:
        return f"its name says failures and its SQL counts {base}"
    if says_successes and not says_failures and base in {"failures", "attempts"}:
        return f"its name says successes and its SQL counts {base}"
    return None
