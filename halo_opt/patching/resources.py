"""Where the optimizer's own prompts and playbook are: in a checkout, or inside the installed wheel. Reads nothing."""

from pathlib import Path

from halo_opt.errors import EnvironmentMissing

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "prompts", _PACKAGE.parent / "prompts" / "optimizer")


def resource(name: str) -> Path:
    """The path of one of our own prompt files; raises EnvironmentMissing when the installation lacks it."""
    for folder in _PLACES:
        if (folder / name).is_file():
            return folder / name
    raise EnvironmentMissing(f"{name} is missing from this installation of halo-opt; install it again")
