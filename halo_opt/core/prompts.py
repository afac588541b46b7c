"""The optimizer's own prompts: where they are, in a checkout or in the installed wheel, and how they are rendered."""

from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from halo_opt.core.errors import EnvironmentMissing

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "prompts", _PACKAGE.parent / "prompts" / "optimizer")


def resource(name: str) -> Path:
    """The path of one of our own prompt files; raises EnvironmentMissing when the installation lacks it."""
    for folder in _PLACES:
        if (folder / name).is_file():
            return folder / name
    raise EnvironmentMissing(f"{name} is missing from this installation of halo-opt; install it again")


def render(name: str, values: dict[str, Any]) -> str:
    """One of our own prompts with its values; a value that is missing is an error, never an empty place."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(resource(name).read_text(encoding="utf-8")).render(values).strip() + "\n"
