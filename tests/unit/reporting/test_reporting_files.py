"""Report files are whole, stable, and read back with errors that name the place and the remedy."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loop_samples import loop_summary
from reporting_samples import empty_report, number, report, traces

from halo_opt.core.errors import InputError
from halo_opt.core.loop_records import LoopSummary
from halo_opt.reporting.files import json_text, read_record, significant, write_files
from halo_opt.reporting.loop_report import write_loop_report
from halo_opt.reporting.report_files import read_report, write_report


def changed(folder: Path, **changes: Any) -> Path:
    path = write_report(report(), folder).json
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_a_report_is_three_files_and_reads_back_the_same(tmp_path: Path) -> None:
    paths = write_report(report(), tmp_path / "new" / "folder", traces=traces())
    assert [p.name for p in paths] == ["report.json", "report.md", "report.html"]
    assert sorted(p.name for p in paths.json.parent.iterdir()) == ["report.html", "report.json", "report.md"]
    again = read_report(paths.json)
    assert again == read_report(paths.json.parent)
    assert json_text(again) == json_text(report()) == paths.json.read_text()


def test_the_same_report_is_the_same_bytes(tmp_path: Path) -> None:
    one, two = write_report(report(), tmp_path / "a"), write_report(report(), tmp_path / "b")
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_numbers_keep_twelve_significant_digits_and_their_kind(tmp_path: Path) -> None:
    kept = {"a": number(1 / 3), "b": number(108), "c": number(2.0), "d": number(True), "e": number(float("nan"))}
    values = {k: n.value for k, n in read_report(write_report(report(overview=kept), tmp_path).json).overview.items()}
    assert values == {"a": 0.333333333333, "b": 108, "c": 2.0, "d": True, "e": None}
    assert [type(v) for v in values.values()] == [float, int, float, bool, type(None)]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_twice_changes_nothing(value: float) -> None:
    assert significant(significant(value)) == significant(value)
    assert significant(value) == pytest.approx(value, rel=1e-11)


def test_a_lone_surrogate_of_a_trace_does_not_fail_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_files({path: '"\ud800"'})
    assert path.read_text() == '"\\ud800"'


def test_a_failed_write_leaves_what_was_there_and_no_temporary(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write .*; choose another folder with --out"):
        write_files({tmp_path / "a": "new", tmp_path / "file" / "b": "new"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "file"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_missing_report_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.json does not exist; make it with 'halo-opt analyze'"):
        read_report(tmp_path / "no.json")
    with pytest.raises(InputError, match=r"report\.json does not exist"):
        read_report(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"is not JSON \(line 1, column 1"),
        (b'{"schema_version": 1,\n oops}', r"is not JSON \(line 2, column 2"),
        (b"[1]", r"holds a JSON list, not an object"),
        (b"\xff\xfe{", r"is not UTF-8 text"),
        (b"[" * 200_000, r"nested too deeply"),
    ],
)
def test_what_is_not_json_is_said_with_its_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_report(path)


def test_another_schema_version_is_refused_before_its_fields_are_read(tmp_path: Path) -> None:
    path = changed(tmp_path, schema_version=7, findings="of another shape")
    with pytest.raises(InputError, match=r"has schema_version 7, this halo-opt reads 3; make it again"):
        read_report(path)


def test_an_unknown_field_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown field 'finding'; did you mean 'findings'\?"):
        read_report(changed(tmp_path, finding=[]))


def test_a_field_of_the_wrong_kind_and_a_missing_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"field 'inputs\.0\.path' is missing \(and 2 more\)"):
        read_report(changed(tmp_path, inputs=[{"bytes": 1}]))
    with pytest.raises(InputError, match=r"field 'caveats': Input should be a valid list"):
        read_report(changed(tmp_path, caveats="none"))


def test_an_empty_report_is_written_and_read(tmp_path: Path) -> None:
    assert read_report(write_report(empty_report(), tmp_path).json) == empty_report()


def test_a_loop_is_three_files_and_reads_back_the_same(tmp_path: Path) -> None:
    paths = write_loop_report(loop_summary(), tmp_path)
    assert [p.name for p in paths] == ["loop.json", "report.md", "report.html"]
    assert json_text(read_record(LoopSummary, paths.json, made_by="halo-opt run")) == json_text(loop_summary())
    with pytest.raises(InputError, match="make it with 'halo-opt run'"):
        read_record(LoopSummary, tmp_path / "none.json", made_by="halo-opt run")
