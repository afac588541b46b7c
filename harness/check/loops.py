"""Detects an attempt that repeats itself, by (page fingerprint, action).

The guards refuse repeats, this detector only reports them. It uses the fingerprint without clocks and counters, so it
recognizes a page on which theirs differ.
"""

from collections.abc import Sequence

from harness.act.actions import Action
from harness.act.history import PastStep, runs_of

LONGEST_CYCLE = 4


def times_done(action: Action, page: str, history: Sequence[PastStep]) -> int:
    """How often this action has run on this page."""
    return sum(step.page == page for step in runs_of(action, history))


def cycles(history: Sequence[PastStep]) -> int:
    """How often the last steps (any number up to LONGEST_CYCLE) were repeated in a row; 1 means no repetition."""
    steps = [(step.page, step.action.key if step.action is not None else None) for step in history]
    best = 1
    for length in range(1, LONGEST_CYCLE + 1):
        if len(steps) < length:
            break
        last, count = steps[-length:], 1
        while len(steps) >= length * (count + 1) and steps[-length * (count + 1) : -length * count] == last:
            count += 1
        best = max(best, count)
    return best


def looping(action: Action | None, page: str, history: Sequence[PastStep], after: int) -> bool:
    """Whether this step repeats an action or a cycle of actions more than `after` times. 0 switches the check off."""
    if after == 0 or action is None or action.name in {"done", "scroll", "wait"}:
        return False
    step = PastStep(action=action, result="", layout="", before="", changed=None, ran=True, page=page)
    return times_done(action, page, history) >= after or cycles([*history, step]) > after
