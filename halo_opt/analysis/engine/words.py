"""Words that the engine adds to a prompt: what is left of the limits, and how much of a text was cut. Pure."""

from halo_opt.core.text import duration
from halo_opt.llm.ledger import Budget, Spend


def cut(text: str, most: int) -> str:
    """At most `most` bytes, and how many are missing."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    return f"{data[:most].decode('utf-8', 'ignore')} [... {len(data) - most:,} more bytes]"


def left_words(*, turns: int, budget: Budget, committed: Spend, seconds: float | None) -> str:
    """What is left of the limits, in a sentence: true only now."""
    said = [f"{turns} {'turn' if turns == 1 else 'turns'}"]
    if budget.tokens is not None:
        said.append(f"{max(0, budget.tokens - committed.tokens_in - committed.tokens_out):,} tokens")
    if budget.usd is not None:
        said.append(f"${max(0.0, budget.usd - committed.cost_usd):.4f}")
    if budget.calls is not None:
        said.append(f"{max(0, budget.calls - committed.calls):,} calls")
    if seconds is not None:
        said.append(duration(seconds))
    return f"Left: {', '.join(said)}." + (" This is the last turn: hand in now." if turns <= 1 else "")
