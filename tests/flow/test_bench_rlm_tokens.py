"""Counting tokens: what stands in an answer, what a prompt has in common with earlier ones, and our engine for real."""

import json
from pathlib import Path

import pytest

from benchmarks.rlm import tokens
from benchmarks.rlm.counting import Counter
from benchmarks.rlm.peer_side import ALONE, LEAST, TOLD, Peer
from benchmarks.rlm.questions import QUESTIONS, Asked, stands
from benchmarks.rlm.tokens import OURS, SESSION, Line, Used, table, totals, used
from benchmarks.rlm.wire import Body, Exchange, Piece

ROWS = (("airline-25", 4, 4), ("airline-3", 3, 14))
ASKED = Asked(QUESTIONS[0], ("task_id", "failed", "attempts"), ROWS)


@pytest.mark.parametrize(
    "text",
    [
        "task\tfailed\tattempts\nairline-25\t4\t4\nairline-3\t3\t14",
        '{"exit_code":0,"stdout":"airline-25 4 4\\nairline-3 3 14\\n","stderr":""}',
        "| airline-25 | 4 | 4 |\n| airline-3 | 3 | 14 |",
    ],
)
def test_rows_stand_in_a_text_whatever_marks_stand_between_their_cells(text: str) -> None:
    assert stands(ROWS, text)


@pytest.mark.parametrize(
    "text",
    [
        "airline-25 4 4\nairline-3 3 1",
        "airline-25 4 4",
        "airline-25 4\n4 airline-3 3 14",
        "airline-25 4 5 4\nairline-3 3 14",
    ],
)
def test_rows_do_not_stand_where_a_cell_is_another_or_elsewhere(text: str) -> None:
    assert not stands(ROWS, text)


def test_no_rows_stand_nowhere() -> None:
    assert not stands([], "anything")


def test_a_prompt_is_cached_as_far_as_it_begins_like_an_earlier_one_even_within_a_message() -> None:
    count = Counter(None)
    fixed = Piece("f" * 4 * 2000, fixed=True)
    first = Exchange((fixed, Piece("q" * 400)), ("r" * 40,))
    then = Exchange((fixed, Piece("q" * 200 + "x" * 200)), ("r" * 40,))
    total = used([first, then], count)
    assert (total.calls, total.tokens_in, total.tokens_out) == (2, 2 * (2004 + 104), 20)
    assert total.fixed == 2 * 2004
    assert total.cached == 2004 + 50


def test_a_short_common_beginning_is_not_cached() -> None:
    exchange = Exchange((Piece("q" * 400),), ())
    assert used([exchange, exchange], Counter(None)).cached == 0


def _line(question: str, side: str, tokens_in: int, answered: int = 1) -> Line:
    return Line(question, side, Used(1, tokens_in, 0, 0, 0), answered, 1)


def test_what_a_side_did_not_answer_is_said_and_is_in_no_sum() -> None:
    lines = [_line("one", OURS, 10), _line("one", "HALO", 40), _line("two", OURS, 10, 0), _line("two", "HALO", 40)]
    lines += [_line(SESSION, OURS, 5), _line(SESSION, "HALO", 10)]
    rows = table(lines)
    assert rows[2].endswith("| 0.25 |")
    assert "answered: ours 0 of 1" in rows[3]
    assert totals(lines)[2] == "| 1 questions, each alone, as sent | 10 | 40 | 0.25 |"


def _asked_of(system: str, results: list[str]) -> Body:
    said = [{"type": "function_call_output", "output": result} for result in results]
    words = {"role": "user", "content": ASKED.question.words}
    return {"input": [{"role": "system", "content": system}, words, *said]}


def test_the_peer_is_played_as_its_prompt_tells_it_to_work() -> None:
    peer = Peer([ASKED], way=TOLD)
    assert peer.play(_asked_of("root", [])).calls[0].name == "call_subagent"
    sub = "You are a HALO subagent at depth=1"
    calls = [peer.play(_asked_of(sub, ["-"] * n)).calls[0].name for n in range(3)]
    assert calls == ["get_dataset_overview", "run_code", "run_code"]
    assert peer.play(_asked_of(sub, ["-", "-", "airline-25 4 4\nairline-3 3 14"])).text.startswith("airline-25")
    assert peer.play(_asked_of("root", ["told"])).calls[0].name == "final_answer"
    assert peer.answered == [True]


@pytest.mark.parametrize(("way", "before"), [(ALONE, 2), (LEAST, 0)])
def test_a_wrong_result_is_not_an_answer(way: str, before: int) -> None:
    peer = Peer([ASKED], way=way)
    last = peer.play(_asked_of("root", ["-"] * before + ["airline-25 4 5"]))
    assert last.calls[0].name == "final_answer"
    assert "did not give" in last.calls[0].arguments["answer"]
    assert peer.answered == [False]


@pytest.mark.slow
def test_our_engine_answers_for_real_and_every_prompt_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tokens.json"
    words = ["--no-peer", "--traces", "20", "--questions", "length", "--data", str(tmp_path), "--out", str(out)]
    tokens.main(words)
    alone, session = json.loads(out.read_text("utf-8"))["20"]
    assert (alone["answered"], alone["used"]["calls"]) == (1, 2)
    assert 0 < alone["used"]["fixed"] < alone["used"]["tokens_in"]
    assert alone["used"]["cached"] > 0
    assert session["answered"] == 1
    assert "ours 1 of 1" in capsys.readouterr().out
