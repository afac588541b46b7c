"""The rows that every reader produces, one named tuple per table of the store.

Field names and order are those of `schema.TABLES`. Times are UTC text that DuckDB casts to TIMESTAMP. `None` means that
the format does not record the value; it is not a stand-in for zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Attributes = Mapping[str, Any]


def is_stored_as(native: object, trace_id: str) -> bool:
    """Whether an attempt with an id in its source is stored under another id: itself, or with a hash of the run."""
    return native == trace_id or (isinstance(native, str) and trace_id[:-8] == f"{native}~")


class RunRow(NamedTuple):
    """A set of attempts made with one harness revision, one model, one mode."""

    run_id: str
    format: str
    harness_revision: str | None
    model: str | None
    mode: str | None
    purpose: str | None
    source: str


class AttemptRow(NamedTuple):
    """One run of one task with one seed: one trace. What a reader does not know stays None.

    A reader gives `outcome` only where the trace states a verdict, and `score` as it is stated, whatever its type and
    scale: `OutcomeRule` decides what follows from them when the attempt is stored.
    """

    trace_id: str
    run_id: str
    task_id: str
    seed: int | None = None
    attempt: int = 0
    outcome: str | None = None
    score: Any = None
    cause: str | None = None
    end_reason: str | None = None
    mode: str | None = None
    model: str | None = None
    harness_revision: str | None = None
    goal: str | None = None
    steps: int | None = None
    step_limit: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    started_at: str | None = None
    ended_at: str | None = None
    source: str = ""
    line: int | None = None
    outcome_from: str | None = None
    source_id: str | None = None


class SpanRow(NamedTuple):
    """One timed piece of an attempt; `kind` is the OpenInference kind, `status` ok, error or unset."""

    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    kind: str
    started_at: str | None
    ended_at: str | None
    status: str
    status_message: str | None
    attributes: Attributes
    resource: Attributes
    source: str
    line: int | None
    byte_offset: int | None = None
    byte_length: int | None = None
    model: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    tool: str | None = None
    call_hash: int | None = None
    error_type: str | None = None
    step: int | None = None
    agent: str | None = None
    uncounted: Attributes | None = None


class MessageRow(NamedTuple):
    """One message of the attempt's conversation, stored once however often a prompt repeats it."""

    trace_id: str
    span_id: str | None
    position: int
    role: str
    content: str | None
    agent: str | None = None


class ToolCallRow(NamedTuple):
    """One call of one tool; a step may hold several, `position` tells their order."""

    trace_id: str
    span_id: str | None
    step: int
    position: int
    tool: str
    arguments: str | None
    target: str | None
    result: str | None
    error: str | None
    error_type: str | None
    agent: str | None = None


class StepRow(NamedTuple):
    """One observe-decide-act turn; of several calls the tool columns show the first that failed, else the first."""

    trace_id: str
    step: int
    span_id: str | None
    observation: str | None = None
    reply: str | None = None
    tool: str | None = None
    arguments: str | None = None
    target: str | None = None
    result: str | None = None
    error: str | None = None
    error_type: str | None = None
    page_changed: bool | None = None
    empty_fields: int | None = None
    submits: bool | None = None
    started_at: str | None = None
    ended_at: str | None = None
    agent: str | None = None


class ScoreRow(NamedTuple):
    """A judgement of an attempt and who gave it."""

    trace_id: str
    name: str
    value: float | None
    label: str | None
    source: str


class RejectRow(NamedTuple):
    """A line (or record) that could not be used, or one value of it: where it is, why, and how it begins.

    `field` is the column (`attempts.steps`) of a single value; None when no part of the line was used.
    """

    source: str
    line: int
    byte_offset: int | None
    reason: str
    head: str
    field: str | None = None


class ArtifactRow(NamedTuple):
    """An image that stood in a text of an attempt."""

    trace_id: str
    id: str
    span_id: str | None
    media_type: str
    bytes: int
    data: str | None


class DuplicateRow(NamedTuple):
    """A place in which an attempt stands that counts elsewhere."""

    trace_id: str
    source: str
    line: int | None
    reason: str


Row = (
    DuplicateRow
    | RunRow
    | AttemptRow
    | SpanRow
    | MessageRow
    | ToolCallRow
    | StepRow
    | ScoreRow
    | RejectRow
    | ArtifactRow
)


@dataclass(slots=True)
class Trace:
    """One attempt with everything that belongs to it: the unit that a reader hands to the sink.

    `rejects` are the records of it that were left out. `named` says that the source itself gives the attempt its id;
    of attempts without one, those with equal contents are the same. `again` are the places (file, line) in
    which it stands once more.
    """

    attempt: AttemptRow
    spans: list[SpanRow] = field(default_factory=list)
    messages: list[MessageRow] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    tool_calls: list[ToolCallRow] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)
    rejects: list[RejectRow] = field(default_factory=list)
    named: bool = True
    again: list[tuple[str, int]] = field(default_factory=list)
