"""Detectors that judge an attempt as a whole, by its goal, its limits, or the attempts beside it; and real formats."""

import json
from pathlib import Path
from typing import Any

import pytest
from mining_fixture import TinyStore, step

from halo_opt.mining.detector_files import built_in
from halo_opt.store import Store, build_store

ALL = built_in(experimental=True)
BY_NAME = {behaviour.name: behaviour for behaviour in ALL}
LS = step("execute", "ls -l", result="a.txt")
BOOK = step("book_flight", '{"id": 1}', result="booked")


def says(words: str) -> dict[str, Any]:
    return step("respond", words, result="ok")


def done(answer: str | None) -> dict[str, Any]:
    return step("finish", None if answer is None else json.dumps({"answer": answer}))


def showing(store: TinyStore | Store, name: str) -> dict[str, bool]:
    return {trace: value for trace, value, _ in sorted(store.rows(BY_NAME[name].sql))}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hit_time_limit", "time_limit"),
        ("hit_token_limit", "context_limit"),
        ("hit_token_limit", "output_limit"),
        ("hit_cost_limit", "cost_limit"),
        ("hit_error_limit", "error_limit"),
        ("context_overflow", "context_limit"),
    ],
)
def test_a_limit_is_what_the_trace_says_it_is(tiny: TinyStore, name: str, reason: str) -> None:
    tiny.add([LS], end_reason=reason)
    tiny.add([LS], end_reason="step_limit")
    tiny.add([LS])
    assert showing(tiny, name) == {"trace-0000": True, "trace-0001": False, "trace-0002": False}


def test_an_empty_answer_is_one_only_where_others_answer(tiny: TinyStore) -> None:
    tiny.add([LS, done("")], run="asks")
    tiny.add([LS, done("42")], run="asks")
    tiny.add([LS], run="asks")
    tiny.add([LS, step("submit", "")], run="does")
    assert showing(tiny, "empty_answer") == {"trace-0000": True, "trace-0001": False}


@pytest.mark.parametrize(
    ("goal", "answer", "fewer"),
    [
        ("List the top 3 sellers", "Anna, Bob", True),
        ("List the top 3 sellers", "Anna, Bob, Carl", False),
        ("Give me five names", "1. a\n2. b\n3. c", True),
        ("Give me five names", "a\nb\nc\nd\ne", False),
        ("Name the two rivers", "the Rhine; the Main", False),
    ],
)
def test_items_are_counted_however_they_are_set_apart(tiny: TinyStore, goal: str, answer: str, fewer: bool) -> None:
    tiny.add([LS, says("first words"), says(answer)], goal=goal)
    tiny.add([LS, says("x")], goal="Fix 3 bugs")
    assert showing(tiny, "fewer_items_than_asked") == {"trace-0000": fewer}


def test_a_value_that_the_goal_quotes_must_be_used_somewhere(tiny: TinyStore) -> None:
    goal = 'Send "Good news" to amy@example.org'
    tiny.add([step("mail", '{"to": "amy@example.org", "text": "good news"}')], goal=goal)
    tiny.add([step("mail", '{"to": "amy@example.org", "text": "bad news"}')], goal=goal)
    tiny.add([LS], goal="no value at all")
    assert showing(tiny, "given_value_unused") == {"trace-0000": False, "trace-0001": True}


def test_a_name_of_the_goal_keeps_its_capital_letters(tiny: TinyStore) -> None:
    goal = "Link /data/FooBar"
    tiny.add([step("execute", "ln -s /data/FooBar x")], goal=goal)
    tiny.add([step("execute", "ls"), step("execute", "ln -s /data/foobar x")], goal=goal)
    tiny.add([step("execute", "ls /data")], goal="Link /data/all of Them")
    assert showing(tiny, "changed_letter_case") == {"trace-0000": False, "trace-0001": True}


def test_a_script_that_the_goal_uses_is_not_strange(tiny: TinyStore) -> None:
    tiny.add([says("Вот ваши рейсы")], goal="Find flights")
    tiny.add([says("Here are π and ω")], goal="Find flights")
    tiny.add([says("Вот ваши рейсы")], goal="Найди рейсы")
    assert showing(tiny, "other_script") == {"trace-0000": True, "trace-0001": False}


def test_a_claimed_change_needs_a_change(tiny: TinyStore) -> None:
    tiny.add([LS, says("I have booked the flight for you.")])
    tiny.add([BOOK, says("I have booked the flight for you.")])
    tiny.add([LS, says("Once your card has been updated, I can book it.")])
    assert list(showing(tiny, "claimed_change_never_made").values()) == [True, False, False]


def test_words_of_change_mean_nothing_where_nothing_can_be_changed(tiny: TinyStore) -> None:
    tiny.add([LS, says("I have booked the flight for you.")])
    assert showing(tiny, "claimed_change_never_made") == {}


