"""Checks a model's claim against the traces: numbers are run again, quotes looked up, the contrast measured anew.

Its SQL runs guarded, every count in it is replaced by what the store says, a quote
that does not stand in the trace is struck, and so is a figure in its words that no checked number supports.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from halo_opt.analysis.claims.evidence import Evidence, evidence, misnamed, names_in_traces
from halo_opt.analysis.claims.figures import numbers_as_evidence, strike_unsupported
from halo_opt.analysis.claims.hypotheses import behaviour_sql
from halo_opt.analysis.claims.quotes import quote_problem
from halo_opt.analysis.claims.records import CheckedClaim, Claim, ClaimNumber, Fix, Quote, Status
from halo_opt.core.errors import InputError
from halo_opt.core.playbook import load_playbook
from halo_opt.core.records import Value
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.measure import Measured, cells_sql, counts_sql, measure
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.store.guarded.sql_checks import (
    LISTED,
    MAX_SQL,
    number_problem,
    outcome_word,
    predicate_basis,
    probes,
    random_word,
    renamed_sql,
)
from halo_opt.store.store import Store


def check_claim(
    claim: Claim,
    store: Store,
    rows: GuardedRows,
    *,
    name: str,
    first_steps: Mapping[str, int],
    harness: Path | None = None,
) -> tuple[CheckedClaim, Measured | None]:
    """The claim as far as it holds, and its behaviour as measured; None where the predicate cannot be measured.

    `harness` is the folder that a fix must lie in; without one, where it lies is not checked.
    """
    corrections: list[str] = []
    behaviour = claim_behaviour(claim, name)
    rows.ready(check_queries(claim, first_steps))
    numbers = list(rerun_numbers(claim.numbers, store, rows, corrections))
    quotes = [quote for quote in claim.quotes if quote_is_found(quote, store, corrections)]
    reasons, measured = measured_claim(claim.predicate_sql, behaviour, rows, first_steps)
    listed = False
    if measured is not None:
        basis = predicate_basis(claim.predicate_sql, rows.rows)
        listed = basis == "names"
        corrections += [LISTED] if listed else []
        reasons += ["its predicate goes by how attempts ended; that explains nothing"] if basis == "outcome" else []
        quotes = list(_shown_by(quotes, behaviour, rows, corrections))
        if not quotes:
            reasons.append("no quote of an attempt that shows it stands in the traces")
    known = evidence(
        _counts(measured) if measured else {},
        {str(place): (number.value, number.sql) for place, number in enumerate(numbers)},
        quotes=quotes,
        predicate=claim.predicate_sql if measured else "",
        names=names_in_traces(store),
    )
    kept = claim.model_copy(
        update={
            "title": strike_unsupported(claim.title, known, corrections),
            "claim": strike_unsupported(claim.claim, known, corrections),
            "counter_evidence": strike_unsupported(claim.counter_evidence, known, corrections),
            "numbers": numbers,
            "quotes": quotes,
            "remedies": list(_remedies(claim.remedies, corrections)),
            "fix": _fix(claim.fix, harness, known, corrections),
        }
    )
    status: Status = "unsupported" if reasons else "confirmed"
    checked = CheckedClaim(status=status, claim=kept, corrections=corrections, reasons=reasons, listed=listed)
    return checked, measured


def check_queries(claim: Claim, first_steps: Mapping[str, int]) -> Iterator[str]:
    """What a check asks as a rule. It may be run in any order, for each answer is only used in its turn."""
    behaviour = claim_behaviour(claim, "claim")
    for number in claim.numbers:
        yield from (number.sql, *probes(number.sql))
    if predicate_problem(claim.predicate_sql) is None:
        yield from (claim.predicate_sql, counts_sql(behaviour), cells_sql(behaviour, first_steps))
        yield from (renamed_sql(claim.predicate_sql) or "SELECT 1", _shown_sql(behaviour))


def claim_behaviour(claim: Claim, name: str, *, model: str = "a model", listed: bool = False) -> Behaviour:
    """The claim's predicate as a behaviour like any detector's, over measured attempts and unknown outcomes.

    Its SQL runs guarded wherever mining runs it, as that of a file does.
    """
    return Behaviour(
        name=name,
        title=claim.title,
        meaning=claim.claim,
        sql=behaviour_sql(claim.predicate_sql),
        remedies=tuple(claim.remedies),
        source=model,
        asked_by=model,
        untestable=LISTED if listed else "",
    )


def predicate_problem(predicate: str) -> str | None:
    """Why a predicate cannot be measured whatever the traces say; None where it may be run."""
    if word := outcome_word(predicate):
        return f"its predicate looks at {word}: a behaviour defined by failing explains nothing"
    if word := random_word(predicate):
        return f"its predicate asks for {word}, which is something else each time"
    if len(behaviour_sql(predicate).encode("utf-8", "replace")) > MAX_SQL:
        return f"its predicate is longer than {MAX_SQL} bytes with what is set around it"
    return None


def measured_claim(
    predicate: str, behaviour: Behaviour, rows: GuardedRows, first_steps: Mapping[str, int]
) -> tuple[list[str], Measured | None]:
    """A predicate's behaviour as measured, None where it cannot be; and the reasons why it supports no claim."""
    if reason := predicate_problem(predicate):
        return [reason], None
    try:
        # By itself first: set into other SQL, half a statement could close the other one's brackets.
        rows.rows(predicate)
    except InputError as error:
        return [f"its predicate cannot be run: {error}"], None
    measured = measure(rows, behaviour, first_steps)
    if measured.state in {"failed", "not applicable"}:
        return [f"its predicate cannot be run: {measured.reason}"], None
    if measured.state == "not seen":
        return ["no attempt shows it"], None
    return list(_no_way_of_failing(measured)), measured


