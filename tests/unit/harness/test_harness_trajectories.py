"""What an attempt did, read from its span file; where two of them part; how much several differ."""

import json
from pathlib import Path

import pytest
from harness_results import result, setup, span, trail, write_spans
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluation.exploration import NOTHING, compare, compare_all
from harness.evaluation.rollout import SUMMARY, write_summary
from harness.evaluation.show import markdown_table, step_block, step_line, table
from harness.evaluation.trajectory import SpanReader, Step, plain, read, read_root

CLICK, TYPE = ("click", 'button "OK"', None), ("fill", 'textbox "Name"', "Ann")


def test_steps_have_their_actions_and_the_end_is_known(tmp_path: Path) -> None:
    where, one = setup(tmp_path), result("a")
    spans = trail("a-0", TYPE, None, CLICK, halo__goal="Say so.", halo__end_reason="done", halo__cache__hits=2)
    root, steps = read(write_spans(where, one, spans), "a-0")
    assert [s.action_text() for s in steps] == [
        'fill "Ann" on textbox "Name"', "no action (unusable reply)", 'click on button "OK"',
    ]  # fmt: skip
    assert [s.index for s in steps] == [0, 1, 2]
    assert (root.goal, root.end_reason, root.cache_hits, root.manager_calls) == ("Say so.", "done", 2, None)
    assert read_root(write_spans(where, result("b"), spans), "a-0") == root


def test_an_attempt_that_was_run_again_is_told_from_the_one_before(tmp_path: Path) -> None:
    where, one = setup(tmp_path), result("a")
    write_spans(where, one, trail("old", CLICK, CLICK, halo__end_reason="error"))
    path = write_spans(where, one, trail("new", TYPE, halo__end_reason="done"))
    root, steps = read(path, "new")
    assert (len(steps), root.end_reason) == (1, "done")
    assert read_root(path, "new").end_reason == "done"


def test_a_growing_file_gives_each_step_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(s) + "\n" for s in trail("t", CLICK, TYPE)]
    text, seen, growing = "".join(lines).encode(), [], SpanReader(path, "t")
    assert growing.new_steps() == []
    for size in range(0, len(text) + 1, 37):
        path.write_bytes(text[:size])
        seen += growing.new_steps()
    path.write_bytes(text)
    seen += growing.new_steps()
    assert [s.index for s in seen] == [0, 1]
    assert seen[0].actions and seen[1].actions
    assert growing.root is not None


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"trace_id": "t"}', '{"trace_id": "t", "attributes": null}'])
def test_lines_that_are_no_spans_are_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(line + "\n" + "".join(json.dumps(s) + "\n" for s in trail("t", CLICK)))
    assert len(read(path, "t")[1]) == 1
    assert read_root(path, "t") == read(path, "t")[0]


def test_an_attempt_without_spans_did_nothing(tmp_path: Path) -> None:
    root, steps = read(tmp_path / "none.jsonl", "t")
    assert (steps, root.end_reason, read_root(tmp_path / "none.jsonl", "t")) == ([], None, root)


def test_who_decided_is_read_from_the_step(tmp_path: Path) -> None:
    said = {
        "halo.step.index": 4, "halo.page.url": "http://a/", "halo.page.type": "form", "halo.decided_by": "macro",
        "halo.cache.hit": False, "halo.manager.called": True, "halo.manager.reason": "high stakes",
        "halo.macro.name": "fill_form", "halo.action.error_type": "execution", "halo.action.error": "it is covered",
        "halo.verifier.verdict": "no effect",
    }  # fmt: skip
    where = setup(tmp_path)
    [step] = read(write_spans(where, result("a"), [span("a-0", "CHAIN", "step", ("s", "r"), **said)]), "a-0")[1]
    block = "\n".join(step_block(step))
    for words in ("step 4  http://a/", "form", "macro fill_form", "yes (high stakes)", "execution: it is covered"):
        assert words in block
    assert "cache hit       no" in block
    assert "by macro, execution: it is covered" in step_line(step)


def test_what_a_span_does_not_say_is_a_dash() -> None:
    block = step_block(Step(index=0))
    assert all(line.endswith("-") for line in block if not line.startswith("  action"))


def test_texts_of_pages_cannot_command_a_terminal() -> None:
    assert plain("\x1b[2Jhello\n\u202eworld") == " [2Jhello  world"
    assert plain("a" * 300, 10) == "aaaaaaa..."
    assert markdown_table(["a"], [["x | y\n## z"]])[2] == "| x \\| y ## z |"
    assert table(["a", "b"], [["long", "c"]]) == ["a     b", "long  c"]


SEQUENCES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=6)


@given(SEQUENCES, SEQUENCES)
def test_two_sequences_part_where_they_first_differ(first: list[str], second: list[str]) -> None:
    d = compare("t", first, second)
    assert d.differs == (first != second)
    if d.step is not None:
        assert first[: d.step] == second[: d.step]
        assert d.first == (first[d.step] if d.step < len(first) else NOTHING)
        assert d.second == (second[d.step] if d.step < len(second) else NOTHING)
        assert d.first != d.second


def test_an_error_is_not_compared_and_never_counted_as_a_difference() -> None:
    found = compare_all(["a", "b", "c"], {"a": ["x"], "b": "error: model_error"}, {"a": ["x"], "b": ["x"], "c": ["x"]})
    assert [(d.differs, d.why_not) for d in found] == [(False, None), (None, "error: model_error"), (None, "not run")]


def test_a_rollout_s_line_tells_how_much_the_attempts_differ(tmp_path: Path) -> None:
    where = setup(tmp_path, model={"name": "tiny", "temperature": 0.7})
    ones = [
        result("a", attempt=0, trace_id="0", score=1.0, tokens_in=10, tokens_out=1),
        result("a", attempt=1, trace_id="1", score=0.0, tokens_in=12, tokens_out=2),
        result("a", attempt=2, trace_id="2", score=1.0),
        result("a", attempt=3, trace_id="3", score=None),
        result("b", trace_id="4", score=0.0),
    ]
    for one, actions in zip(ones, [(CLICK,), (TYPE, CLICK), (CLICK,), (TYPE,), ()], strict=True):
        write_spans(where, one, trail(one.trace_id, *actions))
    lines = write_summary(where, ones)
    assert [json.loads(line) for line in (tmp_path / SUMMARY).read_text().splitlines()] == lines
    first, second = lines
    assert (first["task_id"], first["model"], first["temperature"], first["attempts"]) == ("a", "tiny", 0.7, 4)
    assert first["outcomes"] == {"success": 2, "failure": 1, "error": 1}
    assert first["scores"] == [1.0, 0.0, 1.0, None]
    assert (first["tokens_in"], first["tokens_out"]) == (22, 3)
    assert first["distinct_action_sequences"] == 2
    assert first["success_rate"] == pytest.approx(2 / 3)
    assert (second["tokens_in"], second["distinct_action_sequences"]) == (None, 1)
