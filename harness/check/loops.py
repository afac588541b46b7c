"""Notices an attempt that goes round in circles, on (page fingerprint, action). Pure.

The guards forbid; this only tells: on pages with clocks and counters it still knows the page, where theirs do not.
"""

from collections.abc import Sequence

from harness.act.actions import Action
from harness.act.history import Past, earlier

LONGEST_ROUND = 4


def times_done(action: Action, page: str, past: Sequence[Past]) -> int:
    """How often this action has run on this page."""
    return sum(step.page == page for step in earlier(action, past))


def rounds(past: Sequence[Past]) -> int:
    """How often the last few steps (any number up to LONGEST_ROUND) were gone through in a row; 1 is no loop."""
    seen = [(p.page, p.action.key if p.action is not None else None) for p in past]
    best = 1
    for length in range(1, LONGEST_ROUND + 1):
        last = seen[-length:]
        count = 1
        while len(seen) >= length * (count + 1) and seen[-length * (count + 1) : -length * count] == last:
            count += 1
        best = max(best, count if len(last) == length else 1)
    return best


def looping(action: Action | None, page: str, past: Sequence[Past], after: int) -> bool:
    """Whether this step would be done for more than the `after`-th time, or ends as many equal rounds. 0: never."""
    if after == 0 or action is None or action.name in {"done", "scroll", "wait"}:
        return False
    step = Past(action=action, result="", layout="", before="", changed=None, ran=True, page=page)
    return times_done(action, page, past) >= after or rounds([*past, step]) > after
