"""Errors that stand in the results of spans, whose producer does not mark them."""

from typing import Any

import pytest
from test_store_spans import ROOT, openinference_llm, span, stored

ASKED = [("user", "Pay both invoices")]


def tool(span_id: str, second: int, name: str, result: str, **more: Any) -> dict[str, Any]:
    attributes = {"openinference.span.kind": "TOOL", "tool.name": name, "input.value": f'{{"id": "{span_id}"}}'}
    return span(span_id, second, {**attributes, "output.value": result}, **more)


def asking(span_id: str, second: int, given: list[tuple[str, str]], *calls: str) -> dict[str, Any]:
    """A reply that asks for calls, of a producer that writes no TOOL spans."""
    made = openinference_llm(span_id, second, given, "I pay")
    for n, name in enumerate(calls):
        place = f"llm.output_messages.0.message.tool_calls.{n}.tool_call.function"
        made["attributes"] |= {f"{place}.name": name, f"{place}.arguments": "{}"}
    return made


def test_a_result_that_says_so_is_an_error(tmp_path):
    llm = openinference_llm("l", 1, ASKED, "I pay")
    with stored(tmp_path, ROOT, llm, tool("a", 2, "pay", '{"success": false, "message": "card declined"}')) as store:
        assert store.rows("SELECT tool, error_type, error FROM steps") == [("pay", "tool_error", "card declined")]


def test_of_parallel_calls_the_one_that_failed_stands_for_the_step(tmp_path):
    llm = openinference_llm("l", 1, ASKED, "I pay")
    calls = tool("a", 2, "read", "fine"), tool("b", 3, "pay", "Error: card declined")
    with stored(tmp_path, ROOT, llm, *calls) as store:
        assert store.rows("SELECT tool, arguments, error FROM steps") == [
            ("pay", '{"id": "b"}', "Error: card declined")
        ]
        assert store.rows("SELECT tool, error FROM tool_calls ORDER BY position") == [
            ("read", None),
            ("pay", "Error: card declined"),
        ]


def test_requested_calls_have_the_results_in_the_next_prompt(tmp_path):
    second = [*ASKED, ("assistant", "I pay"), ("tool", "paid"), ("tool", "Error: card declined")]
    with stored(
        tmp_path, ROOT, asking("l1", 1, ASKED, "pay", "refund"), openinference_llm("l2", 2, second, "No")
    ) as store:
        assert store.rows("SELECT tool, result, error_type FROM tool_calls ORDER BY position") == [
            ("pay", "paid", None),
            ("refund", "Error: card declined", "tool_error"),
        ]


def test_another_conversation_has_no_results_for_a_reply(tmp_path):
    other = [("user", "Something else"), ("assistant", "Hm"), ("tool", "Error: no")]
    with stored(tmp_path, ROOT, asking("l1", 1, ASKED, "pay"), openinference_llm("l2", 2, other, "No")) as store:
        assert store.rows("SELECT tool, result, error_type FROM tool_calls") == [("pay", None, None)]


def test_a_reply_that_the_harness_could_not_parse_is_a_format_error(tmp_path):
    complaint = "Previous response had parsing errors:\nERROR: No valid JSON found in response"
    second = [*ASKED, ("assistant", "I pay"), ("user", complaint)]
    with stored(
        tmp_path, ROOT, openinference_llm("l1", 1, ASKED, "I pay"), openinference_llm("l2", 2, second, "{}")
    ) as store:
        assert store.rows("SELECT error_type, error FROM steps ORDER BY step") == [("format", complaint), (None, None)]


@pytest.mark.parametrize("message", ["no match", ""])
def test_what_the_producer_calls_an_error_is_one(tmp_path, message):
    status = {"code": "STATUS_CODE_ERROR", "message": message}
    grep = span(
        "x", 2, {"openinference.span.kind": "TOOL", "tool.name": "bash", "input.value": "grep a b"}, status=status
    )
    with stored(tmp_path, ROOT, openinference_llm("l", 1, ASKED, "I look"), grep) as store:
        assert store.rows("SELECT error_type FROM steps") == [("tool_error",)]


def test_an_error_type_of_the_producers_own_is_kept(tmp_path):
    attributes = {"openinference.span.kind": "TOOL", "tool.name": "pay", "error.type": "card_declined"}
    with stored(tmp_path, ROOT, openinference_llm("l", 1, ASKED, "I pay"), span("x", 2, attributes)) as store:
        assert store.rows("SELECT error_type, error FROM steps") == [("card_declined", "card_declined")]


def test_the_span_of_a_call_has_the_error_that_its_result_shows(tmp_path):
    llm = openinference_llm("l", 1, ASKED, "I pay")
    with stored(tmp_path, ROOT, llm, tool("a", 2, "pay", "Error: card declined")) as store:
        assert store.rows("SELECT error_type, status_message FROM spans WHERE kind = 'TOOL'") == [
            ("tool_error", "Error: card declined")
        ]
