"""What an agent's model was sent at one step: its prompts from the trace file, or the conversation up to its reply."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from halo_opt.redaction import RedactionRules, Redactor
from halo_opt.store import values
from halo_opt.store.index.ingest import options_from
from halo_opt.store.queries.source_files import LinePlace, lines_at
from halo_opt.store.readers import conventions as names
from halo_opt.store.store import Store

# The model calls at or below the span of a step.
_CALLS_SQL = """
    WITH RECURSIVE below(span_id) AS (
        SELECT span_id FROM steps WHERE trace_id = $1 AND step = $2 AND span_id IS NOT NULL
        UNION SELECT s.span_id FROM spans AS s JOIN below ON s.parent_span_id = below.span_id WHERE s.trace_id = $1
    )
    SELECT source, byte_offset, byte_length, trace_id, span_id FROM spans
    WHERE trace_id = $1 AND kind = 'LLM' AND span_id IN (FROM below) AND byte_offset IS NOT NULL
    ORDER BY started_at, line
"""


class Prompt(NamedTuple):
    """The messages, as (role, text), that one model call was sent."""

    span_id: str
    messages: Sequence[names.RoleText]


def prompts_of_step(store: Store, trace_id: str, step: int) -> list[Prompt]:
    """The prompts of a step's model calls, as they stand in the trace file and redacted like the store.

    Empty where the trace has no line for a model call, and where secrets were named by hand, which no store keeps.
    Raises InputError when the file is gone or has changed.
    """
    redacted = _redaction(store)
    places = [LinePlace(*row) for row in store.rows(_CALLS_SQL, [trace_id, step])]
    if redacted is None or not places:
        return []
    found = []
    for place, line in zip(places, lines_at(places, store.path), strict=True):
        stored = line.record.get("attributes")
        attributes = stored if isinstance(stored, dict) else {}
        given = names.messages_in(attributes) or [("input", values.text(attributes.get("input.value")))]
        if messages := [(role, redacted(text)) for role, text in given if text]:
            found.append(Prompt(place.span_id, messages))
    return found


def conversation_before(store: Store, trace_id: str, step: int) -> list[names.RoleText] | None:
    """The stored messages before the reply of a step; None where it cannot be told which message the reply is."""
    messages = store.rows(
        "SELECT role, content, span_id FROM messages WHERE trace_id = ? ORDER BY position", [trace_id]
    )
    steps = store.rows(
        "SELECT reply, span_id FROM steps WHERE trace_id = ? AND step <= ? ORDER BY step", [trace_id, step]
    )
    place = -1
    for reply, span_id in steps:
        following = range(place + 1, len(messages))
        place = next((n for n in following if _is_reply(messages[n], reply, span_id)), -1)
        if place < 0:
            return None
    return [(role, content) for role, content, _ in messages[:place]] if steps else None


def _is_reply(message: Sequence[str | None], reply: str | None, span_id: str | None) -> bool:
    role, content, sent_by = message
    if role != "assistant":
        return False
    return sent_by == span_id if sent_by is not None and span_id is not None else (content or None) == (reply or None)


def _redaction(store: Store) -> Callable[[str], str] | None:
    """What redacts a text as the store was; None where it cannot be done."""
    [(text,)] = store.rows("SELECT value FROM meta WHERE key = 'options'")
    settings = json.loads(text)
    rules = options_from(settings).redact
    if rules is None:
        return str
    if settings["known"] != hashlib.sha256(repr(RedactionRules().known).encode()).hexdigest():
        return None
    redactor = Redactor(rules)
    return lambda one: redactor.redact(one)[0]
