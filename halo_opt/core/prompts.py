"""The optimizer's own prompts: where they are, in a checkout or in the installed wheel, how they are rendered, and how
data in them is set apart.
"""

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from halo_opt.core.errors import EnvironmentMissing
from halo_opt.core.text import visible

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "prompts", _PACKAGE.parent / "prompts" / "optimizer")


def resource(name: str) -> Path:
    """The path of one of our own prompt files; raises EnvironmentMissing when the installation lacks it."""
    for folder in _PLACES:
        if (folder / name).is_file():
            return folder / name
    raise EnvironmentMissing(f"{name} is missing from this installation of halo-opt; install it again")


def render(name: str, values: dict[str, Any]) -> str:
    """One of our own prompts with its values filled in; raises UndefinedError when a value is missing."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(resource(name).read_text(encoding="utf-8")).render(values).strip() + "\n"


def fence(text: str) -> str:
    """A text of others (a trace, a file, a commit) set apart from our own words by marks that it cannot forge.

    The mark is a hash of the text, so a text that holds its own mark would have to hold its own hash. Control,
    bidirectional and invisible characters are spelled out.
    """
    shown = visible(text).rstrip("\n")
    mark = fence_mark(shown)
    return f"<<<data {mark}\n{shown}\n{mark}>>>"


def fence_mark(shown: str) -> str:
    """The mark of a text that is shown as it is: 16 hex digits that the text does not hold."""
    mark = shown
    while mark in shown:
        mark = hashlib.sha256(mark.encode("utf-8", "replace")).hexdigest()[:16]
        shown = shown or " "
    return mark
