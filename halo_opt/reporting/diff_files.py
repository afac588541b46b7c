"""A paired comparison as files: diff.json, and the Markdown and the page drawn from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from halo_opt.core.records import ScoreDiff
from halo_opt.reporting.diff_view import NamedTable, diff_headline, diff_tables
from halo_opt.reporting.files import json_text, write_files
from halo_opt.reporting.html import page
from halo_opt.reporting.markdown import escape, escaped_table


class DiffPaths(NamedTuple):
    """The files of one comparison."""

    json: Path
    markdown: Path
    html: Path


def write_diff(diff: ScoreDiff, folder: Path) -> DiffPaths:
    """Write diff.json, diff.md and diff.html into `folder`, which is made if it is missing.

    Raises:
        InputError: The folder cannot be written. None of the files is changed then.
    """
    paths = DiffPaths(folder / "diff.json", folder / "diff.md", folder / "diff.html")
    write_files({paths.json: json_text(diff), paths.markdown: diff_markdown(diff), paths.html: diff_html(diff)})
    return paths


def diff_markdown(diff: ScoreDiff, *, level: int = 1) -> str:
    """The comparison as Markdown, its title at heading `level`."""
    head = diff_headline(diff)
    lines = [f"{'#' * level} {escape(diff.before)} and {escape(diff.after)}", ""]
    lines += [f"**{escape(head.title)}.** {escape(head.sentence)}", ""]
    return "\n".join(lines + table_lines(diff_tables(diff), level + 1)).rstrip() + "\n"


def diff_html(diff: ScoreDiff) -> str:
    """The comparison as a page of its own."""
    return page("diff.html.j2", diff=diff, headline=diff_headline(diff), tables=diff_tables(diff))


def table_lines(tables: Sequence[NamedTable], level: int) -> list[str]:
    """Tables as Markdown lines under headings of `level`."""
    lines: list[str] = []
    for shown in tables:
        lines += [f"{'#' * level} {escape(shown.title)}", ""]
        lines += escaped_table(shown.columns, shown.rows)
    return lines
