"""Showing one attempt: the tree, what spans say, and what happens when the trace file is not what it was."""

import json

import duckdb
import pytest
from query_samples import failed, root, span, stored, tool, trace

from halo_opt.core.errors import InputError
from halo_opt.store import Store
from halo_opt.store.queries.show import raw_lines, show, show_span


def llm(span_id: str, second: int, *messages: tuple[str, str], reply: str, **more: object) -> dict:
    attributes: dict = {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 7, **more}
    for n, (role, content) in enumerate(messages):
        attributes |= {f"llm.input_messages.{n}.message.role": role, f"llm.input_messages.{n}.message.content": content}
    attributes |= {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": reply}
    return span("t1", span_id, attributes, second=second)


def test_children_come_after_their_parents_in_order_of_time_with_what_they_say(tmp_path):
    late, early = tool("t1", 5, "buy", '{"q": 2}'), tool("t1", 2, "look", '{"q": 1}')
    inner = tool("t1", 3, "inner", parent_span_id="call-2", **failed("no such thing"))
    with stored(tmp_path, [late, inner, early, root("t1", 1.0)]) as store:
        view = show(store, "t1")
        assert [(s.depth, s.span_id) for s in view.spans] == [
            (0, "root"),
            (1, "call-2"),
            (2, "call-3"),
            (1, "call-5"),
        ]
        looked = view.spans[1]
        assert [(text.label, text.text) for text in looked.texts] == [("input", '{"q": 1}'), ("output", "done")]
        assert (looked.tool, looked.after, looked.seconds) == ("look", 2.0, 1.0)
        text = view.render().text
        assert "outcome: success" in text
        assert "ERROR: tool_error: no such thing" in text


def test_a_message_that_prompts_repeat_is_shown_once(tmp_path):
    first = llm("l1", 1, ("system", "be good"), ("user", "find it"), reply="I look")
    second = llm(
        "l2", 2, ("system", "be good"), ("user", "find it"), ("assistant", "I look"), ("user", "and?"), reply="42"
    )
    with stored(tmp_path, [root("t1"), first, second]) as store:
        text = show(store, "t1").render().text
        assert text.count("be good") == text.count("I look") == 1
        assert "(messages that are shown above: 3)" in text
        assert "m  tokens 7 in ? out" in text


def test_spans_that_are_each_others_parents_or_have_none_are_shown_too(tmp_path):
    circle = [tool("t1", 1, "a", parent_span_id="call-2"), tool("t1", 2, "b", parent_span_id="call-1")]
    lost = tool("t1", 3, "c", parent_span_id="nowhere")
    with stored(tmp_path, [root("t1"), *circle, lost, tool("t1", 4, "self", parent_span_id="call-4")]) as store:
        shown = [s.span_id for s in show(store, "t1").spans]
        assert sorted(shown) == ["call-1", "call-2", "call-3", "call-4", "root"]


def test_a_time_beyond_what_python_has_is_shown_as_unknown(tmp_path):
    far = tool("t1", 1, "look", start_time="12345-01-01T00:00:00Z", end_time="12345-01-01T00:00:01Z")
    with stored(tmp_path, [root("t1"), far]) as store:
        assert [(s.span_id, s.seconds) for s in show(store, "t1").spans] == [("root", 1.0), ("call-1", None)]


def test_one_span_is_shown_with_all_its_attributes_and_raw_as_it_is_in_the_file(tmp_path):
    odd = tool("t1", 1, "look", own={"x": 1})
    odd["attributes"]["deep"] = {"list": ["\u00f6"]}
    with stored(tmp_path, [root("t1"), odd]) as store:
        detail = show_span(store, "t1", "call")
        assert detail.attributes["deep"] == {"list": ["\u00f6"]}
        assert "tool.name: look" in detail.render().text
        lines = (tmp_path / "spans.jsonl").read_text().splitlines()
        assert raw_lines(store, "t1", "call-1").raw == [lines[1]]
        assert [json.loads(line)["span_id"] for line in raw_lines(store, "t1").raw] == ["root", "call-1"]


def test_ids_may_be_shortened_while_they_are_unambiguous(tmp_path):
    with stored(tmp_path, [*trace("abc1", None, "x"), *trace("abd2", None), *trace("ab", None)]) as store:
        assert show(store, "abc").trace_id == "abc1"
        assert show(store, "ab").trace_id == "ab"
        with pytest.raises(InputError, match="'a' is not one trace: ab, abc1, abd2 begin so; give more of it"):
            show(store, "a")
        with pytest.raises(InputError, match="list them with 'halo-opt traces'"):
            show(store, "zz")
        with pytest.raises(InputError, match=r"abc1 has no span 'zz'"):
            show_span(store, "abc1", "zz")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_text("x" * 40 + path.read_text()), r"spans\.jsonl has changed since .*import"),
        (lambda path: path.write_text(path.read_text()[:100]), r"spans\.jsonl has changed since .*import"),
        (lambda path: path.unlink(), r"spans\.jsonl cannot be read \(No such file.*put it back"),
    ],
)
def test_a_file_that_is_not_what_was_imported_is_one_clear_error(tmp_path, damage, message):
    with stored(tmp_path, trace("t1", None, "look")) as store:
        damage(tmp_path / "spans.jsonl")
        for ask in (lambda: show(store, "t1"), lambda: show_span(store, "t1", "root"), lambda: raw_lines(store, "t1")):
            with pytest.raises(InputError, match=message):
                ask()


