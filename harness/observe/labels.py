"""Labels: every control gets one that is unique on its page, and can be found again by it.

Controls of the same name are distinguished by the text of their row, and where that is not enough by a number.
"""

from collections import Counter
from collections.abc import Iterable

from harness.observe.observation import Element, Observation

MAX_LABEL = 48
MAX_CONTEXT = 24


def short(text: str, limit: int = MAX_LABEL) -> str:
    """`text` on one line of at most `limit` characters, cut between words where that is possible."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 3]
    head = cut.rsplit(" ", 1)[0] if " " in cut[limit // 2 :] else cut
    return head + "..."


def with_labels(elements: Iterable[Element]) -> tuple[Element, ...]:
    """The elements with labels: a control's name, else `name - text of its row`, else `name (2)` and so on."""
    elements = list(elements)
    names = Counter((short(e.name) or e.role).lower() for e in elements if e.is_control)
    taken: set[str] = set()
    out: list[Element] = []
    for e in elements:
        if not e.is_control:
            out.append(e)
            continue
        base = short(e.name) or e.role
        if names[base.lower()] > 1 and e.context:
            base = f"{short(base, MAX_LABEL - MAX_CONTEXT)} - {short(e.context, MAX_CONTEXT)}"
        label, number = base, 1
        while label.lower() in taken:
            number += 1
            label = f"{base} ({number})"
        taken.add(label.lower())
        out.append(e.model_copy(update={"label": label}))
    return tuple(out)


def find_by_label(elements: Iterable[Element], label: str) -> Element | None:
    """The control with this label: an exact match, else one ignoring case and quotes, else None."""
    controls = [e for e in elements if e.is_control]
    exact = next((e for e in controls if e.label == label), None)
    if exact:
        return exact
    plain = label.strip().strip("\"'").lower()
    return next((e for e in controls if e.label.lower() == plain), None)


def find(page: Observation, role: str, name: str, label: str) -> Element | None:
    """The enabled control with this role and name; where several have both, the one with this label. Else None."""
    wanted = " ".join(name.lower().split())
    found = [e for e in page.controls if e.role == role and " ".join(e.name.lower().split()) == wanted]
    if len(found) > 1:
        found = [e for e in found if e.label.lower() == label.lower()]
    return found[0] if len(found) == 1 and not found[0].disabled else None


def find_labelled(page: Observation, role: str, label: str) -> Element | None:
    """The enabled control with this role and label; labels are unique on a page."""
    found = next((e for e in page.controls if e.role == role and e.label.lower() == label.lower()), None)
    return found if found is not None and not found.disabled else None
