"""The schema and the rows that readers produce say the same."""

import duckdb
import pytest

from halo_opt.store import rows, schema

ROWS = {
    "runs": rows.RunRow,
    "attempts": rows.AttemptRow,
    "spans": rows.SpanRow,
    "messages": rows.MessageRow,
    "tool_calls": rows.ToolCallRow,
    "steps": rows.StepRow,
    "scores": rows.ScoreRow,
    "rejects": rows.RejectRow,
}


@pytest.mark.parametrize("name", ROWS)
def test_row_has_exactly_the_columns_of_its_table_in_order(name):
    assert ROWS[name]._fields == tuple(column.name for column in schema.BY_NAME[name].columns)


def test_ddl_makes_the_tables_it_describes():
    with duckdb.connect() as connection:
        connection.execute(schema.ddl())
        made = connection.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
    assert made == sorted((table, column) for table, column, _, _ in schema.describe() if column)


def test_every_table_and_column_has_a_meaning():
    assert all(len(meaning) >= 4 for _, _, _, meaning in schema.describe())
    assert [line[0] for line in schema.describe() if not line[1]] == [table.name for table in schema.TABLES]
