"""The plots of the reports, as SVG.

No plotting library: a page must be one small file that is readable in light and dark, with text that a screen reader
reads and that is escaped like all else. Three plots need some 200 lines; a library would bring megabytes, its own
fonts and often its own script. Every difference is visible without colour.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from markupsafe import Markup

from halo_opt.core.records import Interval
from halo_opt.reporting.svg import Scale, count_scale, drawing, ends, finite, inside, number, rate_scale, tag, text_tag

EDGE = 12.0  # room at both sides: a marker or a tick's words at 0 or 100% must not be cut
BAR_EDGE = 2.0
ROW = 46.0


class Bar(NamedTuple):
    """A fraction or count with its interval, as one bar; `text` is its value as text, `other` a mark beside it."""

    label: str
    value: float | None
    interval: Interval | None
    text: str
    other: float | None = None


class Estimate(NamedTuple):
    """A rate with its interval, as one dot; `tone` is `before`, `after` or `other`."""

    label: str
    value: float | None
    interval: Interval | None
    text: str
    tone: str = "other"


class Tried(NamedTuple):
    """A patch that an iteration tried: the gate's rate with it, and whether it was kept."""

    label: str
    value: float | None
    accepted: bool


class Turn(NamedTuple):
    """The score that an iteration ended with, and what it tried."""

    label: str
    value: float | None
    interval: Interval | None
    tried: Sequence[Tried] = ()


def bars(rows: Sequence[Bar], *, width: float, label: str, unit: Literal["rate", "count"] = "rate") -> Markup:
    """Horizontal bars in the order given, each with its whisker; words stand above their bar, so any width will do."""
    found = [(finite(r.value), finite(r.other), *(ends(r.interval) or ())) for r in rows]
    values = [value for row in found for value in row if value is not None]
    fit = rate_scale if unit == "rate" else count_scale
    scale, ticks = fit(values, BAR_EDGE, width - BAR_EDGE)
    height = ROW * len(rows) + 26
    pieces = _ticks(scale, ticks, top=4, bottom=height - 24, unit=unit)
    for position, row in enumerate(rows):
        top = position * ROW
        pieces += _heading(row.label, row.text, top + 18, width, BAR_EDGE)
        value, whisker = finite(row.value), ends(row.interval)
        pieces.append(tag("rect", x=BAR_EDGE, y=top + 27, width=width - 2 * BAR_EDGE, height=12, rx=2, class_="track"))
        if value is not None:
            left, right = sorted((scale(min(0.0, value)), scale(max(0.0, value))))
            pieces.append(tag("rect", x=left, y=top + 27, width=right - left, height=12, rx=2, class_="bar"))
        if whisker:
            pieces += _whisker(scale(whisker[0]), scale(whisker[1]), top + 33)
        other = finite(row.other)
        if other is not None:
            pieces.append(tag("circle", cx=min(max(scale(other), 7), width - 7), cy=top + 33, r=5, class_="dot before"))
    return drawing(pieces, width=width, height=height, label=_spoken(label, [(r.label, r.text) for r in rows]))


def estimates(
    rows: Sequence[Estimate], *, width: float, label: str, band: Interval | None = None, band_says: str = ""
) -> Markup:
    """Rates on one scale of 0 to 100%, each a dot with its interval; `band` shades what chance alone would do."""
    scale, ticks = rate_scale([], EDGE, width - EDGE, whole=True)
    noise = ends(band)
    bottom = ROW * len(rows) + 8
    height = bottom + (44 if noise else 24)
    pieces: list[str] = []
    if noise:
        left, right = scale(noise[0]), scale(noise[1])
        pieces.append(tag("rect", x=left, y=4, width=max(1.0, right - left), height=bottom - 4, class_="band"))
    pieces += _ticks(scale, ticks, top=4, bottom=bottom)
    for position, row in enumerate(rows):
        top = position * ROW
        pieces += _heading(row.label, row.text, top + 20, width, EDGE)
        value, whisker = finite(row.value), ends(row.interval)
        if whisker:
            pieces += _whisker(scale(whisker[0]), scale(whisker[1]), top + 34)
        if value is not None:
            pieces.append(tag("circle", cx=scale(value), cy=top + 34, r=6, class_=f"dot {row.tone}"))
    if noise:
        pieces.append(tag("rect", x=EDGE, y=bottom + 27, width=14, height=12, class_="band"))
        pieces.append(text_tag(band_says, EDGE + 20, bottom + 37, room=width - 2 * EDGE - 20, size=12, kind="tick"))
    spoken = _spoken(label, [(r.label, r.text) for r in rows])
    return drawing(pieces, width=width, height=height, label=spoken)


