"""The records of a model's claim and of a checked claim."""

from typing import Literal

from pydantic import Field

from halo_opt.core.records import Record
from halo_opt.core.report_records import Category, Quoted, SuggestedFix

MAX_TEXT = 2_000
MAX_QUOTE = 600
MAX_LIST = 12


class ClaimNumber(Record):
    """A number with the one-cell SELECT that gives it."""

    name: str = Field(max_length=80)
    value: int | float
    sql: str = Field(max_length=MAX_TEXT * 4)


class Quote(Quoted):
    """An exact quote from one attempt (at one step)."""

    trace_id: str = Field(max_length=200)
    # What a step number can be at all; a larger one could not even be looked up.
    step: int | None = Field(default=None, ge=0, lt=2**31)
    words: str = Field(max_length=MAX_QUOTE)


class Fix(SuggestedFix):
    """A suggested change of the harness, described in words: file, lines, and what should stand there."""

    path: str = Field(max_length=200)
    lines: str = Field(default="", max_length=40)
    words: str = Field(max_length=MAX_TEXT)


class Claim(Record):
    """A failure mode that a model claims. `predicate_sql` gives the trace_id of each attempt that shows it."""

    title: str = Field(min_length=3, max_length=160, description="the way of failing, in a few words")
    claim: str = Field(max_length=MAX_TEXT, description="what happens and why")
    predicate_sql: str = Field(
        max_length=MAX_TEXT * 6,
        description="SELECT of the trace_id of every attempt that shows it, by what it did; never by outcome or score",
    )
    numbers: list[ClaimNumber] = Field(
        default=[], max_length=MAX_LIST, description="every figure in your words, each with a SELECT of one cell"
    )
    quotes: list[Quote] = Field(
        default=[], max_length=MAX_LIST, description="words of attempts that show it, copied exactly, with their step"
    )
    category: Category = Field(default="unexplained", description="whose fault it is")
    remedies: list[str] = Field(default=[], max_length=MAX_LIST, description="what may help, in a few words each")
    fix: Fix | None = Field(default=None, description="file and lines of the harness, and what should stand there")
    counter_evidence: str = Field(default="", max_length=MAX_TEXT, description="what speaks against it")


Status = Literal["confirmed", "unsupported"]


class CheckedClaim(Record):
    """A claim after the check. Whether its failure mode separates failures from successes is tested by mining.

    Args:
        status: Whether the traces support the claim.
        claim: What the traces support of the claim: text, numbers as their SQL gave them, quotes that were found.
        corrections: What was changed or removed, a line each.
        reasons: Why the claim is unsupported.
        listed: Whether the predicate lists attempts by name, so that it cannot be tested.
    """

    status: Status
    claim: Claim
    corrections: list[str]
    reasons: list[str]
    listed: bool = False