def _no_way_of_failing(m: Measured) -> Iterator[str]:
    """Why it cannot be how attempts fail: none does, or they fail less often with it, over all and within tasks."""
    within = m.contrast.difference if m.contrast else None
    if m.failures_with == 0:
        yield "no failure shows it"
    elif m.failures_with * m.successes < m.successes_with * m.failures and (within is None or within < 0):
        yield "successes show it more often than failures: it is no way of failing"


def _counts(m: Measured) -> dict[str, Value]:
    """What the store says of the predicate."""
    return {
        "failures_with": m.failures_with,
        "failures": m.failures,
        "successes_with": m.successes_with,
        "successes": m.successes,
        "difference": m.contrast.difference if m.contrast else None,
    }


def rerun_numbers(
    numbers: Sequence[ClaimNumber], store: Store, rows: GuardedRows, corrections: list[str]
) -> Iterator[ClaimNumber]:
    """The numbers that their SQL counts, with its values; what was changed or struck goes into `corrections`."""
    names = names_in_traces(store)
    for number in numbers:
        try:
            value = _cell(rows.rows(number.sql))
        except InputError as error:
            corrections.append(f"number {number.name} was struck: its SQL cannot be run ({error})")
            continue
        if value is None:
            corrections.append(f"number {number.name} was struck: its SQL does not give one number")
            continue
        if reason := number_problem(number.sql, value, store, rows.rows) or misnamed(number.name, number.sql):
            corrections.append(f"number {number.name} was struck: {reason}")
            continue
        if not _same(number.value, value):
            corrections.append(f"number {number.name} was {number.value:g}; its SQL gives {value:g}")
        known = replace(numbers_as_evidence([value]), names=names)
        yield number.model_copy(update={"name": strike_unsupported(number.name, known, corrections), "value": value})


def _cell(found: Sequence[tuple[Any, ...]]) -> int | float | None:
    if len(found) != 1 or len(found[0]) != 1:
        return None
    value = found[0][0]
    return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def _same(one: float, two: float) -> bool:
    return abs(one - two) <= 1e-6 * max(1.0, abs(one), abs(two))


def quote_is_found(quote: Quote, store: Store, corrections: list[str]) -> bool:
    """Whether the words stand in that attempt (at that step), letter by letter, white space aside."""
    reason = quote_problem(quote, store)
    corrections += [reason] if reason else []
    return reason is None


def _remedies(words: Sequence[str], corrections: list[str]) -> Iterator[str]:
    for word in words:
        if word in load_playbook().all_words():
            yield word
        else:
            corrections.append(f"remedy {word} was struck: the playbook has no such word")


def _fix(fix: Fix | None, harness: Path | None, known: Evidence, corrections: list[str]) -> Fix | None:
    """The fix where its file is one of the harness's; its lines where the file has as many."""
    if fix is None:
        return None
    kept = fix.model_copy(update={"words": strike_unsupported(fix.words, known, corrections)})
    if harness is None:
        corrections.append("the file of the fix was not looked up: there was no harness to look in")
        return kept
    lines = _lines_of(harness, fix.path)
    if lines is None:
        corrections.append(f"the fix was struck: the harness has no file {fix.path}")
        return None
    named = [int(digits) for digits in re.findall(r"[0-9]{1,9}", fix.lines)]
    if named and not (named[0] >= 1 and named[-1] <= lines):
        corrections.append(f"lines {fix.lines} of the fix were struck: {fix.path} has {lines}")
        return kept.model_copy(update={"lines": ""})
    return kept


def _lines_of(harness: Path, path: str) -> int | None:
    """How many lines a plain file within the harness has; None where there is no such file."""
    try:
        root, file = harness.resolve(), (harness / path).resolve()
        if not file.is_relative_to(root) or not file.is_file():
            return None
        return len(file.read_bytes().splitlines())
    except (OSError, ValueError):
        return None


def _shown_by(
    quotes: Sequence[Quote], behaviour: Behaviour, rows: GuardedRows, corrections: list[str]
) -> Iterator[Quote]:
    """Quotes of attempts that the predicate holds for; words of another attempt say nothing about it."""
    shown = {str(trace) for (trace,) in rows.rows(_shown_sql(behaviour))} if quotes else set()
    for quote in quotes:
        if quote.trace_id in shown:
            yield quote
        else:
            corrections.append(f"a quote was struck: attempt {quote.trace_id} does not show it")


def _shown_sql(behaviour: Behaviour) -> str:
    return f"SELECT trace_id FROM ({behaviour.sql}) AS b WHERE value"
