"""One reply of an agent's model, whatever the model does: too long a prompt is shortened, what may pass is tried again,
and what came is read as far as it can be. Never hides a call that failed: each is counted by the gate.
"""

from pydantic import BaseModel

from halo_opt.analysis.engine.compaction import compact
from halo_opt.analysis.engine.conversation import Conversation
from halo_opt.analysis.engine.gate import Gate
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.records import Event
from halo_opt.llm.model import Message, ModelBusy, ModelMisfit, ModelRefused, ModelUnreachable, PromptTooLong
from halo_opt.llm.roles import Role

# The provider has waited and tried again by itself already.
_TRIES = 2
_REFUSED = "It was refused: this is the reading of logs, to mend a program."


class Replies:
    """The replies of one role in one conversation, kept within `room` tokens."""

    def __init__(self, gate: Gate, agent: str, role: Role, conversation: Conversation, room: int) -> None:
        self._gate = gate
        self._agent = agent
        self._role: Role = role
        self._conversation = conversation
        self._room = room
        self._sent = room

    def next(self, schema: type[BaseModel], *, now: str, parent: Span) -> tuple[str, str]:
        """The reply, and '' or in words why there is none to read. Raises Stopped, ModelError."""
        if self._conversation.tokens > self._room:
            self._compact(parent)
        return self._ask(schema, now=now, parent=parent)

    def last(self, schema: type[BaseModel], words: str, *, parent: Span, anyhow: bool) -> tuple[str, str]:
        """The same for the reply after which nothing is asked any more: no larger than what was sent before, as no
        more was kept back for it. `anyhow`: although the analysis stops.
        """
        self._conversation.shorten(min(self._room, self._sent))
        return self._ask(schema, now="", parent=parent, words=words, last=anyhow)

    def _ask(
        self, schema: type[BaseModel], *, now: str, parent: Span, words: str = "", last: bool = False
    ) -> tuple[str, str]:
        tries = 0
        while True:
            messages = _with(self._conversation.messages, words)
            tries += 1
            try:
                completion = self._gate.complete(self._role, messages, parent=parent, schema=schema, now=now, last=last)
            except PromptTooLong:
                # Its context is smaller than we were told, or a token of it shorter.
                self._room = int(min(self._room, self._conversation.tokens) * 0.7)
                if tries > 1:
                    raise
                self._compact(parent)
            except (ModelBusy, ModelUnreachable):
                if tries == _TRIES or last:
                    raise
            except ModelMisfit as error:
                return error.text, ""
            except ModelRefused:
                return "", _REFUSED
            else:
                self._sent = self._conversation.estimate(messages)
                self._conversation.learn(messages, completion)
                return completion.text, ""

    def _compact(self, parent: Span) -> None:
        before = self._conversation.tokens
        compact(self._conversation, self._room, self._gate, parent)
        words = f"about {before:,} tokens of conversation became {self._conversation.tokens:,}"
        self._gate.tell(Event(agent=self._agent, kind="compact", words=words))


def _with(messages: list[Message], words: str) -> list[Message]:
    if not words:
        return messages
    final = messages[-1]
    return [*messages[:-1], final.model_copy(update={"content": f"{final.content}\n\n{words}"})]
