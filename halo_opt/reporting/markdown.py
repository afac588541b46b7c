"""The analysis report as Markdown. Text from traces is escaped, so that no viewer takes it for markup."""

import re
from collections.abc import Iterable, Mapping, Sequence

from halo_opt.core.records import Value
from halo_opt.core.report_records import Exemplar, Finding, Number, Report
from halo_opt.core.text import counted, visible
from halo_opt.reporting.claims_markdown import Escapes, analysis_lines, claim_lines, summary_lines, unsupported_lines
from halo_opt.reporting.formatting import Figure, figure, figures, moment, title_of
from halo_opt.reporting.report_parts import (
    CAUSE_COLUMNS,
    COUNT_COLUMNS,
    COUNTS_NOTE,
    COUNTS_TITLE,
    GROUP_COLUMNS,
    MORE_FINDINGS,
    NO_OWN_REMEDY,
    TRIAGE_NOTE,
    cause_rows,
    count_lines,
    diagnosis_words,
    group_lines,
    has_ceiling,
    has_triage,
    leading,
    level_note,
    level_words,
    none_found,
    table_of_tested,
)

# Only what acts within a line, what starts a block, and what makes a bare address a link; the file is also read raw.
_MARKUP = re.compile(r"([\\`*_\[\]<>|~&$]|:(?=//)|(?<=www)\.)")
_STARTS_A_BLOCK = re.compile(r"^(\d*)([#+=.)-])")
NO_INTERVAL = "-"
EXCERPT_CHARACTERS = 600  # longer belongs in the page's appendix; a reviewer reads this file in a pull request


def escape(text: str) -> str:
    """Text as a line of its own, every character that a Markdown or HTML reader could act on escaped."""
    return _STARTS_A_BLOCK.sub(r"\1\\\2", within(text))


def within(text: str) -> str:
    """Text within a line, such as a table's cell, where nothing can start a list or a heading."""
    return _MARKUP.sub(r"\\\1", " ".join(visible(text).split()))


def code(text: str) -> str:
    """Text as inline code; the fence is longer than any run of backticks within."""
    line = " ".join(visible(text).split()) or " "
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def block(text: str, language: str = "text") -> list[str]:
    """Text as a fenced block; the fence is longer than any within."""
    shown = visible(text).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return [f"{fence}{language}", *shown.split("\n"), fence]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table of cells that are already escaped; nothing at all for no rows."""
    if not rows:
        return []
    head = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows), ""]


def escaped_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table of plain text, every cell escaped; nothing at all for no rows."""
    return table(_escaped(columns), [_escaped(row) for row in rows])


def _escaped(cells: Sequence[str]) -> list[str]:
    return [within(cell) for cell in cells]


def figure_rows(shown: Sequence[Figure]) -> list[list[str]]:
    """Figures as rows of name, value and interval."""
    return [[within(f.title), within(f.value), within(f.interval) if f.interval else NO_INTERVAL] for f in shown]


def tested_lines(rows: Sequence[Mapping[str, Value]]) -> list[str]:
    """Everything that was tested, as a table."""
    shown = table_of_tested(rows)
    return escaped_table(shown.columns, [[row.title, *row.cells] for row in shown.rows])


def report_markdown(report: Report) -> str:
    """The analysis report for a reader of files and pull requests; the SQL of its numbers stays in report.json."""
    lines = [
        f"# {escape(report.title)}",
        "",
        f"Made {within(moment(report.made_at))} from {counted(len(report.inputs), 'trace file')}.",
        "",
    ]
    lines += _answer(report) + _causes(report)
    lines += folded("Overview", _numbers("Overview", report.overview))
    lines += ["## Findings", ""]
    if not report.findings:
        below = " Everything that was tested is listed below." if report.tested else ""
        lines += [none_found(report) + below, ""]
    written_out, others = leading(report.findings)
    for finding in written_out:
        lines += _finding(finding)
    lines += folded(
        MORE_FINDINGS.format(counted(len(others), "more finding")), [line for one in others for line in _finding(one)]
    )
    lines += unsupported_lines(report.unsupported, _escapes()) + analysis_lines(report.model_analysis, _escapes())
    lines += _counts(report)
    if report.tested:
        lines += folded("Everything tested", ["## Everything tested", "", *tested_lines(report.tested)])
    lines += _numbers("Triage", report.triage, TRIAGE_NOTE) if has_triage(report) else []
    lines += _numbers("Ceiling", report.ceiling) if has_ceiling(report) else []
    lines += ["## Method", "", escape(report.method) or "Not stated.", ""]
    caveats = [*report.caveats, *report.left_out]
    if caveats:
        lines += ["## Caveats", "", *(f"- {escape(words)}" for words in caveats), ""]
    lines += _inputs(report)
    lines += ["report.json has the SQL of every number; `halo-opt verify` computes all of them again."]
    return "\n".join(lines).rstrip() + "\n"