def turns(points: Sequence[Turn], *, width: float, label: str) -> Markup:
    """The gate's rate after each iteration, joined by a line; a patch kept is a filled mark, one dropped a cross."""
    height, top, bottom = 290.0, 14.0, 222.0
    left, right = 46.0, width - EDGE - 8
    scale, ticks = rate_scale([], bottom, top, whole=True)
    slot = (right - left) / max(1, len(points))
    pieces = [
        piece
        for at in ticks
        for piece in (
            tag("line", x1=left, x2=right, y1=scale(at), y2=scale(at), class_="grid"),
            text_tag(f"{at:.0%}", left - 8, scale(at) + 4, room=44, size=12, anchor="end", kind="tick"),
        )
    ]
    spots: list[tuple[float, float]] = []
    for position, point in enumerate(points):
        middle = left + slot * (position + 0.5)
        every = -(-len(points) * 44 // int(right - left))  # labels closer than 44 pixels would run into each other
        if position % max(1, every) == 0:
            pieces.append(
                text_tag(point.label, middle, bottom + 20, room=slot * every, size=12, anchor="middle", kind="tick")
            )
        whisker, value = ends(point.interval), finite(point.value)
        if whisker:
            pieces += _whisker(scale(whisker[0]), scale(whisker[1]), middle, upright=True)
        pieces += _tried(point.tried, middle, slot, scale)
        if value is not None:
            spots.append((middle, scale(value)))
    path = " ".join(f"{number(x)},{number(y)}" for x, y in spots)
    if len(spots) > 1:
        pieces.append(tag("polyline", points=path, class_="line"))
    pieces += [tag("circle", cx=x, cy=y, r=6, class_="dot after") for x, y in spots]
    pieces += _legend(left, bottom + 44, width)
    spoken = [(p.label, "not measured" if finite(p.value) is None else f"{p.value:.0%}") for p in points]
    return drawing(pieces, width=width, height=height, label=_spoken(label, spoken))


def _tried(tried: Sequence[Tried], middle: float, slot: float, scale: Scale) -> list[str]:
    """Marks beside their iteration, spread so that equal scores stay apart, each with its words on hover."""
    measured = [t for t in tried if finite(t.value) is not None]
    pieces = []
    for position, patch in enumerate(measured):
        share = (position + 1) / (len(measured) + 1)
        x = middle - slot * 0.42 + slot * 0.36 * share
        y = scale(patch.value if patch.value is not None else 0.0)
        title = f"{patch.label}: {patch.value:.0%} on the gate, {'kept' if patch.accepted else 'dropped'}"
        pieces.append(tag("g", tag("title", inside(title)) + _mark(x, y, accepted=patch.accepted)))
    return pieces


def _mark(x: float, y: float, *, accepted: bool) -> str:
    if accepted:
        corners = ((x, y - 6), (x + 6, y), (x, y + 6), (x - 6, y))
        return tag("polygon", points=" ".join(f"{number(a)},{number(b)}" for a, b in corners), class_="kept")
    strokes = (
        tag("line", x1=x - 4, x2=x + 4, y1=y - 4, y2=y + 4, class_="dropped"),
        tag("line", x1=x - 4, x2=x + 4, y1=y + 4, y2=y - 4, class_="dropped"),
    )
    return "".join(strokes)


def _legend(left: float, y: float, width: float) -> list[str]:
    """What the marks mean; on a narrow page in two lines."""
    pieces, x = [], left
    entries = (("score of the harness kept", "dot"), ("patch kept", "kept"), ("patch dropped", "dropped"))
    for label, kind in entries:
        length = 24 + len(label) * 12 * 0.56
        if x + length > width:
            x, y = left, y + 19
        mark = tag("circle", cx=x + 6, cy=y - 4, r=5, class_="dot after")
        pieces.append(mark if kind == "dot" else _mark(x + 6, y - 4, accepted=kind == "kept"))
        pieces.append(text_tag(label, x + 18, y, room=width - x - 18, size=12, kind="tick"))
        x += length + 10
    return pieces


def _heading(label: str, text: str, y: float, width: float, edge: float) -> list[str]:
    """A row's name at the left and its value at the right of one line."""
    value_room = min(0.5 * width, len(text) * 13 * 0.6 + 4)
    return [
        text_tag(label, edge, y, room=width - 2 * edge - value_room - 8),
        text_tag(text, width - edge, y, room=value_room, anchor="end", kind="value"),
    ]


def _ticks(scale: Scale, ticks: Sequence[float], *, top: float, bottom: float, unit: str = "rate") -> list[str]:
    """Upright grid lines with their values below; the outermost values are aligned inwards to stay in the image."""
    pieces = []
    for at in ticks:
        x = scale(at)
        anchor, shift = "middle", 0
        if at == ticks[0]:
            anchor, shift = "start", -2
        elif at == ticks[-1]:
            anchor, shift = "end", 2
        pieces.append(tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"))
        text = f"{at:.0%}" if unit == "rate" else f"{at:,.0f}"
        pieces.append(text_tag(text, x + shift, bottom + 16, room=80, size=12, anchor=anchor, kind="tick"))
    return pieces


def _whisker(start: float, end: float, across: float, *, upright: bool = False) -> list[str]:
    """A line between two pixels with a cap at each end."""

    def line(a: float, b: float, c: float, d: float) -> str:
        if upright:
            return tag("line", x1=c, x2=d, y1=a, y2=b, class_="whisker")
        return tag("line", x1=a, x2=b, y1=c, y2=d, class_="whisker")

    caps = [line(at, at, across - 5, across + 5) for at in (start, end)]
    return [line(start, end, across, across), *caps]


def _spoken(label: str, rows: Sequence[tuple[str, str]]) -> str:
    """The image as text, for screen readers."""
    return f"{label}. " + "; ".join(f"{name}: {text}" for name, text in rows) if rows else label
