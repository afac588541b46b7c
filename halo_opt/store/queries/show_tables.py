"""What the spans of one attempt say, where their lines cannot be read: from the conversation tables. SQL only."""

from typing import Any, NamedTuple

from halo_opt.store.files.lines import decode_json
from halo_opt.store.store import Store


class Said(NamedTuple):
    """A text of a span: what it is (input, output, a role) and the text."""

    label: str
    text: str


def said_in_tables(store: Store, trace_id: str) -> dict[str, list[Said]]:
    """The texts of each span, in order; those of no span in particular are under ''."""
    found: dict[str, list[Said]] = {}
    taken: set[tuple[str, str]] = set()
    for span_id, label, text in [*_calls(store, trace_id), *_steps(store, trace_id), *_messages(store, trace_id)]:
        # A call's result is what the next step saw and a message too; the span that it came from keeps it.
        if text and (span_id in found or ("", text) not in taken):
            if (span_id, text) not in taken:
                found.setdefault(span_id, []).append(Said(label, text))
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
