"""Calls of language models over the protocols of OpenAI and Anthropic: why one failed, whether and when to try again.

Nothing is sent from here, and no provider's client is imported.
"""

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from halo_common.text import one_line

FailureKind = Literal[
    "rate limit", "server error", "timeout", "unreachable", "cut off", "malformed", "refused", "too long", "rejected"
]
"""Why a call failed. "cut off" is a connection that broke, "malformed" an answer that is not the protocol's, "refused"
a content filter, "too long" a prompt beyond the model's context, "rejected" a key, name or request that the server does
not take."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
NO_PROXY: dict[str, None] = dict.fromkeys(("all://", "http://", "https://"))
"""`mounts` of an httpx client that goes past the proxies of the environment: none of them reaches this machine."""

COMPACT_JSON = {"x-guidance": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}}
"""What llama.cpp's grammar engine takes in a JSON schema: no white space but after separators, which saves a small
model a third of its tokens. Other servers may refuse keys that they do not know."""

_MESSAGE_CHARS = 200
# What is as short as this is no key: a word such as `none` for a server that wants none.
_SHORTEST_SECRET = 4
_PASSING_STATUS = frozenset({408, 409, 429})
# A used-up account: at OpenAI a 429 with this code, at Anthropic a 400 with these words.
_NO_CREDIT = ("insufficient_quota", "credit balance is too low")
# How servers say it: OpenAI, Anthropic, Google, Mistral, llama.cpp, vLLM and TGI, some of them in more than one way.
_TOO_LONG = re.compile(
    r"context (size|length|window|limit)|context_length_exceeded|prompt is too long|maximum model length|input is too "
    r"long|too many tokens|maximum number of tokens|`?max_new_tokens`? must be|reduce the length of",
    re.IGNORECASE,
)
# A request beyond the tokens of a whole minute does not pass by waiting.
_TOO_LARGE = re.compile(r"request too large", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """One call that failed.

    Attributes:
        kind: What happened.
        message: The server's own words, on one line.
        status: The HTTP status, where there was one.
        retry_after: Seconds that the server asks to wait, where it does.
    """

    kind: FailureKind
    message: str = ""
    status: int | None = None
    retry_after: float | None = None

    @property
    def no_credit(self) -> bool:
        """Whether the account has no credit left, so that waiting does not help."""
        return self.status == 402 or any(mark in self.message for mark in _NO_CREDIT)

    @property
    def may_pass(self) -> bool:
        """Whether the same call may succeed later. A call that was sent may have been billed all the same."""
        if self.no_credit or self.kind == "too long":
            return False
        return self.status in _PASSING_STATUS or self.kind in {
            "rate limit",
            "server error",
            "timeout",
            "unreachable",
            "cut off",
        }


def failed_reply(status: int, message: str, *, retry_after: float | None = None) -> Failure:
    """The failure of a reply with an error status."""
    failure = Failure("rejected", message, status, retry_after)
    kind: FailureKind = "rejected"
    if failure.no_credit or status in {401, 403, 404}:
        kind = "rejected"
    elif status == 429 and not _TOO_LARGE.search(message):
        kind = "rate limit"
    elif status in {413, 429} or _TOO_LONG.search(message):
        kind = "too long"
    elif status >= 500:
        kind = "server error"
    return Failure(kind, message, status, retry_after)


def error_message(body: Any, *, secret: str = "", code: bool = False) -> str:
    """What an error's body says, on one line: the message inside the JSON of both protocols, or the body itself.

    Args:
        body: The body as text, or as the object that its JSON holds.
        secret: A key that some servers repeat; it is not in the message.
        code: Whether the error's code stands before its message.
    """
    if isinstance(body, str):
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(body)
    error = body.get("error", body) if isinstance(body, dict) else body
    text = str(error)
    if isinstance(error, dict):
        keys = ("code", "message") if code else ("message",)
        parts = [str(error[key]) for key in keys if error.get(key)]
        text = ": ".join(parts) or json.dumps(error)
    if len(secret) > _SHORTEST_SECRET:
        text = text.replace(secret, "[key]")
    return one_line(text, _MESSAGE_CHARS)


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


def wait_before_retry(failure: Failure, tries: int, *, first: float, longest: float) -> float:
    """Seconds to wait after `tries` failed tries: what the server asks for, else `first` doubled with each try.

    `longest` bounds the doubling, not what the server asks for.
    """
    if failure.retry_after is not None:
        return failure.retry_after
    return min(longest, first * 2.0 ** (tries - 1))


def on_this_machine(url: str) -> bool:
    """Whether it is a loopback address: no proxy can reach it, and no provider's price list holds for it."""
    return urlsplit(url).hostname in LOOPBACK
