"""Checks a model's claim against the traces.

The SQL of each number runs again (guarded) and gives its value, quotes are looked up, and the predicate is measured as
a behaviour. Placeholders in the text are filled in with these numbers; the text is changed in no other way.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from halo_opt.analysis.claims.bare_figures import bare_figures
from halo_opt.analysis.claims.claim_levels import claim_support
from halo_opt.analysis.claims.direction import Shown, contradictions, shown_by
from halo_opt.analysis.claims.evidence import misnamed, names_in_traces
from halo_opt.analysis.claims.hypotheses import behaviour_sql
from halo_opt.analysis.claims.placeholders import OF_FINDING, Known, filled, known_numbers, no_such_number
from halo_opt.analysis.claims.quotes import quote_problem
from halo_opt.analysis.claims.records import CheckedClaim, Claim, ClaimNumber, Fix, Quote
from halo_opt.core.errors import InputError
from halo_opt.core.playbook import load_playbook
from halo_opt.core.report_records import Number
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.levels import Support, level_of
from halo_opt.mining.measure import Measured, cells_sql, count_sql, counts_sql, measure
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
from halo_opt.store.guarded.sql_tree import bounds
from halo_opt.store.store import Store


def check_claim(
    claim: Claim,
    store: Store,
    rows: GuardedRows,
    *,
    name: str,
    first_steps: Mapping[str, int],
    harness: Path | None = None,
    of_findings: Mapping[str, Known] | None = None,
) -> tuple[CheckedClaim, Measured | None]:
    """Check a claim.

    Args:
        claim: The claim as the model wrote it.
        store: The traces.
        rows: Runs the claim's SQL, guarded.
        name: The name of the claim's behaviour.
        first_steps: By run_id, the number of first steps to compare in runs whose failures reach the step limit.
        harness: The folder that must hold the file of a fix. None: the file is not checked.
        of_findings: The numbers of mining's findings, for placeholders such as `{F1.failures_with}`. None: these
            placeholders stay as they are.

    Returns:
        The claim with the numbers and quotes that hold, its level and corrections; and the measured behaviour, None
        where the predicate cannot be measured.
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
    kept = claim.model_copy(
        update={
            "numbers": numbers,
            "quotes": quotes,
            "counter_quotes": list(_of_successes(claim.counter_quotes, store, corrections)),
            "fix": _fix(claim.fix, harness, corrections),
        }
    )
    checked = CheckedClaim(
        claim=kept,
        measured=measured_numbers(measured) if measured else {},
        corrections=corrections,
        reasons=reasons,
        listed=listed,
    )
    return _with_level(_with_words(checked, measured, names_in_traces(store), of_findings), measured), measured


def _with_words(
    checked: CheckedClaim,
    measured: Measured | None,
    names: frozenset[str],
    of_findings: Mapping[str, Known] | None,
) -> CheckedClaim:
    """The claim with its placeholders filled in, its other figures listed, and its words held against the counts."""
    claim = checked.claim
    known = known_numbers({**checked.measured, **numbers_by_name(claim.numbers)})
    title, lacking = filled(claim.title, known)
    texts = [title]
    for text in (claim.claim, claim.counter_evidence):
        done, unknown = filled(
            text, {**(of_findings or {}), **known}, later=OF_FINDING if of_findings is None else None
        )
        texts.append(done)
        lacking += unknown
    corrections = [*checked.corrections, *no_such_number(list(dict.fromkeys(lacking)), known)]
    if measured is not None:
        corrections += contradicted([texts[0], texts[1]], shown_by(measured))
    return checked.model_copy(
        update={
            "title": texts[0],
            "words": texts[1],
            "counter_evidence": texts[2],
            "unchecked": unchecked_figures([claim.title, claim.claim], claim.predicate_sql, names),
            "corrections": list(dict.fromkeys(corrections)),
        }
    )


def unchecked_figures(texts: Sequence[str], predicate: str, names: frozenset[str]) -> list[str]:
    """The figures in a claim's texts that no checked number gave, each once."""
    limits = bounds(predicate)
    return list(dict.fromkeys(figure for text in texts for figure in bare_figures(text, names, limits)))


def contradicted(texts: Sequence[str], shown: Shown) -> list[str]:
    """What a claim's texts say against the measured counts, each once."""
    return list(dict.fromkeys(words for text in texts for words in contradictions(text, shown)))


