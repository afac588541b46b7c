"""An agent's model with its conversation: asks for the next reply, and keeps the prompt within the model's context."""

from collections.abc import Callable, Sequence

from pydantic import BaseModel

from halo_opt.analysis.engine.conversation import Conversation, Exchange
from halo_opt.analysis.engine.model_calls import ModelCalls
from halo_opt.analysis.engine.prompt_sizes import BYTES_PER_TOKEN, prompt_tokens, truncated
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.records import Event
from halo_opt.core.prompts import fence, render
from halo_opt.llm.context import stated_sizes
from halo_opt.llm.model import (
    LOST_CALL_TRIES,
    InvalidReply,
    Message,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    PromptTooLong,
)
from halo_opt.llm.roles import Role

_REFUSED = "The provider refused it. This is only the reading of logs, in order to fix a program."
# Shares of the prompt: the newest turns, the notes, and all after compaction. The rest is for the turns to come.
_NEWEST_SHARE, _NOTES_SHARE, _COMPACTED_SHARE = 0.4, 0.2, 0.8
# How much smaller a prompt is made that is refused without a word of how long it may be.
_SMALLER = 0.7
_NOTES_TRIES = 3


class AgentModel:
    """The model of one agent, called with a conversation that is kept within `max_tokens`."""

    def __init__(
        self,
        calls: ModelCalls,
        agent: str,
        role: Role,
        conversation: Conversation,
        max_tokens: int,
        *,
        on_less: Callable[[int], None],
    ) -> None:
        """`on_less` is called with a new `max_tokens` when the model turns out to take less than it was said to."""
        self._calls = calls
        self._agent = agent
        self._role: Role = role
        self._conversation = conversation
        self._max_tokens = max_tokens
        self._notes_tokens = prompt_tokens(calls.roles["compact"])
        self._last_prompt_tokens = max_tokens
        self._on_less = on_less

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
            messages, size = _with_instructions(self._conversation.messages, instructions), self._conversation.size
            try:
                completion = self._calls.complete(
                    self._role, messages, parent=parent, schema=schema, now=now, final=final
                )
            except PromptTooLong as error:
                self._take_less(error, messages)
                if final:
                    self._conversation.shorten(int(self._max_tokens * _COMPACTED_SHARE))
                else:
                    self._compact(parent)
                if self._conversation.size >= size:
                    raise self._with_remedy(error) from None
            except (ModelBusy, ModelUnreachable):
                tries += 1
                if tries == LOST_CALL_TRIES or final:
                    raise
            except InvalidReply as error:
                return error.text, ""
            except ModelRefused:
                return "", _REFUSED
            else:
                self._last_prompt_tokens = self._conversation.estimate(messages)
                self._conversation.calibrate(messages, completion)
                return completion.text, ""

    def _take_less(self, error: PromptTooLong, messages: Sequence[Message]) -> None:
        """Lower the limit after a refusal, to what the server states or to less than what it refused.

        The context is smaller than we were told, or tokens are shorter than estimated.
        """
        stated = stated_sizes(str(error))
        if stated.prompt is not None:
            self._conversation.set_size(messages, stated.prompt)
        refused = self._conversation.estimate(messages)
        room = int(refused * _SMALLER)
        if stated.limit is not None:
            role = self._calls.roles[self._role]
            stated_room = max(stated.limit - role.reply_tokens, stated.limit // 2)
            room = stated_room if stated_room < refused else room
        self._max_tokens = min(self._max_tokens, room)
        self._on_less(self._max_tokens)

    def _with_remedy(self, error: PromptTooLong) -> PromptTooLong:
        """The error of a prompt that cannot be made shorter."""
        limit = stated_sizes(str(error)).limit
        if limit is None or limit >= self._calls.roles[self._role].context_tokens:
            return error
        return PromptTooLong(f"{error}; start over with --context {limit} and --fresh", spent=error.spent)

    def _compact(self, parent: Span) -> None:
        """Bring the conversation well under its limit: long old answers and the oldest turns become notes.

        They are left out without notes where none are made.
        """
        conversation, before = self._conversation, self._conversation.tokens
        keep = conversation.newest_within(int(self._max_tokens * _NEWEST_SHARE))
        earlier_notes = conversation.notes
        lost = conversation.leave_out_old(keep, int(self._max_tokens * (_COMPACTED_SHARE - _NOTES_SHARE)))
        if lost:
            try:
                notes = self._notes(earlier_notes, lost, parent)
            except ModelError:
                self._calls.count(fault="compaction failed")
            else:
                conversation.notes = truncated(notes, int(self._max_tokens * _NOTES_SHARE) * BYTES_PER_TOKEN)
        conversation.shorten(int(self._max_tokens * _COMPACTED_SHARE))
        words = f"the conversation was shortened from about {before:,} to {conversation.tokens:,} tokens"
        self._calls.notify(Event(agent=self._agent, kind="compact", words=words))

    def _notes(self, earlier_notes: str, old: Sequence[Exchange], parent: Span) -> str:
        """Notes of old turns, of parts of them where the `compact` model takes no more. Raises as `_written_notes`."""
        for _ in range(_NOTES_TRIES - 1):
            try:
                return _written_notes(earlier_notes, old, self._calls, self._notes_tokens, parent)
            except PromptTooLong as error:
                stated = stated_sizes(str(error)).limit
                self._notes_tokens = min(self._notes_tokens, stated or self._notes_tokens) // 2
        return _written_notes(earlier_notes, old, self._calls, self._notes_tokens, parent)


def _written_notes(
    earlier_notes: str, old: Sequence[Exchange], calls: ModelCalls, tokens: int, parent: Span | None
) -> str:
    """Notes of old turns by the `compact` model, from a prompt of `tokens`. Raises AnalysisStopped, ModelError."""
    share = max(200, int(tokens * BYTES_PER_TOKEN * 0.6) // (len(old) + 1))
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
