"""Spans and step rows for formats that record messages or turns instead of spans. No format knowledge, no I/O.

Such an attempt gets an AGENT root and a CHAIN span per step, without times, so that whatever walks spans finds the same
shape everywhere.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from halo_opt.store.rows import AttemptRow, SpanRow, StepRow, ToolCallRow

ROOT = "root"


def step_span_id(step: int) -> str:
    """The id of the made-up span of a step."""
    return f"step-{step}"


def made_spans(attempt: AttemptRow, steps: Sequence[StepRow], attributes: Mapping[str, Any]) -> list[SpanRow]:
    """The root, which keeps what the format says beyond our columns, and a span per step."""
    root = SpanRow(
        trace_id=attempt.trace_id,
        span_id=ROOT,
        parent_span_id="",
        name="attempt",
        kind="AGENT",
        started_at=None,
        ended_at=None,
        status="unset",
        status_message=None,
        attributes={"openinference.span.kind": "AGENT", **attributes},
        resource={},
        source=attempt.source,
        line=attempt.line,
    )
    chain = root._replace(parent_span_id=ROOT, name="step", kind="CHAIN")
    made = [
        chain._replace(
            span_id=step_span_id(step.step),
            status="error" if step.error is not None else "unset",
            status_message=step.error,
            attributes={"openinference.span.kind": "CHAIN", "halo.step.index": step.step},
        )
        for step in steps
    ]
    return [root, *made]


def call_of(step: StepRow, position: int) -> ToolCallRow | None:
    """The tool call of a step that made at most one; None where no action could be read."""
    if step.tool is None:
        return None
    return ToolCallRow(
        step.trace_id,
        step.span_id,
        step.step,
        position,
        step.tool,
        step.arguments,
        step.target,
        step.result,
        step.error,
        step.error_type,
    )
