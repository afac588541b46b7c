"""Result lines: one for each finished attempt, appended so that several processes may write the same file."""

from pydantic import BaseModel, ConfigDict


class Job(BaseModel):
    """One attempt to run: a line of the attempts file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str
    seed: int
    attempt: int = 0


class Result(BaseModel):
    """One finished attempt. `score` is from 0 to 1; None for an error, which was not a measurement."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_id: str
    seed: int
    attempt: int
    trace_id: str
    outcome: str
    score: float | None
    cause: str | None
    steps: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    started_at: str
    ended_at: str


class ErrorDetails(BaseModel):
    """Why an attempt was not a measurement: a message, and the traceback where an exception was the cause."""

    model_config = ConfigDict(frozen=True)

    message: str
    traceback: str | None = None
