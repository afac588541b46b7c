"""The report of a loop: loop.json, and the page and the Markdown drawn from it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup

from halo_opt.core.loop_records import CandidateSummary, LoopSummary
from halo_opt.core.records import Interval
from halo_opt.reporting.diff_files import table_lines
from halo_opt.reporting.diff_view import NamedTable, diff_tables
from halo_opt.reporting.files import json_text, write_files
from halo_opt.reporting.formatting import percent, safe_link
from halo_opt.reporting.html import page
from halo_opt.reporting.loop_view import (
    diff_lines,
    edit_text,
    iteration_table,
    loop_headline,
    mechanism_text,
    spend_rows,
    tiles,
)
from halo_opt.reporting.markdown import block, code, escape, escaped_table
from halo_opt.reporting.plots import Estimate, Tried, Turn, estimates, turns

LOOP_JSON, LOOP_MARKDOWN, LOOP_HTML = "loop.json", "report.md", "report.html"


class LoopReportPaths(NamedTuple):
    """The files of one loop's report."""

    json: Path
    markdown: Path
    html: Path


def write_loop_report(
    summary: LoopSummary, folder: Path, *, reports: Mapping[int, str] | None = None
) -> LoopReportPaths:
    """Write loop.json, report.md and report.html into `folder`.

    `reports` maps an iteration's number to the link of its analysis page, relative to `folder`; without it the
    iteration's own `report` is used. Raises InputError when the folder cannot be written.
    """
    links = {turn.number: turn.report for turn in summary.iterations} if reports is None else reports
    paths = LoopReportPaths(folder / LOOP_JSON, folder / LOOP_MARKDOWN, folder / LOOP_HTML)
    write_files(
        {
            paths.json: json_text(summary),
            paths.markdown: loop_markdown(summary, reports=links),
            paths.html: loop_html(summary, reports=links),
        }
    )
    return paths


def loop_html(summary: LoopSummary, *, reports: Mapping[int, str]) -> str:
    """The loop as one self-contained page."""
    return page(
        "loop.html.j2",
        summary=summary,
        headline=loop_headline(summary),
        tiles=tiles(summary),
        sealed_plot=sealed_plot(summary),
        gate_plot=gate_plot(summary),
        iterations=iteration_table(summary.iterations),
        links={number: link for number, link in reports.items() if safe_link(link) is not None},
        spend=spend_rows(summary),
        diff_lines=diff_lines,
        diff_tables=diff_tables,
        edit_text=edit_text,
        mechanism_text=mechanism_text,
    )


def sealed_plot(summary: LoopSummary) -> dict[str, Markup] | None:
    """Original, best of k and final on one scale, over the A/A noise; None without a sealed look."""
    sealed, best = summary.sealed, summary.best_of_k
    if sealed is None:
        return None
    rows = [
        Estimate(
            "Original harness",
            sealed.original.rate,
            sealed.original.interval,
            _rate_text(sealed.original.rate),
            "before",
        )
    ]
    if best is not None:
        rows.append(Estimate(f"Original harness, best of {best.k}", best.rate, best.interval, _rate_text(best.rate)))
    rows.append(
        Estimate("Final harness", sealed.final.rate, sealed.final.interval, _rate_text(sealed.final.rate), "after")
    )
    options: dict[str, Any] = {
        "label": "Success rate on the sealed tasks",
        "band": noise_band(summary),
        "band_says": "A/A noise: the unchanged harness, measured twice",
    }
    return {"wide": estimates(rows, width=760, **options), "narrow": estimates(rows, width=340, **options)}


def _rate_text(rate: float | None) -> str:
    return percent(rate, digits=1)


def noise_band(summary: LoopSummary) -> Interval | None:
    """Rates that the unchanged harness would show again by chance: the A/A interval around its sealed rate."""
    noise, sealed = summary.baseline_noise, summary.sealed
    if noise is None or noise.diff.interval is None or sealed is None or sealed.original.rate is None:
        return None
    low, high = noise.diff.interval
    return max(0.0, sealed.original.rate + low), min(1.0, sealed.original.rate + high)


def gate_plot(summary: LoopSummary) -> dict[str, Markup] | None:
    """The gate's score by iteration with the patches tried; None when no gate was measured."""
    points = [
        Turn(str(turn.number), turn.gate.rate, turn.gate.interval, _tried(turn.candidates))
        for turn in summary.iterations
    ]
    if all(point.value is None for point in points):
        return None
    first = (c.verdict.diff for turn in summary.iterations for c in turn.candidates if c.verdict.diff)
    start = next((diff.rate_before for diff in first), None)
    shown = [Turn("start", start, None), *points] if start is not None else points
    label = "Success rate on the gate tasks by iteration"
    return {"wide": turns(shown, width=760, label=label), "narrow": turns(shown, width=340, label=label)}


def _tried(candidates: Sequence[CandidateSummary]) -> list[Tried]:
    """The patches of one iteration, as marks of the plot."""
    return [
        Tried(c.proposal.id, c.verdict.diff.rate_after if c.verdict.diff else None, c.verdict.accepted)
        for c in candidates
    ]


def loop_markdown(summary: LoopSummary, *, reports: Mapping[int, str]) -> str:
    """The loop as Markdown."""
    head = loop_headline(summary)
    lines = [f"# Loop {escape(summary.loop_id)}: {escape(head.title)}", "", escape(head.sentence), ""]
    lines += [f"Model {code(summary.model)}, harness {code(summary.harness_revision_before)} to"]
    lines += [
        f"{code(summary.harness_revision_after)} on branch {code(summary.branch)}, {escape(summary.made_at)}.",
        "",
    ]
    lines += escaped_table(["Figure", "Value", ""], tiles(summary))
    lines += table_lines([iteration_table(summary.iterations)], 2)
    linked = [(n, safe_link(link)) for n, link in reports.items()]
    lines += [f"- [Analysis of iteration {n}](<{link}>)" for n, link in linked if link is not None] + [""]
    lines += _patches(summary)
    if summary.sealed is not None:
        changed: list[NamedTable] = diff_tables(summary.sealed.diff)[1:]
        lines += ["## Sealed tasks, before and after", "", *table_lines(changed, 3)]
    lines += ["## Spend", "", *escaped_table(["", ""], spend_rows(summary))]
    if summary.caveats:
        lines += ["## Caveats", "", *(f"- {escape(words)}" for words in summary.caveats), ""]
    return "\n".join(lines).rstrip() + "\n"


def _patches(summary: LoopSummary) -> list[str]:
    lines = ["## Patches", ""]
    tried = [(turn.number, candidate) for turn in summary.iterations for candidate in turn.candidates]
    if not tried:
        return [*lines, "No patch was tried.", ""]
    for number, candidate in tried:
        verdict, proposal = candidate.verdict, candidate.proposal
        status = "kept" if verdict.accepted else "dropped"
        lines += [f"### {escape(proposal.id)}, iteration {number}: {status}", "", escape(proposal.hypothesis), ""]
        if answered := [f"{name} ({level})" for name, level in proposal.levels.items()]:
            lines += [f"- Findings: {escape(', '.join(answered))}"]
        lines += [f"- Verdict: {escape(verdict.reason)}"]
        lines += [f"- Predicted change of behaviour: {mechanism_text(candidate)}"]
        if verdict.broken_guards:
            lines += [
                "- Guard tasks that fail with this patch: " + ", ".join(code(task) for task in verdict.broken_guards)
            ]
        lines += [f"- Edit: {escape(edit_text(edit))}" for edit in proposal.edits]
        lines += ["", *block(candidate.diff_text, "diff"), ""]
    return lines
