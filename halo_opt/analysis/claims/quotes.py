"""Looks up a model's quotes in the traces. Only white space may differ."""

import re

from halo_opt.core.report_records import Quoted
from halo_opt.store.protocols import Rows

# A quote of a word or two stands in any trace; it proves nothing about this one.
MIN_QUOTE = 8
# Most characters of the sentence around a quote, on each side.
REACH = 160
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)\s*")
# Where words of a trace can stand; a step's or message's own text, never a name that we made up.
_STEP_TEXTS = ("observation", "reply", "tool", "arguments", "target", "result", "error")


def quote_problem(quote: Quoted, store: Rows) -> str | None:
    """Why a quote is not in the texts of its attempt (at its step); None when it is."""
    words = _plain(quote.words)
    where = f"attempt {quote.trace_id}" + ("" if quote.step is None else f", step {quote.step}")
    if len(words) < MIN_QUOTE:
        return f"a quote of {where} was removed: fewer than {MIN_QUOTE} characters prove nothing"
    texts = _texts(quote, store)
    if any(words in text for text in texts):
        return None
    return f"a quote was removed: its words are not in {where}" if texts else f"there is no {where}"


def _texts(quote: Quoted, store: Rows) -> list[str]:
    """Every text of the attempt (of the step) that a quote names, white space folded."""
    rows = store.rows(
        f"SELECT {', '.join(_STEP_TEXTS)} FROM steps WHERE trace_id = ? AND (?::BIGINT IS NULL OR step = ?::BIGINT)",
        (quote.trace_id, quote.step, quote.step),
    )
    if quote.step is None:
        rows = [*rows, *store.rows("SELECT content FROM messages WHERE trace_id = ?", (quote.trace_id,))]
    return [_plain(str(text)) for row in rows for text in row if text is not None]


def in_context(quote: Quoted, store: Rows) -> Quoted:
    """A quote extended to its whole sentence, by at most `REACH` characters on each side.

    Otherwise "cancel the flight", cut out of "do not cancel the flight", would be a correct quote of the contrary.
    """
    words = _plain(quote.words)
    for text in _texts(quote, store):
        at = text.find(words)
        if at >= 0:
            start, end = _beginning(text, at), _ending(text, at + len(words))
            return quote.model_copy(update={"words": text[start:end]})
    return quote


def _beginning(text: str, at: int) -> int:
    """Where the sentence around a place begins, or the first whole word within reach."""
    reach = max(0, at - REACH)
    ends = [match.end() for match in _SENTENCE_END.finditer(text, reach, at)]
    if ends or reach == 0:
        return ends[-1] if ends else 0
    return text.find(" ", reach, at) + 1 or at


def _ending(text: str, at: int) -> int:
    """Where the sentence around a place ends, or the last whole word within reach."""
    if _SENTENCE_END.match(text, at - 1):
        return at
    stop = _SENTENCE_END.search(text, at, at + REACH)
    if stop or at + REACH >= len(text):
        return stop.start() + 1 if stop else len(text)
    space = text.rfind(" ", at, at + REACH)
    return space if space >= 0 else at


def _plain(text: str) -> str:
    return " ".join(text.split())
