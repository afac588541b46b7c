"""Verbs over patches: propose, apply, revert. The user's files and branch change only by what the verb says."""

from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.options import LOOP_FILE, Config, FormatName, FormatOption, Json, Quiet, configured, rows_format
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.records import Proposal
from halo_opt.core.report_records import Finding, Report
from halo_opt.git.commits import resolve, revert
from halo_opt.patching.builder import PatchBuilder
from halo_opt.patching.model_proposer import draft_proposal, open_proposer
from halo_opt.patching.patchfile import format_patch_file
from halo_opt.patching.propose import ProposalList
from halo_opt.reporting.report_files import read_report

ReportArgument = Annotated[Path, typer.Argument(help="A report.json, or the folder that holds one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the diff; write nothing.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    app.command("propose")(propose_verb)
    app.command("apply")(apply_verb)
    app.command("revert")(revert_verb)


def propose_verb(
    *,
    report: ReportArgument,
    config: Config = LOOP_FILE,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for one patch file a proposal.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Proposals at most.")] = 10,
    model: Annotated[str | None, typer.Option("--model", help="Let this model write the patch instead.")] = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn a report's findings into patches of the harness, best first. Nothing is applied."""
    console = Console(quiet=quiet)
    builder = PatchBuilder.open(configured(config, None))
    plan = builder.propose(read_report(report)) if model is None else _written(builder, read_report(report), model)
    for note in plan.notes:
        console.say(f"note: {note}")
    proposals = plan.proposals[:limit]
    folder = out or (report if report.is_dir() else report.parent) / "proposals"
    for proposal in proposals:
        folder.mkdir(parents=True, exist_ok=True)
        text = format_patch_file(proposal, base=builder.surface.revision, diff=builder.preview(proposal))
        (folder / f"{proposal.id}.diff").write_text(text, encoding="utf-8")
    format_chosen = rows_format(format_, json_)
    if format_chosen == "json":
        console.document(list(proposals))
    else:
        rows = [[p.id, ", ".join(p.findings), len(p.edits), p.hypothesis] for p in proposals]
        console.table(["proposal", "findings", "edits", "hypothesis"], rows, format_chosen)
    if proposals:
        console.say(f"patch files: {folder}; apply one with: halo-opt apply {folder / proposals[0].id}.diff")
    else:
        console.say("nothing to propose: no remedy is left that fits these findings and is not in force")


def _written(builder: PatchBuilder, report: Report, model: str) -> ProposalList:
    """The model's proposal as a list of one, or an empty list with the reasons why its drafts were refused."""
    with open_proposer(builder.config, model, None) as proposer:
        result = draft_proposal(
            report, builder.description, builder.surface.files, model=proposer, forbidden=builder.forbidden
        )
    notes = [f"a proposal of the model was refused: {reason}" for reason in result.refusals]
    return ProposalList([result.proposal] if result.proposal else [], notes)


def apply_verb(
    *,
    source: Annotated[Path, typer.Argument(help="A patch file, or a report with --finding.", metavar="PATCH|REPORT")],
    finding: Annotated[str | None, typer.Option("--finding", help="The finding whose fix to apply: F1.")] = None,
    config: Config = LOOP_FILE,
    branch: Annotated[str | None, typer.Option("--branch", help="New branch (default: halo/<proposal>).")] = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Commit a patch on a branch of its own, after the harness's own check has passed in a worktree."""
    console = Console(quiet=quiet)
    builder = PatchBuilder.open(configured(config, None))
    proposal = _proposal_of(builder, source, finding)
    if dry_run:
        console.text(builder.preview(proposal))
        console.say("dry run: nothing was written")
        return
    patch = builder.build(proposal, branch or f"halo/{proposal.id}")
    console.text(patch.diff)
    console.say(
        f"{proposal.id} is commit {patch.commit[:10]} on branch {patch.branch}; "
        f"your files are unchanged: git merge {patch.branch} takes it, halo-opt revert {patch.branch} takes it back"
    )


def _proposal_of(builder: PatchBuilder, source: Path, finding: str | None) -> Proposal:
    """The proposal that a patch file holds, or the best one against a finding of a report."""
    if source.is_file() and source.suffix != ".json":
        return builder.read(source)
    report = read_report(source)
    if finding is None:
        raise InputError(f"{source} is a report: say which finding to fix, for example --finding F1")
    chosen: list[Finding] = [found for found in report.findings if found.id == finding]
    if not chosen:
        known = ", ".join(found.id for found in report.findings) or "none"
        raise InputError(f"there is no finding {finding} in {source}; it has {known}")
    plan = builder.propose(report.model_copy(update={"findings": chosen}))
    if not plan.proposals:
        why = "; ".join(plan.notes) or "everything that the playbook knows against it is in force"
        raise InputError(f"there is no patch against {finding} ({chosen[0].behaviour}): {why}")
    return plan.proposals[0]


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
