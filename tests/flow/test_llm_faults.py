"""Both clients, whole and streaming, when no answer comes or a broken one.

For each: what comes out, how often the server was asked, which faults were told, and what the ledger counts as spent.
"""

import threading

import pytest
from llm_fake_server import closed_port
from llm_faults import (
    BAD_JSON,
    CUT,
    CUT_BEFORE,
    END_EARLY,
    HANG,
    OVERLOADED,
    SERVER_ERROR,
    WRONG_SHAPE,
    Fault,
    failing_in_stream,
    pause,
    rate_limited,
)
from llm_line import ASK, JSON, RESERVED_OUT, USED, Verdict, line, reserved

from halo_opt.core.errors import BudgetSpent
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.model import (
    Completion,
    ModelBusy,
    ModelError,
    ModelUnreachable,
)
from halo_opt.llm.providers import CallSettings, open_model


def test_nothing_wrong_gives_the_reply_and_what_it_used(provider: str, streamed: bool) -> None:
    with line(provider, streamed) as it:
        completion = it.ask()
    assert (completion.text, completion.parsed) == (JSON, Verdict(verdict="odd"))
    assert it.pieces == (['{"verdict":', ' "odd"}'] if streamed else [])
    assert it.ledger.spent == it.ledger.committed == USED
    assert it.faults == []


@pytest.mark.parametrize(
    ("fault", "kind", "wait"),
    [
        (rate_limited(7), "rate limit", 7.0),
        (rate_limited(), "rate limit", None),
        (SERVER_ERROR, "server error", None),
        (OVERLOADED, "server error", None),
    ],
)
def test_what_passes_is_waited_for_and_costs_nothing(
    provider: str, streamed: bool, fault: Fault, kind: str, wait: float | None
) -> None:
    with line(provider, streamed, fault, fault) as it:
        assert it.ask().text == JSON
    assert it.faults == [kind, kind]
    assert len(it.proxy.seen) == 3
    if wait is not None:
        assert it.waits == [wait, wait]
    else:
        assert 1.0 <= it.waits[0] <= 1.5
        assert 2.0 <= it.waits[1] <= 3.0
    assert it.ledger.spent == USED


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (rate_limited(), ModelBusy, r"too many requests \(slow down\).*\(3 tries\)"),
        (OVERLOADED, ModelBusy, r"answered with an error 529 \(Overloaded\) \(3 tries\)"),
        (SERVER_ERROR, ModelError, r"answered with an error 500 \(internal error\) \(3 tries\)"),
    ],
)
def test_what_does_not_pass_ends_after_the_last_try_and_costs_nothing(
    provider: str, streamed: bool, fault: Fault, error: type[ModelError], words: str
) -> None:
    with line(provider, streamed, *[fault] * 9) as it, pytest.raises(error, match=words) as caught:
        it.ask(max_tries=3)
    assert type(caught.value) is error
    assert len(it.proxy.seen) == len(it.faults) == 3
    assert it.ledger.committed.calls == 0


def test_a_longer_wait_than_allowed_is_not_begun(provider: str, streamed: bool) -> None:
    with line(provider, streamed, rate_limited(3600)) as it, pytest.raises(ModelBusy):
        it.ask(max_wait_s=60)
    assert (it.waits, len(it.proxy.seen)) == ([], 1)


def test_a_hang_is_given_up_on_once_and_counted_in_full(provider: str, streamed: bool) -> None:
    with line(provider, streamed, HANG) as it, pytest.raises(ModelUnreachable, match=r"not answer within 0\.2 seconds"):
        it.ask(timeout_s=0.2)
    assert it.proxy.seen == ["hang"]
    assert it.faults == ["timeout"]
    assert reserved(it.ledger.spent)


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (CUT_BEFORE, {"cut off"}),
        (CUT, {"cut off"}),
        (END_EARLY, {"malformed"}),
        (BAD_JSON, {"malformed"}),
        (WRONG_SHAPE, {"malformed"}),
    ],
)
def test_an_answer_that_was_lost_is_asked_for_anew_and_both_calls_are_counted(
    provider: str, fault: Fault, kinds: set[str]
) -> None:
    with line(provider, False, fault) as it:
        assert it.ask().text == JSON
    assert len(it.proxy.seen) == 2
    assert set(it.faults) == kinds
    assert it.ledger.spent.calls == 2
    assert it.ledger.spent.tokens_out == RESERVED_OUT + 5


