"""One agent's messages. They only grow at the end, so that a provider's prompt cache holds, save when old turns are
compacted; the first messages and the newest turns always stay word for word.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from halo_opt.analysis.engine.sizes import BYTES_PER_TOKEN
from halo_opt.llm.model import Completion, Message

_PER_MESSAGE = 8
# A provider may report nonsense; these bound what is believed of it.
_LEAST, _MOST = 0.2, 1.0
_GO_ON = "Go on from these notes."


@dataclass(frozen=True)
class Result:
    """What came of one action: `label` names it ("1 sql"), `text` is the whole answer."""

    label: str
    text: str

    @property
    def whole(self) -> str:
        """As the model reads it."""
        return f"[{self.label}]\n{self.text}"

    @property
    def line(self) -> str:
        """The answer left out: nothing of it may stand outside its marks."""
        return f"[{self.label}] (answer of {len(self.text.encode()):,} bytes, left out)"


@dataclass(frozen=True)
class Exchange:
    """A turn: what the model said and what came of it."""

    reply: str
    results: Sequence[Result]
    short: bool = False

    @property
    def messages(self) -> list[Message]:
        """The reply, and all answers as one message of the user."""
        said = "\n\n".join(result.line if self.short else result.whole for result in self.results)
        return [Message(role="assistant", content=self.reply), Message(role="user", content=said)]


@dataclass
class Conversation:
    """Used by one thread."""

    system: str
    first: str
    notes: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    _tokens_per_byte: float = field(default=1 / BYTES_PER_TOKEN, init=False)

    @property
    def messages(self) -> list[Message]:
        """What the model is sent."""
        said = [Message(role="system", content=self.system), Message(role="user", content=self.first)]
        if self.notes:
            said += [Message(role="assistant", content=self.notes), Message(role="user", content=_GO_ON)]
        return said + [message for exchange in self.exchanges for message in exchange.messages]

    @property
    def tokens(self) -> int:
        """An estimate of what the messages take."""
        return self.estimate(self.messages)

    def estimate(self, messages: Sequence[Message]) -> int:
        """Tokens of some messages, going by what the provider said of earlier ones."""
        return int(_bytes(messages) * self._tokens_per_byte) + _PER_MESSAGE * len(messages)

    def learn(self, sent: Sequence[Message], completion: Completion) -> None:
        """Take from a call how many tokens a byte is."""
        if completion.tokens_in:
            self._tokens_per_byte = min(_MOST, max(_LEAST, completion.tokens_in / max(1, _bytes(sent))))

    def add(self, reply: str, results: Sequence[Result]) -> None:
        """One more turn."""
        self.exchanges.append(Exchange(reply, list(results)))

    def newest(self, tokens: int) -> int:
        """How many of the newest turns take at most so many tokens; one at least."""
        kept = 0
        for exchange in reversed(self.exchanges):
            tokens -= self.estimate(exchange.messages)
            if tokens < 0 and kept:
                break
            kept += 1
        return kept

    def replace_old(self, keep: int, notes: str) -> None:
        """The turns before the newest `keep` become these notes."""
        self.notes = notes
        self.exchanges = self.exchanges[-keep:] if keep else []

    def shorten(self, room: int) -> None:
        """Leave out old answers, oldest first, then old turns, until the rest takes at most `room` tokens."""
        for number, old in enumerate(self.exchanges):
            if self.tokens <= room:
                return
            self.exchanges[number] = Exchange(old.reply, old.results, short=True)
        while self.tokens > room and self.exchanges:
            del self.exchanges[0]


def _bytes(messages: Sequence[Message]) -> int:
    return sum(len(message.content.encode("utf-8", "replace")) for message in messages)
