"""From a turn to a question and from an answer to a decision, with a model that answers as told."""

import time
from typing import Any

import pytest
from harness_pages import button, page
from model_servers import serving

from harness.attempt.records import sampling_seed
from harness.core.errors import EnvironmentMissing
from harness.decide.build import build_policy
from harness.decide.choices import Choice
from harness.decide.examples import load_examples
from harness.decide.model_policy import ModelPolicy
from harness.decide.policy import PolicyInput
from harness.decide.rules import RulesPolicy
from harness.models.base import ChatReply, ChatRequest, Tokens
from harness.record.results import Job
from harness.settings.prompts import Prompts
from harness.settings.schema import HarnessSettings, ModelSettings


class Scripted:
    """A ChatModel that gives one reply and keeps what it was asked."""

    def __init__(self, reply: ChatReply) -> None:
        self.reply = reply
        self.asked: list[ChatRequest] = []

    def ask(self, request: ChatRequest, *, deadline: float) -> ChatReply:
        self.asked.append(request)
        return self.reply

    def close(self) -> None:
        """Nothing is open."""


def turn(**more: Any) -> PolicyInput:
    view = page(button(1, "OK"))
    done = Choice(name="done")
    return PolicyInput(goal="Press OK.", page='[1] button "OK"', observation=view, choices=(done,), **more)


def policy(reply: ChatReply, model: dict[str, Any] | None = None, **groups: Any) -> tuple[ModelPolicy, Scripted]:
    settings = HarnessSettings.model_validate(groups)
    scripted = Scripted(reply)
    chosen = ModelSettings.model_validate({"name": "m", **(model or {})})
    made = ModelPolicy(settings, Prompts(), load_examples(), role="worker", model=chosen, client=scripted)
    return made, scripted


def test_the_prompt_holds_goal_and_page_last_and_says_what_never_changes() -> None:
    made, scripted = policy(ChatReply(text="{}"), prompt={"few_shot": True})
    made.decide(turn(), deadline=0.0)
    request = scripted.asked[0]
    assert request.messages[0].role == "system"
    assert request.fixed == len(request.messages) - 1 > 1
    assert "Press OK." in request.messages[-1].content
    assert '[1] button "OK"' in request.messages[-1].content


def test_a_refused_reply_and_its_reason_are_shown_when_asked_again() -> None:
    made, scripted = policy(ChatReply(text="{}"))
    made.decide(turn(problems=(("", "the reply is not a JSON object"),)), deadline=0.0)
    messages = scripted.asked[0].messages
    assert [m.role for m in messages] == ["system", "user", "assistant", "user"]
    assert messages[2].content == "(no reply)"
    assert "the reply is not a JSON object" in messages[-1].content


def test_the_schema_and_the_seed_of_the_turn_are_asked_for() -> None:
    made, scripted = policy(ChatReply(text="{}"))
    made.decide(turn(sampling_seed=7), deadline=0.0)
    assert scripted.asked[0].seed == 7
    assert scripted.asked[0].reply_schema is not None
    assert scripted.asked[0].reply_schema["properties"]["action"]["enum"] == ["done"]


@pytest.mark.parametrize("images", [True, False])
def test_a_screenshot_is_sent_only_to_a_model_with_eyes_and_never_traced(images: bool) -> None:
    made, scripted = policy(ChatReply(text="{}"), {"images": images})
    decision = made.decide(turn(screenshot=b"PNG!"), deadline=0.0)
    assert scripted.asked[0].image == (b"PNG!" if images else None)
    assert decision.call is not None
    assert "PNG!" not in decision.call.model_dump_json()
    assert decision.call.parameters.get("image_bytes") == (4 if images else None)


def test_the_call_holds_what_was_said_used_and_paid() -> None:
    reply = ChatReply(
        text="I refuse.",
        tokens=Tokens(prompt=2_000_000, reply=1_000_000),
        sampling={"temperature": 0.5, "seed": 3},
        tries=2,
        started_at="a",
        ended_at="b",
    )
    made, _ = policy(reply, {"usd_per_million_in": 1.0, "usd_per_million_out": 4.0})
    decision = made.decide(turn(), deadline=0.0)
    call = decision.call
    assert decision.text == "I refuse."
    assert call is not None
    assert (call.model, call.reply, call.tokens_in, call.tokens_out) == ("m", "I refuse.", 2_000_000, 1_000_000)
    assert call.cost_usd == 6.0
    assert call.parameters == {"temperature": 0.5, "seed": 3, "tries": 2}
    assert (call.started_at, call.ended_at) == ("a", "b")
    assert all(set(m) == {"role", "content"} for m in call.messages)


def test_each_role_asks_its_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    with serving("openai") as small, serving("openai") as strong:
        small.says('{"action": "done"}')
        strong.says('{"action": "done"}')
        model = {"base_url": small.base_url, "name": "small"}
        manager = {"base_url": strong.base_url, "name": "strong"}
        settings = HarnessSettings.model_validate({"model": model, "manager": manager})
        for role, server in (("worker", small), ("manager", strong)):
            made = build_policy(settings, role)  # type: ignore[arg-type]
            assert isinstance(made, ModelPolicy)
            decision = made.decide(turn(), deadline=time.monotonic() + 30)
            made.close()
            assert made.name == role
            assert decision.call is not None
            assert decision.call.model == server.seen[0]["model"] == ("small" if role == "worker" else "strong")


def test_with_rules_no_role_asks_a_model() -> None:
    settings = HarnessSettings.model_validate({"worker": "rules"})
    assert isinstance(build_policy(settings, "worker"), RulesPolicy)
    assert isinstance(build_policy(settings, "manager"), RulesPolicy)


def test_a_missing_key_is_found_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    said = r"OPENAI_API_KEY is not set, and the manager needs it \(gpt-4o at https://api\.openai\.com/v1\)"
    with pytest.raises(EnvironmentMissing, match=said):
        build_policy(HarnessSettings.model_validate({}), "manager")


def test_sampling_seeds_repeat_for_a_rerun_and_differ_for_another_attempt() -> None:
    first, again = Job(task_id="t", seed=1, attempt=0), Job(task_id="t", seed=1, attempt=0)
    other = Job(task_id="t", seed=1, attempt=1)
    assert sampling_seed(first, 0, 0) == sampling_seed(again, 0, 0)
    assert len({sampling_seed(first, 0, 0), sampling_seed(other, 0, 0), sampling_seed(first, 1, 0)}) == 3
