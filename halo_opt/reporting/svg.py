"""Small pieces of SVG as strings. Coordinates are finite and text is escaped."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from halo_opt.core.text import visible

CHARACTER = 0.6  # mean width of a character over its height in the page's fonts, on the wide side


def number(value: float) -> str:
    """A coordinate with two decimals; a ValueError for NaN or infinity, which no viewer draws."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no coordinate")
    return f"{value:.2f}".rstrip("0").rstrip(".")


def inside(text: str) -> str:
    """Text escaped for the inside of an element or a quoted attribute."""
    return str(escape(visible(text)))


def tag(name: str, inner: str = "", **attributes: float | str) -> str:
    """One element; numbers become coordinates, strings are escaped; `class_` is `class`, `_` is a hyphen."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{inside(v) if isinstance(v, str) else number(v)}"'
        for key, v in attributes.items()
    )
    return f"<{name}{written}>{inner}</{name}>"


def text_tag(
    text: str, x: float, y: float, *, room: float, size: float = 13, anchor: str = "start", kind: str = ""
) -> str:
    """Text cut to `room` pixels, whole in its tooltip when it was cut."""
    shown = visible(" ".join(text.split()))
    most = max(1, int(room / (size * CHARACTER)))
    cut = shown if len(shown) <= most else shown[: max(0, most - 1)].rstrip() + "…"
    inner = inside(cut) + (tag("title", inside(shown)) if cut != shown else "")
    return tag("text", inner, x=x, y=y, font_size=size, text_anchor=anchor, class_=kind or "label")


def drawing(pieces: Sequence[str], *, width: float, height: float, label: str) -> Markup:
    """The whole image; `label` is what a screen reader says for it."""
    inner = tag("title", inside(label)) + "".join(pieces)
    box = f"0 0 {number(width)} {number(height)}"
    return Markup(tag("svg", inner, class_="plot", viewBox=box, role="img", aria_label=label))


class Scale(NamedTuple):
    """A linear map of values to pixels; values outside are drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def rate_scale(values: Sequence[float], start: float, end: float, *, whole: bool = False) -> tuple[Scale, list[float]]:
    """A scale for fractions from 0 to a round tenth above the largest (to 1 if `whole`), and where its ticks are."""
    least, most = min(values, default=0.0), min(1.0, max(values, default=0.0))
    high = 1.0 if whole else max(0.1, math.ceil(most * 10 - 1e-9) / 10)
    low = math.floor(max(-1.0, min(0.0, least)) * 2) / 2  # -1, -0.5 or 0
    step = next((step for above, step in ((0.6, 0.25), (0.2, 0.1)) if high - low > above), 0.05)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return Scale(low, high, start, end), [round(step * n, 4) + 0.0 for n in range(first, last + 1)]


def count_scale(values: Sequence[float], start: float, end: float) -> tuple[Scale, list[float]]:
    """A scale for counts from 0 (or below, if an interval goes there) to the largest, with ticks at round numbers."""
    least, most = min([0.0, *values]), max([1.0, *values])
    rough = max(1.0, most / 4 - least / 4)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(nice for nice in (1, 2, 5, 10) if nice * power >= rough * (1 - 1e-9))
    first, last = math.floor(least / step), math.ceil(most / step)
    return Scale(first * step, last * step, start, end), [step * n for n in range(first, last + 1)]


def finite(value: float | None) -> float | None:
    """The value, or None when it is missing or no number."""
    return value if value is not None and math.isfinite(value) else None


def ends(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """The interval in order, or None when an end is missing or no number."""
    if interval is None or not all(math.isfinite(end) for end in interval):
        return None
    return min(interval), max(interval)
