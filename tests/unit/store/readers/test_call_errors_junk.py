"""Whatever a result holds, recognising its error ends, raises nothing and gives words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples
from reader_tools import JUNK

from halo_opt.store.readers.call_errors import call_error

TOOLS = st.sampled_from([None, "respond", "bash", "python", "read_file", "pay", ""])
WORDS = st.sampled_from(
    [
        "Error: ",
        "Traceback (most recent call last):\n",
        '  File "a", line 1\n',
        "{",
        '{"error": ',
        "<error>",
        "exit code 1",
        "\n",
    ]
)
TEXTS = st.lists(st.one_of(WORDS, st.text(max_size=20)), max_size=6).map("".join)
few = examples(100, fresh=1000)


@few
@given(tool=TOOLS, arguments=st.one_of(st.none(), TEXTS), result=TEXTS, failed=st.sampled_from([None, True, False]))
def test_any_text_is_judged(tool: str | None, arguments: str | None, result: str, failed: bool | None) -> None:
    found = call_error(tool, arguments, result, failed=failed)
    assert found is None or (found.error_type and found.message)


@few
@given(
    tool=TOOLS,
    name=st.sampled_from(["error", "errors", "status", "content", "exit_code", "detail", "result"]),
    value=JUNK,
)
def test_any_record_is_judged(tool: str | None, name: str, value: Any) -> None:
    found = call_error(tool, "{}", json.dumps({name: value}))
    assert found is None or (found.error_type and found.message)


@few
@given(result=TEXTS)
def test_a_call_that_its_format_marks_as_failed_has_an_error(result: str) -> None:
    assert call_error("pay", "{}", result, failed=True) is not None


@pytest.mark.parametrize(
    "text", ["Error: " * 50_000, "{" * 50_000, "[" * 50_000, "a: " * 50_000, "\n" * 50_000, "x" * 10**6]
)
@pytest.mark.parametrize("tool", ["bash", "pay", "python"])
def test_a_long_result_is_judged_and_its_message_is_short(tool: str, text: str) -> None:
    found = call_error(tool, text, text)
    assert found is None or len(found.message) <= 2000
