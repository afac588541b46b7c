"""Renders an observation as text for a prompt, in the form that the settings ask for."""

from collections.abc import Iterable, Iterator

from harness.observe.labels import short
from harness.observe.observation import Element
from harness.observe.summary import Line, summary
from harness.settings.schema import ObservationSettings

MAX_OPTIONS = 24
MAX_VALUE = 400


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def state_of(e: Element) -> str:
    """The state of a control as text: ticked, filled, selected, open, disabled."""
    words: list[str] = []
    if e.checked is not None:
        words.append("ticked" if e.checked else "not ticked")
    elif e.value is not None:
        words.append(f"= {_quoted(short(e.value, MAX_VALUE))}" if e.value.strip() else "empty")
    if e.selected:
        words.append("selected")
    if e.expanded is not None:
        words.append("open" if e.expanded else "closed")
    if e.disabled:
        words.append("disabled")
    return " ".join(words)


def _control(e: Element, settings: ObservationSettings, by_ref: bool) -> str:
    parts = [f"[{e.ref}]"] if by_ref else []
    parts += [e.role, _quoted(short(e.name) if by_ref else e.label)]
    if settings.element_state and (state := state_of(e)):
        parts.append(state)
    if e.options:
        more = "|..." if len(e.options) > MAX_OPTIONS else ""
        parts.append("options: " + "|".join(e.options[:MAX_OPTIONS]) + more)
    return " ".join(parts)


def _rows(elements: Iterable[Element]) -> list[tuple[int, str, Element]]:
    """(depth, text or '', element), with neighbouring table cells joined into one line."""
    rows: list[tuple[int, str, Element]] = []
    for e in elements:
        last = rows[-1] if rows else None
        if (
            e.cell
            and last
            and last[2].cell
            and not e.is_control
            and not last[2].is_control
            and last[2].depth == e.depth
        ):
            rows[-1] = (last[0], f"{last[1]} | {e.name}", e)
        else:
            rows.append((e.depth, "" if e.is_control else e.name, e))
    return rows


def page_lines(elements: Iterable[Element], settings: ObservationSettings, *, by_ref: bool) -> Iterator[Line]:
    """The page line by line. `tree` indents by depth, `flat` does not, `controls` leaves out plain text."""
    depths: list[int] = []
    for depth, words, e in _rows(elements):
        if not e.is_control and settings.form == "controls":
            continue
        line = _control(e, settings, by_ref) if e.is_control else f"{e.role} {short(words, 300)}"
        if settings.form == "tree":
            while depths and depths[-1] >= depth:
                depths.pop()
            line = "  " * len(depths) + line
            depths.append(depth)
        yield Line(line, e)


def page_text(elements: Iterable[Element], settings: ObservationSettings, *, by_ref: bool, goal: str = "") -> str:
    """The page as text within the budget of the settings: summarized for the goal, or cut at its end."""
    found = page_lines(elements, settings, by_ref=by_ref)
    if settings.summary:
        return summary(list(found), goal, settings.max_tokens)
    lines: list[str] = []
    size = 0
    for line in found:
        size += len(line.text) + 1
        if size > settings.max_chars:
            lines.append("... the rest of the page is not shown")
            break
        lines.append(line.text)
    return "\n".join(lines) if lines else "(nothing)"
