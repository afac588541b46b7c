"""The verbs that ask traces, as a user types them."""

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

from halo_opt.cli.app import run

DATA = Path(__file__).parents[1] / "data" / "[irt]*"  # without tests/data/cases


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    assert run(list(words)) == code, capsys.readouterr().err
    found = capsys.readouterr()
    return found.out, found.err


def test_overview_traces_and_show_work_on_a_folder_of_several_formats(capsys):
    out, err = said(capsys, "overview", str(DATA))
    assert "attempts from tau-bench" in out
    assert "17 attempts" in err
    out, err = said(
        capsys, "traces", str(DATA), "--outcome", "failure", "--sort", "steps", "--desc", "--limit", "2", "--json"
    )
    listed = json.loads(out)
    assert (len(listed["rows"]), listed["total"]) == (2, 7)
    assert "1 to 2 of 7 attempts" in err
    out, _ = said(capsys, "show", "a1a1", "--traces", str(DATA), "-q")
    assert "TOOL  execute_tool fill" in out
    assert said(capsys, "show", "a1a1", "--traces", str(DATA), "--raw", "-q")[0].count("\n") == 7
    span = json.loads(said(capsys, "show", "a1a1", "--traces", str(DATA), "--json", "-q")[0])["spans"][1]["span_id"]
    assert "halo.step.index" in said(capsys, "show", "a1a1", "--span", span, "--traces", str(DATA), "-q")[0]


def test_search_finds_counts_and_narrows_in_an_existing_store(capsys):
    said(capsys, "import", str(DATA), "--store", "s.duckdb", "-q")
    out, err = said(capsys, "search", "submit", "-i", "--store", "s.duckdb", "--limit", "1")
    assert "more spans match and are not shown" in err
    counts = json.loads(said(capsys, "search", "submit", "-i", "--store", "s.duckdb", "--count", "--json", "-q")[0])
    assert counts[0]["matches"] >= counts[0]["spans"] >= counts[0]["traces"] > 1
    out, _ = said(capsys, "search", "SUBMIT", "-i", "--store", "s.duckdb", "--trace", "a1a1", "--json", "-q")
    assert {hit["trace_id"][:4] for hit in json.loads(out)["hits"]} == {"a1a1"}


@pytest.mark.parametrize("what", ["first-actions", "ngrams", "steps", "repeats", "cost", "latency"])
def test_every_question_of_stats_has_a_table_a_document_and_csv(capsys, what):
    words = ["stats", what, str(DATA), "--n", "2", "--at-least", "1", "-q"]
    assert len(said(capsys, *words)[0].splitlines()) > 1
    assert json.loads(said(capsys, *words, "--json")[0])
    rows = list(csv.reader(io.StringIO(said(capsys, *words, "--format", "csv")[0])))
    assert len({len(row) for row in rows}) == 1


def test_an_answer_into_a_pipe_is_cut_with_words_and_json_is_never_cut(capsys):
    out, err = said(capsys, "traces", str(DATA), "--max-bytes", "500", "-q")
    assert len(out.encode()) <= 500
    assert "bytes are shown; ask with a lower --limit" in out
    assert "raise --max-bytes" in err
    _, err = said(capsys, "traces", str(DATA), "--max-bytes", "500", "--json", code=2)
    assert "more than --max-bytes 500" in err
    assert len(said(capsys, "show", "a1a1", "--traces", str(DATA), "--max-bytes", "0", "-q")[0]) > 500


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["overview"], "no traces were named"),
        (["show", "a1"], "no traces were named"),
        (["search", "(?<=a)b", "--traces", str(DATA)], "without lookaround"),
        (["show", "nothing", "--traces", str(DATA)], "list them with 'halo-opt traces'"),
        (["traces", str(DATA), "--since", "soon"], "is not a time"),
        (["stats", "moods", str(DATA)], "moods"),
        (["overview", "--store", "none.duckdb"], "none.duckdb is not there"),
    ],
)
def test_bad_input_is_one_clear_error(capsys, words, message):
    _, err = said(capsys, *words, code=2)
    assert message in err
    assert "Traceback" not in err


def test_sql_writes_parquet_from_the_guarded_rows(capsys):
    query = "SELECT trace_id, steps, score, outcome IS NULL AS unknown, [1, 2] AS list, NULL AS nothing FROM attempts"
    out, err = said(capsys, "sql", query, "--traces", str(DATA), "--format", "parquet", "--out", "deep/a'b.parquet")
    assert out == ""
    assert "17 rows: deep/a'b.parquet" in err
    with duckdb.connect() as connection:
        found = connection.execute("SELECT * FROM read_parquet(?)", ["deep/a'b.parquet"])
        assert [(column[0], str(column[1])) for column in found.description or []] == [
            ("trace_id", "VARCHAR"),
            ("steps", "BIGINT"),
            ("score", "DOUBLE"),
            ("unknown", "BOOLEAN"),
            ("list", "VARCHAR"),
            ("nothing", "VARCHAR"),
        ]
        assert found.fetchall()[0][4] == "[1, 2]"
    assert [path.name for path in Path("deep").iterdir()] == ["a'b.parquet"]


def test_sql_parquet_needs_a_file_and_a_query_never_writes_one(capsys):
    _, err = said(capsys, "sql", "SELECT 1", "--traces", str(DATA), "--format", "parquet", code=2)
    assert "--out FILE go together" in err
    _, err = said(capsys, "sql", "SELECT 1", "--traces", str(DATA), "--out", "x.csv", code=2)
    assert "--out FILE go together" in err
    said(capsys, "sql", "COPY attempts TO 'y.parquet'", "--traces", str(DATA), code=2)
    assert not Path("y.parquet").exists()


def test_sql_parquet_of_no_rows_and_of_columns_that_share_a_name(capsys):
    words = ["--traces", str(DATA), "--format", "parquet", "-q", "--out"]
    said(capsys, "sql", "SELECT 1 AS x, 2 AS X", *words, "two.parquet")
    said(capsys, "sql", "SELECT trace_id FROM attempts WHERE false", *words, "none.parquet")
    with duckdb.connect() as connection:
        assert connection.execute("SELECT * FROM 'two.parquet'").fetchall() == [(1, 2)]
        assert connection.execute("SELECT count(*) FROM 'none.parquet'").fetchall() == [(0,)]
