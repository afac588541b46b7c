"""The texts of one attempt's spans: from their lines in the trace files, or from the conversation tables."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.files.lines import decode_json
from halo_opt.store.queries.scanning.readable import readable
from halo_opt.store.queries.source_files import SpanLine
from halo_opt.store.readers import conventions as names
from halo_opt.store.store import Store

AGAIN = "(messages that are shown above: {})"


class LabelledText(NamedTuple):
    """A text of a span and its label: input, output or a role."""

    label: str
    text: str


def texts_in_tables(store: Store, trace_id: str) -> dict[str, list[LabelledText]]:
    """The texts of each span, in order; those of no span in particular are under ''."""
    found: dict[str, list[LabelledText]] = {}
    taken: set[tuple[str, str]] = set()
    for span_id, label, text in [*_calls(store, trace_id), *_steps(store, trace_id), *_messages(store, trace_id)]:
        # A call's result is what the next step saw and a message too; the span that it came from keeps it.
        if text and (span_id in found or ("", text) not in taken):
            if (span_id, text) not in taken:
                found.setdefault(span_id, []).append(LabelledText(label, text))
            taken |= {(span_id, text), ("", text)}
    return found


def attributes_of(store: Store, trace_id: str, span_id: str) -> dict[str, Any]:
    """The attributes of one span that the store keeps."""
    rows = store.rows(
        "SELECT CAST(attributes AS VARCHAR) FROM spans WHERE trace_id = ? AND span_id = ?", [trace_id, span_id]
    )
    value, _ = decode_json((rows[0][0] or "{}").encode()) if rows else ({}, None)
    return value if isinstance(value, dict) else {}


def _calls(store: Store, trace_id: str) -> list[tuple[str, str, str]]:
    rows = store.rows(
        "SELECT coalesce(span_id, ''), arguments, result FROM tool_calls WHERE trace_id = ? ORDER BY position",
        [trace_id],
    )
    return [(row[0], label, text) for row in rows for label, text in zip(("input", "output"), row[1:], strict=True)]


def _steps(store: Store, trace_id: str) -> list[tuple[str, str, str]]:
    rows = store.rows(
        "SELECT coalesce(span_id, ''), observation, reply FROM steps WHERE trace_id = ? ORDER BY step", [trace_id]
    )
    return [(row[0], label, text) for row in rows for label, text in zip(("input", "output"), row[1:], strict=True)]


def _messages(store: Store, trace_id: str) -> list[tuple[str, str, str]]:
    rows = store.rows(
        "SELECT coalesce(span_id, ''), role, content FROM messages WHERE trace_id = ? ORDER BY position", [trace_id]
    )
    return [(span_id, role, text) for span_id, role, text in rows]


def texts_in_lines(lines: Sequence[tuple[str, str, SpanLine]]) -> dict[str, list[LabelledText]]:
    """The texts of each span from (span id, kind, line), in order; a message that was shown before is only counted.

    Model calls repeat the whole conversation each time, so an attempt shown in full would be its own square.
    """
    found: dict[str, list[LabelledText]] = {}
    seen: set[tuple[str, str | None]] = set()
    for span_id, kind, line in lines:
        stored = line.record.get("attributes")
        attributes = stored if isinstance(stored, dict) else {}
        found[span_id] = _of_model(attributes, seen) if kind == "LLM" else _of_other(attributes)
    return found


def _of_model(attributes: Mapping[str, Any], seen: set[tuple[str, str | None]]) -> list[LabelledText]:
    given = names.messages_in(attributes)
    if not given:
        given = [("input", values.text(attributes.get("input.value")))]
    new = [message for message in given if message not in seen]
    repeated = [LabelledText("", AGAIN.format(len(given) - len(new)))] if len(new) < len(given) else []
    answer = names.messages_out(attributes)
    seen.update(given, answer)
    calls = [("call", f"{tool} {arguments or ''}".strip()) for tool, arguments in names.requested_calls(attributes)]
    said = [*new, *answer, *calls]
    return repeated + [LabelledText(role or "message", readable(text)) for role, text in said if text]


def _of_other(attributes: Mapping[str, Any]) -> list[LabelledText]:
    texts = (
        ("input", values.text(names.first(names.ARGUMENTS, attributes))),
        ("output", values.text(names.first(names.RESULT, attributes))),
    )
    return [LabelledText(label, readable(text)) for label, text in texts if text]
