"""build_store: what is found, what is counted, what is refused, and that the old store survives a failed build."""

import json
import shutil
from pathlib import Path

import pytest

from halo_opt.core.errors import InputError
from halo_opt.store import Store, build_store, default_store_path, fresh

DATA = Path(__file__).parents[2] / "data"
RUN = DATA / "run-folder"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUN, tmp_path / "small"))


def test_mixed_formats_in_one_folder_are_read_by_their_own_readers(tmp_path):
    inputs = [DATA / name for name in ("run-folder", "tau-bench", "intercode", "attacks.sql")]
    summary = build_store(inputs, tmp_path / "s.duckdb")
    assert summary.by_format == {"run-folder": 4, "tau-bench": 4, "intercode": 9}
    assert {Path(file.path).name for file in summary.not_recognised} >= {"LICENSE", "attacks.sql"}
    assert summary.rejects == 0


def test_summary_is_kept_in_the_store(tmp_path):
    summary = build_store([DATA / "tau-bench"], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.summary() == summary
        assert store.rows("SELECT format, bytes FROM inputs") == [("tau-bench", summary.files[0].bytes)]


def test_same_input_gives_the_same_trace_ids_anywhere(tmp_path):
    shutil.copytree(DATA / "intercode", tmp_path / "copy")
    ids = []
    for source in (DATA / "intercode", tmp_path / "copy"):
        build_store([source], tmp_path / "s.duckdb")
        with Store.open(tmp_path / "s.duckdb") as store:
            ids.append(store.rows("SELECT trace_id FROM attempts ORDER BY 1"))
    assert ids[0] == ids[1]


def test_missing_path_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="nowhere is not there; give a trace file"):
        build_store([tmp_path / "nowhere"], tmp_path / "s.duckdb")


