"""What failed calls mean, and how long to wait before another."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from halo_common.model_calls import Failure, error_message, failed_reply, on_this_machine, wait_before_retry
from halo_common.prices import listed_cost, stated_cost
from halo_common.text import did_you_mean, nearest, one_line


@pytest.mark.parametrize(
    ("status", "message", "kind", "may_pass"),
    [
        (429, "slow down", "rate limit", True),
        (429, "insufficient_quota: add money", "rejected", False),
        (402, "pay", "rejected", False),
        (400, "Your credit balance is too low", "rejected", False),
        (401, "who?", "rejected", False),
        (404, "no such model with this context window", "rejected", False),
        (400, "prompt is too long: 9 > 8", "too long", False),
        (500, "the request exceeds the available context size", "too long", False),
        (413, "", "too long", False),
        (503, "busy", "server error", True),
        (529, "overloaded", "server error", True),
        (408, "late", "rejected", True),
        (400, "what?", "rejected", False),
    ],
)
def test_a_reply_with_an_error_status_has_a_kind(status: int, message: str, kind: str, may_pass: bool) -> None:
    failure = failed_reply(status, message)
    assert (failure.kind, failure.may_pass) == (kind, may_pass)


@pytest.mark.parametrize(("kind", "may_pass"), [("timeout", True), ("unreachable", True), ("malformed", False)])
def test_what_never_got_a_reply_may_pass(kind: str, may_pass: bool) -> None:
    assert Failure(kind).may_pass is may_pass


def test_waits_double_up_to_the_longest() -> None:
    busy = Failure("rate limit")
    assert [wait_before_retry(busy, tries, first=1, longest=5) for tries in (1, 2, 3, 4)] == [1, 2, 4, 5]


def test_what_the_server_asks_for_is_waited_whatever_the_longest() -> None:
    assert wait_before_retry(Failure("rate limit", retry_after=30), 1, first=1, longest=5) == 30
    assert wait_before_retry(Failure("rate limit", retry_after=0), 3, first=1, longest=math.inf) == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "a\n b", "code": 7}}, "a b"),
        ('{"message": "gone"}', "gone"),
        ("[" * 5000, "[" * 197 + "..."),
        ({"error": "plain"}, "plain"),
        ("key sesame-seed here", "key [key] here"),
    ],
)
def test_an_error_body_gives_one_line_without_the_key(body: object, message: str) -> None:
    assert error_message(body, secret="sesame-seed") == message


@pytest.mark.parametrize(
    ("url", "here"),
    [("http://127.0.0.1:1/v1", True), ("http://[::1]:1", True), ("https://api.openai.com/v1", False), ("x", False)],
)
def test_loopback_addresses_are_on_this_machine(url: str, here: bool) -> None:
    assert on_this_machine(url) is here


def test_cached_tokens_cost_as_much_as_others_unless_their_price_is_stated() -> None:
    counts = {"tokens_in": 1_000_000, "tokens_out": 0, "tokens_cached": 400_000, "input_price": 2, "output_price": 0}
    assert stated_cost(**counts) == 2
    assert stated_cost(**counts, cached_price=1) == pytest.approx(1.6)


def test_a_well_known_model_at_an_unknown_address_has_no_price() -> None:
    counts = {"tokens_in": 1_000_000, "tokens_out": 0}
    assert listed_cost("gpt-4o", "https://api.openai.com/v1", **counts) == pytest.approx(2.5)
    assert listed_cost("gpt-4o", "http://127.0.0.1:1/v1", **counts) is None
    assert listed_cost("gpt-4o", "https://example.org/v1", **counts) is None


def test_the_nearest_word_is_named_and_else_those_there_are() -> None:
    assert nearest("opnai", ["openai", "vllm"]) == "openai"
    assert nearest("xyz", ["openai", "vllm"]) is None
    assert did_you_mean("opnai", ["openai", "vllm"]) == "the nearest is 'openai'"
    assert did_you_mean("xyz", "abcdefghijklmn") == "known are: a, b, c, d, e, f, g, h, i, j, k, l, ..."


def test_a_long_text_is_cut_to_one_line() -> None:
    assert one_line("a\n b  c", 5) == "a b c"
    assert one_line("abcdefgh", 6) == "abc..."


def test_importing_it_imports_nothing_slow() -> None:
    slow = ("psutil", "pydantic", "genai_prices", "openai", "anthropic", "httpx")
    modules = "model_calls, prices, text, files, processes, child_process"
    code = f"import sys; from halo_common import {modules}; print([m for m in {slow} if m in sys.modules])"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"
