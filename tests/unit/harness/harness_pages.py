"""Small pages as observations, for tests that need no browser."""

from typing import Any

from harness.observe.labels import with_labels
from harness.observe.observation import Element, Observation, fingerprint


def button(ref: int, name: str, **more: Any) -> Element:
    return Element(role="button", name=name, ref=ref, can=("click",), **more)


def submit(ref: int, name: str = "Submit", **more: Any) -> Element:
    return button(ref, name, submits=True, **more)


def textbox(ref: int, name: str, value: str = "", **more: Any) -> Element:
    more = {"kind": "text", "touched": bool(value), **more}
    return Element(role="textbox", name=name, ref=ref, value=value, can=("click", "fill"), **more)


def checkbox(ref: int, name: str, checked: bool = False, **more: Any) -> Element:
    return Element(role="checkbox", name=name, ref=ref, checked=checked, can=("click",), touched=checked, **more)


def combobox(ref: int, name: str, options: tuple[str, ...], value: str, **more: Any) -> Element:
    return Element(role="combobox", name=name, ref=ref, options=options, value=value, can=("select",), **more)


def words(text: str) -> Element:
    return Element(role="text", name=text)


def page(*elements: Element, scrollable: bool = False) -> Observation:
    labelled = with_labels(elements)
    whole, layout = fingerprint("/", labelled, [])
    return Observation(url="/", title="", elements=labelled, scrollable=scrollable, fingerprint=whole, layout=layout)
