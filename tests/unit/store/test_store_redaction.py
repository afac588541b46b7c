"""Secrets in traces do not reach the store, wherever in a row they stand, and the import says how many there were."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halo_opt.redaction import RedactionRules, Redactor
from halo_opt.store import Options, Store, build_store, sink
from halo_opt.store.attempt_ids import HASH_KEY

TOKEN = "gh" + "p_" + "a8Zk2LmQ9xWv3RtY7uIo5PsDfGhJ1bNcM4e6"


def file_with(folder: Path, *spans: dict) -> Path:
    path = folder / "x.jsonl"
    path.write_text("".join(json.dumps({"trace_id": "t", "span_id": f"s{n}", **s}) + "\n" for n, s in enumerate(spans)))
    return path


def everything(store: Path) -> str:
    with Store.open(store) as opened:
        tables = [name for (name,) in opened.rows("SELECT table_name FROM information_schema.tables")]
        return "".join(str(opened.rows(f"FROM {table}")) for table in tables)


def test_secrets_are_redacted_in_every_table_and_counted(tmp_path):
    nested = json.dumps({"headers": {"Authorization": f"token {TOKEN}"}})
    path = file_with(
        tmp_path,
        {"attributes": {"openinference.span.kind": "AGENT", "input.value": f"use {TOKEN}\nthen stop"}},
        {"parent_span_id": "s0", "attributes": {"openinference.span.kind": "TOOL", "tool.parameters": nested}},
        {"parent_span_id": "s0", "attributes": {TOKEN: [TOKEN]}, "status": {"code": "ERROR", "message": TOKEN}},
    )
    path.write_text(path.read_text() + f"not json {TOKEN}\n")
    summary = build_store([path], tmp_path / "s.duckdb")
    assert TOKEN not in everything(tmp_path / "s.duckdb")
    assert TOKEN not in (tmp_path / "s.duckdb").read_bytes().decode("latin-1")
    assert summary.redacted["github-token"] >= 6
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.summary().redacted == summary.redacted
        assert store.rows("SELECT goal FROM attempts") == [("use [redacted:github-token]\nthen stop",)]
        assert store.rows("SELECT head FROM rejects") == [("not json [redacted:github-token]",)]


def test_none_stores_everything_as_it_is(tmp_path):
    path = file_with(tmp_path, {"name": TOKEN})
    summary = build_store([path], tmp_path / "s.duckdb", options=Options(redact=None))
    assert TOKEN in everything(tmp_path / "s.duckdb")
    assert summary.redacted == {}


def test_personal_data_stays_unless_the_rules_say_otherwise(tmp_path):
    path = file_with(tmp_path, {"name": "mail ann@example.org"})
    assert build_store([path], tmp_path / "s.duckdb").redacted == {}
    summary = build_store([path], tmp_path / "s.duckdb", options=Options(redact=RedactionRules(personal=True)))
    assert summary.redacted == {"email": 1}
    assert "ann@example.org" not in everything(tmp_path / "s.duckdb")


@pytest.mark.parametrize("many", [1, 200])
def test_rows_of_any_length_and_number_are_seen(tmp_path, monkeypatch, many):
    monkeypatch.setattr(sink, "CHECKED_BYTES", 10_000)
    monkeypatch.setattr(sink, "LONGEST_ROW", 1_000)
    spans = [{"name": "x" * (n % 3) * 600 + f" {TOKEN}", "attributes": {"a": TOKEN}} for n in range(many)]
    summary = build_store([file_with(tmp_path, *spans)], tmp_path / "s.duckdb")
    assert summary.redacted["github-token"] == 2 * many
    assert TOKEN not in everything(tmp_path / "s.duckdb")


def two_attempts(folder: Path) -> Path:
    """Two attempts whose every id holds a token of its own."""
    lines = []
    for letter in "ab":
        mark = "gh" + "p_" + letter * 18 + "0123456789ABCDEFGH"
        resource = {"halo.task_id": f"task-{mark}", "halo.run_id": f"run-{mark}", "halo.seed": 0, "halo.attempt": 0}
        shared = {"trace_id": f"trace-{mark}", "resource": {"attributes": resource}}
        root = {"openinference.span.kind": "AGENT", "halo.outcome": "success", "halo.score": 1.0}
        call = {"openinference.span.kind": "TOOL", "tool.name": "look"}
        lines.append({**shared, "span_id": f"root-{mark}", "parent_span_id": "", "attributes": root})
        for end in "xy":
            child = {"span_id": f"{end}-{mark}", "parent_span_id": f"root-{mark}", "attributes": call}
            lines.append({**shared, **child})
    path = folder / "two.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(params=[True, False], ids=["contents", "index"])
def tokens_as_ids(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    build_store([two_attempts(tmp_path)], tmp_path / "s.duckdb", options=Options(contents=request.param))
    return tmp_path / "s.duckdb"


def rows(store: Path, sql: str) -> list[tuple]:
    with Store.open(store) as opened:
        return opened.rows(sql)


@pytest.mark.parametrize("column", ["trace_id", "run_id", "task_id"])
def test_ids_of_attempts_that_hold_tokens_stay_apart(tokens_as_ids, column):
    assert rows(tokens_as_ids, f"SELECT count(DISTINCT {column}) FROM attempts") == [(2,)]


def test_no_token_of_an_id_is_stored(tokens_as_ids):
    assert "0123456789ABCDEFGH" not in everything(tokens_as_ids)


def test_spans_find_their_parents_by_redacted_ids(tokens_as_ids):
    joined = "FROM spans s JOIN spans p ON s.trace_id = p.trace_id AND s.parent_span_id = p.span_id"
    assert rows(tokens_as_ids, f"SELECT count(*), count(DISTINCT s.span_id) {joined}") == [(4, 4)]


def test_attempts_find_their_runs_by_redacted_ids(tokens_as_ids):
    assert rows(tokens_as_ids, "SELECT count(*) FROM attempts JOIN runs USING (run_id)") == [(2,)]


def test_calls_find_their_spans_by_redacted_ids(tmp_path):
    build_store([two_attempts(tmp_path)], tmp_path / "s.duckdb")
    assert rows(tmp_path / "s.duckdb", "SELECT count(*) FROM tool_calls JOIN spans USING (trace_id, span_id)") == [(4,)]


def test_a_redacted_id_is_the_same_at_the_next_import(tmp_path):
    path, store = two_attempts(tmp_path), tmp_path / "s.duckdb"
    build_store([path], store)
    before = rows(store, "SELECT trace_id, run_id, task_id FROM attempts ORDER BY ALL")
    more = {"trace_id": json.loads(path.read_text().splitlines()[0])["trace_id"], "span_id": "late", "name": "more"}
    path.write_text(path.read_text() + json.dumps(more) + "\n")
    build_store([path], store)
    assert rows(store, "SELECT trace_id, run_id, task_id FROM attempts ORDER BY ALL") == before
    assert rows(store, "SELECT count(*) FROM runs") == [(2,)]


def test_the_key_of_the_hashes_is_the_owner_s_alone(tmp_path):
    build_store([two_attempts(tmp_path)], tmp_path / "s.duckdb")
    assert stat.S_IMODE((tmp_path / HASH_KEY).stat().st_mode) == 0o600


def test_the_hash_of_an_id_depends_on_the_key(tmp_path):
    found = []
    for name in "ab":
        (tmp_path / name).mkdir()
        build_store([two_attempts(tmp_path)], tmp_path / name / "s.duckdb")
        found.append(rows(tmp_path / name / "s.duckdb", "SELECT min(trace_id) FROM attempts"))
    assert found[0] != found[1]


def test_no_key_is_made_where_no_id_holds_a_secret(tmp_path):
    build_store([file_with(tmp_path, {"name": TOKEN})], tmp_path / "s.duckdb")
    assert not (tmp_path / HASH_KEY).exists()


def test_scores_reach_an_attempt_whose_id_holds_a_token(tmp_path):
    path, scores = two_attempts(tmp_path), tmp_path / "scores.jsonl"
    first = json.loads(path.read_text().splitlines()[0])["trace_id"]
    scores.write_text(json.dumps({"trace_id": first, "score": 0.0}) + "\n")
    build_store([path], tmp_path / "s.duckdb", options=Options(scores=scores))
    assert rows(tmp_path / "s.duckdb", "SELECT count(*) FROM attempts WHERE score = 0") == [(1,)]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5, unique=True))
@settings(max_examples=50)
def test_a_stored_id_holds_nothing_more_to_redact(tmp_path_factory, parts):
    made = sink.Sink(None, tmp_path_factory.getbasetemp() / "x", Redactor(RedactionRules(environment=False)))  # type: ignore[arg-type]
    stored = [made.key(f"{part}{TOKEN}:{part}") for part in parts]
    assert [made.key(each) for each in stored] == stored
