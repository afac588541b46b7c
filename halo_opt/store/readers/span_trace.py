"""The attempt of one trace's spans: its facts from the root span, its rows from all spans."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from halo_opt.store import values
from halo_opt.store.outcomes import reward_rows
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.agents import agents_of
from halo_opt.store.readers.counting import counted_once
from halo_opt.store.readers.span_lines import Span, each_once, files_again
from halo_opt.store.readers.span_steps import (
    STEP_INDEX,
    Talks,
    first_user_message,
    in_order,
    messages_of,
    steps_of,
    tool_of,
)
from halo_opt.store.rows import AttemptRow, RejectRow, RunRow, ScoreRow, SpanRow, ToolCallRow, Trace

N = TypeVar("N", int, float)
# Both have ids, a start and a place.
P = TypeVar("P", Span, SpanRow)
# What a root may say of the whole attempt; it counts above what follows from the spans, as a result line does.
TOTALS: dict[str, Callable[[Any], Any]] = {
    "steps": values.integer,
    "tokens_in": values.integer,
    "tokens_out": values.integer,
    "cost_usd": values.number,
    "started_at": values.time,
    "ended_at": values.time,
}
_TOTALS = {f"halo.total.{name}": (name, read) for name, read in TOTALS.items()}


def trace_of(spans: Sequence[Span], *, run_id: str) -> Trace:
    """The attempt of a trace's spans with all its rows; what no attribute holds is None.

    Args:
        spans: all spans of one trace, at least one, in the order of the file.
        run_id: the run of the attempt where its root names none.
    """
    again = list(files_again(spans))
    spans, contradicting = each_once(spans)
    rows = counted_once([span_row(span, names.kind_of(span.attributes, span.name)) for span in spans])
    agents = agents_of(rows)
    rows = [row._replace(agent=agents.get(row.span_id)) for row in rows] if agents else rows
    kinds = {row.span_id: row.kind for row in rows}
    talks = Talks()
    steps, calls = steps_of(spans, rows, talks)
    root = root_of(spans, kinds)
    agent = None if kinds[root.span_id] == "AGENT" else topmost_agent(spans, kinds)
    root = with_agent(root, kinds[root.span_id], agent)
    replies = [span for span in in_order(spans) if kinds[span.span_id] == "LLM"]
    words = (request for span in replies if (request := first_user_message(span)) is not None)
    attempt = attempt_of(root, run_id, goal_of(root) or next(words, None))
    attempt = attempt._replace(
        model=attempt.model or values.text(_first_of(replies, names.MODEL)),
        steps=len(steps),
        tokens_in=_total(values.bigint(row.tokens_in) for row in rows),
        tokens_out=_total(values.bigint(row.tokens_out) for row in rows),
        cost_usd=_total(values.finite(row.cost_usd) for row in rows),
        started_at=min((s.started_at for s in spans if s.started_at), default=None),
        ended_at=max((s.ended_at for s in spans if s.ended_at), default=None),
    )
    attempt = with_totals(attempt, root)
    return Trace(
        attempt,
        with_errors_of_calls(rows, calls),
        messages_of(spans, rows, talks),
        steps,
        calls,
        scores_of(attempt),
        rejects=[repeated_id(span) for span in contradicting],
        again=again,
    )


def with_errors_of_calls(rows: Sequence[SpanRow], calls: Sequence[ToolCallRow]) -> list[SpanRow]:
    """The rows of spans, where those of calls that failed by their results alone have the error too."""
    failed = {call.span_id: call for call in calls if call.error_type is not None}
    return [_with_error(row, failed[row.span_id]) if row.span_id in failed else row for row in rows]


def _with_error(row: SpanRow, call: ToolCallRow) -> SpanRow:
    if row.kind != "TOOL" or row.error_type is not None or "error_type" in (row.uncounted or {}):
        return row
    return row._replace(error_type=call.error_type, status_message=row.status_message or call.error)


def repeated_id(span: Span) -> RejectRow:
    """The reject of a copy of a span that contradicts the one that is kept."""
    head = f"{span.trace_id} {span.span_id}"
    return RejectRow(span.source, span.line, span.byte_offset, "span id used twice", head)


def scores_of(attempt: AttemptRow) -> list[ScoreRow]:
    """The reward in the attributes of a trace."""
    return reward_rows(attempt, "trace")


def run_of(attempt: AttemptRow, format_name: str, purpose: str | None = None) -> RunRow:
    """The run that an attempt's own attributes describe."""
    return RunRow(
        attempt.run_id,
        format_name,
        attempt.harness_revision,
        attempt.model,
        attempt.mode,
        purpose,
        attempt.source,
    )


def root_of(spans: Sequence[Span], kinds: dict[str, str]) -> Span:
    """The root span: one without a parent, else one whose parent is missing; of several the first AGENT."""
    ids = {span.span_id for span in spans}
    ordered = in_order(spans)
    tops = (
        [span for span in ordered if not span.parent_span_id]
        or [span for span in ordered if span.parent_span_id not in ids]
        or ordered
    )
    return next((span for span in tops if kinds[span.span_id] == "AGENT"), tops[0])


def topmost_agent(spans: Sequence[P], kinds: Mapping[str, str]) -> P | None:
    """Of the AGENT spans of a trace the one with fewest spans above it, of several the first; None without any."""
    agents = [span for span in spans if kinds[span.span_id] == "AGENT"]
    if len(agents) < 2:
        return agents[0] if agents else None
    parents = {span.span_id: span.parent_span_id for span in spans}

    def place(span: P) -> tuple[Any, ...]:
        above: set[str] = set()
        here = span.parent_span_id
        while here in parents and here not in above:
            above.add(here)
            here = parents[here]
        return len(above), not span.started_at, span.started_at or "", span.source, span.line

    return min(agents, key=place)