@pytest.mark.parametrize("fault", [CUT_BEFORE, CUT, BAD_JSON, WRONG_SHAPE])
def test_an_answer_that_is_always_lost_is_asked_for_three_times_at_most(provider: str, fault: Fault) -> None:
    with line(provider, False, *[fault] * 9) as it, pytest.raises(ModelError, match="m at http://127") as caught:
        it.ask()
    assert isinstance(caught.value, ModelUnreachable) == (fault in {CUT_BEFORE, CUT})
    assert len(it.proxy.seen) == 3
    assert it.ledger.spent.calls == 3
    assert it.ledger.spent.tokens_out == 3 * RESERVED_OUT


def test_a_lost_answer_is_not_asked_for_anew_when_the_budget_does_not_allow_it(provider: str) -> None:
    with line(provider, False, CUT) as it:
        it.ledger = Ledger(Budget(calls=1))
        with pytest.raises(BudgetSpent):
            it.ask()
    assert len(it.proxy.seen) == 1
    assert reserved(it.ledger.spent)


@pytest.mark.parametrize("fault", [CUT_BEFORE, WRONG_SHAPE])
def test_a_stream_that_broke_before_any_text_is_asked_for_anew(provider: str, fault: Fault) -> None:
    with line(provider, True, fault) as it:
        assert it.ask().text == JSON
    assert it.pieces == ['{"verdict":', ' "odd"}']
    assert it.ledger.spent.calls == 2


@pytest.mark.parametrize("fault", [CUT, END_EARLY])
def test_a_stream_that_broke_after_some_text_is_not_tried_again(provider: str, fault: Fault) -> None:
    with (
        line(provider, True, fault) as it,
        pytest.raises(ModelUnreachable, match="broke off before its answer") as caught,
    ):
        it.ask()
    assert it.pieces[0] == '{"verdict":'
    assert len(it.proxy.seen) == 1
    assert (it.faults, it.waits) == (["cut off"], [])
    assert caught.value.spent == Completion(text="")
    assert reserved(it.ledger.spent)


def test_bad_json_in_the_middle_of_a_stream_is_an_error_that_may_have_been_billed(provider: str) -> None:
    with line(provider, True, BAD_JSON) as it, pytest.raises(ModelError, match="gave no usable answer"):
        it.ask()
    assert len(it.proxy.seen) == 1
    assert it.faults == ["malformed"]
    assert reserved(it.ledger.spent)


def test_an_error_inside_a_stream_after_some_text_is_not_tried_again(provider: str) -> None:
    with line(provider, True, failing_in_stream()) as it, pytest.raises(ModelBusy, match="Overloaded"):
        it.ask()
    assert it.pieces[0] == '{"verdict":'
    assert len(it.proxy.seen) == 1
    assert reserved(it.ledger.spent)


def test_the_first_half_of_a_stream_is_handed_on_before_the_second_is_sent(provider: str) -> None:
    first = threading.Event()
    with line(provider, True, pause(until=first)) as it:
        threads: list[threading.Thread] = []

        class Handed(list[str]):
            def append(self, piece: str) -> None:
                threads.append(threading.current_thread())
                super().append(piece)
                first.set()

        it.pieces = Handed()
        assert it.ask().text == JSON  # hangs if nothing is handed on before the end
    assert set(threads) == {threading.current_thread()}


def test_a_listener_that_fails_ends_the_call_which_stays_counted(provider: str) -> None:
    class Broken(list[str]):
        def append(self, piece: str) -> None:
            raise OSError("the terminal is gone")

    with line(provider, True) as it, pytest.raises(OSError, match="terminal is gone"):
        it.pieces = Broken()
        it.ask()
    assert reserved(it.ledger.spent)


def test_our_own_server_is_started_again_before_the_next_try(provider: str) -> None:
    revived: list[bool] = []
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    url = f"http://127.0.0.1:{closed_port()}/v1"
    endpoint = Endpoint(url, "k", "m", free=True, provider=provider, revive=lambda: revived.append(True))
    with (
        open_model(endpoint, settings=CallSettings(max_tries=3), sleep=sleep) as model,
        pytest.raises(ModelUnreachable, match=r"cannot be reached \(3 tries\)"),
    ):
        model.complete(ASK)
    assert revived == [True, True]
    assert len(waits) == 2


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_asked_for_our_own_machine(
    provider: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port()}")
    with line(provider, False) as it:
        assert it.ask(max_tries=1).text == JSON


def test_a_proxy_of_the_environment_is_asked_for_other_machines(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with line(provider, False) as it:
        monkeypatch.setenv("HTTP_PROXY", it.server.url.removesuffix("/v1"))
        it.endpoint = Endpoint("http://models.example/v1", "sesame", "m", free=False, provider=provider)
        assert it.ask(max_tries=1).text == JSON
    assert it.server.asked[0][0].startswith("http://models.example/v1/")