def test_an_attempt_without_lines_is_shown_from_the_tables(mixed):
    [(trace_id,)] = mixed.rows("SELECT trace_id FROM attempts WHERE task_id = 'airline-41'")
    view = show(mixed, trace_id)
    kinds = [s.kind for s in view.spans]
    assert kinds[0] == "AGENT"
    assert "TOOL" in kinds
    call = next(s for s in view.spans if s.kind == "TOOL")
    assert call.texts[0].text == '{"reservation_id":"3RK2T9"}'
    everything = view.render(None).text
    assert everything.count("I booked the flight about 10 hours ago") == 1
    assert "Airline Agent Policy" in everything
    assert show_span(mixed, trace_id, call.span_id).attributes["input"] == call.texts[0].text
    with pytest.raises(InputError, match="leave --raw out"):
        raw_lines(mixed, trace_id)


def test_a_big_attempt_shows_every_span_in_little_before_it_is_cut(tmp_path):
    spans = [root("t1"), *(tool("t1", n, "look", "x" * 5_000) for n in range(1, 11))]
    with stored(tmp_path, spans) as store:
        view = show(store, "t1")
        whole = view.render(None)
        assert (whole.cut, whole.size) == (False, len(whole.text))
        shortened = view.render(10_000)
        assert shortened.cut
        assert len(shortened.text) <= 10_000
        assert all(f"[call-{n}]" in shortened.text for n in range(1, 11))
        assert "--span SPAN_ID" in shortened.text
        tiny = view.render(900)
        assert len(tiny.text.encode()) <= 900
        assert f"of {whole.size} bytes are shown" in tiny.text


def test_a_span_whose_attributes_are_no_object_is_shown(tmp_path):
    odd = [span("t1", "a", {}) | {"attributes": None}, span("t1", "b", {}) | {"attributes": [1]}]
    with stored(tmp_path, [root("t1"), *odd]) as store:
        assert len(show(store, "t1").spans) == 3
        assert show_span(store, "t1", "b").attributes == {}


def test_an_attempt_without_spans_is_shown_by_its_facts(tmp_path):
    stored(tmp_path, trace("t1", 1.0, "look")).close()
    with duckdb.connect(str(tmp_path / "s.duckdb")) as connection:
        connection.execute("DELETE FROM spans")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert "outcome: success" in show(store, "t1").render().text
