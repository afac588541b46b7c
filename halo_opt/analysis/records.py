"""The records of an analysis: its limits and task, the events that are watched, and its result."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from halo_opt.analysis.claims.records import MAX_LIST, MAX_TEXT, CheckedClaim, ClaimNumber, Quote
from halo_opt.core.records import Interval, Record, Value
from halo_opt.core.report_records import Quoted

# Contrasts that one point of an answer may cite; a point that needs more makes more than one statement.
MAX_CONTRASTS = 4

MAX_QUESTION = 8_000


class AnalysisLimits(Record):
    """How far an analysis may go, besides its budget of dollars, tokens and calls."""

    turns: int = Field(default=40, ge=1, description="turns of the root agent")
    sub_turns: int = Field(default=12, ge=1, description="turns of each sub-agent")
    depth: int = Field(default=2, ge=0, description="levels of sub-agents below the root; 0 for none")
    agents: int = Field(default=24, ge=1, description="agents in all, the root included")
    parallel: int = Field(default=4, ge=1, description="model calls at the same time")
    actions: int = Field(default=4, ge=1, description="actions of one turn")
    map_rows: int = Field(default=500, ge=1, description="rows of one llm_map")
    seconds: float | None = Field(default=None, gt=0, description="time limit of one start, in seconds of wall clock")


class ReportTask(Record):
    """Find out how and why attempts fail; the result is claims and a summary."""


class QuestionTask(Record):
    """Answer one question about the traces; the result is points that cite their evidence."""

    question: str = Field(min_length=1, max_length=MAX_QUESTION)


Task = ReportTask | QuestionTask


class Ended(StrEnum):
    """Why an agent stopped."""

    SUBMITTED = "submitted"
    TURNS = "turns"
    BUDGET = "budget"
    TIME = "time"
    MODEL = "model"
    UNUSABLE = "unusable"
    INTERRUPTED = "interrupted"


class Event(Record):
    """Something that happens during an analysis, for the user who watches it."""

    agent: str = Field(description="root, root.1, root.1.2")
    kind: Literal["turn", "tool", "model", "claim", "delegate", "map", "compact", "salvage", "fault", "stop", "end"]
    words: str
    turn: int = 0


class RecordedClaim(Record):
    """A claim as it was checked when it was recorded; it is checked again before a report is written.

    `scope` says in words which attempts its agent could see, '' for all; `told` is the claim as the agent made it.
    """

    id: str
    agent: str
    checked: CheckedClaim
    scope: str = ""
    told: str = ""


class AnswerPoint(Record):
    """One statement of an answer with its evidence: numbers with the SQL that gives them, quotes of attempts, and
    contrasts or findings by name.
    """

    text: str = Field(min_length=1, max_length=MAX_TEXT)
    contrasts: list[str] = Field(default=[], max_length=MAX_CONTRASTS)
    numbers: list[ClaimNumber] = Field(default=[], max_length=MAX_LIST)
    quotes: list[Quote] = Field(default=[], max_length=MAX_LIST)


class CitedContrast(Record):
    """A contrast or finding that a point cites, measured again.

    `counts` are failures_with, failures, successes_with, successes, and the difference of the failure rates (a
    fraction) where there is one; `sql` gives the counts, a row for each outcome.
    """

    name: str
    title: str
    counts: dict[str, Value]
    interval: Interval | None = None
    held_fixed: str = ""
    sql: str


class CheckedPoint(Record):
    """A point after the check: numbers as re-run, quotes completed to whole sentences, and words without figures that
    no evidence supports.

    `corrections` say what was changed or removed.
    """

    text: str
    contrasts: list[CitedContrast]
    numbers: list[ClaimNumber]
    quotes: list[Quoted]
    corrections: list[str]


class Answer(Record):
    """The points of an answer that hold. `dropped` says of each other point why it does not."""

    points: list[CheckedPoint]
    dropped: list[str] = Field(default=[])


class AnalysisResult(Record):
    """What the agents submitted, and what that took. `summary` is the model's text, unchecked.

    `answer` is None where no question was asked or no answer submitted. Calls, tokens, dollars and faults are of the
    whole analysis, with those of earlier starts; `seconds` are of this start.
    """

    summary: str
    claims: list[RecordedClaim]
    answer: Answer | None = None
    ended: Ended
    salvaged: bool = Field(description="whether the root reached a limit before it submitted")
    reason: str = Field(default="", description="why it ended, in words, unless by submitting")
    models: dict[str, str] = Field(description="role -> model")
    agents: int
    turns: int
    tools: dict[str, int] = Field(description="tool -> calls")
    faults: dict[str, int] = Field(description="kind of fault -> how often")
    calls: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int = Field(default=0, description="those of tokens_in that the provider had in its cache")
    cost_usd: float | None
    seconds: float
    python: str = Field(description="what confines the python tool, or why it was not offered")
    python_offered: bool = False
