"""The records of a model's claim and of a checked claim."""

from typing import Any

from pydantic import Field, field_validator

from halo_opt.core.records import Record
from halo_opt.core.report_records import Category, HarnessPart, Level, Number, Quoted, SuggestedFix

MAX_TEXT = 2_000
MAX_QUOTE = 600
MAX_LIST = 12


class ClaimNumber(Record):
    """A number with the one-cell SELECT that gives it. A value that the model states is compared with the SQL's."""

    name: str = Field(max_length=80)
    value: int | float | None = None
    sql: str = Field(max_length=MAX_TEXT * 4)


class Quote(Quoted):
    """An exact quote from one attempt (at one step)."""

    trace_id: str = Field(max_length=200)
    # What a step number can be at all; a larger one could not even be looked up.
    step: int | None = Field(default=None, ge=0, lt=2**31)
    words: str = Field(max_length=MAX_QUOTE)


_PARTS: tuple[tuple[str, HarnessPart], ...] = (
    ("prompt", "prompt"),
    ("instruction", "prompt"),
    ("pars", "parser"),
    ("wrapper", "tool wrapper"),
    ("tool", "tool wrapper"),
    ("limit", "limit"),
    ("budget", "limit"),
    ("timeout", "limit"),
    ("container", "container"),
    ("image", "container"),
    ("environment", "container"),
    ("grader", "grader"),
    ("scor", "grader"),
    ("loop", "loop"),
    ("setting", "settings"),
    ("config", "settings"),
)


class Fix(SuggestedFix):
    """A suggested change of the harness in words: the part, where known the file and its lines, what should stand."""

    path: str = Field(default="", max_length=200)
    lines: str = Field(default="", max_length=40)
    words: str = Field(max_length=MAX_TEXT)

    @field_validator("part", mode="before")
    @classmethod
    def _known_part(cls, given: Any) -> Any:
        """The part that is meant; `other` where it is none of them."""
        if not isinstance(given, str):
            return "other" if given is None else given
        return next((part for word, part in _PARTS if word in given.lower()), "other")


class Claim(Record):
    """A failure mode that a model claims. `predicate_sql` gives the trace_id of each attempt that shows it."""

    title: str = Field(min_length=3, max_length=160, description="the way of failing, in a few words")
    claim: str = Field(
        max_length=MAX_TEXT, description="what happens and why; figures as placeholders: {failures_with}, {name}"
    )
    predicate_sql: str = Field(
        max_length=MAX_TEXT * 6,
        description="SELECT of the trace_id of every attempt that shows it, by what it did; never by outcome or score",
    )
    numbers: list[ClaimNumber] = Field(
        default=[], max_length=MAX_LIST, description="a name, and a SELECT of one cell that gives it"
    )
    quotes: list[Quote] = Field(
        default=[], max_length=MAX_LIST, description="words of attempts that show it, copied exactly, with their step"
    )
    category: Category = Field(default="unexplained", description="whose fault it is")
    remedies: list[str] = Field(default=[], max_length=MAX_LIST, description="what may help, in a few words each")
    fix: Fix | None = Field(default=None, description="part of the harness (and file), and what should stand there")
    counter_evidence: str = Field(default="", max_length=MAX_TEXT, description="what speaks against it")
    counter_quotes: list[Quote] = Field(default=[], max_length=MAX_LIST, description="words of successes against it")
    replaces: str = Field(default="", max_length=40, description="id of your earlier claim that this one replaces")


class CheckedClaim(Record):
    """A claim after the check. Whether its failure mode separates failures from successes is tested by mining.

    Attributes:
        claim: The claim as the model wrote it, with its numbers as their SQL gave them and the quotes that were found.
        level: How well the traces support it, before the correction for all tests of the report.
        level_reason: Why the level is not higher, as a sentence.
        to_lift: What would lift it, as a sentence.
        title: The claim's title with its placeholders filled in.
        words: The claim's words with their placeholders filled in.
        counter_evidence: The same of its counter-evidence.
        measured: How many failures and successes show it.
        unchecked: Figures and number words in title and words that no checked number gave.
        corrections: What differs from what the model wrote, a line each.
        reasons: Why the claim is unsupported.
        listed: Whether the predicate lists attempts by name, so that it cannot be tested.
    """

    claim: Claim
    level: Level = "suspected"
    level_reason: str = ""
    to_lift: str = ""
    title: str = ""
    words: str = ""
    counter_evidence: str = ""
    measured: dict[str, Number] = Field(default={})
    unchecked: list[str] = Field(default=[])
    corrections: list[str] = Field(default=[])
    reasons: list[str] = Field(default=[])
    listed: bool = False

    @property
    def stands(self) -> bool:
        """Whether anything of it stands."""
        return self.level != "unsupported"
