"""Renders steps and tables as lines of text. Texts from pages and models are made safe for a terminal first."""

from collections.abc import Sequence

from harness.evaluation.trajectory import Step, plain, yes_no


def step_line(step: Step) -> str:
    """A step in one line."""
    error = f", {step.error_type}: {plain(step.error, 120)}" if step.error_type else ""
    return f"step {step.index}: {plain(step.action_text())} (by {plain(step.decided_by)}{error})"


def step_block(step: Step) -> list[str]:
    """A step in several lines, with everything that is known of it."""
    error = f"{step.error_type}: {plain(step.error)}" if step.error_type else "-"
    reason = f" ({plain(step.manager_reason)})" if step.manager_reason else ""
    macro = f" {plain(step.macro)}" if step.macro else ""
    return [
        f"step {step.index}  {plain(step.url)}",
        f"  page type       {plain(step.page_type)}",
        f"  action          {plain(step.action_text())}",
        f"  result          {plain(step.result)}",
        f"  decided by      {plain(step.decided_by)}{macro}",
        f"  cache hit       {yes_no(step.cache_hit)}",
        f"  manager called  {yes_no(step.manager_called)}{reason}",
        f"  verifier        {plain(step.verdict)}",
        f"  error           {error}",
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in aligned columns; the last column is not padded."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in [head, *rows]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown. Bars and line ends in cells are escaped."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(plain(c, 400).replace("\\", "\\\\").replace("|", "\\|") for c in cells) + " |"

    return [line(head), "|" + " --- |" * len(head), *(line(row) for row in rows)]
