"""Attributes that an export needs so that reading it back gives the attempt's own rows.

The spans of an attempt are read as the reader of spans reads them and compared with the stored rows. Where the two
differ an attribute is added; where none can be added, the column is counted as lost.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from halo_opt.store import values
from halo_opt.store.export.records import SpanRecord
from halo_opt.store.outcomes import DEFAULT_RULE
from halo_opt.store.readers.span_lines import span_of
from halo_opt.store.readers.span_trace import TOTALS, trace_of
from halo_opt.store.rows import AttemptRow, MessageRow, StepRow, ToolCallRow, Trace

# Where a column goes when the spans do not say it.
ATTEMPT = {
    **{
        name: f"halo.{name}"
        for name in (
            "run_id",
            "task_id",
            "seed",
            "attempt",
            "outcome",
            "outcome_from",
            "score",
            "cause",
            "end_reason",
            "mode",
            "model",
            "harness_revision",
            "goal",
            "step_limit",
        )
    },
    **{name: f"halo.total.{name}" for name in TOTALS},
}
STEP = {
    "observation": "input.value",
    "reply": "halo.step.reply",
    "tool": "halo.step.tool",
    "arguments": "halo.step.arguments",
    "target": "halo.step.target",
    "result": "halo.step.result",
    "error": "halo.action.error",
    "error_type": "halo.action.error_type",
    "page_changed": "halo.page.changed",
    "empty_fields": "halo.page.empty_fields",
    "submits": "halo.action.submits",
    "agent": "halo.agent",
}
CALL = {
    "tool": "tool.name",
    "arguments": "input.value",
    "target": "halo.action.target",
    "result": "output.value",
    "error_type": "error.type",
    "agent": "halo.agent",
}
# Of an attempt its place in the file it came from and its id there, of a message the made-up span that holds it: no
# export keeps those.
_NOT_COMPARED = {"source", "line", "source_id"}
_OF_MESSAGES = {"span_id"}
_TIMES = {"started_at", "ended_at"}

Row = AttemptRow | StepRow | ToolCallRow | MessageRow


def agreed(trace: Trace, records: list[SpanRecord]) -> tuple[list[SpanRecord], set[str]]:
    """The records with what they lacked, and `table.column` of what reading them back still does not give.

    Lines of trace files say their steps, calls and messages themselves: of those only the attempt is compared.
    """
    from_lines = any(record.raw is not None for record in records)
    records, changed = _completed(trace, records, from_lines=from_lines)
    if not changed and from_lines:
        return records, set()
    return records, set(_differences(trace, _read(records), from_lines=from_lines))


def _read(records: Sequence[SpanRecord]) -> Trace:
    spans = [span_of(record.value, "", number) for number, record in enumerate(records, start=1)]
    trace = trace_of(spans, run_id="")
    trace.attempt = DEFAULT_RULE.judge(trace.attempt).attempt
    return trace


def _completed(trace: Trace, records: list[SpanRecord], *, from_lines: bool) -> tuple[list[SpanRecord], bool]:
    """The records with added attributes; calls first, because steps follow from them where they can."""
    changed = False
    for again in (False, True):
        read = _read(records)
        lacking: dict[str, dict[str, Any]] = {}
        if not from_lines and not again:
            tools = {span.span_id for span in read.spans if span.kind == "TOOL"}
            calls = {call.span_id: call for call in read.tool_calls}
            _lacking(lacking, CALL, ((c, calls.get(c.span_id)) for c in trace.tool_calls if c.span_id in tools))
        if not from_lines and again:
            marked = {span.span_id for span in read.spans if span.step is not None}
            steps = {step.span_id: step for step in read.steps}
            _lacking(lacking, STEP, ((s, steps.get(s.span_id)) for s in trace.steps if s.span_id in marked))
        if again:
            root = _root(read)
            found = _lacking_of(ATTEMPT, trace.attempt, read.attempt)
            lacking.setdefault(root, {}).update(found)
        records = [_with(record, lacking.get(record.value["span_id"], {})) for record in records]
        changed = changed or any(lacking.values())
    return records, changed


def _root(read: Trace) -> str:
    """The span that the reader took for the root: the one whose place the attempt has."""
    return next(span.span_id for span in read.spans if span.line == read.attempt.line)


def _lacking(found: dict[str, dict[str, Any]], names: Mapping[str, str], pairs: Iterable[tuple[Any, Any]]) -> None:
    for wanted, read in pairs:
        found.setdefault(wanted.span_id, {}).update(_lacking_of(names, wanted, read))


def _lacking_of(names: Mapping[str, str], wanted: Row, read: Row | None) -> dict[str, Any]:
    """The attributes for columns that are known and read otherwise."""
    expected = {name: getattr(wanted, name) for name in names}
    return {
        names[name]: value
        for name, value in expected.items()
        if value is not None and (read is None or not _same(name, value, getattr(read, name)))
    }


def _same(column: str, one: Any, other: Any) -> bool:
    """Equal; a time may be spelled with or without a fraction of zero."""
    return bool(values.time(one) == values.time(other) if column in _TIMES else one == other)


def _with(record: SpanRecord, more: Mapping[str, Any]) -> SpanRecord:
    if not more:
        return record
    attributes = record.value.get("attributes")
    return SpanRecord({**record.value, "attributes": {**(attributes if isinstance(attributes, dict) else {}), **more}})


def _differences(trace: Trace, read: Trace, *, from_lines: bool) -> Iterator[str]:
    """`table.column` of every column that differs, and the table alone where it has other rows."""
    yield from _columns("attempts", trace.attempt, read.attempt, _NOT_COMPARED)
    if from_lines:
        return
    pairs: list[tuple[str, Sequence[Row], Sequence[Row], set[str]]] = [
        ("steps", trace.steps, read.steps, set()),
        ("tool_calls", trace.tool_calls, read.tool_calls, set()),
        ("messages", trace.messages, read.messages, _OF_MESSAGES),
    ]
    for table, wanted, found, but in pairs:
        if len(wanted) != len(found):
            yield table
        for one, other in zip(wanted, found, strict=False):
            yield from _columns(table, one, other, but)


def _columns(table: str, one: Row, other: Row, but: set[str]) -> Iterator[str]:
    for name in one._fields:
        if name not in but and not _same(name, getattr(one, name), getattr(other, name)):
            yield f"{table}.{name}"
