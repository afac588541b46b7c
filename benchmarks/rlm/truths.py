"""Fifty true statements in the forms of the lies: none of them may be struck. Text only: made from `Facts`."""

from collections.abc import Iterator
from typing import Any

from benchmarks.rlm.facts import Facts
from benchmarks.rlm.planted import FAILURES, SUCCESSES, Planted, Planter, number, quoted

_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_SMALL += " seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


def spelled(value: int) -> str:
    """A count up to 999 in words."""
    if value >= 100:
        rest = f" and {spelled(value % 100)}" if value % 100 else ""
        return f"{_SMALL.split()[value // 100]} hundred{rest}"
    if value < 20:
        return _SMALL.split()[value]
    unit = f"-{_SMALL.split()[value % 10]}" if value % 10 else ""
    return _TENS.split()[value // 10 - 2] + unit


def truths(facts: Facts) -> list[Planted]:
    """All of them, in a fixed order."""
    p = Planter(facts)
    said = [*_counts(facts), *_shares(facts), *_names(facts)]
    return [_kept(p, words) for words in said] + list(_with_numbers(p, facts))


def _kept(p: Planter, words: str, **more: Any) -> Planted:
    return p.claim("true", f"{words}.", kept=f"{words}.", **more)


def _counts(t: Facts) -> Iterator[str]:
    yield f"Seen in {t.fw} of {t.f} failures"
    yield f"Seen in {t.fw} of {t.f} failures and {t.sw} of {t.s} successes"
    yield f"{t.fw} failures show it"
    yield f"{t.sw} successes show it as well"
    yield f"It shows in {t.fw} failures, but in {t.sw} successes only"
    yield f"{t.shown} attempts show it"
    yield f"{t.shown} of {t.all} attempts show it"
    yield f"There are {t.f} failures"
    yield f"Of the {t.f} failures, {t.fw} show it"
    yield f"Among {t.s} successes it is seen in {t.sw} successes"
    yield f"{t.fw} out of {t.f} failures"
    yield f"{t.fw}/{t.f} failures"
    yield f"{spelled(t.fw).capitalize()} of the {t.f} failures"
    yield f"{spelled(t.fw).capitalize()} of {spelled(t.f)} failures"
    yield f"{spelled(t.sw).capitalize()} successes show it"
    yield f"Failures that show it: {t.fw}"
    yield f"It is rarer in successes ({t.sw} of {t.s})"


def _shares(t: Facts) -> Iterator[str]:
    yield f"{100 * t.fw / t.f:.0f}% of failures show it"
    yield f"{100 * t.fw / t.f:.1f}% of failures show it"
    yield f"{100 * t.sw / t.s:.0f}% of successes show it"
    yield f"{100 * t.fw / t.f:.0f} percent of failures"
    yield f"{100 * t.fw / t.f:.0f} per cent of failures"
    yield f"A share of {t.fw / t.f:.2f} of failures"
    yield f"{100 * t.f / t.all:.0f}% of attempts fail"
    yield f"{100 * t.shown / t.all:.0f}% of all attempts show it"
    yield f"{100 * t.fw / t.shown:.0f}% of attempts that show it fail"
    yield f"Failures show it more often ({100 * t.fw / t.f:.0f}%) than successes ({100 * t.sw / t.s:.0f}%)"
    yield f"It is in {t.fw} failures ({100 * t.fw / t.f:.0f}%)"
    yield "Most failures show it"
    yield "Attempts that show it fail more often"
    yield "They are more likely to fail"


def _names(t: Facts) -> Iterator[str]:
    yield f"The agent runs {t.model} and calls {t.tool}"
    yield "It calls get_user_2 of v2.gomail with gpt-4o-mini"
    yield f"At step {t.quote.step} it goes wrong"
    yield f"The task {t.task} is one of these"
    yield f"It takes at least {t.least} steps"
    yield f"It goes on for {t.least} or more steps"
    yield "One of the tools is asked first, and then another one"
    yield "It asks two questions at a time, and then three more questions"
    yield "First it searches, second it books, and in the third place it stops"
    yield "Python3 and HTTP2 stand in its prompt, and so does sha256"
    yield "It is half-finished when it stops"
    yield "Its double-booked flight stays as it is, once and for all"
    yield "No other tool is called, and none of the searches is repeated"
    yield "Someone else would have asked once more"


def _with_numbers(p: Planter, t: Facts) -> Iterator[Planted]:
    gap = t.fw / t.f - t.sw / t.s
    for words, name, value, sql in (
        (f"On average {t.steps:.1f} steps are taken", "mean steps", t.steps, "SELECT avg(steps) FROM attempts"),
        (f"There are {t.f} failures in all", "failures", t.f, FAILURES),
        (f"There are {t.s} successes", "successes", t.s, SUCCESSES),
        (
            f"Its share among failures is {100 * gap:.0f} points above that among successes",
            "gap in points",
            100 * gap,
            f"SELECT 100 * (avg((steps >= {t.least})::INT) FILTER (outcome = 'failure')"
            f" - avg((steps >= {t.least})::INT) FILTER (outcome = 'success')) FROM attempts",
        ),
        (
            f"The share of failures is {100 * t.f / t.all:.1f}%",
            "share of failures",
            100 * t.f / t.all,
            "SELECT 100.0 * count(*) FILTER (outcome = 'failure') / count(*) FROM attempts",
        ),
    ):
        yield _kept(p, words, numbers=[number(name, value, sql)])
    digits = next(word for word in t.quote.text.split() if any(c.isdigit() for c in word))
    yield _kept(
        p, f'It says "{digits}" there' if not digits.isdigit() else "It says so there", quotes=[quoted(t.quote)]
    )