def folded(summary: str, lines: Sequence[str]) -> list[str]:
    """Lines that a viewer shows after a click on the summary; nothing at all for no lines."""
    return ["<details>", f"<summary>{summary}</summary>", "", *lines, "</details>", ""] if lines else []


def _answer(report: Report) -> list[str]:
    """What the report comes to, before everything else: the model's summary, and the counts."""
    analysis = report.model_analysis
    lines = [f"- {escape(words)}" for words in report.answer]
    return ["## Answer", "", *summary_lines(analysis, _escapes()), *lines, ""] if lines else []


def _causes(report: Report) -> list[str]:
    """The findings in short, before everything else."""
    if not report.findings:
        return []
    rows = escaped_table(CAUSE_COLUMNS, cause_rows(report.findings))
    return ["## Causes", "", *rows, escape(level_note(report.findings)), ""]


def _numbers(title: str, numbers: Mapping[str, Number], note: str = "") -> list[str]:
    if not numbers:
        return []
    noted = [note, ""] if note else []
    return [f"## {title}", "", *noted, *table(["Measure", "Value", "Interval"], figure_rows(figures(numbers)))]


def _counts(report: Report) -> list[str]:
    tables = count_lines(report)
    lines = [f"## {COUNTS_TITLE}", "", COUNTS_NOTE, ""] if tables else []
    for shown in tables:
        lines += [f"**{escape(shown.title)}**", "", *escaped_table(COUNT_COLUMNS, shown.rows)]
    return lines


def _finding(finding: Finding) -> list[str]:
    lines = [f"### {escape(finding.id)}: {escape(finding.title)}", "", escape(finding.claim), ""]
    lines += [escape(level_words(finding)), ""]
    lines += [f"Behaviour {code(finding.behaviour)}, category {escape(finding.category)}.", ""]
    lines += table(["Measure", "Value", "Interval"], figure_rows(figures(finding.numbers)))
    if finding.remedies:
        lines += ["Remedies: " + ", ".join(code(remedy) for remedy in finding.remedies) + ".", ""]
    elif finding.category == "harness":
        lines += [NO_OWN_REMEDY, ""]
    if finding.confounders:
        lines += ["**Limits of this comparison**", "", *(f"- {escape(words)}" for words in finding.confounders), ""]
    lines += claim_lines(finding, _escapes())
    if finding.consequences:
        lines += ["**Related behaviours**", ""]
        lines += [f"- {escape(one.title)}. {within(one.claim)}" for one in finding.consequences] + [""]
    for groups in group_lines(finding):
        lines += [f"**{escape(groups.title)}.** {within(groups.note)}", ""]
        lines += escaped_table(GROUP_COLUMNS, groups.rows)
    lines += _exemplars("Exemplars", finding.exemplars) + _exemplars("Counter-evidence", finding.counter_examples)
    return lines


def _exemplars(title: str, exemplars: Sequence[Exemplar]) -> list[str]:
    lines = [f"**{title}**", ""] if exemplars else []
    for shown in exemplars:
        seed = "" if shown.seed is None else f", seed {shown.seed}"
        step = "" if shown.step is None else f", step {shown.step}"
        lines += [f"- {code(shown.task_id)}{seed}{step} ({code(shown.trace_id)})", ""]
        lines += _quoted(shown.excerpt)
        if shown.diagnosis is not None:
            lines += [f"  Diagnosis: {escape(diagnosis_words(shown.diagnosis))}", ""]
        if shown.beside is not None:
            lines += [
                f"  A successful attempt at the same task ({code(shown.beside.trace_id)}) acts differently from step"
                f" {shown.beside.step} on. The failure, then the success:",
                "",
            ]
            lines += _quoted(shown.beside.here or "(already ended)") + _quoted(shown.beside.there or "(already ended)")
    return lines


def _quoted(words: str) -> list[str]:
    """Text of a trace as an indented block, cut where it is long; nothing for an empty text."""
    if not words.strip():
        return []
    cut = words[:EXCERPT_CHARACTERS] + (" [cut]" if len(words) > EXCERPT_CHARACTERS else "")
    return [f"  {line}".rstrip() for line in block(cut)] + [""]


def _escapes() -> Escapes:
    return Escapes(line=escape, within=within, code=code, quoted=_quoted, table=table)


def _inputs(report: Report) -> list[str]:
    rows = [[code(f.path), within(f.format), f"{f.bytes:,}", code(f.sha256[:12])] for f in report.inputs]
    spend = [f"- {escape(title_of(name))}: {escape(figure(name, value))}" for name, value in report.spend.items()]
    listed = ["## Inputs", "", *table(["File", "Format", "Bytes", "sha256"], rows)] if rows else []
    return listed + (["## Spend", "", *spend, ""] if spend else [])
