"""An answer is within its bytes, says what it left out, and keeps its data between marks."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.tools.base import ToolContext
from halo_opt.analysis.tools.formatting import (
    byte_count,
    bytes_left,
    cell_text,
    fit_texts,
    format_answer,
    rows_text,
    shorten_middle,
)
from halo_opt.core.prompts import fence, fence_mark

CONTEXT = ToolContext(None, None, Hypotheses(), answer_bytes=700)  # type: ignore[arg-type]
WORDS = st.text(max_size=3_000)


@given(said=WORDS, data=WORDS, note=WORDS)
def test_an_answer_is_never_longer_than_its_bytes(said: str, data: str, note: str) -> None:
    text = format_answer(CONTEXT, said.replace("\n", " "), data, note)
    assert byte_count(text) <= CONTEXT.answer_bytes


@given(data=st.text(max_size=400))
def test_what_fits_is_whole(data: str) -> None:
    text = format_answer(replace(CONTEXT, answer_bytes=9_000), "said", data)
    assert "bytes are shown" not in text


def test_what_does_not_fit_is_said_with_what_to_do() -> None:
    text = format_answer(CONTEXT, "said", "line of data\n" * 200, remedy="ask for less")
    assert text.endswith("of 2599 bytes are shown; ask for less]")
    assert "line of data\nline of data\n" in text


@given(
    rows=st.lists(st.tuples(WORDS, st.one_of(st.none(), st.integers(), st.floats(), st.booleans()))),
    most=st.integers(200, 2_000),
)
def test_rows_fit_and_each_is_one_line(rows: list[tuple[object, ...]], most: int) -> None:
    text, missing = rows_text(["a", "b"], rows, most)
    shown = text.split("\n")[1:]
    assert byte_count(text) <= most or len(shown) == 1
    assert (len(shown) < len(rows)) == ("rows are shown" in missing)
    assert all(line.count("\t") == 1 for line in shown)


def test_what_is_missing_is_not_an_empty_text() -> None:
    assert (cell_text(None, 80), cell_text("", 80), cell_text(True, 80), cell_text([1, None], 80)) == (
        "NULL",
        "",
        "true",
        "[1, null]",
    )


def test_long_texts_lose_their_middle_before_rows_are_left_out() -> None:
    text, missing = rows_text(["words"], [["a" * 500 + "END"] for _ in range(10)], 2_000)
    assert text.count("END") == 10
    assert missing.startswith("cells are shown up to ")


@given(st.text(), st.integers(30, 200))
def test_the_middle_is_cut_and_counted(text: str, most: int) -> None:
    cut = shorten_middle(text, most)
    if len(text) <= most:
        assert cut == text
    else:
        kept = len(text) - int(cut.split("[... ")[-1].split()[0]) if "[... " not in text else None
        assert cut[0] == text[0] and cut[-1] == text[-1]
        assert kept is None or kept < most


@given(st.lists(st.text(max_size=500)), st.integers(100, 3_000))
def test_what_is_fitted_fits_or_is_one_thing(things: list[str], most: int) -> None:
    texts, _ = fit_texts(things, shorten_middle, most)
    assert sum(byte_count(text) + 1 for text in texts) <= most or len(texts) == 1
    assert bool(texts) == bool(things)


@given(st.text())
def test_no_text_holds_its_own_mark(text: str) -> None:
    fenced = fence(text)
    mark = fenced.split("\n")[0].removeprefix("<<<data ")
    assert fenced.count(mark) == 2
    assert fenced.endswith(f"\n{mark}>>>")
    assert fence_mark(text) not in text


def test_there_is_always_some_room() -> None:
    assert bytes_left(CONTEXT, "x" * 5_000) > 0
