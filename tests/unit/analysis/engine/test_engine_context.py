"""A conversation that grows beyond its context: old turns become notes, the rest stays word for word."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from engine_world import World, scripted, sql, submit, turn

from halo_opt.analysis.engine.prompt_sizes import PromptSizes
from halo_opt.analysis.records import AnalysisLimits, Ended
from halo_opt.llm.model import Message, ModelError, PromptTooLong
from halo_opt.llm.roles import RoleModel
from halo_opt.testing import Reply, ScriptedModel

Made = Callable[..., World]
TURNS = 12


def talkative(messages: Sequence[Message]) -> Reply:
    """Asks for long answers, and hands in when told that it is the last turn."""
    if messages[-1].now.startswith("Left: 1 turn"):
        return turn(submit("at last"))
    left = messages[-1].now.split()[1]
    return turn(sql(f"SELECT repeat('words {left} ', 2000)"), thought="I look again. " * 5)


def long_analysis(world: Made, compact: ScriptedModel, context: int = 5_000) -> tuple[Any, ScriptedModel]:
    root = scripted(talkative)
    limits = AnalysisLimits(turns=TURNS)
    return world({"root": root, "compact": compact}, limits=limits, context=context, reply=500).run(), root


def contents(messages: Sequence[Message]) -> list[str]:
    return [message.content for message in messages]


def test_old_turns_become_notes_and_the_newest_and_the_first_stay_word_for_word(world: Made) -> None:
    compact = scripted(lambda _m: "So far: nothing was found.")
    result, root = long_analysis(world, compact)
    assert result.ended is Ended.SUBMITTED
    assert compact.asked
    assert "I look again" in compact.asked[0][1].content
    first = root.asked[0]
    for before, after in pairwise(root.asked):
        assert contents(after[:2]) == contents(first)
        assert after[-2].content == turn_of(after)
        if contents(after[: len(before)]) != contents(before):
            assert after[2].content == "Notes of my earlier turns:\nSo far: nothing was found."
            # The newest turn before this one is there as it was.
            assert contents(before[-2:]) == contents(after[-4:-2])


def turn_of(messages: Sequence[Message]) -> str:
    reply = messages[-2].content
    assert json.loads(reply)["actions"][0]["tool"] == "sql"
    return reply


def test_between_two_compactions_the_conversation_only_grows(world: Made) -> None:
    compact = scripted(lambda _m: "Notes.")
    _, root = long_analysis(world, compact)
    broken = sum(contents(after[: len(before)]) != contents(before) for before, after in pairwise(root.asked))
    assert 0 < broken == len(compact.asked) < len(root.asked) / 2


@pytest.mark.parametrize("failing", [ModelError("no"), ""])
def test_without_notes_old_answers_are_left_out_one_line_each(world: Made, failing: Reply) -> None:
    result, root = long_analysis(world, scripted(lambda _m: failing))
    assert result.ended is Ended.SUBMITTED
    assert result.faults["compaction failed"] >= 1
    last = root.asked[-1]
    assert any("was left out to save room" in message.content for message in last)
    assert "words 12 words 12" not in last[3].content
    assert contents(last[:2]) == contents(root.asked[0])


def test_a_prompt_that_is_too_long_is_shortened_and_sent_once_more(world: Made) -> None:
    refused: list[int] = []

    def small(messages: Sequence[Message]) -> Reply:
        if sum(len(message.content) for message in messages) > 12_000:
            refused.append(len(messages))
            return PromptTooLong("the prompt is too long")
        return talkative(messages)

    root = scripted(small)
    result = world(
        {"root": root, "compact": scripted(lambda _m: "Notes.")}, limits=AnalysisLimits(turns=TURNS), context=20_000
    ).run()
    assert (result.ended, result.summary) == (Ended.SUBMITTED, "at last")
    assert result.faults == {"prompt too long": len(refused)}
    assert 0 < len(refused) < 4


def fitting(most: int, words: str, refused: list[int]) -> ScriptedModel:
    """Talks, but refuses prompts of more than so many characters with these words."""

    def answer(messages: Sequence[Message]) -> Reply:
        size = sum(len(message.content) for message in messages)
        if size > most:
            refused.append(size)
            return PromptTooLong(words.format(tokens=size // 5))
        return talkative(messages)

    return scripted(answer)


def test_a_prompt_is_shortened_as_often_as_it_is_refused(world: Made) -> None:
    from halo_opt.analysis.tools.all import ALL

    refused: list[int] = []
    root = fitting(14_000, "the prompt is too long", refused)
    compact = scripted(lambda _m: "Notes.")
    limits = AnalysisLimits(turns=TURNS)
    result = world({"root": root, "compact": compact}, limits=limits, tools=ALL, context=200_000, reply=500).run()
    assert result.ended is Ended.SUBMITTED
    assert len(refused) >= 2
    assert refused[:2] == sorted(refused[:2], reverse=True)


def test_the_limit_that_a_refusal_states_is_kept_from_then_on(world: Made) -> None:
    from halo_opt.analysis.tools.all import ALL

    refused: list[int] = []
    words = "This model's maximum context length is 4096 tokens. However, your messages resulted in {tokens} tokens."
    root = fitting((4096 - 500) * 5 + 200, words, refused)
    compact = scripted(lambda _m: "Notes.")
    limits = AnalysisLimits(turns=TURNS)
    result = world({"root": root, "compact": compact}, limits=limits, tools=ALL, context=128_000, reply=500).run()
    assert result.ended is Ended.SUBMITTED
    assert len(refused) == 1


def test_a_limit_too_small_for_the_instructions_ends_it_with_the_remedy(world: Made) -> None:
    words = "This model's maximum context length is 64 tokens. However, your messages resulted in 900 tokens."
    result = world(scripted(lambda _m: PromptTooLong(words))).run()
    assert result.ended is Ended.MODEL
    assert result.reason == f"{words}; start over with --context 64 and --fresh"


def test_a_prompt_that_cannot_be_shortened_ends_it_with_a_reason(world: Made) -> None:
    result = world(scripted(lambda _m: PromptTooLong("far too long"))).run()
    assert (result.ended, result.reason) == (Ended.MODEL, "far too long")


@pytest.mark.parametrize(
    ("context", "reply", "actions", "guidance"),
    [(4_096, 1_024, 1, False), (8_192, 1_024, 2, False), (32_000, 4_000, 4, True), (200_000, 8_000, 4, True)],
)
def test_what_is_shown_follows_from_the_context(context: int, reply: int, actions: int, guidance: bool) -> None:
    sizes = PromptSizes.of(RoleModel(scripted([]), context, reply), 4)
    assert (sizes.max_actions, sizes.guidance) == (actions, guidance)
    assert sizes.prompt_tokens == context - reply
    assert sizes.max_actions * sizes.answer_bytes / 3 <= sizes.prompt_tokens * 0.25


def test_instructions_and_three_answers_fit_a_small_context(world: Made) -> None:
    from halo_opt.analysis.tools.all import ALL

    root = scripted([*(turn(sql(f"SELECT repeat('{letter}', 9000)")) for letter in "xyz"), turn(submit())])
    result = world({"root": root, "compact": scripted([])}, tools=ALL, context=6_000, reply=1_024).run()
    assert result.ended is Ended.SUBMITTED
    assert sum(len(message.content) for message in root.asked[-1]) / 3 < 6_000 - 1_024
