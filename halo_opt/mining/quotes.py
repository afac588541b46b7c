"""Words that a model quotes, looked up in the traces. Only reads; must never take words for quoted that are not.

White space is folded, for a trace and a model break lines in different places; nothing else is forgiven.
"""

from halo_opt.mining.behaviour import Rows
from halo_opt.report_records import Quoted

# A quote of a word or two stands in any trace; it proves nothing about this one.
MIN_QUOTE = 8
# Where words of a trace can stand; a step's or message's own text, never a name that we made up.
_STEP_TEXTS = ("observation", "reply", "tool", "arguments", "target", "result", "error")


def wrong_with_quote(quote: Quoted, store: Rows) -> str | None:
    """Why the quote does not stand in its attempt (at its step); None when it does."""
    words = _plain(quote.words)
    where = f"attempt {quote.trace_id}" + ("" if quote.step is None else f", step {quote.step}")
    if len(words) < MIN_QUOTE:
        return f"a quote of {where} was struck: fewer than {MIN_QUOTE} characters prove nothing"
    texts = store.rows(
        f"SELECT {', '.join(_STEP_TEXTS)} FROM steps WHERE trace_id = ? AND (?::BIGINT IS NULL OR step = ?::BIGINT)",
        (quote.trace_id, quote.step, quote.step),
    )
    if quote.step is None:
        texts = [*texts, *store.rows("SELECT content FROM messages WHERE trace_id = ?", (quote.trace_id,))]
    if any(words in _plain(str(text)) for row in texts for text in row if text is not None):
        return None
    return f"a quote was struck: its words do not stand in {where}" if texts else f"there is no {where}"


def _plain(text: str) -> str:
    return " ".join(text.split())
