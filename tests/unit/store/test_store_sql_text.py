"""SQL as text: strings, names and comments are kept apart from code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.store.guarded.sql_text import alone, bare, pieces, without_schema


@given(st.text(alphabet="ae'\"-/*;$ \n\\main.x"))
def test_pieces_are_the_sql_again(sql: str) -> None:
    assert "".join(piece.words for piece in pieces(sql)) == sql


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("SELECT 1 ;", "SELECT 1"),
        ("SELECT 1; -- done", "SELECT 1"),
        ("SELECT 1 /* a; b */ ; ;\n", "SELECT 1"),
        ("SELECT '-- no comment; '", "SELECT '-- no comment; '"),
        ("SELECT E'it\\'s -- no' -- yes", "SELECT E'it\\'s -- no'"),
        ("SELECT $a$;--$a$;", "SELECT $a$;--$a$"),
        ('SELECT "a--b";', 'SELECT "a--b"'),
    ],
)
def test_a_statement_alone_has_no_comment_and_no_semicolon(sql: str, left: str) -> None:
    assert alone(sql) == left


def test_strings_are_emptied_and_names_kept() -> None:
    assert bare("SELECT 'outcome', \"score\" -- outcome") == "SELECT '', \"score\""


def test_a_schema_goes_from_before_the_tables_alone() -> None:
    sql = (
        "SELECT main.attempts.steps, 'main.attempts', x.main.attempts FROM MAIN . attempts, main.runs, domain.attempts"
    )
    expected = "SELECT attempts.steps, 'main.attempts', x.main.attempts FROM attempts, main.runs, domain.attempts"
    assert without_schema(sql, ["attempts"]) == expected
