"""How well a finding of mining is supported, why not better, and what data would lift it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from halo_opt.core.report_records import LEVELS, Consequence, Level, Number
from halo_opt.core.text import counted
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.measure import MIN_FAILURES, MIN_WITH, NOTHING_VARIES, WHOLE_ATTEMPT, Measured

FALSE_DISCOVERY = 0.05
# A difference that would need more attempts than so many times those that there are is not worth collecting them for.
_MOST_TIMES = 20


class Support(NamedTuple):
    """A level, why it is not higher, and what data would lift it; '' and '' for `proven`."""

    level: Level
    reason: str = ""
    to_lift: str = ""


@dataclass(frozen=True, slots=True)
class Backing:
    """What supports a finding beside the test within runs: whole groups of attempts, or failures alone.

    Attributes:
        support: The level that it gives.
        scope: The attempts that it concerns, such as `run a`; '' for all.
        claim: The numbers as a paragraph.
        numbers: The numbers with their SQL.
        consequences: What comes along with it.
        alike: Specific faults among these, whose remedies may help as well.
        no_proof: Why the test within runs can hardly prove it, as words that follow a colon.
    """

    support: Support
    scope: str
    claim: str
    numbers: Mapping[str, Number]
    consequences: Sequence[Consequence]
    alike: Sequence[Behaviour]
    no_proof: str


def level_of(m: Measured, q: float | None, run_wide: Support | None = None) -> Support:
    """How well it is supported that a behaviour makes attempts fail.

    Args:
        m: The behaviour, measured.
        q: Its q-value; None where no test was made.
        run_wide: The support from a comparison of whole groups of attempts, or from failures alone; None where there
            is none. It counts unless the test within runs proves the behaviour.
    """
    if is_proven(m, q):
        return Support("proven")
    alone = _suspected(m, q)
    if run_wide is None:
        return alone
    lift = run_wide.to_lift or alone.to_lift
    return Support(run_wide.level, run_wide.reason, lift)


def is_proven(m: Measured, q: float | None) -> bool:
    """Whether the corrected test says that attempts which show the behaviour fail more often."""
    more = m.contrast is not None and (m.contrast.difference or 0) > 0
    return m.state == "tested" and more and q is not None and q <= FALSE_DISCOVERY


def order_of(level: Level) -> int:
    """The place of a level in a report, the best supported first."""
    return LEVELS.index(level)


def no_test(m: Measured) -> str:
    """Why there is no test of a behaviour, as words that follow "No test was made because"."""
    return m.reason or "there is nothing to compare with"


def _suspected(m: Measured, q: float | None) -> Support:
    if q is None:
        return Support("suspected", f"No test was made because {no_test(m)}.", _data_for_a_test(m))
    difference = (m.contrast.difference if m.contrast else None) or 0.0
    if difference <= 0:
        reason = "At the same task, attempts that show it do not fail more often than the others."
        return Support("suspected", reason, "More attempts at each task, if they fail more often with it than without.")
    reason = f"Attempts that show it fail more often, but the corrected test does not exclude chance (q = {q:.2g})."
    return Support("suspected", reason, _attempts_for_a_proof(m.p_value, q))


def _attempts_for_a_proof(p: float | None, q: float) -> str:
    """How many times the attempts a proof would take if the difference stays as it is."""
    from scipy.special import ndtri

    if p is None or p >= 1:
        return "More attempts at each task, with and without it."
    # The test statistic grows with the root of the number of attempts; the share p / q of the correction stays.
    here, needed = float(ndtri(1 - p / 2)), float(ndtri(1 - p * FALSE_DISCOVERY / q / 2))
    times = (needed / here) ** 2 if here > 0 else _MOST_TIMES + 1
    if times > _MOST_TIMES:
        return (
            f"The difference is so small that more than {_MOST_TIMES} times as many attempts would be needed to tell it"
            " from chance."
        )
    return f"About {max(2, ceil(times))} times as many attempts at these tasks, if the difference stays as it is."


def _data_for_a_test(m: Measured) -> str:
    """What data would make a test possible where there is none."""
    shown = m.failures_with + m.successes_with
    lacking: Mapping[str, bool] = {
        "An outcome for each attempt (see --scores).": not m.failures and not m.successes,
        "Successes at the same tasks, at least one in five attempts.": not m.successes,
        f"{counted(MIN_FAILURES - m.failures, 'more failure')}.": m.failures < MIN_FAILURES,
        f"{counted(MIN_WITH - shown, 'more attempt')} that {'shows' if MIN_WITH - shown == 1 else 'show'} it.": shown
        < MIN_WITH,
        "Try each task at least twice in each run or mode, so that attempts with it and without it can be compared at"
        " the same task.": m.reason.startswith(NOTHING_VARIES),
        "A predicate that names the first step that shows it (a column `step`), or runs in which an attempt does not"
        " end when it succeeds.": m.reason.startswith(WHOLE_ATTEMPT),
    }
    return next((words for words, holds in lacking.items() if holds), "A predicate that a test may be made of.")
