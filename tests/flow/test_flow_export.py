"""`halo-opt export` as a user types it: what it writes, what it says, and with which exit code."""

import json
from pathlib import Path

import pytest

from halo_opt.cli.app import run

DATA = Path(__file__).parents[1] / "data"
RUN, TAU = str(DATA / "run-folder"), str(DATA / "tau-bench" / "gpt-4o-airline.jsonl")
ID = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_export_can_be_asked_like_what_it_came_from(capsys) -> None:
    assert run(["export", RUN, TAU, "--to", "spans", "--out", "new/all.jsonl.gz", "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["traces"], told["left_out"], told["lost"]) == (8, {}, {})
    question = "SELECT outcome, count(*) AS n, sum(steps) AS steps FROM attempts GROUP BY 1 ORDER BY 1"
    answers = []
    for traces in (["--traces", RUN, "--traces", TAU], ["--traces", "new/all.jsonl.gz"]):
        assert run(["sql", question, *traces, "--json", "-q"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("to", ["spans", "otlp"])
def test_one_trace_of_a_store_is_written_as_lines(to: str, capsys) -> None:
    run(["import", RUN, "--store", "s.duckdb", "-q"])
    capsys.readouterr()
    assert run(["export", "--store", "s.duckdb", "--to", to, "--out", "one.jsonl", "--trace", ID]) == 0
    found = capsys.readouterr()
    assert found.out.splitlines()[-1].split() == [to, "one.jsonl", "1", found.out.split()[-1]]
    assert "writing one.jsonl" in found.err
    assert all(ID in line for line in Path("one.jsonl").read_text().splitlines())


def test_parquet_is_a_folder_of_tables(capsys) -> None:
    assert run(["export", RUN, "--to", "parquet", "--out", "tables", "-q"]) == 0
    assert Path("tables/attempts.parquet").is_file()


def test_what_a_format_cannot_hold_is_a_warning(capsys) -> None:
    assert run(["export", TAU, "--to", "spans", "--out", "out.jsonl", "-q"]) == 0
    assert "warning: 4 scores beside the reward have no place in this format" in capsys.readouterr().err


def test_a_vanished_trace_file_is_named(capsys) -> None:
    line = {"trace_id": "t1", "span_id": "s", "attributes": {}}
    for name in ("a", "b"):
        Path(f"{name}.jsonl").write_text(json.dumps({**line, "trace_id": name}) + "\n")
    run(["import", "a.jsonl", "b.jsonl", "--store", "s.duckdb", "-q"])
    Path("a.jsonl").unlink()
    assert run(["export", "--store", "s.duckdb", "--to", "spans", "--out", "out.jsonl", "-q"]) == 0
    assert "1 trace left out: a.jsonl is gone" in capsys.readouterr().err
    Path("b.jsonl").unlink()
    assert run(["export", "--store", "s.duckdb", "--to", "otlp", "--out", "none.jsonl", "-q"]) == 2
    assert "put the file back, or import the traces again" in capsys.readouterr().err
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["out.jsonl", "s.duckdb"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "spans", "--out", "o"], "no traces were named"),
        (["nowhere", "--to", "spans", "--out", "o"], "nowhere is not there"),
        (["--store", "none.duckdb", "--to", "spans", "--out", "o"], "build a store with"),
        ([RUN, "--to", "spans", "--out", "o", "--trace", "t-9"], "t-9 is not in"),
        ([RUN, "--to", "spans", "--out", "taken"], "replace it with --force"),
        ([RUN, "--to", "parquet", "--out", "taken", "--force"], "taken is a file"),
        ([RUN, "--to", "otlp", "--out", "."], "is a folder"),
        ([RUN, "--to", "spans", "--out", "taken/below"], "cannot be written"),
        ([RUN, "--to", "csv", "--out", "o"], "csv"),
        ([RUN, "--to", "spans"], "--out"),
    ],
)
def test_bad_input_is_one_clear_error(words: list[str], message: str, capsys) -> None:
    Path("taken").write_text("mine")
    assert run(["export", *words, "-q"]) == 2
    assert message in capsys.readouterr().err
    assert Path("taken").read_text() == "mine"
    assert not Path("o").exists()
