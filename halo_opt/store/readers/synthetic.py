"""Spans and step rows for formats that record messages or turns instead of spans.

Such an attempt gets an AGENT root and a CHAIN span per step, without times, so that spans have the same shape
everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from halo_opt.store.readers.call_errors import call_error, reply_error
from halo_opt.store.rows import AttemptRow, SpanRow, StepRow, ToolCallRow
from halo_opt.store.values import call_hash

ROOT = "root"


def step_span_id(step: int) -> str:
    """The id of the span made for a step."""
    return f"step-{step}"


def call_span_id(position: int) -> str:
    """The id of the span made for a call."""
    return f"call-{position}"


def synthetic_spans(
    attempt: AttemptRow,
    steps: Sequence[StepRow],
    calls: Sequence[ToolCallRow],
    attributes: Mapping[str, Any],
    of_steps: Mapping[int, Mapping[str, Any]] | None = None,
) -> list[SpanRow]:
    """The root, which keeps what the format says beyond our columns, a span per step, and below it one per call.

    `of_steps` is what the format says of single steps.
    """
    root = SpanRow(
        trace_id=attempt.trace_id,
        span_id=ROOT,
        parent_span_id="",
        name="attempt",
        kind="AGENT",
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
        status="unset",
        status_message=None,
        attributes={"openinference.span.kind": "AGENT", **attributes},
        resource={},
        source=attempt.source,
        line=attempt.line,
    )
    chain = root._replace(parent_span_id=ROOT, name="step", kind="CHAIN")
    of_step: dict[int, list[ToolCallRow]] = {}
    for call in calls:
        of_step.setdefault(call.step, []).append(call)
    made = [root]
    for step in steps:
        below = of_step.get(step.step, ())
        counted = step.error is not None and all(call.error_type is None for call in below)
        made.append(
            chain._replace(
                span_id=step.span_id or step_span_id(step.step),
                started_at=step.started_at,
                ended_at=step.ended_at,
                agent=step.agent,
                status="error" if step.error is not None else "unset",
                status_message=step.error,
                error_type=step.error_type or "error" if counted else None,
                attributes={
                    "openinference.span.kind": "CHAIN",
                    "halo.step.index": step.step,
                    **((of_steps or {}).get(step.step) or {}),
                },
            )
        )
        made += [_called(made[-1], call) for call in below]
    return made


def _called(step: SpanRow, call: ToolCallRow) -> SpanRow:
    """A call's own span; its arguments and result are in `tool_calls`."""
    return step._replace(
        span_id=call_span_id(call.position),
        parent_span_id=step.span_id,
        name=call.tool,
        kind="TOOL",
        status="error" if call.error_type is not None else "unset",
        status_message=call.error,
        attributes={"openinference.span.kind": "TOOL"},
        tool=call.tool,
        call_hash=call_hash(call.tool, call.arguments),
        error_type=call.error_type,
        agent=call.agent or step.agent,
    )


def with_calls(step: StepRow, calls: Sequence[ToolCallRow]) -> StepRow:
    """The step with the columns of its first call that failed, or of its first call where none did.

    All columns are those of one call, so that an error stands beside the call that gave it.
    """
    if not calls:
        return step
    shown = next((call for call in calls if call.error_type is not None), calls[0])
    return step._replace(
        tool=shown.tool,
        arguments=shown.arguments,
        target=shown.target,
        result=shown.result,
        error=shown.error,
        error_type=shown.error_type,
    )


def judged_call(call: ToolCallRow, *, failed: bool | None = None, status: int | None = None) -> ToolCallRow:
    """The call with the error that its result shows; `failed` and `status` are what the format says of it."""
    found = call_error(call.tool, call.arguments, call.result, failed=failed, status=status)
    return call if found is None else call._replace(error=found.message, error_type=found.error_type)


def judged_reply(step: StepRow, answer: str | None) -> StepRow:
    """A step without a call, with the error that the answer to it shows: a harness could not use the reply."""
    found = reply_error(answer)
    return step if found is None else step._replace(error=found.message, error_type=found.error_type)


def call_of(step: StepRow, position: int) -> ToolCallRow | None:
    """The tool call of a step with at most one; None where no action could be read."""
    if step.tool is None:
        return None
    return ToolCallRow(
        step.trace_id,
        call_span_id(position),
        step.step,
        position,
        step.tool,
        step.arguments,
        step.target,
        step.result,
        step.error,
        step.error_type,
    )
