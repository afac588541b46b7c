"""The console keeps data and words apart and never passes a terminal what a trace says to it."""

import csv
import io
import json
from collections.abc import Callable

import pytest
from console_doubles import Clock, Terminal
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.core.console import Console, Progress
from halo_opt.core.records import AttemptKey, Outcome
from halo_opt.core.text import duration, printable


def pair(
    *, terminal: bool = False, quiet: bool = False, clock: Callable[[], float] | None = None
) -> tuple[Console, io.StringIO, io.StringIO]:
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    return Console(quiet=quiet, out=out, err=err, clock=clock or Clock()), out, err


HOSTILE = "a\x1b[2J\x1b]0;owned\x07b\x9b31mc\x00d\u202ee[bold]f[/]\ud800g"


def test_printable_drops_escape_sequences_and_invisible_characters() -> None:
    assert printable(HOSTILE) == "ab31mcde[bold]f[/]g"
    assert printable("one\r\ntwo\tthree") == "one\ntwo\tthree"
    assert printable("\x1b]52;c;clipboard without an end") == ""


def test_sentences_hidden_in_tags_selectors_and_line_separators_are_dropped() -> None:
    hidden = "".join(chr(0xE0000 + ord(c)) + chr(0xE0100 + ord(c)) for c in "obey")
    assert printable(f"a{hidden}b\u2028c\u2029d\u00ade\ufffaf") == "abcdef"


@given(st.text(alphabet=st.characters(), max_size=80))
def test_no_text_keeps_a_control_character(text: str) -> None:
    kept = printable(text)
    assert all(c in "\t\n" or c.isprintable() or ord(c) >= 0xA0 for c in kept)
    assert "\x1b" not in kept
    assert printable(kept) == kept


def test_data_goes_to_stdout_and_words_to_stderr() -> None:
    console, out, err = pair()
    console.table(["task", "rate"], [["click-button", 0.5]])
    console.say("done")
    console.warn("few attempts")
    console.fail("t-9 is not in traces/run-3")
    assert "click-button" in out.getvalue()
    assert "done" not in out.getvalue()
    assert err.getvalue() == "done\nwarning: few attempts\nerror: t-9 is not in traces/run-3\n"


def test_quiet_hides_words_and_progress_but_not_warnings_errors_and_data() -> None:
    console, out, err = pair(quiet=True)
    console.say("hello")
    with console.working("reading"), console.progress(1) as progress:
        progress.advance(Outcome.SUCCESS)
    console.warn("w")
    console.fail("f")
    console.text("data")
    assert err.getvalue() == "warning: w\nerror: f\n"
    assert out.getvalue() == "data\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_hostile_text_reaches_no_stream_as_control_characters_or_markup(terminal: bool) -> None:
    console, out, err = pair(terminal=terminal)
    console.table([HOSTILE], [[HOSTILE], [[HOSTILE]]])
    console.table(["a"], [[HOSTILE]], "json")
    console.text(HOSTILE)
    console.say(HOSTILE)
    console.fail(HOSTILE)
    for written in (out.getvalue(), err.getvalue()):
        assert "\x1b]" not in written
        assert "\x1b[2J" not in written
        assert not set("\x00\x9b\u202e") & set(written)
        assert "[bold]f[/]" in written


def test_csv_on_a_terminal_is_cleaned_and_in_a_file_is_exact() -> None:
    for terminal in (True, False):
        console, out, _ = pair(terminal=terminal)
        console.table(["x"], [["\x1b[31mred"]], "csv")
        assert out.getvalue() == ("x\nred\n" if terminal else "x\n\x1b[31mred\n")


def test_json_keeps_every_column_every_value_and_no_nan() -> None:
    console, out, _ = pair()
    console.table(
        ["n", "n", "t"], [[1, float("nan"), "\u202ex\x9b"], [None, 0.1, AttemptKey(task_id="t", seed=1)]], "json"
    )
    rows = json.loads(out.getvalue())
    assert rows[0] == {"n": 1, "n_2": None, "t": "\u202ex\x9b"}
    assert rows[1]["t"] == {"task_id": "t", "seed": 1, "attempt": 0}


def test_csv_round_trips_commas_quotes_and_newlines() -> None:
    console, out, _ = pair()
    console.table(["a", "b"], [['x,"y"\nz', None]], "csv")
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [["a", "b"], ['x,"y"\nz', ""]]


def test_a_table_in_a_pipe_keeps_each_row_on_one_line_however_long() -> None:
    console, out, _ = pair()
    console.table(["id", "words"], [["t-1", "word " * 200], ["t-2", "two\nlines"]])
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[3].split() == ["t-2", "two", "lines"]


def test_numbers_align_right_and_missing_is_a_dash_not_zero() -> None:
    console, out, _ = pair()
    console.table(["task", "rate"], [["a", 0.123456], ["b", None]])
    lines = out.getvalue().splitlines()
    assert lines[2].endswith("0.1235")
    assert lines[3].endswith("     -")


def test_a_stream_that_cannot_encode_a_character_gets_a_question_mark() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    Console(out=stream, err=stream).text("caf\u00e9")
    assert raw.getvalue() == b"caf?\n"


def test_plain_progress_writes_at_most_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    clock = Clock()
    console, _, err = pair(clock=clock)
    with console.progress(30) as progress:
        for n in range(30):
            clock.now += 1.0
            progress.advance("success" if n % 3 else "failure", 0.01)
    lines = err.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == ["attempts 10/30", "attempts 20/30", "attempts 30/30"]
    assert lines[0] == "attempts 10/30: 6 successes, 4 failures, 0 errors, $0.1000, about 20 s left"
    assert "left" not in lines[-1]
    assert "\r" not in err.getvalue()


def test_the_last_line_is_written_when_the_work_is_interrupted() -> None:
    console, _, err = pair()
    with pytest.raises(KeyboardInterrupt), console.progress(5) as progress:
        progress.advance("error")
        raise KeyboardInterrupt
    assert err.getvalue() == "attempts 1/5: 0 successes, 0 failures, 1 error, about 0 s left\n"


def test_an_error_that_will_be_tried_again_is_counted_but_nothing_is_finished() -> None:
    progress = Progress(4, 2, Clock(), lambda _: None)
    progress.advance(Outcome.ERROR, final=False)
    assert progress.finished == 2
    assert progress.counts[Outcome.ERROR] == 1
    assert progress.seconds_left is None


def test_time_left_is_reckoned_from_this_session_alone() -> None:
    clock = Clock()
    progress = Progress(100, 90, clock, lambda _: None)
    clock.now = 8.0
    progress.advance(Outcome.SUCCESS)
    assert progress.seconds_left == pytest.approx(72.0)
    assert progress.cost_usd is None


def test_a_terminal_gets_a_live_bar_with_the_counts() -> None:
    console, _, err = pair(terminal=True)
    with console.progress(2, words="collecting") as progress:
        progress.advance("success", 0.5)
        console.say("a word meanwhile")
    assert "collecting" in err.getvalue()
    assert "1 success, 0 failures, 0 errors, $0.5000" in err.getvalue()
    assert "a word meanwhile" in err.getvalue()


def test_forced_colour_does_not_animate_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    console, out, err = pair()
    with console.working("reading"), console.progress(1) as progress:
        progress.advance("success")
    console.fail("x")
    console.table(["a"], [[1]])
    assert "\x1b" not in err.getvalue() + out.getvalue()


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "0 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")])
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
