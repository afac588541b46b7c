"""Fills the placeholders of a model's text, such as `{failures_with}`, with checked numbers.

A placeholder is a name in braces. `{name:ci}` adds the interval where there is one, `{name:%}` writes a share in
percent. Braces in quotes and code, and braces around anything but a name, are left as they are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from halo_opt.core.records import Value
from halo_opt.core.report_records import Number
from halo_opt.stats.intervals import wilson

MOST_NAMES = 30
_PLACEHOLDER = re.compile(r"(?<![{$\\])\{\s*([A-Za-z][\w.\- ]{0,80}?)\s*(?::\s*(%|ci|%ci|ci%))?\s*\}(?!\})")
# What somebody else wrote, or code: nothing in it is a placeholder or a figure of the text.
APART = re.compile(
    r"```.*?```|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”|«[^»\n]*»|(?<!\w)'[^'\n]*'(?!\w)|(?<!\w)\u2018[^\u2019\n]*\u2019(?!\w)",
    re.DOTALL,
)
# A number of one of mining's findings: `{F1.failures_with}`.
OF_FINDING = re.compile(r"f\d+\..+")
_WHOLE: Mapping[str, str] = {"failures_with": "failures", "successes_with": "successes"}


@dataclass(frozen=True, slots=True)
class Known:
    """A checked number. `whole` is what it is a part of, `interval` its 95% interval; None where there is none."""

    value: Value
    whole: Value = None
    interval: tuple[float, float] | None = None


def filled(text: str, known: Mapping[str, Known], *, later: re.Pattern[str] | None = None) -> tuple[str, list[str]]:
    """Fill the placeholders of a text.

    Args:
        text: The text as the model wrote it.
        known: The numbers by name, as `known_numbers` gives them.
        later: Names without a number that are left as they are, because their numbers are not made yet.

    Returns:
        The text with its values, and the names that no number has. These are written as `[no number NAME]`.
    """
    lacking: list[str] = []

    def fill(match: re.Match[str]) -> str:
        number = known.get(identifier(match[1]))
        if number is None and later is not None and later.fullmatch(identifier(match[1])):
            return match[0]
        if number is None or isinstance(number.value, bool) or not isinstance(number.value, int | float):
            lacking.append(match[1])
            return f"[no number {match[1]}]"
        return _written(number, match[2] or "")

    done, at = [], 0
    for apart in APART.finditer(text):
        done += [_PLACEHOLDER.sub(fill, text[at : apart.start()]), apart[0]]
        at = apart.end()
    return "".join([*done, _PLACEHOLDER.sub(fill, text[at:])]), list(dict.fromkeys(lacking))


def without_placeholders(text: str) -> str:
    """The text with a blank in the place of each placeholder."""
    return _PLACEHOLDER.sub(" ", text)


def identifier(name: str) -> str:
    """A name as a placeholder writes it: lower case, with underscores for spaces and hyphens."""
    return re.sub(r"[^\w.]+", "_", name.strip().lower()).strip("_")


def known_numbers(numbers: Mapping[str, Number]) -> dict[str, Known]:
    """Numbers by the name that a placeholder writes; counts of attempts with what they are a part of."""
    values = {identifier(name): number.value for name, number in numbers.items()}
    return {name: Known(value, values.get(_WHOLE.get(name, ""))) for name, value in values.items()}


def prefixed(name: str, known: Mapping[str, Known]) -> Iterator[tuple[str, Known]]:
    """The numbers under the name of a claim or finding: `c1.failures_with`, and `root.c1.failures_with`."""
    parts = identifier(name).split(".")
    for start in range(len(parts)):
        for one, number in known.items():
            yield ".".join([*parts[start:], one]), number


def no_such_number(names: Sequence[str], known: Mapping[str, Known]) -> list[str]:
    """A correction for each placeholder without a number, with the names that there are."""
    there = ", ".join(list(known)[:MOST_NAMES])
    return [f"there is no number {name} for its placeholder; there are {there}" for name in names]


def _written(number: Known, form: str) -> str:
    value = number.value
    assert isinstance(value, int | float)
    whole = number.whole if isinstance(number.whole, int) and number.whole else None
    text = f"{value:,}" if isinstance(value, int) else _plain(value)
    if "%" in form:
        text = _percent(value / whole) if whole else _percent(value)
    if "ci" not in form:
        return text
    interval = number.interval
    if interval is None and whole and isinstance(value, int):
        interval = wilson(successes=value, n=whole)
        text = f"{text} of {whole:,} ({_percent(value / whole)}"
        return f"{text}, 95% interval {_percent(interval[0])} to {_percent(interval[1])})" if interval else f"{text})"
    if interval is None:
        return text
    low, high = (_percent(end) if "%" in form else _plain(end) for end in interval)
    return f"{text} (95% interval {low} to {high})"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.3g}"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f}%" if abs(percent - round(percent)) < 0.05 else f"{percent:.1f}%"