def _with_level(checked: CheckedClaim, measured: Measured | None) -> CheckedClaim:
    """The claim with the level that it has before the correction for all tests of the report."""
    test = level_of(measured, measured.p_value) if measured else Support("unsupported")
    support = claim_support(
        test,
        shown_by(measured) if measured else Shown(0, 0, 0, 0),
        reasons=checked.reasons,
        corrections=checked.corrections,
        unchecked=checked.unchecked,
        listed=checked.listed,
        tested=measured is not None and measured.p_value is not None,
    )
    return checked.model_copy(
        update={"level": support.level, "level_reason": support.reason, "to_lift": support.to_lift}
    )


def measured_numbers(m: Measured) -> dict[str, Number]:
    """How many failures and successes show a behaviour, and the difference of the failure rates, with their SQL."""

    def counted(value: int, outcome: Literal["failure", "success"], *, shown: bool) -> Number:
        return Number(value=value, sql=count_sql(m.behaviour, outcome=outcome, shown=shown))

    found = {
        "failures_with": counted(m.failures_with, "failure", shown=True),
        "failures": counted(m.failures, "failure", shown=False),
        "successes_with": counted(m.successes_with, "success", shown=True),
        "successes": counted(m.successes, "success", shown=False),
    }
    if m.contrast is not None and m.contrast.difference is not None:
        found["difference"] = Number(value=m.contrast.difference, sql=m.cells_sql, statistic="stratified_difference")
    return found


def numbers_by_name(numbers: Sequence[ClaimNumber]) -> dict[str, Number]:
    """The numbers by name. A name that is taken gets ` (another)` appended."""
    found: dict[str, Number] = {}
    for number in numbers:
        name = number.name
        while name in found:
            name += " (another)"
        found[name] = Number(value=number.value, sql=number.sql)
    return found


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
        category=claim.category,
        sql=behaviour_sql(claim.predicate_sql),
        remedies=tuple(word for word in claim.remedies if word in load_playbook().all_words()),
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
        if number.value is not None and not _as_stated(number.value, value):
            corrections.append(f"number {number.name} was {number.value:g}; its SQL gives {value:g}")
        yield number.model_copy(update={"value": value})


def _cell(found: Sequence[tuple[Any, ...]]) -> int | float | None:
    if len(found) != 1 or len(found[0]) != 1:
        return None
    value = found[0][0]
    return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None


def _as_stated(stated: float, value: float) -> bool:
    """Whether a stated value is the SQL's, rounded to the digits that were written."""
    digits = len(repr(stated).partition(".")[2]) if isinstance(stated, float) and "e" not in repr(stated) else 0
    exact = abs(stated - value) <= 1e-6 * max(1.0, abs(stated), abs(value))
    return exact or (digits > 0 and abs(stated - value) <= 0.5 * 10**-digits + 1e-12)


def quote_is_found(quote: Quote, store: Store, corrections: list[str]) -> bool:
    """Whether a quote is in the texts of its attempt (at its step); if not, the reason goes into `corrections`."""
    reason = quote_problem(quote, store)
    corrections += [reason] if reason else []
    return reason is None


def _of_successes(quotes: Sequence[Quote], store: Store, corrections: list[str]) -> Iterator[Quote]:
    """The quotes that stand in attempts which succeed."""
    for quote in quotes:
        reason = quote_problem(quote, store)
        if reason is None and not store.rows(
            "SELECT 1 FROM attempts WHERE trace_id = ? AND outcome = 'success'", (quote.trace_id,)
        ):
            reason = f"attempt {quote.trace_id} is no success"
        if reason is None:
            yield quote
        else:
            corrections.append(f"a counter-quote was left out: {reason}")


def _fix(fix: Fix | None, harness: Path | None, corrections: list[str]) -> Fix | None:
    """The fix, with its file and lines checked where a harness's folder was given; its words stay as they are."""
    if fix is None or not fix.path:
        return fix
    if harness is None:
        within = not fix.path.startswith(("/", "~")) and ".." not in fix.path.split("/")
        return fix if within else fix.model_copy(update={"path": "", "lines": ""})
    lines = _lines_of(harness, fix.path)
    if lines is None:
        corrections.append(f"the fix names a file that the harness does not have: {fix.path}")
        return fix.model_copy(update={"path": "", "lines": ""})
    named = [int(digits) for digits in re.findall(r"[0-9]{1,9}", fix.lines)]
    if named and not (named[0] >= 1 and named[-1] <= lines):
        corrections.append(f"lines {fix.lines} of the fix were removed: {fix.path} has {lines} lines")
        return fix.model_copy(update={"lines": ""})
    return fix


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
