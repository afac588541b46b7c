"""Checks a model's claim against the traces.

The SQL of each number runs again (guarded) and gives its value, quotes are looked up, and the predicate is measured as
a behaviour. Numbers, quotes and figures in the text that the traces do not support are removed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from halo_opt.analysis.claims.evidence import Evidence, evidence, misnamed, names_in_traces
from halo_opt.analysis.claims.figures import numbers_as_evidence, remove_unsupported
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
    hidden_sql,
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
    """Check a claim.

    Args:
        claim: The claim as the model wrote it.
        store: The traces.
        rows: Runs the claim's SQL, guarded.
        name: The name of the claim's behaviour.
        first_steps: By run_id, the number of first steps to compare in runs whose failures reach the step limit.
        harness: The folder that must hold the file of a fix. None: the file is not checked.

    Returns:
        The claim without what the traces do not support, with its status, corrections and reasons; and the measured
        behaviour, None where the predicate cannot be measured.
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
            "title": remove_unsupported(claim.title, known, corrections),
            "claim": remove_unsupported(claim.claim, known, corrections),
            "counter_evidence": remove_unsupported(claim.counter_evidence, known, corrections),
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
    """The SQL that `check_claim` usually runs, so that it can be run together and in any order."""
    behaviour = claim_behaviour(claim, "claim")
    for number in claim.numbers:
        yield from (number.sql, *probes(number.sql))
    if predicate_problem(claim.predicate_sql) is None:
        yield from (claim.predicate_sql, counts_sql(behaviour), cells_sql(behaviour, first_steps))
        yield from filter(None, [renamed_sql(claim.predicate_sql), hidden_sql(claim.predicate_sql)])
        yield _shown_sql(behaviour)


def claim_behaviour(claim: Claim, name: str, *, model: str = "a model", listed: bool = False) -> Behaviour:
    """The claim's predicate as a behaviour, over all attempts that did not end in an error.

    Args:
        claim: The claim.
        name: The name of the behaviour.
        model: The model that made the claim. A behaviour with a source has its SQL run guarded.
        listed: Whether the predicate lists attempts by name, so that it cannot be tested.
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
    """Why a predicate must not be measured over any traces; None where it may be."""
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
    """Measure a predicate's behaviour.

    Returns:
        The reasons why the predicate supports no claim, and the measurement; None where it cannot be measured.
    """
    if reason := predicate_problem(predicate):
        return [reason], None
    try:
        # Alone first: within other SQL, an incomplete statement could close the brackets around it.
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
    """Why a behaviour cannot be a failure mode: no failure shows it, or attempts that show it fail less often."""
    within = m.contrast.difference if m.contrast else None
    if m.failures_with == 0:
        yield "no failure shows it"
    elif m.failures_with * m.successes < m.successes_with * m.failures and (within is None or within < 0):
        yield "successes show it more often than failures: it is no way of failing"


def _counts(m: Measured) -> dict[str, Value]:
    """The measured counts of attempts, and the difference of the failure rates (a fraction)."""
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
    """Run the SQL of numbers again.

    Args:
        numbers: The numbers as the model wrote them.
        store: The traces.
        rows: Runs the SQL, guarded.
        corrections: Receives a line for each number that was changed or removed.

    Yields:
        Each number that its SQL counts in the traces, with the value that the SQL gives.
    """
    names = names_in_traces(store)
    for number in numbers:
        try:
            value = _cell(rows.rows(number.sql))
        except InputError as error:
            corrections.append(f"number {number.name} was removed: its SQL cannot be run ({error})")
            continue
        if value is None:
            corrections.append(f"number {number.name} was removed: its SQL does not give one number")
            continue
        if reason := number_problem(number.sql, value, store, rows.rows) or misnamed(number.name, number.sql):
            corrections.append(f"number {number.name} was removed: {reason}")
            continue
        if not _same(number.value, value):
            corrections.append(f"number {number.name} was {number.value:g}; its SQL gives {value:g}")
        known = replace(numbers_as_evidence([value]), names=names)
        yield number.model_copy(update={"name": remove_unsupported(number.name, known, corrections), "value": value})


def _cell(found: Sequence[tuple[Any, ...]]) -> int | float | None:
    if len(found) != 1 or len(found[0]) != 1:
        return None
    value = found[0][0]
    return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def _same(one: float, two: float) -> bool:
    return abs(one - two) <= 1e-6 * max(1.0, abs(one), abs(two))


def quote_is_found(quote: Quote, store: Store, corrections: list[str]) -> bool:
    """Whether a quote is in the texts of its attempt (at its step); if not, the reason goes into `corrections`."""
    reason = quote_problem(quote, store)
    corrections += [reason] if reason else []
    return reason is None


def _remedies(words: Sequence[str], corrections: list[str]) -> Iterator[str]:
    for word in words:
        if word in load_playbook().all_words():
            yield word
        else:
            corrections.append(f"remedy {word} was removed: the playbook has no such remedy")


def _fix(fix: Fix | None, harness: Path | None, known: Evidence, corrections: list[str]) -> Fix | None:
    """The fix with its text, file and lines checked; None where the harness does not have the file."""
    if fix is None:
        return None
    kept = fix.model_copy(update={"words": remove_unsupported(fix.words, known, corrections)})
    if harness is None:
        corrections.append("the file of the fix was not checked: no folder of the harness was given")
        return kept
    lines = _lines_of(harness, fix.path)
    if lines is None:
        corrections.append(f"the fix was removed: the harness has no file {fix.path}")
        return None
    named = [int(digits) for digits in re.findall(r"[0-9]{1,9}", fix.lines)]
    if named and not (named[0] >= 1 and named[-1] <= lines):
        corrections.append(f"lines {fix.lines} of the fix were removed: {fix.path} has {lines} lines")
        return kept.model_copy(update={"lines": ""})
    return kept


def _lines_of(harness: Path, path: str) -> int | None:
    """The number of lines of a regular file within the harness; None where there is no such file."""
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
    """The quotes of attempts that show the behaviour."""
    shown = {str(trace) for (trace,) in rows.rows(_shown_sql(behaviour))} if quotes else set()
    for quote in quotes:
        if quote.trace_id in shown:
            yield quote
        else:
            corrections.append(f"a quote was removed: attempt {quote.trace_id} does not show it")


def _shown_sql(behaviour: Behaviour) -> str:
    return f"SELECT trace_id FROM ({behaviour.sql}) AS b WHERE value"
