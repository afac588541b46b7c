"""An observation as frozen data: the elements of a page in reading order, and fingerprints over them."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

FIELD_ROLES = frozenset({"textbox", "searchbox", "spinbutton", "combobox", "listbox", "slider"})


class Element(BaseModel):
    """One control (with a `ref`, its number) or one piece of text (without).

    `can` lists the actions that fit it. `scope` numbers the form or dialog that it belongs to, 0 for none. `context` is
    the text of its row. `within` says whether it is in a dialog or an alert. In a list, `rows` numbers the list, `row`
    is the element's row from 1, and `of` the list's length; all three are 0 outside of lists.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: str
    name: str
    ref: int | None = None
    label: str = ""
    depth: int = 0
    value: str | None = None
    checked: bool | None = None
    selected: bool | None = None
    expanded: bool | None = None
    disabled: bool = False
    focused: bool = False
    touched: bool = False
    options: tuple[str, ...] = ()
    can: tuple[str, ...] = ()
    kind: str = ""
    group: str = ""
    scope: int = 0
    context: str = ""
    submits: bool = False
    cell: bool = False
    within: Literal["", "dialog", "alert"] = ""
    rows: int = 0
    row: int = 0
    of: int = 0

    @property
    def is_control(self) -> bool:
        """Whether it can be a target."""
        return self.ref is not None


class Observation(BaseModel):
    """A page at one moment. `fingerprint` covers everything seen; `layout` leaves out values and states.

    `url` is the path, `address` the whole of it.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    title: str
    elements: tuple[Element, ...]
    scrollable: bool
    fingerprint: str
    layout: str
    address: str = ""

    @property
    def controls(self) -> tuple[Element, ...]:
        """The elements that can be targets, in reading order."""
        return tuple(e for e in self.elements if e.is_control)

    def by_ref(self, ref: int) -> Element | None:
        """The control with this number."""
        return next((e for e in self.elements if e.ref == ref), None)


def opened_by(before: "Observation", after: "Observation") -> bool:
    """Whether the page shows all it had before and more: something was opened."""
    had = {(e.role, e.name, e.ref) for e in before.elements}
    has = {(e.role, e.name, e.ref) for e in after.elements}
    return had < has


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def fingerprint(url: str, elements: tuple[Element, ...], scrolls: list[list[int]]) -> tuple[str, str]:
    """Two hashes of a page: of everything on it, and of its layout (without values, states and scroll positions).

    Equal hashes mean that nothing changed. Focus is left out, because moving it is no effect of an action.
    """
    left_out = {"focused", "touched", "depth", "label", "context", "within", "rows", "row", "of"}
    seen = [e.model_dump(exclude=left_out) for e in elements]
    layout = [(e.role, e.name, e.ref) for e in elements]
    return _digest([url, seen, scrolls]), _digest([url, layout])


def unfilled(elements: tuple[Element, ...]) -> tuple[Element, ...]:
    """Fields without an answer: empty texts, lists without a choice, groups of boxes or radio buttons with none ticked.

    A group without a tick is represented by its first member, so that one question counts once.
    """
    missing: list[Element] = []
    ticks: dict[tuple[str, str, int], list[Element]] = {}
    for e in elements:
        if not e.is_control or e.disabled:
            continue
        if e.role in {"checkbox", "radio"} and e.checked is not None:
            ticks.setdefault((e.role, e.group, e.scope), []).append(e)
        elif (e.role in FIELD_ROLES and "fill" in e.can and not (e.value or "").strip()) or (
            "select" in e.can and not e.touched
        ):
            missing.append(e)
    for group in ticks.values():
        answered = any(e.checked or e.touched for e in group)
        if not answered:
            missing.append(group[0])
    return tuple(missing)


def unfilled_for(target: Element, elements: tuple[Element, ...]) -> tuple[Element, ...]:
    """The unfilled fields that a submitting `target` would send: of its form or dialog, else of the page."""
    missing = unfilled(elements)
    own = tuple(e for e in missing if e.scope == target.scope)
    fields_here = any(e.scope == target.scope and (e.role in FIELD_ROLES or e.checked is not None) for e in elements)
    return own if target.scope and fields_here else missing