def with_agent(root: Span, kind: str, agent: Span | None) -> Span:
    """The root of a trace with what the topmost agent below it says of the attempt.

    A root that is no agent (an HTTP request, a job) knows little of it: where both say something, the agent's words
    count, but an outcome counts that the root states. A CHAIN is a part of the agent's program, so its words count.
    """
    if agent is None:
        return root
    known = names.with_metadata(root.attributes)
    below, resource = names.with_metadata(agent.attributes), agent.resource
    if names.outcome_of(known, root.resource) != (None, None):
        below = {name: value for name, value in below.items() if name not in names.OUTCOME}
        resource = {name: value for name, value in resource.items() if name not in names.OUTCOME}
    own, both = (known, root.resource), (below, resource)
    first, second = (own, both) if kind == "CHAIN" else (both, own)
    status = "error" if "error" in (root.status, agent.status) else root.status
    return replace(root, attributes={**second[0], **first[0]}, resource={**second[1], **first[1]}, status=status)


def goal_of(root: Span) -> str | None:
    """The goal of the agent in the root's attributes, or None."""
    return values.text(names.first(("halo.goal", "input.value"), root.attributes))


def attempt_of(root: Span, run_id: str, goal: str | None) -> AttemptRow:
    """The attempt with the facts of its root span; the caller adds the totals over all spans."""
    attributes, resource = names.with_metadata(root.attributes), root.resource
    task = values.text(names.first(names.TASK, attributes, resource))
    outcome, score = names.outcome_of(attributes, resource)
    end_reason = values.text(attributes.get("halo.end_reason"))
    return AttemptRow(
        root.trace_id,
        values.text(names.first(("halo.run_id",), attributes, resource)) or run_id,
        names.with_suite(task, attributes, resource) if task else derived_task(goal, root.trace_id),
        seed=values.integer(names.first(names.SEED, attributes, resource)),
        attempt=values.integer(names.first(("halo.attempt",), attributes, resource)) or 0,
        outcome=outcome,
        score=score,
        cause=values.text(attributes.get("halo.cause")) or None,
        end_reason=end_reason or ("error" if root.status == "error" else None),
        mode=values.text(names.first(("halo.mode",), attributes, resource)),
        model=values.text(names.first(("halo.model",), attributes, resource)),
        harness_revision=values.text(names.first(("halo.harness_revision", "service.version"), attributes, resource)),
        goal=goal,
        step_limit=values.integer(attributes.get("halo.step_limit")),
        source=root.source,
        line=root.line,
        outcome_from=values.text(attributes.get("halo.outcome_from")),
    )


def with_totals(attempt: AttemptRow, root: Span) -> AttemptRow:
    """The attempt with the totals that its root states."""
    totals = {name: read(root.attributes[key]) for key, (name, read) in _TOTALS.items() if key in root.attributes}
    return (
        attempt._replace(**{name: value for name, value in totals.items() if value is not None}) if totals else attempt
    )


def derived_task(goal: str | None, trace_id: str) -> str:
    """A task id for formats that have none: equal goals give equal ids; without a goal it is the trace's id."""
    if not goal:
        return trace_id
    return f"goal-{hashlib.sha256(goal.encode('utf-8', 'replace')).hexdigest()[:8]}"


def _first_of(spans: list[Span], keys: tuple[str, ...]) -> Any:
    return next((value for span in spans if (value := names.first(keys, span.attributes)) is not None), None)


def _total(numbers: Iterable[N | None]) -> N | None:
    """The sum of the numbers that are known; None where none is."""
    found = [number for number in numbers if number is not None]
    return sum(found) if found else None


def span_row(span: Span, kind: str) -> SpanRow:
    """The row of a span, whose kind is `kind`."""
    attributes, llm, counted = span.attributes, kind == "LLM", kind not in names.NO_TOKENS
    tool = tool_of(span) if kind == "TOOL" else None
    return SpanRow(
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.name,
        kind,
        span.started_at,
        span.ended_at,
        span.status,
        span.status_message,
        names.without_prompts(attributes),
        {**span.resource, **({"scope": span.scope} if span.scope else {})},
        span.source,
        span.line,
        span.byte_offset,
        span.byte_length,
        model=values.text(names.first(names.MODEL, attributes)) if llm else None,
        tokens_in=values.integer(names.first(names.TOKENS_IN, attributes)) if counted else None,
        tokens_out=values.integer(names.first(names.TOKENS_OUT, attributes)) if counted else None,
        cost_usd=values.number(names.first(names.COST, attributes)),
        tool=tool,
        call_hash=values.call_hash(tool, values.text(names.first(names.ARGUMENTS, attributes))) if tool else None,
        error_type=error_type_of(attributes.get("error.type"), span.status, kind),
        step=values.integer(attributes.get(STEP_INDEX)),
        agent=names.agent_of(attributes, kind),
    )


def error_type_of(named: Any, status: str, kind: str) -> str | None:
    """The type of a span's error: as its attributes name it, else by the span's kind; None without an error."""
    if named is not None:
        return values.text(named)
    if status != "error":
        return None
    return "tool_error" if kind == "TOOL" else "error"
