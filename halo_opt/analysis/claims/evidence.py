"""The evidence that can support a model's text about attempts: measured counts and numbers, quotes, and names.

The check of a claim and the verification of a report use the same evidence, and so give the same result.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from halo_opt.analysis.claims.bare_figures import bare_figures
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
    """A checked number.

    Args:
        value: The number. An int is a count; a float may also be a share or a percentage.
        base: What is counted.
        role: "part" (attempts that show the behaviour), "whole" (all of the base), "share" (part of whole), "ends"
            (attempts with this outcome), "rate" (their share), "difference" (of two rates), or "number" (any other).
    """

    value: float
    base: Base = "any"
    role: Role = "number"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that can support a text.

    Args:
        known: Checked numbers.
        quotes: Texts that were found in the traces.
        steps: The step numbers of the quotes.
        names: Names in the traces that contain a digit, in lower case.
        limits: Constants that the predicate compares with.
        shares: The share of each base that shows the behaviour; empty where not measured.
        effect: The difference of the failure rates, with and without the behaviour; None where not measured.
        failing: The failure rate of the attempts that show the behaviour; None where not measured.
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
    """Combine evidence. Shares, effect and failure rate are kept only where a single part has shares."""
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
    """What the noun of a match of `NOUN` counts."""
    return next(base for base in NOUNS if match[base])


# Only names with a digit and without white space: a tool called "41 failures" must not support a figure.
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
    """The names of attempts, tools, errors, models, modes, runs and tasks that contain a digit, in lower case."""
    return frozenset(str(name) for (name,) in store.rows(_NAMES_SQL))


def evidence(
    counts: Mapping[str, Value],
    numbers: Mapping[str, tuple[Value, str]],
    *,
    quotes: Iterable[Quoted] = (),
    predicate: str = "",
    names: frozenset[str] = frozenset(),
) -> Evidence:
    """The evidence for a text about one behaviour.

    Args:
        counts: failures_with, failures, successes_with, successes (attempts) and difference (a fraction); None or
            absent where not measured.
        numbers: By name, the value and the SQL of each number as it was run again.
        quotes: Quotes that were found in the traces.
        predicate: The SQL of the behaviour's predicate.
        names: The result of `names_in_traces`.
    """
    found = list(quotes)
    parts = _parts(counts)
    shares = {base: part / whole for base, (part, whole) in parts.items() if whole}
    shown = parts["attempts"][0] if parts else 0.0
    difference = counts.get("difference")
    effect = float(difference) if isinstance(difference, int | float) else _raw(shares)
    return Evidence(
        [*_measured(parts), *_numbers(numbers), *_difference(difference)],
        quotes=tuple(quote.words for quote in found),
        steps=frozenset(quote.step for quote in found if quote.step is not None),
        names=names,
        limits=bounds(predicate) if predicate else frozenset(),
        shares=shares,
        effect=effect,
        failing=parts["failures"][0] / shown if shown else None,
    )


def _parts(counts: Mapping[str, Value]) -> dict[Base, tuple[float, float]]:
    """By base, the attempts that show the behaviour and all attempts; empty where one of the counts is missing."""
    four = [counts.get(name) for name in ("failures_with", "failures", "successes_with", "successes")]
    present = [float(value) for value in four if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(present) < len(four):
        return {}
    fw, f, sw, s = present
    return {"failures": (fw, f), "successes": (sw, s), "attempts": (fw + sw, f + s)}


def _raw(shares: Mapping[Base, float]) -> float | None:
    return shares["failures"] - shares["successes"] if {"failures", "successes"} <= set(shares) else None


def _measured(parts: Mapping[Base, tuple[float, float]]) -> Iterator[KnownNumber]:
    """The counts as parts, wholes and shares, and the outcomes as counts and rates."""
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
    """What a number's SQL counts: failures or successes where it names one outcome, attempts where it names none."""
    named = outcomes_named(sql)
    if named == {"failure"}:
        return "failures"
    if named == {"success"}:
        return "successes"
    return "any" if named or re.search(r"\b(score|scores|end_reason|cause)\b", sql, re.IGNORECASE) else "attempts"


def misnamed(name: str, sql: str) -> str | None:
    """Why a number's name contradicts what its SQL counts, or states a figure itself; None where it does not."""
    if bare_figures(name):
        return "its name states a figure"
    base = base_of(sql)
    says_failures, says_successes = _SAYS_FAILURES.search(name), _SAYS_SUCCESSES.search(name)
    if says_failures and not says_successes and base in {"successes", "attempts"}:
        return f"its name says failures and its SQL counts {base}"
    if says_successes and not says_failures and base in {"failures", "attempts"}:
        return f"its name says successes and its SQL counts {base}"
    return None
