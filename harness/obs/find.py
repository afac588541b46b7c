"""Finds a control on a page anew by its role and name. Pure; never by a number of an earlier page."""

from harness.obs.model import Element, Observation


def find(page: Observation, role: str, name: str, label: str) -> Element | None:
    """The one enabled control with this role and name; where several have it, the one with this label. Else None."""
    wanted = " ".join(name.lower().split())
    found = [e for e in page.controls if e.role == role and " ".join(e.name.lower().split()) == wanted]
    if len(found) > 1:
        found = [e for e in found if e.label.lower() == label.lower()]
    return found[0] if len(found) == 1 and not found[0].disabled else None


def find_labelled(page: Observation, role: str, label: str) -> Element | None:
    """The enabled control with this role and label; labels are unique on a page."""
    found = next((e for e in page.controls if e.role == role and e.label.lower() == label.lower()), None)
    return found if found is not None and not found.disabled else None