def test_nothing_recognised_names_every_format_in_one_readable_line(tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(InputError, match=r"no traces were recognised.*no known trace format") as caught:
        build_store([tmp_path / "notes.txt"], tmp_path / "s.duckdb")
    words = str(caught.value).replace(str(tmp_path), "")
    assert "known formats are run-folder, atif, browsergym, " in words
    assert words.endswith("agentrx, chat; 'halo-opt formats' shows what each looks like")
    assert len(words) < 400


@pytest.mark.parametrize(
    ("content", "foreign"),
    [
        ('{"task_id": "caf\u00e9"}\n'.encode("latin-1"), True),
        ('{"task_id": 1}\n'.encode("utf-16"), True),
        (b"\x00\x01{\x02" * 99, True),
        ('{"task_id": "caf\u00e9"}\n'.encode("latin-1") + b'{"task_id": 1}\n', False),
        ("\u00e9".encode() * 40_000 + b"\n", False),
        (b"a" + "\u00e9".encode() * 40_000 + b"\n", False),
    ],
)
def test_a_file_of_which_no_line_is_utf8_is_said_to_be_so(tmp_path, content, foreign):
    (tmp_path / "odd.jsonl").write_bytes(content)
    with pytest.raises(InputError, match="no traces were recognised") as caught:
        build_store([tmp_path / "odd.jsonl"], tmp_path / "s.duckdb")
    assert ("odd.jsonl: not UTF-8 text; traces are JSON in UTF-8)" in str(caught.value)) == foreign
    assert ("the content is of no known trace format" in str(caught.value)) != foreign


@pytest.mark.parametrize("content", [b"", b"\x00\x01{\x02" * 999, b"[]", b"{}", b"null\n", b'{"turn_history'])
def test_files_of_no_format_are_listed_beside_the_good_ones(tmp_path, content):
    folder = Path(shutil.copytree(DATA / "tau-bench", tmp_path / "in"))
    (folder / "odd.json").write_bytes(content)
    summary = build_store([folder], tmp_path / "s.duckdb")
    assert summary.attempts == 4
    assert str(folder / "odd.json") in {file.path for file in summary.not_recognised}


def test_empty_run_names_the_folder_and_the_remedy(tmp_path, run):
    (run / "results.jsonl").unlink()
    with pytest.raises(InputError, match=r"small is an empty run.*halo-opt collect"):
        build_store([run], tmp_path / "s.duckdb")


def test_empty_run_beside_a_good_one_is_listed_not_fatal(tmp_path, run):
    shutil.copytree(RUN, tmp_path / "other")
    (run / "results.jsonl").write_text("")
    summary = build_store([run, tmp_path / "other"], tmp_path / "s.duckdb")
    assert summary.attempts == 4
    assert "empty run" in summary.not_recognised[0].reason


def test_run_of_only_bad_result_lines_says_why(tmp_path, run):
    (run / "results.jsonl").write_text('{"task_id": "a"}\nnot json\n')
    with pytest.raises(
        InputError,
        match=r"no line of .*results.jsonl can be used \(the first: seed is missing",
    ):
        build_store([run], tmp_path / "s.duckdb")


def test_file_whose_every_record_is_bad_says_where_the_first_is(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"task_id": 1, "reward": 1, "traj": "words"}\n')
    with pytest.raises(InputError, match=r"no attempts could be read.*line 1 of .*x.jsonl, wrong type"):
        build_store([tmp_path / "x.jsonl"], tmp_path / "s.duckdb")


def test_failed_build_leaves_the_old_store_and_no_litter(tmp_path, run):
    place = tmp_path / "stores" / "s.duckdb"
    build_store([run], place)
    (run / "results.jsonl").write_text("")
    with pytest.raises(InputError):
        build_store([run], place)
    with Store.open(place) as store:
        assert store.rows("SELECT count(*) FROM attempts") == [(4,)]
    assert [path.name for path in place.parent.iterdir()] == ["s.duckdb"]


def test_rebuild_swaps_under_an_open_reader(tmp_path, run):
    place = tmp_path / "s.duckdb"
    build_store([run], place)
    with Store.open(place) as before:
        build_store([DATA / "tau-bench"], place)
        assert before.rows("SELECT DISTINCT format FROM runs") == [("run-folder",)]
    with Store.open(place) as after:
        assert after.rows("SELECT DISTINCT format FROM runs") == [("tau-bench",)]


def test_progress_names_each_source_and_ends_complete(tmp_path):
    events = []
    build_store([DATA / "intercode"], tmp_path / "s.duckdb", progress=lambda *event: events.append(event))
    assert [event[:2] for event in events] == [(0, 2), (1, 2), (2, 2)]
    assert events[0][2].endswith("ic_bash_multiturn_gpt-3.5_10_turns_fs_1.json")


def test_two_files_of_one_stem_are_two_runs(tmp_path):
    for name in ("a", "b"):
        file = Path(shutil.copytree(DATA / "tau-bench", tmp_path / "in" / name)) / "gpt-4o-airline.jsonl"
        file.write_text(file.read_text(encoding="utf-8").replace('"reward":', f'"of_{name}": 1, "reward":'))
    summary = build_store([tmp_path / "in"], tmp_path / "s.duckdb")
    assert (summary.attempts, summary.rejects) == (8, 0)
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT run_id FROM runs ORDER BY 1") == [("a/gpt-4o-airline",), ("b/gpt-4o-airline",)]


def test_same_run_given_twice_is_read_once(tmp_path, run):
    assert build_store([run, run, tmp_path / "small"], tmp_path / "s.duckdb").attempts == 4


def test_copied_run_counts_once(tmp_path, run):
    shutil.copytree(run, tmp_path / "copy")
    summary = build_store([run, tmp_path / "copy"], tmp_path / "s.duckdb")
    assert summary.attempts == 4
    assert (summary.reject_reasons, summary.found_again) == ({}, 4)


def test_store_is_fresh_until_an_input_changes(tmp_path, run):
    place = tmp_path / "s.duckdb"
    assert not fresh(place, [run])
    build_store([run], place)
    assert fresh(place, [run])
    assert not fresh(place, [run, DATA])
    with (run / "results.jsonl").open("a") as file:
        file.write("\n")
    assert not fresh(place, [run])


def test_store_built_under_its_own_input_stays_fresh(tmp_path, run, monkeypatch):
    monkeypatch.chdir(run)
    place = default_store_path([Path()])
    assert place.parts[:2] == (".halo_opt", "stores")
    assert place == default_store_path([run.resolve()])
    build_store([Path()], place)
    assert fresh(place, [Path()])


def test_row_longer_than_the_batch_reader_holds_is_kept(tmp_path, run):
    span_file = next((run / "local").glob("enter-name__seed_0*"))
    lines = [json.loads(line) for line in span_file.read_text().splitlines()]
    long = "x" * 9_000_000
    for line in lines:
        if line["name"] == "step":
            line["attributes"]["input.value"] = long
    span_file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert build_store([run], tmp_path / "s.duckdb").attempts == 4
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT max(length(observation)) FROM steps") == [(9_000_000,)]
        assert store.rows("SELECT max(length(attributes->>'input.value')) FROM spans") == [(9_000_000,)]


def test_unreadable_sql_is_an_input_error(tmp_path):
    build_store([DATA / "tau-bench"], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        with pytest.raises(InputError, match=r"cannot run on .*no_such_column"):
            store.rows("SELECT no_such_column FROM attempts")
        with pytest.raises(InputError, match="read-only"):
            store.rows("DELETE FROM attempts")
        with pytest.raises(InputError, match=r"disabled|cannot run"):
            store.rows("SELECT * FROM read_text('/etc/hostname')")
        assert store.columns("SELECT task_id AS task, seed FROM attempts") == ["task", "seed"]
        assert store.records("SELECT count(*) AS n FROM attempts") == [{"n": 4}]
        assert store.rows("SELECT count(*) FROM attempts WHERE score >= ?", [1.0]) == [(3,)]


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 500])
def test_file_that_is_no_store_is_an_input_error(tmp_path, content):
    (tmp_path / "s.duckdb").write_bytes(content)
    with pytest.raises(InputError, match="import"):
        Store.open(tmp_path / "s.duckdb")
    with pytest.raises(InputError, match="build a store with 'halo-opt import"):
        Store.open(tmp_path / "missing.duckdb")
