import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from halo_opt.core.errors import BudgetSpent, InputError
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Amount, Budget, Ledger
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import Completion, Message, Model, ModelError, ModelUnreachable
from halo_opt.testing import ScriptedModel

ASK = [Message(role="system", content="Be brief."), Message(role="user", content="Is two even?")]
FREE = Endpoint(base_url="http://127.0.0.1:9/v1", api_key="k", model="m", free=True)


class Verdict(BaseModel):
    even: bool


def test_it_answers_in_order_and_records_what_it_was_asked() -> None:
    model = ScriptedModel(["yes", Verdict(even=True)])
    assert model.complete(ASK).text == "yes"
    assert model.complete(ASK[1:], schema=Verdict).parsed == Verdict(even=True)
    assert model.asked == [ASK, ASK[1:]]
    assert model.left == 0


def test_it_answers_from_a_function() -> None:
    model: Model = ScriptedModel(lambda messages: messages[-1].content.upper(), name="echo")
    assert model.complete(ASK).text == "IS TWO EVEN?"
    assert model.name == "echo"


def test_the_end_of_the_script_says_which_call_had_no_reply() -> None:
    model = ScriptedModel(["yes"])
    model.complete(ASK)
    with pytest.raises(InputError, match=r"script of 1 replies is over, call 2 asks 'Is two even\?'"):
        model.complete(ASK)


def test_a_reply_that_does_not_fit_the_schema_is_told() -> None:
    with pytest.raises(InputError, match="scripted reply 1 is not a Verdict: 'yes'"):
        ScriptedModel(["yes"]).complete(ASK, schema=Verdict)


def test_a_scripted_error_is_raised_and_the_next_call_goes_on() -> None:
    model = ScriptedModel([ModelUnreachable("down"), "yes"])
    with pytest.raises(ModelUnreachable, match="down"):
        model.complete(ASK)
    assert model.complete(ASK).text == "yes"


def metered(model: Model, budget: Budget) -> tuple[MeteredModel, Ledger]:
    ledger = Ledger(budget)
    return MeteredModel(model, ledger, FREE, max_tokens=50, purpose="analysis"), ledger


def test_a_metered_model_never_sends_a_secret() -> None:
    script = ScriptedModel(["one"])
    secret = "gh" + "p_" + "a8Zk2LmQ9xWv3RtY7uIo5PsDfGhJ1bNcM4e6"
    metered(script, Budget(calls=1))[0].complete([Message(role="user", content=f"Try {secret}, please.")])
    assert script.asked == [[Message(role="user", content="Try [redacted:github-token], please.")]]


def test_a_metered_model_is_not_called_when_the_budget_says_no() -> None:
    script = ScriptedModel(["one", "two"])
    model, ledger = metered(script, Budget(calls=1))
    assert model.complete(ASK).text == "one"
    with pytest.raises(BudgetSpent, match="budget of 1 call "):
        model.complete(ASK)
    assert len(script.asked) == 1
    assert ledger.spent.tokens_out == 1


def test_the_reservation_covers_the_longest_reply() -> None:
    script = ScriptedModel(["one"])
    model, _ = metered(script, Budget(tokens=50))
    with pytest.raises(BudgetSpent):
        model.complete(ASK)
    assert script.asked == []


@pytest.mark.parametrize(
    ("error", "calls", "tokens"),
    [
        (ModelError("refused"), 0, 0),
        (ModelError("not JSON", spent=Completion(text="?", tokens_in=7, tokens_out=3, cost_usd=0.0)), 1, 10),
    ],
)
def test_a_failed_call_counts_only_what_it_used(error: ModelError, calls: int, tokens: int) -> None:
    model, ledger = metered(ScriptedModel([error]), Budget())
    with pytest.raises(ModelError):
        model.complete(ASK)
    assert ledger.committed.calls == calls
    assert ledger.committed.tokens_in + ledger.committed.tokens_out == tokens


def test_a_call_that_may_have_been_billed_stays_counted_in_full() -> None:
    model, ledger = metered(ScriptedModel([ModelUnreachable("hung", spent=Completion(text=""))]), Budget())
    with pytest.raises(ModelUnreachable):
        model.complete(ASK)
    assert ledger.spent.calls == 1
    assert ledger.spent.tokens_out == 50


def test_a_settled_amount_may_pass_the_reservation_and_then_nothing_more_fits() -> None:
    ledger = Ledger(Budget(tokens=100))
    ledger.settle(ledger.reserve(Amount(tokens_in=10), purpose="p"), Amount(tokens_in=150))
    with pytest.raises(BudgetSpent):
        ledger.reserve(Amount(tokens_in=1), purpose="p")


def test_a_call_that_was_lost_is_made_anew_under_its_own_reservation() -> None:
    lost = ModelUnreachable("cut", spent=Completion(text=""), repeatable=True)
    script = ScriptedModel([lost, lost, "yes"])
    model, ledger = metered(script, Budget())
    assert model.complete(ASK).text == "yes"
    assert (ledger.spent.calls, ledger.spent.tokens_out) == (3, 2 * 50 + 1)
    always, ledger = metered(ScriptedModel([lost] * 9), Budget())
    with pytest.raises(ModelUnreachable):
        always.complete(ASK)
    assert ledger.spent.calls == 3


ends = st.sampled_from(["reply", "refused", "billed", "lost"])


@example([["reply"]], 68)  # five bytes of prompt were once reserved as 18 tokens, and counted as 20
@given(st.lists(st.lists(ends, max_size=6), min_size=1, max_size=4), st.integers(0, 800))
def test_no_number_of_callers_passes_a_budget_together(callers: list[list[str]], limit: int) -> None:
    """Each call says that it used all that was reserved for it, or fails in one of the ways in which a call can."""
    ledger = Ledger(Budget(tokens=limit))

    class Greedy:
        name = "greedy"

        def complete(self, messages: Sequence[Message], **_: object) -> Completion:
            kind = messages[-1].content
            if kind == "refused":
                raise ModelError("no")
            if kind == "reply":
                return Completion(text="yes", tokens_in=20, tokens_out=50, cost_usd=0.0)
            raise ModelUnreachable("?", spent=Completion(text=""), repeatable=kind == "lost")

    model = MeteredModel(Greedy(), ledger, FREE, max_tokens=50, purpose="p")

    def caller(kinds: list[str]) -> None:
        for kind in kinds:
            with contextlib.suppress(ModelError, BudgetSpent):
                model.complete([Message(role="user", content=kind)])
            held = ledger.committed
            assert held.tokens_in + held.tokens_out <= limit

    with ThreadPoolExecutor(len(callers)) as pool:
        list(pool.map(caller, callers))
    assert ledger.committed == ledger.spent
