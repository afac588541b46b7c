"""The verb apply: commit a patch on a branch of its own."""

from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.loop_options import LOOP_FILE, Config, configured
from halo_opt.cli.options import Quiet
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.records import Proposal
from halo_opt.patching.builder import PatchBuilder
from halo_opt.patching.propose import answering, only_findings, part_out_of_reach, with_levels
from halo_opt.reporting.report_files import read_report


def apply_verb(
    *,
    source: Annotated[Path, typer.Argument(help="A patch file; or a report, with --finding.", metavar="PATCH|REPORT")],
    finding: Annotated[
        str | None, typer.Option("--finding", help="The id of the finding to fix, for example F1 or M2.")
    ] = None,
    config: Config = LOOP_FILE,
    branch: Annotated[
        str | None,
        typer.Option("--branch", help="The name of the new branch. Default: halo/ and the id of the proposal."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the diff without writing anything.")] = False,
    quiet: Quiet = False,
) -> None:
    """Commit a patch on a new branch.

    The harness's own check must pass first, in a worktree. Your files and your branch are not changed.
    """
    console = Console(quiet=quiet)
    builder = PatchBuilder.open(configured(config, None))
    proposal = _proposal_of(builder, source, finding)
    if proposal.findings:
        console.say(f"{proposal.id} answers {with_levels(proposal)}")
    if dry_run:
        console.text(builder.preview(proposal))
        console.say("dry run: nothing was written")
        return
    patch = builder.build(proposal, branch or f"halo/{proposal.id}")
    console.text(patch.diff)
    console.say(
        f"{proposal.id} is commit {patch.commit[:10]} on branch {patch.branch}; your files are unchanged. "
        f"To use it: git merge {patch.branch}. To undo it: halo-opt revert {patch.branch}"
    )


def _proposal_of(builder: PatchBuilder, source: Path, finding: str | None) -> Proposal:
    """The proposal in a patch file, or the best one for a finding of a report."""
    if source.is_file() and source.suffix != ".json":
        return builder.read(source)
    report = read_report(source)
    if finding is None:
        raise InputError(f"{source} is a report; name the finding to fix, for example --finding F1")
    chosen = only_findings(report, [finding], source)
    found = answering(builder.propose(chosen))
    if not found.proposals:
        why = "; ".join(found.notes) or "every remedy that the playbook has for it is already in force"
        if not part_out_of_reach(chosen.findings[0]):
            why += f". A model may write one: halo-opt propose {source} --finding {finding} --model SPEC"
        raise InputError(f"there is no patch for {finding} ({chosen.findings[0].behaviour}): {why}")
    return found.proposals[0]
