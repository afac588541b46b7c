"""The messages of one agent. They only grow at the end, which keeps a provider's prompt cache valid, until old turns
are replaced by notes; the first messages and the newest turns stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from halo_opt.analysis.engine.prompt_sizes import BYTES_PER_TOKEN
from halo_opt.llm.model import Completion, Message

_TOKENS_PER_MESSAGE = 8
# Bounds on tokens per byte: a provider may report any number of tokens.
_LEAST, _MOST = 0.2, 1.0
_CONTINUE = "Go on from these notes."


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
    def omitted(self) -> str:
        """A line in place of the answer. It quotes none of it, as data must stay between its marks."""
        return f"[{self.label}] (answer of {len(self.text.encode()):,} bytes, left out)"


@dataclass(frozen=True)
class Exchange:
    """One turn: the model's reply and the results of its actions; `shortened` leaves the results out."""

    reply: str
    results: Sequence[ActionResult]
    shortened: bool = False

    @property
    def messages(self) -> list[Message]:
        """The reply, and all results as one message of the user."""
        texts = [result.omitted if self.shortened else result.in_full for result in self.results]
        return [Message(role="assistant", content=self.reply), Message(role="user", content="\n\n".join(texts))]


@dataclass
class Conversation:
    """The instructions, the first message, notes of old turns, and the turns since. Used by one thread."""

    system: str
    first: str
    notes: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    _tokens_per_byte: float = field(default=1 / BYTES_PER_TOKEN, init=False)

    @property
    def messages(self) -> list[Message]:
        """The prompt."""
        messages = [Message(role="system", content=self.system), Message(role="user", content=self.first)]
        if self.notes:
            messages += [Message(role="assistant", content=self.notes), Message(role="user", content=_CONTINUE)]
        for exchange in self.exchanges:
            messages += exchange.messages
        return messages

    @property
    def tokens(self) -> int:
        """An estimate of the prompt's tokens."""
        return self.estimate(self.messages)

    def estimate(self, messages: Sequence[Message]) -> int:
        """Tokens of some messages, going by the usage that the provider reported for earlier ones."""
        return int(_bytes(messages) * self._tokens_per_byte) + _TOKENS_PER_MESSAGE * len(messages)

    def calibrate(self, sent: Sequence[Message], completion: Completion) -> None:
        """Take the tokens per byte from a call's reported usage."""
        if completion.tokens_in:
            self._tokens_per_byte = min(_MOST, max(_LEAST, completion.tokens_in / max(1, _bytes(sent))))

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

    def replace_old(self, keep: int, notes: str) -> None:
        """Replace the turns before the newest `keep` by notes."""
        self.notes = notes
        self.exchanges = self.exchanges[-keep:] if keep else []

    def shorten(self, tokens: int) -> None:
        """Leave out old results, oldest first, then whole old turns, until the prompt takes at most `tokens`."""
        for number, old in enumerate(self.exchanges):
            if self.tokens <= tokens:
                return
            self.exchanges[number] = Exchange(old.reply, old.results, shortened=True)
        while self.tokens > tokens and self.exchanges:
            del self.exchanges[0]


def _bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.content.encode("utf-8", "replace")) for message in messages)
