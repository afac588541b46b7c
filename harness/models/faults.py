"""What one request met instead of a reply, and whether another may do better. Pure."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol

Kind = Literal["timeout", "connection", "status", "malformed"]
# A wrong key, no credit, no right to the model, no such model: no retry mends these, for any attempt.
SYSTEMIC = frozenset({401, 402, 403, 404})
PASSING = frozenset({408, 409, 429})
# What a spent account is called: at OpenAI a 429 with this code, at Anthropic a 400 with these words.
SPENT = ("insufficient_quota", "credit balance is too low")
MAX_WORDS = 200
# What is as short as this is no key: a word such as `none` for a server that wants none.
SHORTEST_SECRET = 4


class Trouble(Exception):
    """One failed request. `words` are the server's own, as one short line; `retry_after` is in seconds."""

    def __init__(
        self, kind: Kind, words: str = "", *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(words)
        self.kind: Kind = kind
        self.words = short_line(words)
        self.status = status
        self.retry_after = retry_after

    @property
    def spent(self) -> bool:
        """Whether the account has no credit left: more waiting will not help."""
        return any(mark in self.words for mark in SPENT)

    @property
    def systemic(self) -> bool:
        """Whether no attempt can be served as things stand."""
        return self.kind == "status" and (self.status in SYSTEMIC or self.spent)

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        if self.kind == "status":
            return not self.spent and (self.status in PASSING or (self.status or 0) >= 500)
        return self.kind != "malformed"


def short_line(words: str) -> str:
    """One line of at most MAX_WORDS characters."""
    plain = " ".join(words.split())
    return plain if len(plain) <= MAX_WORDS else plain[: MAX_WORDS - 3] + "..."


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the server asks to wait, from `retry-after-ms` or `retry-after` (seconds or a date); else None."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) * unit)
        except ValueError:
            continue
    try:
        then = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (then - (now or datetime.now(UTC))).total_seconds()) if then.tzinfo else None


def words_of(body: str, *, secret: str = "") -> str:
    """What a server's error body says: the message inside the JSON that both wire formats use, with its code, or the
    body itself. Never with the key in it, which some servers repeat.
    """
    if len(secret) > SHORTEST_SECRET:
        body = body.replace(secret, "[key]")
    try:
        data = json.loads(body)
    except ValueError:
        return short_line(body)
    error = data.get("error", data) if isinstance(data, dict) else data
    if isinstance(error, dict):
        said = [str(error[key]) for key in ("code", "message") if error.get(key)]
        return short_line(": ".join(said) or json.dumps(error))
    return short_line(str(error))


class Refusal(Protocol):
    """An HTTP reply with an error status, as every provider's client hands it on."""

    @property
    def status_code(self) -> int:
        """The status."""
        ...

    @property
    def text(self) -> str:
        """The body."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...


def refused(reply: Refusal, *, secret: str) -> Trouble:
    """The trouble of a reply with an error status, without the key that a server may repeat."""
    return Trouble(
        "status",
        words_of(reply.text, secret=secret),
        status=reply.status_code,
        retry_after=retry_after(reply.headers),
    )
