"""Numbers, names, times and links as text. A missing number is written as `not measured`.

A number's name says how to write it: `p_value` is a probability, `difference` is in points, a fraction
between -1 and 1 is a percentage, `X_interval` is the interval of `X` (and plain `interval` that of `difference`), and
`X_with` is a part of `X`.
"""

import calendar
import hashlib
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from halo_opt.core.loop_records import ScoreEstimate
from halo_opt.core.records import Interval, Value
from halo_opt.core.report_records import Number
from halo_opt.core.text import visible

MISSING = "not measured"
SMALLEST_P_VALUE = 0.0001  # a smaller one is shown as "< 0.0001"
MOST_LISTED = 3
_CHANCE = re.compile(r"(^|_)[pq](_value)?(_|$)|p_adjusted|fdr")
_DIFFERENCE = re.compile(r"difference|delta|(^|_)gain(_|$)|change|uplift")
_NOT_A_FRACTION = re.compile(
    r"ratio|odds|lift|mean|success_at|median|average|cost|usd|seconds|steps|tokens|per_|explained"
)
_TITLES = {
    "p_value": "p-value",
    "q_value": "q-value",
    "cost_usd": "Cost in US dollars",
    "explained": "Failures explained",
    "success_at": "Score from which on an attempt counts as a success",
}


def percent(fraction: float | None, *, digits: int = 0) -> str:
    """A fraction as a percentage; `not measured` for None."""
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    return f"{fraction * 100:.{digits}f}%"


def points(difference: float | None) -> str:
    """A difference of two rates, signed, in percentage points."""
    if difference is None or not math.isfinite(difference):
        return MISSING
    value = round(difference * 100, 1) + 0.0
    return f"{value:+.1f} points" if value else "0.0 points"


def p_value_text(p: float | None) -> str:
    """A p-value as text; a very small one as an upper bound, since zero would be wrong."""
    if p is None or not math.isfinite(p):
        return MISSING
    if p < SMALLEST_P_VALUE:
        return f"< {SMALLEST_P_VALUE:.4f}"
    return f"{p:.2g}" if p < 0.01 else f"{p:.3f}"


def interval_text(interval: Interval | None, *, signed: bool = False) -> str:
    """An interval of fractions: `8% to 31%`, or signed `-2.0 to +9.5 points`."""
    if interval is None or not all(math.isfinite(end) for end in interval):
        return MISSING
    low, high = interval
    if signed:
        return f"{low * 100:+.1f} to {high * 100:+.1f} points"
    return f"{percent(low)} to {percent(high)}"


def score_text(score: float | None) -> str:
    """A mean score from 0 to 1; `not measured` for None."""
    return MISSING if score is None or not math.isfinite(score) else f"{score:.2f}"


def estimate_text(estimate: ScoreEstimate) -> str:
    """A success rate with its interval in one phrase, and the mean score where scores are partial."""
    if estimate.rate is None:
        return MISSING
    ends = f" ({interval_text(estimate.interval)})" if estimate.interval else ""
    if estimate.mean_score is None:
        return f"{percent(estimate.rate)}{ends}"
    low_high = estimate.mean_score_interval
    around = f" ({score_text(low_high[0])} to {score_text(low_high[1])})" if low_high else ""
    return f"{percent(estimate.rate)}{ends}, mean score {score_text(estimate.mean_score)}{around}"


def count(value: float) -> str:
    """A count with thousands separated: `12,345`."""
    return f"{value:,.0f}"


def title_of(name: str) -> str:
    """`median_steps` as `Median steps`, `p_value` as `p-value`; of `success_rate of my_run` the run keeps its name."""
    if name in _TITLES:
        return _TITLES[name]
    measure, of, group = visible(name).partition(" of ")
    words = measure.replace("_", " ").strip()
    return f"{words[:1].upper()}{words[1:]}{of}{group}"


def figure(name: str, value: Value) -> str:  # noqa: PLR0911 one return a kind of value reads best
    """A value under the name it has in a report, as a person reads it."""
    match value:
        case None:
            return MISSING
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case int():
            return count(value)
        case list():
            fractions = _is_fraction(name, value) and all(-1 <= v <= 1 for v in value)
            if len(value) == 2 and fractions:
                return interval_text((value[0], value[1]), signed=bool(_DIFFERENCE.search(name)))
            return " to ".join(f"{v:.3g}" for v in value) if len(value) == 2 else ", ".join(f"{v:.3g}" for v in value)
    if not math.isfinite(value):
        return MISSING
    if _CHANCE.search(name):
        return p_value_text(value)
    if _is_fraction(name, [value]):
        return points(value) if _DIFFERENCE.search(name) else percent(value, digits=1)
    return count(value) if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def _is_fraction(name: str, values: Iterable[float]) -> bool:
    """Whether values between -1 and 1 under this name are fractions of attempts rather than quantities."""
    if _NOT_A_FRACTION.search(name) or _CHANCE.search(name):
        return False
    return all(-1 <= v <= 1 for v in values)


