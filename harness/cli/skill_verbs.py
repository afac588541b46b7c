"""The verb skills: macro skills mined from traces."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.core.errors import UsageError
from harness.decide.skills.mined import MOST_SKILLS, SkillFile
from harness.decide.skills.mining import mine

skills_app = typer.Typer(no_args_is_help=True, help="Macro skills: mine them from traces.")


@skills_app.callback()
def skills() -> None:
    """Macro skills."""


@skills_app.command("mine")
def mine_skills(
    traces: Annotated[list[Path], typer.Argument(help="Run folders or span files to read.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    min_support: Annotated[
        int, typer.Option(min=2, max=1000, help="Least number of successful attempts that share a routine.")
    ] = 2,
) -> None:
    """Find step sequences that successful attempts share, and write them as macro skills for --skills."""
    missing = next((run_options for run_options in traces if not run_options.exists()), None)
    if missing is not None:
        raise UsageError(f"{missing} does not exist; give run folders or span files")
    found = mine(traces, min_support=min_support)[:MOST_SKILLS]
    try:
        out.write_text(SkillFile(skills=found).model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error}") from None
    for skill in found:
        sys.stdout.write(f"{skill.name}\t{len(skill.steps)} steps\t{skill.support} attempts\n")
    sys.stderr.write(f"{len(found)} skills in {out}\n")
