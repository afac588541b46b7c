"""What an import says of files that gave no attempt: which, why, and what to do."""

import json
from pathlib import Path

import pytest

from halo_opt.core.errors import InputError
from halo_opt.store import ImportSummary, build_store
from halo_opt.store.index.beside import lies_beside
from halo_opt.store.index.summary import notes_on_files

GOOD = {
    "task_id": "a",
    "reward": 1,
    "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    (made / "good.jsonl").write_text(json.dumps(GOOD) + "\n")
    return made


def imported(folder: Path) -> ImportSummary:
    return build_store([folder], folder.parent / "s.duckdb")


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "LICENSE.md",
        "NOTICE",
        "README",
        "README.rst",
        "CITATION.cff",
        ".gitignore",
        "notes.txt",
        "run.log",
        "plot.png",
        "agent.py",
        "config.json",
        "run_config.yaml",
        "dataset_metadata.json",
        "exp_args.pkl",
        "step_0.pkl.gz",
    ],
)
def test_files_beside_traces_draw_no_warning(folder, name):
    (folder / name).write_text("whatever")
    assert notes_on_files(imported(folder)) == []


@pytest.mark.parametrize("name", ["traces.jsonl", "results.json", "out.csv", "config.jsonl", "licenses_run.parquet"])
def test_files_that_could_hold_traces_are_no_companions(tmp_path, name):
    (tmp_path / name).write_text("whatever")
    assert not lies_beside(tmp_path / name)


def test_unknown_files_are_named_with_the_remedy(folder):
    (folder / "odd.json").write_text('{"a": 1}')
    [note] = notes_on_files(imported(folder))
    assert note == (
        f"{folder}/odd.json was left out: the content is of no known trace format; 'halo-opt formats' shows what is"
        " understood, and --map FILE makes other names known"
    )


def test_many_files_with_one_fault_are_one_note(folder):
    for number in range(40):
        (folder / f"odd{number:02}.json").write_text('{"a": 1}')
    [note] = notes_on_files(imported(folder))
    assert note.startswith(f"40 files were left out ({folder}/odd00.json, ")
    assert " and 37 more): the content is of no known trace format; " in note


def test_a_file_of_rejected_lines_gives_the_reason(folder):
    (folder / "bad.jsonl").write_text('{"task_id": 1, "reward": 1, "traj": "words"}\n')
    [note] = notes_on_files(imported(folder))
    assert note.startswith(f"{folder}/bad.jsonl was left out: read as tau-bench, but the only line was rejected: ")


def test_a_file_with_several_bad_lines_counts_them(folder):
    (folder / "bad.jsonl").write_text('{"task_id": 1, "reward": 1, "traj": "words"}\n' * 3)
    [note] = notes_on_files(imported(folder))
    assert "but all 3 lines were rejected: " in note


def test_a_recognised_file_without_an_attempt_says_so(folder):
    (folder / "empty.jsonl").write_text('{"type": "thread.started", "thread_id": "t"}\n')
    [note] = notes_on_files(imported(folder))
    assert note == (
        f"{folder}/empty.jsonl was left out: read as codex-exec, but no attempt was found; 'halo-opt"
        " formats codex-exec' shows an example"
    )


def test_alone_such_a_file_ends_the_command_with_the_reason(tmp_path):
    (tmp_path / "empty.jsonl").write_text('{"type": "thread.started", "thread_id": "t"}\n')
    with pytest.raises(InputError, match="read as codex-exec, but no attempt was found; 'halo-opt formats'"):
        build_store([tmp_path / "empty.jsonl"], tmp_path / "s.duckdb")


def test_an_unreadable_file_says_why(folder):
    (folder / "bad.jsonl").write_bytes(json.dumps({"caf\u00e9": 1}, ensure_ascii=False).encode("latin-1"))
    [note] = notes_on_files(imported(folder))
    assert note == f"{folder}/bad.jsonl was left out: not UTF-8 text; traces are JSON in UTF-8"


def test_a_file_that_continues_another_is_not_left_out(folder):
    agent = {"schema_version": "ATIF-v1.6", "steps": [{"source": "agent", "message": "a"}]}
    (folder / "trajectory.json").write_text(json.dumps(agent))
    (folder / "trajectory.cont-1.json").write_text(json.dumps(agent))
    assert notes_on_files(imported(folder)) == []


def test_spans_of_a_trace_whose_root_is_in_another_file_are_not_left_out(folder):
    span = {"trace_id": "t", "span_id": "a", "parent_span_id": "", "name": "x", "attributes": {}}
    (folder / "1.jsonl").write_text(json.dumps(span) + "\n")
    (folder / "2.jsonl").write_text(json.dumps({**span, "span_id": "b", "parent_span_id": "a"}) + "\n")
    assert notes_on_files(imported(folder)) == []


def test_a_named_file_is_never_passed_over(tmp_path, folder):
    (tmp_path / "notes.txt").write_text("hello")
    summary = build_store([folder, tmp_path / "notes.txt"], tmp_path / "s.duckdb")
    assert [note.split(" was")[0] for note in notes_on_files(summary)] == [str(tmp_path / "notes.txt")]


def test_a_file_of_copies_is_not_left_out(folder):
    (folder / "copy.jsonl").write_text((folder / "good.jsonl").read_text())
    assert notes_on_files(imported(folder)) == []


def test_attempts_of_one_run_count_for_the_format_of_their_own_file(folder):
    span = {"trace_id": "t1", "span_id": "a", "name": "agent", "start_time": "2026-05-04T10:00:00Z", "attributes": {}}
    (folder / "again.jsonl").write_text(json.dumps({**GOOD, "task_id": "b"}) + "\n")
    for number in (1, 2):
        (folder / f"s{number}.jsonl").write_text(json.dumps({**span, "trace_id": f"t{number}"}) + "\n")
    assert imported(folder).by_format == {"chat": 2, "spans": 2}
