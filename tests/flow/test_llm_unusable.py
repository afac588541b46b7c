"""Both clients, whole and streaming, when a whole answer comes that cannot be used.

For each: what comes out, how often the server was asked, which faults were told, and what the ledger counts as spent.
"""

import pytest
from llm_fake_server import Reply, said
from llm_faults import (
    DUPLICATE,
    EMPTY,
    REFUSAL,
    REFUSAL_WORDS,
    TOO_LONG_WORDS,
    status,
    too_long,
    wrong_usage,
)
from llm_line import JSON, USED, Verdict, line, reserved
from pydantic import BaseModel

from halo_opt.core.errors import BudgetSpent
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.model import (
    InvalidReply,
    ModelError,
    ModelRefused,
    PromptTooLong,
)


def test_an_empty_reply_is_a_misfit_that_was_paid_for(provider: str, streamed: bool) -> None:
    for schema in (Verdict, None):
        with (
            line(provider, streamed, EMPTY) as it,
            pytest.raises(InvalidReply, match="m gave an empty reply") as caught,
        ):
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
    with (
        line("lab", streamed, reply=reply) as it,
        pytest.raises(ModelRefused, match=r"a content filter stopped.*\(flagged\)"),
    ):
        it.ask()
    assert it.faults == ["refused"]
    assert it.ledger.committed.calls == 0


@pytest.mark.parametrize("server", TOO_LONG_WORDS)
def test_a_prompt_that_is_too_long_is_recognised_in_every_server_s_words(
    provider: str, streamed: bool, server: str
) -> None:
    with (
        line(provider, streamed, too_long(server)) as it,
        pytest.raises(PromptTooLong, match="cannot take a prompt this long"),
    ):
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
        with pytest.raises(InvalidReply, match="cut off at 50 tokens before it") as caught:
            it.ask(schema)
        assert caught.value.text == text
    assert it.faults == ["cut off"]
    assert it.ledger.spent == USED


def test_a_smaller_object_inside_a_reply_that_was_cut_off_is_not_taken_for_it(provider: str) -> None:
    reply = said('[{"verdict": "odd"}, {"verd', finish="length")
    with line(provider, False, reply=reply) as it, pytest.raises(InvalidReply, match="was cut off"):
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
        with pytest.raises(InvalidReply, match=r"is not a Verdict: .*it begins 'odd, I think'") as caught:
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
    with line(provider, True, DUPLICATE) as it, pytest.raises(InvalidReply) as caught:
        it.ask()
    assert caught.value.text == '{"verdict":{"verdict": "odd"}'
    assert it.pieces == ['{"verdict":', '{"verdict":', ' "odd"}']
    assert it.ledger.spent == USED
