"""From records to files to a terminal: a report is written, read back, and told without losing or gaining anything."""

import io
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "unit" / "reporting"))

from loop_samples import loop_summary
from reporting_samples import report, traces

from halo_opt.core.console import Console
from halo_opt.core.loop_records import LoopSummary
from halo_opt.reporting.diff_view import diff_tables
from halo_opt.reporting.files import json_text, read_record
from halo_opt.reporting.loop_report import write_loop_report
from halo_opt.reporting.report_files import read_report, write_report


def test_a_report_read_back_draws_the_same_page(tmp_path: Path) -> None:
    first = write_report(report(), tmp_path / "one", traces=traces())
    second = write_report(read_report(first.json), tmp_path / "two", traces=traces())
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_a_loop_links_to_the_analysis_beside_it(tmp_path: Path) -> None:
    for turn in loop_summary().iterations:
        write_report(report(), tmp_path / f"iter-{turn.number:02d}", traces=traces())
    page = write_loop_report(loop_summary(), tmp_path).html
    for turn in loop_summary().iterations:
        assert f'href="{turn.report}"' in page.read_text()
        assert (page.parent / turn.report).is_file()


def test_a_comparison_reaches_the_terminal_and_json_with_the_same_words(tmp_path: Path) -> None:
    sealed = read_record(LoopSummary, write_loop_report(loop_summary(), tmp_path).json, made_by="halo-opt run").sealed
    assert sealed is not None
    for shown in diff_tables(sealed.diff):
        out = io.StringIO()
        Console(out=out).table(shown.columns, shown.rows)
        assert all(cell in out.getvalue() for row in shown.rows for cell in row)
        out = io.StringIO()
        Console(out=out).table(shown.columns, shown.rows, "json")
        assert [list(row.values()) for row in json.loads(out.getvalue())] == shown.rows


def test_writing_again_replaces_the_old_files(tmp_path: Path) -> None:
    write_report(report(title="old"), tmp_path)
    paths = write_report(report(title="new"), tmp_path)
    assert json_text(read_report(tmp_path)) == json_text(report(title="new"))
    assert all("new" in path.read_text() and "old" not in path.read_text()[:200] for path in paths)
