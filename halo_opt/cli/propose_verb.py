"""The verb propose: turn a report's findings into patch files."""

from pathlib import Path
from typing import Annotated

import typer

from halo_opt.cli.loop_options import LOOP_FILE, Config, configured
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, ReportArgument, rows_format
from halo_opt.core.console import Console
from halo_opt.core.report_records import Report
from halo_opt.patching.builder import PatchBuilder
from halo_opt.patching.model_proposer import draft_proposal, open_proposer
from halo_opt.patching.patchfile import format_patch_file
from halo_opt.patching.propose import ProposalList, answering, only_findings, ranked_findings, with_levels
from halo_opt.reporting.report_files import read_report


def propose_verb(
    *,
    report: ReportArgument,
    config: Config = LOOP_FILE,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The folder for the patch files. Default: proposals/ beside the report."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The largest number of proposals.")] = 10,
    finding: Annotated[
        list[str] | None,
        typer.Option("--finding", help="Answer only this finding, for example M2. May be repeated.", metavar="ID"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Let this model write one patch, instead of taking patches from the playbook.",
            metavar="SPEC",
        ),
    ] = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn the findings of a report into patches of the harness.

    The most promising patch comes first. The patch files are written to a folder; nothing is applied.
    """
    console = Console(quiet=quiet)
    builder = PatchBuilder.open(configured(config, None))
    chosen = only_findings(read_report(report), finding or [], report)
    found = builder.propose(chosen) if model is None else _written(builder, chosen, model)
    if finding:
        found = answering(found)
    for note in found.notes:
        console.say(f"note: {note}")
    proposals = found.proposals[:limit]
    folder = out or (report if report.is_dir() else report.parent) / "proposals"
    for proposal in proposals:
        folder.mkdir(parents=True, exist_ok=True)
        text = format_patch_file(proposal, base=builder.surface.revision, diff=builder.preview(proposal))
        (folder / f"{proposal.id}.diff").write_text(text, encoding="utf-8")
    format_chosen = rows_format(format_, json_)
    if format_chosen == "json":
        console.document(list(proposals))
    else:
        rows = [[p.id, with_levels(p), len(p.edits), p.hypothesis] for p in proposals]
        console.table(["proposal", "findings", "edits", "hypothesis"], rows, format_chosen)
    if proposals:
        console.say(f"patch files: {folder}; apply one with: halo-opt apply {folder / proposals[0].id}.diff")
    elif model is not None:
        console.say("nothing to propose: the model wrote no patch that could be used; the notes say why")
    else:
        console.say(
            "nothing to propose: no remedy that the harness offers and does not use yet answers these findings; "
            "a model may write a patch: halo-opt propose REPORT --model SPEC"
        )


def _written(builder: PatchBuilder, report: Report, model: str) -> ProposalList:
    """The model's proposal as a list of one, or an empty list with the reasons why its drafts were refused."""
    notes: list[str] = []
    if not ranked_findings(report, notes) and report.findings:
        return ProposalList([], notes)
    with open_proposer(builder.config, model, None) as proposer:
        result = draft_proposal(
            report, builder.description, builder.surface.files, model=proposer, forbidden=builder.forbidden
        )
    notes += [f"a proposal of the model was refused: {reason}" for reason in result.refusals]
    return ProposalList([result.proposal] if result.proposal else [], notes)
