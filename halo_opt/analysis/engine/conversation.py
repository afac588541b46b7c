"""The messages of one agent. They only grow at the end, which keeps a provider's prompt cache valid, until they are
too long. Then long answers of old turns are left out first, oldest first, and whole old turns after them; the first
messages, the claims and the newest turns stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from halo_opt.analysis.engine.prompt_sizes import BYTES_PER_TOKEN
from halo_opt.llm.model import Completion, Message

_TOKENS_PER_MESSAGE = 8
# Bounds on tokens per byte: a provider may report any number of tokens.
_LEAST, _MOST = 0.2, 1.0
_CONTINUE = "Go on from these notes."
_NOTES_HEADING = "Notes of my earlier turns:"
_CLAIMS_HEADING = "Claims that I have recorded so far:"
# An answer of at most so many bytes costs little more than the line that would stand in its place.
SHORT_BYTES = 600
# Answers that hold an agent's own results: what it claimed, what it handed in, what its sub-agents found.
_OWN_RESULTS = frozenset({"claim", "delegate", "submit_report", "submit_answer", "reply"})


@dataclass(frozen=True)
class ActionResult:
    """The answer to one action; `label` names the action, as in `1 sql`."""

    label: str
    text: str

    @property
    def in_full(self) -> str:
        """The answer as the model reads it."""
        return f"[{self.label}]\n{self.text}"

    @property
    def is_long(self) -> bool:
        """Whether it may be left out while shorter answers stay: the same action gives it again."""
        return len(self.text.encode("utf-8", "replace")) > SHORT_BYTES and self.label.split()[-1] not in _OWN_RESULTS

    @property
    def omitted(self) -> str:
        """A line in place of the answer. It quotes none of it, as data must stay between its marks."""
        size = len(self.text.encode("utf-8", "replace"))
        return (
            f"[{self.label}]\n(This answer of {size:,} bytes was left out to save room. To see it again, give the same "
            "action once more.)"
        )


@dataclass(frozen=True)
class Exchange:
    """One turn: the model's reply and the results of its actions; `shortened` leaves the long results out."""

    reply: str
    results: Sequence[ActionResult]
    shortened: bool = False

    @property
    def has_long(self) -> bool:
        """Whether it holds long results that are not left out yet."""
        return not self.shortened and any(result.is_long for result in self.results)

    @property
    def messages(self) -> list[Message]:
        """The reply, and all results as one message of the user."""
        texts = [result.omitted if self.shortened and result.is_long else result.in_full for result in self.results]
        return [Message(role="assistant", content=self.reply), Message(role="user", content="\n\n".join(texts))]


@dataclass
class Conversation:
    """The instructions, the first message, notes of old turns, and the turns since. Used by one thread.

    `claims` gives the agent's claims, a line each. They are repeated in the notes, because the turns in which they were
    made may be left out.
    """

    system: str
    first: str
    claims: Callable[[], Sequence[str]] = tuple
    exchanges: list[Exchange] = field(default_factory=list)
    notes: str = ""
    _noted_claims: tuple[str, ...] = field(default=(), init=False)
    _tokens_per_byte: float = field(default=1 / BYTES_PER_TOKEN, init=False)

    @property
    def messages(self) -> list[Message]:
        """The prompt."""
        messages = [Message(role="system", content=self.system), Message(role="user", content=self.first)]
        parts = [f"{_NOTES_HEADING}\n{self.notes}"] if self.notes else []
        parts += ["\n".join([_CLAIMS_HEADING, *self._noted_claims])] if self._noted_claims else []
        if parts:
            notes = Message(role="assistant", content="\n\n".join(parts))
            messages += [notes, Message(role="user", content=_CONTINUE)]
        for exchange in self.exchanges:
            messages += exchange.messages
        return messages

    @property
    def size(self) -> int:
        """The prompt's bytes."""
        return size_of(self.messages)

    @property
    def tokens(self) -> int:
        """An estimate of the prompt's tokens."""
        return self.estimate(self.messages)

    def estimate(self, messages: Sequence[Message]) -> int:
        """Tokens of some messages, going by the usage that the provider reported for earlier ones."""
        return int(size_of(messages) * self._tokens_per_byte) + _TOKENS_PER_MESSAGE * len(messages)

    def calibrate(self, sent: Sequence[Message], completion: Completion) -> None:
        """Take the tokens per byte from a call's reported usage."""
        if completion.tokens_in:
            self.set_size(sent, completion.tokens_in)

    def set_size(self, messages: Sequence[Message], tokens: int) -> None:
        """Take the tokens per byte from some messages whose tokens were counted."""
        self._tokens_per_byte = min(_MOST, max(_LEAST, tokens / max(1, size_of(messages))))

    def add(self, reply: str, results: Sequence[ActionResult]) -> None:
        """Append a turn."""
        self.exchanges.append(Exchange(reply, list(results)))

    def newest_within(self, tokens: int) -> int:
        """How many of the newest turns take at most so many tokens; at least one."""
        kept = 0
        for exchange in reversed(self.exchanges):
            tokens -= self.estimate(exchange.messages)
            if tokens < 0 and kept:
                break
            kept += 1
        return kept

    def leave_out_old(self, keep: int, tokens: int) -> list[Exchange]:
        """Leave out the long answers of the turns before the newest `keep`, then the oldest of those turns as a whole.

        Args:
            keep: How many of the newest turns stay as they are.
            tokens: Whole turns are left out until the prompt takes at most so many.

        Returns:
            The turns that lost something, as they were.
        """
        old = self.exchanges[: len(self.exchanges) - keep]
        lost = {number for number, exchange in enumerate(old) if exchange.has_long}
        for number in lost:
            self.exchanges[number] = replace(old[number], shortened=True)
        dropped = 0
        while dropped < len(old) and self.tokens > tokens:
            self._drop_oldest()
            dropped += 1
        return [exchange for number, exchange in enumerate(old) if number in lost or number < dropped]

    def shorten(self, tokens: int) -> None:
        """Leave out long answers, oldest first, then whole turns, until the prompt takes at most `tokens`.

        The newest turn comes last: its answers were not read yet.
        """
        last = len(self.exchanges) - 1
        for number, old in enumerate(self.exchanges):
            if self.tokens > tokens and old.has_long and number < last:
                self.exchanges[number] = replace(old, shortened=True)
        while self.tokens > tokens and len(self.exchanges) > 1:
            self._drop_oldest()
        if self.tokens > tokens and self.exchanges and self.exchanges[0].has_long:
            self.exchanges[0] = replace(self.exchanges[0], shortened=True)
        if self.tokens > tokens and self.exchanges:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        del self.exchanges[0]
        self._noted_claims = tuple(self.claims())


def size_of(messages: Sequence[Message]) -> int:
    """The bytes of some messages."""
    return sum(len(message.content.encode("utf-8", "replace")) for message in messages)
