"""Whatever stands in a column that cannot hold it, the sink stores NULL, and counts and places what it rejected."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.redaction import RedactionRules
from halo_opt.store import Options, Store, build_store, schema
from halo_opt.store.rows import AttemptRow, MessageRow, Row, RunRow, ScoreRow, SpanRow, StepRow, ToolCallRow, Trace
from halo_opt.store.sink import Sink

TIME = "2026-05-04 10:00:00"
SPAN = SpanRow("t", "s", "", "n", "LLM", TIME, TIME, "ok", None, {"a": 1}, {}, "file", 3, byte_offset=7)
ROWS: dict[str, Row] = {
    "runs": RunRow("r", "spans", None, None, None, None, "file"),
    "attempts": AttemptRow("t", "r", "k", source="file", line=3),
    "spans": SPAN,
    "messages": MessageRow("t", "s", 0, "user", "hello"),
    "tool_calls": ToolCallRow("t", "s", 0, 0, "click", None, None, None, None, None),
    "steps": StepRow("t", 0, "s"),
    "scores": ScoreRow("t", "reward", 1.0, None, "file"),
}
COLUMNS = [(table, place) for table, row in ROWS.items() for place in range(len(row))]
LOOP: dict[str, Any] = {}
LOOP["again"] = LOOP
DEEP: list[Any] = []
for _ in range(5000):
    DEEP = [DEEP]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, -(2**31) - 1, 2**63, -(2**63) - 1, 10**400, 10**5000]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        [
            "\0",
            "\ud800",
            "2026-13-45",
            "9" * 400,
            "infinity",
            "2026-05-04 10:00:00+05:00",
            "294247-01-10 04:00:54.775807",
        ]
    ),
    st.binary(max_size=3),
    st.sampled_from([object(), object, {1, 2}, {(1, 2): 3}, {"a": object()}, LOOP, {"a": DEEP}, DEEP, {"n": 10**5000}]),
    st.sampled_from([datetime(2026, 5, 4, tzinfo=UTC), Path("a"), 1j, [1], {"a": float("inf")}, {"\ud800": "\0"}]),
)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(schema.ddl())
        yield connection


def stored(database: duckdb.DuckDBPyConnection, folder: Path, rows: dict[str, Row]) -> dict[str, list[Any]]:
    """The tables after these rows went through a sink as one attempt."""
    for name in (*ROWS, "rejects"):
        database.execute(f"DELETE FROM {name}")
    sink = Sink(database, folder / "scratch")
    sink.run(rows["runs"])
    parts = [rows[name] for name in ("attempts", "spans", "messages", "steps", "tool_calls", "scores")]
    sink.trace(Trace(parts[0], *([part] for part in parts[1:])))
    sink.close()
    return {name: database.execute(f"FROM {name}").fetchall() for name in (*ROWS, "rejects")}


@given(place=st.sampled_from(COLUMNS), value=ODD)
def test_any_value_in_any_column_is_stored_or_rejected(database, tmp_path_factory, place, value):
    table, number = place
    cells = list(ROWS[table])
    cells[number] = value
    tables = stored(database, tmp_path_factory.getbasetemp(), {**ROWS, table: type(ROWS[table])._make(cells)})
    field = f"{table}.{schema.BY_NAME[table].columns[number].name}"
    rejected = [reject[5] for reject in tables["rejects"]]
    key_is_lost = number == 0 and (value is None or rejected)
    assert rejected == ([field] if rejected or (number == 0 and value is None) else [])
    assert len(tables[table]) == (0 if key_is_lost else 1)
    if rejected and not key_is_lost:
        assert tables[table][0][number] is None


@pytest.mark.parametrize("table", [name for name in ROWS if name != "runs"])
def test_value_is_rejected_with_its_place_and_how_it_begins(database, tmp_path, table):
    column = {"attempts": "steps", "scores": "value", "messages": "position"}.get(table, "step")
    value = float("inf") if table == "scores" else 10**300
    [reject] = stored(database, tmp_path, {**ROWS, table: ROWS[table]._replace(**{column: value})})["rejects"]
    kind = "DOUBLE" if table == "scores" else "INTEGER"
    assert reject == (
        "file",
        3,
        7 if table == "spans" else None,
        f"the value does not fit {kind}, the type of {table}.{column}",
        str(value)[:200],
        f"{table}.{column}",
    )


def test_attempt_whose_id_cannot_be_stored_is_left_out_with_all_below_it(database, tmp_path):
    tables = stored(database, tmp_path, {**ROWS, "attempts": ROWS["attempts"]._replace(trace_id=7)})
    assert [len(tables[name]) for name in ("attempts", "spans", "messages", "steps", "tool_calls", "scores")] == [0] * 6
    assert [reject[5] for reject in tables["rejects"]] == ["attempts.trace_id"]


def span(number: int, **more: Any) -> dict[str, Any]:
    return {"trace_id": f"t{number}", "span_id": "s", "name": "n", "attributes": {"llm.model_name": "m", **more}}


def imported(folder: Path, *spans: dict[str, Any], redact: RedactionRules | None = None) -> Store:
    file = folder / "x.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in spans))
    build_store([file], folder / "s.duckdb", options=Options(redact=redact))
    return Store.open(folder / "s.duckdb")


@pytest.mark.parametrize(
    ("name", "value", "column"),
    [
        ("llm.token_count.prompt", 2**63, "spans.tokens_in"),
        ("halo.step.index", 2**31, "spans.step"),
        ("halo.total.steps", 2**31, "attempts.steps"),
        ("halo.seed", 10**30, "attempts.seed"),
        ("halo.step_limit", 2**31, "attempts.step_limit"),
        ("halo.score", 10**400, "attempts.score"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_number_of_an_indexed_span_is_rejected_once_however_often_its_trace_is_read(tmp_path, name, value, column):
    odd = span(1, **{"openinference.span.kind": "LLM", name: value})
    imported(tmp_path, span(0), odd).close()
    with imported(tmp_path, span(0), odd, {**span(1), "span_id": "later"}) as store:
        assert store.rows("SELECT field, line FROM rejects") == [(column, 2)]
        assert store.summary().rejected_values == {column: 1}
        assert store.summary().rejects == 0


def test_sum_that_no_column_holds_is_rejected_and_its_parts_are_kept(tmp_path):
    tokens = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 2**62}
    with imported(tmp_path, span(1, **tokens), {**span(1, **tokens), "span_id": "2"}) as store:
        assert store.rows("SELECT tokens_in FROM spans") == [(2**62,), (2**62,)]
        assert store.rows("SELECT tokens_in FROM attempts") == [(None,)]
        assert store.summary().rejected_values == {"attempts.tokens_in": 1}


def test_number_that_looks_like_a_secret_stays_a_number(tmp_path):
    seed = 4111111111111111
    rules = RedactionRules(personal=True, known=(str(seed),))
    with imported(tmp_path, span(1, **{"halo.seed": seed}), redact=rules) as store:
        assert store.rows("SELECT seed FROM attempts") == [(seed,)]
        assert str(seed) not in str(store.rows("SELECT attributes FROM spans"))


def test_ids_that_differ_only_in_a_secret_stay_two_attempts(tmp_path):
    ids = [f"trace-ghp_{letter * 18}0123456789ABCDEFGH" for letter in "ab"]
    spans = [{**span(0), "trace_id": trace_id} for trace_id in ids]
    with imported(tmp_path, *spans, redact=RedactionRules()) as store:
        found = store.rows("SELECT trace_id, count(*) FROM attempts JOIN spans USING (trace_id) GROUP BY 1")
        assert [count for _, count in found] == [1, 1]
        assert not any("0123456789ABCDEFGH" in trace_id for trace_id, _ in found)
