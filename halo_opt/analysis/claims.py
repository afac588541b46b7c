"""What a model claims about traces, held against the traces: numbers re-run, quotes looked up, the contrast made anew.

Nothing of a claim is believed. Its SQL runs under guard, every count in it is replaced by what the store says, a quote
that does not stand in the trace is struck, and a figure in its words that no checked number bears out is struck too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.guarded_rows import GuardedRows
from halo_opt.errors import InputError
from halo_opt.mining.behaviour import Behaviour, Category
from halo_opt.mining.cells import Measured, literal, measure
from halo_opt.records import Record, Value
from halo_opt.store.store import Store

MAX_TEXT = 2_000
MAX_QUOTE = 600
MAX_LIST = 12
# A quote of a word or two stands in any trace; it proves nothing about this one.
MIN_QUOTE = 8
STRUCK = "[not confirmed]"
_FIGURE = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?\s?%?(?![\w])")
# Where words of a trace can stand; a step's or message's own text, never a name that we made up.
_STEP_TEXTS = ("observation", "reply", "tool", "arguments", "target", "result", "error")


class ClaimNumber(Record):
    """A number with the one-cell SELECT that gives it."""

    name: str = Field(max_length=80)
    value: float
    sql: str = Field(max_length=MAX_TEXT * 4)


class Quote(Record):
    """Words that stand in one attempt (at one step), exactly as they stand there."""

    trace_id: str = Field(max_length=200)
    step: int | None = None
    words: str = Field(max_length=MAX_QUOTE)


class Fix(Record):
    """Where the harness could be changed, in words; never an edit."""

    path: str = Field(max_length=200)
    lines: str = Field(default="", max_length=40)
    words: str = Field(max_length=MAX_TEXT)


class Claim(Record):
    """A failure mode as the model tells it. `predicate_sql` gives the trace_id of each attempt that shows it."""

    title: str = Field(min_length=3, max_length=160)
    claim: str = Field(max_length=MAX_TEXT)
    predicate_sql: str = Field(max_length=MAX_TEXT * 6)
    numbers: list[ClaimNumber] = Field(default=[], max_length=MAX_LIST)
    quotes: list[Quote] = Field(default=[], max_length=MAX_LIST)
    category: Category = "unexplained"
    remedies: list[str] = Field(default=[], max_length=MAX_LIST)
    fix: Fix | None = None


Status = Literal["confirmed", "unsupported"]


class CheckedClaim(Record):
    """A claim after the check. `corrections` say what was changed or struck, `reasons` why it is unsupported.

    `claim` holds only what was borne out: its words without unconfirmed figures, the numbers as re-run, the quotes that
    stand. Whether the failure mode separates failures from successes is for the contrast of `measured` to say.
    """

    status: Status
    claim: Claim
    corrections: list[str]
    reasons: list[str]


def check(claim: Claim, store: Store, rows: GuardedRows, *, name: str, first_steps: Mapping[str, int]) -> tuple[
    CheckedClaim, Measured | None
]:  # fmt: skip
    """The claim as far as it holds, and its behaviour as measured; None where the predicate cannot be measured."""
    corrections: list[str] = []
    numbers = list(rerun(claim.numbers, rows, corrections))
    quotes = [quote for quote in claim.quotes if stands(quote, store, corrections)]
    behaviour = behaviour_of(claim, name)
    reasons, measured = _measured(claim.predicate_sql, behaviour, rows, first_steps)
    if measured is not None:
        quotes = list(_shown_by(quotes, behaviour, rows, corrections))
        if not quotes:
            reasons.append("no quote of an attempt that shows it stands in the traces")
    known = [number.value for number in numbers] + (_counts(measured) if measured else [])
    kept = claim.model_copy(
        update={
            "title": strike(claim.title, known, corrections),
            "claim": strike(claim.claim, known, corrections),
            "numbers": numbers,
            "quotes": quotes,
        }
    )
    status: Status = "unsupported" if reasons else "confirmed"
    return CheckedClaim(status=status, claim=kept, corrections=corrections, reasons=reasons), measured


def behaviour_of(claim: Claim, name: str) -> Behaviour:
    """The claim's predicate as a behaviour like any detector's, over measured attempts and unknown outcomes."""
    return Behaviour(
        name=name,
        title=claim.title,
        meaning=claim.claim,
        sql=(
            "SELECT a.trace_id, s.trace_id IS NOT NULL AS value, NULL::INTEGER AS step FROM attempts AS a LEFT JOIN"
            f" (SELECT DISTINCT trace_id::VARCHAR AS trace_id FROM ({claim.predicate_sql.strip().rstrip(';')}) AS p)"
            " AS s USING (trace_id) WHERE a.outcome IS DISTINCT FROM 'error'"
        ),
        remedies=tuple(claim.remedies),
        fault=claim.category,
    )


def _measured(
    predicate: str, behaviour: Behaviour, rows: GuardedRows, first_steps: Mapping[str, int]
) -> tuple[list[str], Measured | None]:
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
    if measured.failures_with == 0:
        return ["no failure shows it"], measured
    return [], measured


def _counts(m: Measured) -> list[float]:
    """What the store says of the predicate, in the forms in which people write it."""
    found: list[float] = [m.failures_with, m.failures, m.successes_with, m.successes]
    found += [m.failures_with + m.successes_with, m.failures + m.successes]
    for part, whole in ((m.failures_with, m.failures), (m.successes_with, m.successes)):
        found += [part / whole] if whole else []
    if m.contrast and m.contrast.difference is not None:
        found.append(m.contrast.difference)
    return found


def rerun(numbers: Sequence[ClaimNumber], rows: GuardedRows, corrections: list[str]) -> Iterator[ClaimNumber]:
    """The numbers that their SQL gives, with its values; what was changed or struck goes into `corrections`."""
    for number in numbers:
        try:
            value = _cell(rows.rows(number.sql))
        except InputError as error:
            corrections.append(f"number {number.name} was struck: its SQL cannot be run ({error})")
            continue
        if value is None:
            corrections.append(f"number {number.name} was struck: its SQL does not give one number")
        elif not _same(number.value, value):
            corrections.append(f"number {number.name} was {number.value:g}; its SQL gives {value:g}")
            yield number.model_copy(update={"value": value})
        else:
            yield number


def _cell(found: Sequence[tuple[Any, ...]]) -> float | None:
    if len(found) != 1 or len(found[0]) != 1 or isinstance(found[0][0], bool | str | None):
        return None
    return float(found[0][0])


def _same(one: float, two: float) -> bool:
    return abs(one - two) <= 1e-6 * max(1.0, abs(one), abs(two))


def stands(quote: Quote, store: Store, corrections: list[str]) -> bool:
    """Whether the words stand in that attempt (at that step), letter by letter, white space aside."""
    words = _plain(quote.words)
    where = f"attempt {quote.trace_id}" + ("" if quote.step is None else f", step {quote.step}")
    if len(words) < MIN_QUOTE:
        corrections.append(f"a quote of {where} was struck: fewer than {MIN_QUOTE} characters prove nothing")
        return False
    place = "" if quote.step is None else f" AND step = {int(quote.step)}"
    texts = store.rows(f"SELECT {', '.join(_STEP_TEXTS)} FROM steps WHERE trace_id = {literal(quote.trace_id)}{place}")
    if quote.step is None:
        texts += store.rows(f"SELECT content FROM messages WHERE trace_id = {literal(quote.trace_id)}")
    if any(words in _plain(str(text)) for row in texts for text in row if text is not None):
        return True
    corrections.append(f"a quote was struck: its words do not stand in {where}" if texts else f"there is no {where}")
    return False


def _plain(text: str) -> str:
    return " ".join(text.split())


def _shown_by(
    quotes: Sequence[Quote], behaviour: Behaviour, rows: GuardedRows, corrections: list[str]
) -> Iterator[Quote]:
    """Quotes of attempts that the predicate holds for; words of another attempt say nothing about it."""
    named = ", ".join(literal(quote.trace_id) for quote in quotes)
    shown = (
        {
            str(t)
            for (t,) in rows.rows(f"SELECT trace_id FROM ({behaviour.sql}) AS b WHERE value AND trace_id IN ({named})")
        }
        if quotes
        else set()
    )
    for quote in quotes:
        if quote.trace_id in shown:
            yield quote
        else:
            corrections.append(f"a quote was struck: attempt {quote.trace_id} does not show it")


def strike(words: str, known: Sequence[Value], corrections: list[str]) -> str:
    """The words without figures that no checked number bears out, as a count or as a percentage."""
    values = [float(value) for value in known if isinstance(value, int | float)]

    def confirmed(match: re.Match[str]) -> str:
        said = match.group(0)
        figure = float(said.replace(",", "").rstrip("%").strip())
        percent = said.endswith("%")
        digits = len(said.rstrip("% ").partition(".")[2])
        for value in values:
            shown = 100 * value if percent else value
            if round(abs(shown), digits) == abs(figure):
                return said
        corrections.append(f"{said} was struck from the words: no checked number says so")
        return STRUCK

    return _FIGURE.sub(confirmed, words)