class Made(NamedTuple):
    """The SQL and the statistics that compute one number, or two numbers from the same rows."""

    title: str
    sql: str
    statistics: list[str]


class Figure(NamedTuple):
    """One number as text: its value, its interval if it has one, and how each is computed."""

    name: str
    title: str
    value: str
    interval: str | None
    made: list[Made]


def figures(numbers: Mapping[str, Number]) -> list[Figure]:
    """Numbers in their order, each interval joined to its number and each whole to its part."""
    joined = {other for name in numbers for other in (interval_name(name, numbers), whole_name(name, numbers)) if other}
    return [_figure(name, numbers) for name in numbers if name not in joined]


def _figure(name: str, numbers: Mapping[str, Number]) -> Figure:
    number, ends_name, whole = numbers[name], interval_name(name, numbers), whole_name(name, numbers)
    if whole:
        part_of_whole = f"{figure(name, number.value)} of {figure(whole, numbers[whole].value)}"
        made = _made({f"{title_of(whole)} that show it": number, f"All {title_of(whole).lower()}": numbers[whole]})
        return Figure(name, f"{title_of(whole)} that show it", part_of_whole, None, made)
    if ends_name is None:
        return Figure(name, title_of(name), figure(name, number.value), None, _made({title_of(name): number}))
    ends = numbers[ends_name]
    made = _made({title_of(name): number, "Its interval": ends})
    return Figure(name, title_of(name), figure(name, number.value), figure(f"{name}_interval", ends.value), made)


def interval_name(name: str, numbers: Mapping[str, Number]) -> str | None:
    """The name under which the interval of `name` is held, if it is: also `rate_interval of R` for `rate of R`."""
    base, of, rest = name.partition(" of ")
    names = [f"{base}_interval{of}{rest}", *(["interval"] if name == "difference" else [])]
    return next((n for n in names if n in numbers), None)


def whole_name(name: str, numbers: Mapping[str, Number]) -> str | None:
    """`failures` for `failures_with`, if it is among the numbers."""
    whole = name.removesuffix("_with")
    return whole if whole != name and whole in numbers else None


def _made(numbers: Mapping[str, Number]) -> list[Made]:
    """How these numbers are computed; numbers with the same SQL are listed together."""
    found: dict[str, Made] = {}
    for title, number in numbers.items():
        earlier = found.get(number.sql)
        titles = f"{earlier.title} and {title.lower()}" if earlier else title
        statistics = [*(earlier.statistics if earlier else []), *([number.statistic] if number.statistic else [])]
        found[number.sql] = Made(titles, number.sql, statistics)
    return list(found.values())


def moment(text: str) -> str:
    """An ISO time as `21 November 2026, 21:05 UTC`; other text unchanged."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = "" if at.tzinfo is None else " UTC"
    at = at if at.tzinfo is None else at.astimezone(UTC)
    return f"{at.day} {calendar.month_name[at.month]} {at.year}, {at:%H:%M}{zone}"


def sql_command(sql: str, traces: Sequence[str]) -> str:
    """The shell command that runs a number's SQL again over these inputs, quoted so that the shell reads nothing in it.

    Many inputs would make a line that nobody copies: then the index that `halo-opt import` makes is asked for.
    """
    listed = " ".join(f"--traces {shlex.quote(visible(path))}" for path in traces)
    where = listed if 0 < len(traces) <= MOST_LISTED else "--store STORE"
    return f"halo-opt sql {where} {shlex.quote(visible(sql))}"


def slug(text: str) -> str:
    """Text as part of an HTML id: itself when it is safe, else its safe letters and a digest, so none collide."""
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", text)
    if safe == text and text:
        return text
    return f"{safe[:40]}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def safe_link(target: str) -> str | None:
    """A relative path or an http(s) address ready for `href`; None for everything else (`javascript:`, `//host`)."""
    if any(ord(c) < 0x20 or c == "\\" for c in target) or not target.strip():
        return None
    try:
        parts = urlsplit(target.strip())
    except ValueError:
        return None
    if parts.scheme in ("http", "https") and parts.netloc:
        return quote(target.strip(), safe="/:?&=#%+,;@~!()*-._[]$")
    if parts.scheme or parts.netloc or target.lstrip().startswith("/"):
        return None
    return quote(target.strip(), safe="/#-._~")
