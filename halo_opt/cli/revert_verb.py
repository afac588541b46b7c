"""The verb revert: undo a patch with a new commit on its branch."""

from typing import Annotated

import typer

from halo_opt.cli.loop_options import LOOP_FILE, Config, configured
from halo_opt.cli.options import Quiet
from halo_opt.core.console import Console
from halo_opt.git.commits import revert
from halo_opt.git.reading import resolve
from halo_opt.patching.builder import PatchBuilder


def revert_verb(
    *,
    branch: Annotated[str, typer.Argument(help="The branch that holds the patch.")],
    commit: Annotated[
        str | None, typer.Option("--commit", help="The patch's commit (default: the branch's last).")
    ] = None,
    config: Config = LOOP_FILE,
    quiet: Quiet = False,
) -> None:
    """Take a patch back by a commit on its branch; later changes stay."""
    console = Console(quiet=quiet)
    builder = PatchBuilder.open(configured(config, None))
    repo = builder.surface.repo
    patch = resolve(repo, commit or branch)
    made = revert(repo, branch, patch, check=builder.check)
    console.say(f"{patch[:10]} is taken back by {made[:10]} on {branch}")
