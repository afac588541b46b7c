"""An agent's model with its conversation: asks for the next reply, and keeps the prompt within the model's context."""

from pydantic import BaseModel

from halo_opt.analysis.engine.conversation import Conversation, Exchange
from halo_opt.analysis.engine.model_calls import ModelCalls
from halo_opt.analysis.engine.prompt_sizes import BYTES_PER_TOKEN, prompt_tokens, truncated
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.records import Event
from halo_opt.core.prompts import fence, render
from halo_opt.llm.model import (
    InvalidReply,
    Message,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    PromptTooLong,
)
from halo_opt.llm.roles import Role

# The provider has waited and tried again by itself already.
_TRIES = 2
_REFUSED = "The provider refused it. This is only the reading of logs, in order to fix a program."
_NOTES_HEADING = "Notes of my earlier turns:\n"
# Shares of the prompt: the newest turns, the notes, and all after compaction. The rest is for the turns to come.
_NEWEST_SHARE, _NOTES_SHARE, _COMPACTED_SHARE = 0.4, 0.2, 0.8
_SMALLER = 0.7


class AgentModel:
    """The model of one agent, called with a conversation that is kept within `max_tokens`."""

    def __init__(self, calls: ModelCalls, agent: str, role: Role, conversation: Conversation, max_tokens: int) -> None:
        self._calls = calls
        self._agent = agent
        self._role: Role = role
        self._conversation = conversation
        self._max_tokens = max_tokens
        self._last_prompt_tokens = max_tokens

    def reply(self, schema: type[BaseModel], *, now: str, parent: Span) -> tuple[str, str]:
        """Ask for the next reply.

        Returns:
            The reply's text, and '' or the reason why there is none to read.

        Raises:
            AnalysisStopped, ModelError: there is no reply.
        """
        if self._conversation.tokens > self._max_tokens:
            self._compact(parent)
        return self._ask(schema, now=now, parent=parent)

    def final_reply(
        self, schema: type[BaseModel], instructions: str, *, parent: Span, even_if_stopped: bool
    ) -> tuple[str, str]:
        """Ask for the last reply, as `reply` does, with a prompt no larger than the one before.

        The budget that was kept back for it covers no larger one.
        """
        self._conversation.shorten(min(self._max_tokens, self._last_prompt_tokens))
        return self._ask(schema, now="", parent=parent, instructions=instructions, final=even_if_stopped)

    def _ask(
        self, schema: type[BaseModel], *, now: str, parent: Span, instructions: str = "", final: bool = False
    ) -> tuple[str, str]:
        tries = 0
        while True:
            messages = _with_instructions(self._conversation.messages, instructions)
            tries += 1
            try:
                completion = self._calls.complete(
                    self._role, messages, parent=parent, schema=schema, now=now, final=final
                )
            except PromptTooLong:
                # The context is smaller than we were told, or tokens are shorter than estimated.
                self._max_tokens = int(min(self._max_tokens, self._conversation.tokens) * _SMALLER)
                if tries > 1:
                    raise
                self._compact(parent)
            except (ModelBusy, ModelUnreachable):
                if tries == _TRIES or final:
                    raise
            except InvalidReply as error:
                return error.text, ""
            except ModelRefused:
                return "", _REFUSED
            else:
                self._last_prompt_tokens = self._conversation.estimate(messages)
                self._conversation.calibrate(messages, completion)
                return completion.text, ""

    def _compact(self, parent: Span) -> None:
        """Bring the conversation well under its limit: old turns become notes, or are cut where no notes are made."""
        conversation, before = self._conversation, self._conversation.tokens
        keep = conversation.newest_within(int(self._max_tokens * _NEWEST_SHARE))
        old = conversation.exchanges[: len(conversation.exchanges) - keep]
        if old:
            try:
                notes = _notes(conversation.notes, old, self._calls, parent)
            except ModelError:
                self._calls.count(fault="compaction failed")
            else:
                most = int(self._max_tokens * _NOTES_SHARE) * BYTES_PER_TOKEN
                conversation.replace_old(keep, _NOTES_HEADING + truncated(notes, most))
        conversation.shorten(int(self._max_tokens * _COMPACTED_SHARE))
        words = f"the conversation was shortened from about {before:,} to {conversation.tokens:,} tokens"
        self._calls.notify(Event(agent=self._agent, kind="compact", words=words))


def _notes(earlier_notes: str, old: list[Exchange], calls: ModelCalls, parent: Span | None) -> str:
    """Notes of old turns, written by the `compact` model. Raises AnalysisStopped, ModelError."""
    share = max(200, int(prompt_tokens(calls.roles["compact"]) * BYTES_PER_TOKEN * 0.6) // (len(old) + 1))
    parts = [truncated(earlier_notes, share)] if earlier_notes else []
    for exchange in old:
        reply, results = exchange.messages
        parts += [
            f"# Reply\n{truncated(reply.content, share // 3)}",
            f"# Results\n{truncated(results.content, share * 2 // 3)}",
        ]
    messages = [
        Message(role="system", content=render("analyzer_compact.j2", {})),
        Message(role="user", content=fence("\n\n".join(parts))),
    ]
    text = calls.complete("compact", messages, parent=parent).text.strip()
    if not text:
        raise ModelError("the notes are empty")
    return text


def _with_instructions(messages: list[Message], instructions: str) -> list[Message]:
    if not instructions:
        return messages
    last = messages[-1]
    return [*messages[:-1], last.model_copy(update={"content": f"{last.content}\n\n{instructions}"})]
