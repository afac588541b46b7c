"""The records that the parts of halo-opt hand to each other, frozen and checked. Files hold them as JSON.

Times are ISO 8601 strings in UTC, durations are in seconds, money in US dollars, rates are fractions from 0 to 1,
intervals are `(low, high)`. `None` means not known or not measured.
"""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Interval = tuple[float, float]
Value = float | int | str | bool | list[float] | None


class Record(BaseModel):
    """Base of all records: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Outcome(StrEnum):
    """How an attempt ended. An `error` was not a measurement: it has no score and enters no rate."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


class Cause(StrEnum):
    """Who ended an attempt that was not a measurement."""

    BROWSER_DIED = "browser_died"
    TIME_LIMIT = "time_limit"
    MODEL_UNREACHABLE = "model_unreachable"
    MODEL_ERROR = "model_error"
    ENVIRONMENT_ERROR = "environment_error"
    HARNESS_CRASHED = "harness_crashed"
    INTERRUPTED = "interrupted"


class AttemptKey(Record):
    """What one attempt is to run: a line of the file that the harness command reads."""

    task_id: str
    seed: int
    attempt: int = 0


Integer = Annotated[int, Field(ge=-(2**31), lt=2**31)]
BigInt = Annotated[int, Field(ge=-(2**63), lt=2**63)]


def _time_as_text(value: Any) -> Any:
    """A number of seconds, or of parts of one, since 1970 as text."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Time = Annotated[str, BeforeValidator(_time_as_text)]


class AttemptResult(BaseModel):
    """A line of results.jsonl: one finished attempt, as the harness reports it. Unlisted fields are kept out.

    A number that no column of the store can hold makes the line invalid. The descriptions complete "must be ...".
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str = Field(description="a text")
    seed: BigInt = Field(description="a whole number of 64 bits")
    attempt: BigInt = Field(description="a whole number of 64 bits")
    trace_id: str = Field(description="a text")
    outcome: Outcome = Field(description="success, failure or error")
    score: float | None = Field(default=None, ge=0.0, le=1.0, description="a number from 0 to 1, or null")
    cause: Cause | str | None = Field(default=None, description="a text, or null")
    steps: Integer = Field(default=0, description="a whole number below 2,147,483,648")
    tokens_in: BigInt | None = Field(default=None, description="a whole number of 64 bits, or null")
    tokens_out: BigInt | None = Field(default=None, description="a whole number of 64 bits, or null")
    cost_usd: float | None = Field(default=None, allow_inf_nan=False, description="a finite number, or null")
    started_at: Time = Field(description='a time such as "2026-05-04T10:00:00Z"')
    ended_at: Time = Field(description='a time such as "2026-05-04T10:00:00Z"')

    @property
    def key(self) -> AttemptKey:
        """The attempt that this is the result of."""
        return AttemptKey(task_id=self.task_id, seed=self.seed, attempt=self.attempt)


class Run(Record):
    """run.json: what a folder of traces is a run of."""

    schema_version: Literal[1] = 1
    run_id: str
    purpose: str
    harness_revision: str
    model: str
    mode: str | None = None
    command: list[str]
    made_at: str


class ContractIssue(Record):
    """One way in which a harness does not keep the harness contract.

    `part` is the command or file that is concerned. The loop cannot work with a `required` one; any other costs what
    `message` says.
    """

    part: str
    required: bool
    message: str


class SetValue(Record):
    """Typed edit: one setting of a YAML file takes another value within the bounds that the harness declares."""

    type: Literal["set"] = "set"
    path: str
    key: str
    value: Value


class ReplaceText(Record):
    """Typed edit: the one occurrence of `old` in a text file becomes `new`."""

    type: Literal["replace"] = "replace"
    path: str
    old: str
    new: str


class AppendText(Record):
    """Typed edit: lines added at the end of a text file."""

    type: Literal["append"] = "append"
    path: str
    text: str


Edit = Annotated[SetValue | ReplaceText | AppendText, Field(discriminator="type")]


class Prediction(Record):
    """How a proposal expects the rate of a behaviour to move if its hypothesis is right."""

    behaviour: str
    direction: Literal["down", "up"]


class Proposal(Record):
    """A hypothesis plus typed edits to the editable surface, with its predictions.

    `levels` says how well each of the findings was supported when the proposal was made, by the finding's id.
    """

    id: str
    findings: list[str]
    levels: dict[str, str] = Field(default={})
    hypothesis: str
    edits: list[Edit]
    predictions: list[Prediction]
    source: str


class Patch(Record):
    """A proposal as a commit on its own branch."""

    proposal: Proposal
    branch: str
    commit: str
    parent: str
    diff: str


class TaskFlip(Record):
    """How one task's paired attempts changed: successes of `pairs` attempts before and after."""

    task_id: str
    pairs: int
    before: float
    after: float


class BehaviourShift(Record):
    """How often a behaviour was seen among measured attempts, before and after."""

    behaviour: str
    before: float | None
    after: float | None


class UnpairedAttempt(Record):
    """A task (and seed, where the pairs have one) that was measured on one side of a comparison only."""

    task_id: str
    seed: int | None
    measured_in: Literal["before", "after"]


class MeanScores(Record):
    """Mean scores (0 to 1) of two sets of attempts where some score lies between 0 and 1, in pairs as in ScoreDiff.

    Only attempts with a score take part. Too little data leaves numbers None.
    """

    pairs: int
    tasks: int
    before: float | None
    after: float | None
    difference: float | None
    interval: Interval | None
    p_value: float | None = Field(description="One-sided, clustered by task: speaks for tasks like these")


class ScoreDiff(Record):
    """Two sets of attempts compared, in pairs, clustered by task. Too little data leaves numbers None.

    `attempts_*` counts all attempts of a side, `errors_*` and `unknown_*` those without a measured outcome.
    """

    before: str
    after: str
    pairs: int
    tasks: int
    rate_before: float | None
    rate_after: float | None
    difference: float | None
    interval: Interval | None
    p_value: float | None = Field(description="One-sided, clustered by task: speaks for tasks like these")
    p_value_here: float | None = Field(default=None, description="One-sided, pair by pair: for these tasks alone")
    gained: list[TaskFlip]
    lost: list[TaskFlip]
    behaviours: list[BehaviourShift]
    errors_before: int
    errors_after: int
    unpaired: list[UnpairedAttempt]
    paired_by: Literal["task and seed", "task"] = "task and seed"
    attempts_before: int = 0
    attempts_after: int = 0
    unknown_before: int = Field(default=0, description="attempts whose traces do not say how they ended")
    unknown_after: int = 0
    mean_scores: MeanScores | None = Field(
        default=None, description="None where all scores are 0 or 1: their mean is the success rate"
    )


class Verdict(Record):
    """What the gate decided about a patch, and why in one sentence."""

    proposal_id: str
    accepted: bool
    reason: str
    diff: ScoreDiff | None
    broken_guards: list[str]
    mechanism_fired: bool | None


def json_of(value: Any) -> Any:
    """A record, or a container of records, as plain JSON data."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(k): json_of(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_of(v) for v in value]
    return value