@pytest.mark.parametrize(
    ("name", "usual", "far", "near"),
    [
        ("high_cost", {"cost_usd": 0.1}, {"cost_usd": 0.4}, {"cost_usd": 0.2}),
        (
            "high_tokens",
            {"tokens_in": 900, "tokens_out": 100},
            {"tokens_in": 4000, "tokens_out": 100},
            {"tokens_in": 1000, "tokens_out": 900},
        ),
        (
            "slow_attempt",
            {"started_at": "2026-01-01 00:00:00", "ended_at": "2026-01-01 00:01:00"},
            {"started_at": "2026-01-01 00:00:00", "ended_at": "2026-01-01 00:05:00"},
            {"started_at": "2026-01-01 00:00:00", "ended_at": "2026-01-01 00:02:30"},
        ),
    ],
)
def test_far_more_is_measured_against_the_same_task(
    tiny: TinyStore, name: str, usual: dict[str, Any], far: dict[str, Any], near: dict[str, Any]
) -> None:
    for given in (usual, usual, usual, far, near):
        tiny.add([LS], **given)
    assert [trace for trace, value in showing(tiny, name).items() if value] == ["trace-0003"]


def test_a_slow_step_stands_out_among_the_steps_of_its_run(tiny: TinyStore) -> None:
    def timed(seconds: int) -> dict[str, Any]:
        return {
            **LS,
            "started_at": "2026-01-01 00:00:00",
            "ended_at": f"2026-01-01 00:{seconds // 60:02}:{seconds % 60}",
        }

    tiny.add([timed(2)] * 5)
    tiny.add([timed(2), timed(90)])
    tiny.add([timed(2), timed(25)])
    assert [value for _, value in sorted(showing(tiny, "slow_step").items())] == [False, True, False]


def test_no_steps_are_seen(tiny: TinyStore) -> None:
    tiny.add([])
    tiny.add([LS])
    assert showing(tiny, "no_steps") == {"trace-0000": True, "trace-0001": False}


def span(trace: str, number: int, kind: str, **attributes: Any) -> dict[str, Any]:
    return {
        "trace_id": trace,
        "span_id": f"{trace}{number}",
        "parent_span_id": "" if kind == "AGENT" else f"{trace}0",
        "name": str(attributes.get("tool.name", kind.lower())),
        "start_time": f"2026-01-01T00:00:{number:02}Z",
        "end_time": f"2026-01-01T00:00:{number:02}Z",
        "status": {"code": "STATUS_CODE_OK"},
        "attributes": {"openinference.span.kind": kind, **attributes},
    }


@pytest.fixture
def spans(tmp_path: Path) -> Store:
    """Two attempts as any producer of OpenInference spans writes them, one cut off and going in circles."""
    lines = []
    for trace, reason, files in (("aa", "length", ["a.py", "a.py"]), ("bb", "stop", ["a.py", "b.py"])):
        lines.append(span(trace, 0, "AGENT"))
        for n, name in enumerate(files):
            more = {"llm.output_messages.0.message.content": "I look", "llm.finish_reason": reason}
            lines.append(span(trace, 2 * n + 1, "LLM", **more))
            arguments = json.dumps({"command": f"cat {name}"})
            call = {"tool.name": "bash", "input.value": arguments, "output.value": "text"}
            lines.append(span(trace, 2 * n + 2, "TOOL", **call))
    path = tmp_path / "spans.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    build_store([path], tmp_path / "store.duckdb")
    return Store.open(tmp_path / "store.duckdb")


@pytest.mark.parametrize("name", ["truncated_reply", "repeated_action", "redundant_look"])
def test_spans_of_any_producer_tell_it(spans: Store, name: str) -> None:
    with spans:
        assert showing(spans, name) == {"aa": True, "bb": False}


def test_a_conversation_of_openai_messages_tells_it(tmp_path: Path) -> None:
    def calls(name: str, arguments: str) -> dict[str, Any]:
        return {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": name, "arguments": arguments}}]}

    def talk(last: str) -> dict[str, Any]:
        messages = [
            {"role": "user", "content": "Cancel my order"},
            calls("cancel_order", '{"order_id": "W12345"}'),
            {"role": "tool", "tool_call_id": "1", "content": "Error: order not found"},
            {"role": "assistant", "content": last},
        ]
        return {"task_id": "t", "messages": messages, "reward": 0}

    path = tmp_path / "chat.jsonl"
    words = ("Your order has been cancelled successfully.", "Sorry, I cannot find that order.")
    path.write_text("\n".join(json.dumps(talk(w)) for w in words) + "\n", encoding="utf-8")
    build_store([path], tmp_path / "store.duckdb")
    with Store.open(tmp_path / "store.duckdb") as store:
        assert sorted(showing(store, "claimed_success_after_error").values()) == [False, True]
        assert list(showing(store, "invented_value").values()) == [True, True]
        assert sorted(showing(store, "gave_up_in_words").values()) == [False, True]
