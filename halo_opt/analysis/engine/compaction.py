"""Old turns become notes where a conversation nears the end of the model's context. Never loses the newest turns."""

from halo_opt.analysis.engine.conversation import Conversation, Exchange
from halo_opt.analysis.engine.gate import Gate
from halo_opt.analysis.engine.sizes import BYTES_PER_TOKEN
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.engine.words import cut
from halo_opt.analysis.tools.data_marks import fence
from halo_opt.core.prompts import render
from halo_opt.llm.model import Message, ModelError

HEADING = "Notes of my earlier turns:\n"
# The newest turns get two fifths of the room, the notes at most a fifth: what is left is for the turns to come.
_NEWEST, _NOTES = 0.4, 0.2


def compact(conversation: Conversation, room: int, gate: Gate, parent: Span | None) -> None:
    """Bring a conversation well under `room` tokens. Raises Stopped; a `compact` model that fails is done without."""
    keep = conversation.newest(int(room * _NEWEST))
    old = conversation.exchanges[: len(conversation.exchanges) - keep]
    if old:
        try:
            notes = _notes(conversation.notes, old, gate, parent)
        except ModelError:
            gate.count(fault="compaction failed")
        else:
            most = int(room * _NOTES) * BYTES_PER_TOKEN
            conversation.replace_old(keep, HEADING + cut(notes, most))
    conversation.shorten(int(room * 0.8))


def _notes(before: str, old: list[Exchange], gate: Gate, parent: Span | None) -> str:
    role = gate.roles["compact"]
    room = max(role.context_tokens - role.reply_tokens, role.context_tokens // 2)
    share = max(200, int(room * BYTES_PER_TOKEN * 0.6) // (len(old) + 1))
    parts = [cut(before, share)] if before else []
    for exchange in old:
        reply, results = exchange.messages
        parts += [
            f"# It said\n{cut(reply.content, share // 3)}",
            f"# It was told\n{cut(results.content, share * 2 // 3)}",
        ]
    messages = [
        Message(role="system", content=render("analyzer_compact.j2", {})),
        Message(role="user", content=fence("\n\n".join(parts))),
    ]
    text = gate.complete("compact", messages, parent=parent).text.strip()
    if not text:
        raise ModelError("the notes are empty")
    return text
