"""Both clients, whole and streaming, through every way in which a provider's answer goes wrong.

For each: what comes out, how often the server was asked, which faults were told, and what the ledger counts as spent.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from llm_fake_server import FakeServer, Reply, closed_port, fake_server, said
from llm_fault_proxy import FaultProxy
from llm_faults import (
    BAD_JSON,
    CUT,
    CUT_BEFORE,
    DUPLICATE,
    EMPTY,
    END_EARLY,
    HANG,
    OVERLOADED,
    REFUSAL,
    REFUSAL_WORDS,
    SERVER_ERROR,
    TOO_LONG_WORDS,
    WRONG_SHAPE,
    Fault,
    failing_in_stream,
    pause,
    rate_limited,
    status,
    too_long,
    wrong_usage,
)
from pydantic import BaseModel

from halo_opt.errors import BudgetSpent
from halo_opt.llm.address import Endpoint
from halo_opt.llm.ledger import Budget, Ledger, Spend
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import (
    Completion,
    Message,
    ModelBusy,
    ModelError,
    ModelMisfit,
    ModelRefused,
    ModelUnreachable,
    PromptTooLong,
)
from halo_opt.llm.price_list import Price
from halo_opt.llm.providers import CallSettings, open_model

ASK = [
    Message(role="system", content="You answer."),
    Message(role="user", content="Is three odd?", now="1 minute left"),
]
JSON = '{"verdict": "odd"}'
RESERVED_OUT = 50
USED = Spend(calls=1, tokens_in=12, tokens_out=5, cost_usd=22.0)  # at one dollar in and two out per token


class Verdict(BaseModel):
    verdict: Literal["even", "odd"]


class Line:
    """One client in front of a server with faults, its ledger, and what was told."""

    def __init__(self, provider: str, *, streamed: bool, server: FakeServer, proxy: FaultProxy) -> None:
        self.streamed = streamed
        self.server = server
        self.proxy = proxy
        self.waits: list[float] = []
        self.faults: list[str] = []
        self.pieces: list[str] = []
        self.ledger = Ledger(Budget())
        self.endpoint = Endpoint(
            proxy.url, "sesame", "m", free=False, provider=provider, price=Price(input=1e6, output=2e6)
        )

    def ask(self, schema: type[BaseModel] | None = Verdict, *, timeout_s: float = 30.0, **settings: Any) -> Completion:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        chosen = CallSettings(timeout_s=timeout_s, max_tokens=RESERVED_OUT, **settings)
        with open_model(
            self.endpoint, settings=chosen, rng=random.Random(7), sleep=sleep, on_fault=self.faults.append
        ) as model:
            metered = MeteredModel(model, self.ledger, self.endpoint, max_tokens=RESERVED_OUT, purpose="test")
            return metered.complete(ASK, schema=schema, on_text=self.pieces.append if self.streamed else None)


@pytest.fixture(params=["lab", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@contextmanager
def line(provider: str, streamed: bool, *faults: Fault | None, reply: Reply | None = None) -> Iterator[Line]:
    with fake_server(reply or said(JSON)) as server, FaultProxy(server.url, faults) as proxy:
        yield Line(provider, streamed=streamed, server=server, proxy=proxy)


def reserved(spend: Spend) -> bool:
    """Whether one call is counted with its whole reservation, and nothing else."""
    return spend.calls == 1 and spend.tokens_out == RESERVED_OUT and spend.tokens_in > 12


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


def test_an_empty_reply_is_a_misfit_that_was_paid_for(provider: str, streamed: bool) -> None:
    for schema in (Verdict, None):
        with line(provider, streamed, EMPTY) as it, pytest.raises(ModelMisfit, match="m gave an empty reply") as caught:
            it.ask(schema)
        assert caught.value.text == ""
        assert it.faults == ["empty"]
        assert (len(it.proxy.seen), it.ledger.spent) == (1, USED)


def test_a_refusal_is_told_as_such_and_was_paid_for(provider: str, streamed: bool) -> None:
    with line(provider, streamed, REFUSAL) as it, pytest.raises(ModelRefused, match="m refuses to answer") as caught:
        it.ask()
    assert (REFUSAL_WORDS in str(caught.value)) == (provider == "lab")  # Anthropic gives no words
    assert it.faults == ["refused"]
    assert (len(it.proxy.seen), it.ledger.spent) == (1, USED)


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
def test_a_filter_before_the_model_is_a_refusal_that_costs_nothing(streamed: bool, code: str) -> None:
    reply = Reply(status=400, body={"error": {"message": "flagged", "type": "e", "code": code}})
    with line("lab", streamed, reply=reply) as it, pytest.raises(ModelRefused, match=r"a filter stopped.*\(flagged\)"):
        it.ask()
    assert it.faults == ["refused"]
    assert it.ledger.committed.calls == 0


@pytest.mark.parametrize("server", TOO_LONG_WORDS)
def test_a_prompt_that_is_too_long_is_recognised_in_every_server_s_words(
    provider: str, streamed: bool, server: str
) -> None:
    with line(provider, streamed, too_long(server)) as it, pytest.raises(PromptTooLong, match="cannot read so long"):
        it.ask()
    assert it.faults == ["too long"]
    assert (len(it.proxy.seen), it.ledger.committed.calls) == (1, 0)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 422])
def test_other_rejections_are_not_taken_for_a_long_prompt(provider: str, code: int) -> None:
    with (
        line(provider, False, status(code, "no", kind="invalid_request_error")) as it,
        pytest.raises(ModelError) as caught,
    ):
        it.ask()
    assert type(caught.value) is ModelError
    assert it.faults == ["rejected"]


@pytest.mark.parametrize(("schema", "text"), [(Verdict, '{"verdict": "o'), (None, "three is")])
def test_a_reply_that_met_its_limit_is_a_misfit_with_its_text(
    provider: str, streamed: bool, schema: type[BaseModel] | None, text: str
) -> None:
    with line(provider, streamed, reply=said(text, finish="length")) as it:
        with pytest.raises(ModelMisfit, match="cut off at 50 tokens before it") as caught:
            it.ask(schema)
        assert caught.value.text == text
    assert it.faults == ["cut off"]
    assert it.ledger.spent == USED


def test_a_smaller_object_inside_a_reply_that_was_cut_off_is_not_taken_for_it(provider: str) -> None:
    reply = said('[{"verdict": "odd"}, {"verd', finish="length")
    with line(provider, False, reply=reply) as it, pytest.raises(ModelMisfit, match="was cut off"):
        it.ask()


@pytest.mark.parametrize(
    "text",
    [f"```json\n{JSON}\n```", f"The answer is {JSON}.", f"First {{no}} then {JSON}"],
    ids=["fence", "words", "two"],
)
def test_an_object_with_words_around_it_is_taken(provider: str, streamed: bool, text: str) -> None:
    with line(provider, streamed, reply=said(text)) as it:
        completion = it.ask()
    assert (completion.text, completion.parsed) == (text, Verdict(verdict="odd"))


def test_a_reply_of_another_kind_is_a_misfit_with_its_text(provider: str, streamed: bool) -> None:
    with line(provider, streamed, reply=said("odd, I think")) as it:
        with pytest.raises(ModelMisfit, match=r"is not a Verdict: .*it begins 'odd, I think'") as caught:
            it.ask()
        assert caught.value.text == "odd, I think"
    assert it.faults == ["malformed"]
    assert it.ledger.spent == USED


@pytest.mark.filterwarnings("ignore:Failed to extract usage")
@pytest.mark.parametrize("usage", [(0, 0), (-5, -3)])
def test_usage_that_cannot_be_true_is_unknown_and_the_reservation_stands(
    provider: str, streamed: bool, usage: tuple[int, int]
) -> None:
    with line(provider, streamed, wrong_usage(*usage)) as it:
        completion = it.ask()
    assert (completion.tokens_in, completion.tokens_out, completion.cost_usd) == (None, None, None)
    assert reserved(it.ledger.spent)


def test_usage_far_above_the_reservation_is_believed_so_that_the_budget_ends(provider: str, streamed: bool) -> None:
    with line(provider, streamed, wrong_usage(12, 10**9)) as it:
        it.ledger = Ledger(Budget(tokens=100_000))
        assert it.ask().text == JSON
        with pytest.raises(BudgetSpent):
            it.ask()
    assert len(it.proxy.seen) == 1


def test_a_piece_that_came_twice_does_not_pass_for_an_object(provider: str) -> None:
    with line(provider, True, DUPLICATE) as it, pytest.raises(ModelMisfit) as caught:
        it.ask()
    assert caught.value.text == '{"verdict":{"verdict": "odd"}'
    assert it.pieces == ['{"verdict":', '{"verdict":', ' "odd"}']
    assert it.ledger.spent == USED


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
