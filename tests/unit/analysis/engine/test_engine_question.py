"""A question is answered in points, and of each only what the traces bear out is handed on."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from engine_world import World, scripted, sql, turn

from halo_opt.analysis.claims.figures import NOT_CONFIRMED
from halo_opt.analysis.records import AnalysisLimits, Ended, QuestionTask
from halo_opt.core.report_records import Finding, Report
from halo_opt.llm.model import InvalidReply, ModelError
from halo_opt.store import Store

Made = Callable[..., World]
COUNT = "SELECT count(*) FROM attempts"
QUESTION = QuestionTask(question="How many attempts are there?")


def answer(*points: dict[str, Any]) -> dict[str, Any]:
    return {"tool": "submit_answer", "points": list(points)}


def test_a_question_is_answered_with_what_it_rests_on(world: Made, engine_store: Store) -> None:
    [(count,)] = engine_store.rows(COUNT)
    [(trace, step, words)] = engine_store.rows(
        "SELECT trace_id, step, arguments FROM steps WHERE length(arguments) > 20 ORDER BY ALL LIMIT 1"
    )
    numbers = [{"name": "attempts", "value": count, "sql": COUNT}]
    quotes = [{"trace_id": trace, "step": step, "words": words[:60]}]
    model = scripted(
        [
            turn(sql(COUNT)),
            turn(answer({"text": f"There are {count}.", "numbers": numbers}, {"text": "So.", "quotes": quotes})),
        ]
    )
    result = world(model, task=QUESTION).run()
    assert result.ended is Ended.SUBMITTED
    assert result.answer is not None
    assert [point.text for point in result.answer.points] == [f"There are {count}.", "So."]
    assert [point.corrections for point in result.answer.points] == [[], []]
    assert (result.answer.dropped, result.claims) == ([], [])
    first = model.asked[0]
    assert "How many attempts are there?" in first[1].content
    assert "- submit_answer:" in first[0].content
    assert "- claim:" not in first[0].content
    assert "- submit_report:" not in first[0].content


def test_what_does_not_hold_is_corrected_struck_or_dropped(world: Made, engine_store: Store) -> None:
    [(count,)] = engine_store.rows(COUNT)
    lie = {"text": "There are 777.", "numbers": [{"name": "attempts", "value": 777, "sql": COUNT}]}
    invented = {"text": "It said so.", "quotes": [{"trace_id": "no-such-trace", "words": "I give up on this"}]}
    bare = {"text": "Trust me."}
    result = world(scripted([turn(answer(lie, invented, bare))]), task=QUESTION).run()
    assert result.answer is not None
    [point] = result.answer.points
    assert point.text == f"There are {NOT_CONFIRMED}."
    assert [number.value for number in point.numbers] == [count]
    assert point.corrections[0] == f"number attempts was 777; its SQL gives {count}"
    assert result.answer.dropped == [
        "point 2 was dropped: there is no attempt no-such-trace",
        "point 3 was dropped: it cites nothing",
    ]


@pytest.mark.parametrize(
    "last",
    [
        json.dumps({"points": [{"text": "x", "numbers": [{"name": "n", "value": 1, "sql": COUNT}]}]}),
        turn(answer({"text": "x", "numbers": [{"name": "n", "value": 1, "sql": COUNT}]})),
    ],
)
def test_at_a_limit_it_answers_with_what_it_knows(world: Made, last: str) -> None:
    model = scripted([turn(sql(COUNT)), InvalidReply("not the form", text=last)])
    result = world(model, task=QUESTION, limits=AnalysisLimits(turns=1)).run()
    assert (result.ended, result.salvaged) == (Ended.TURNS, True)
    assert result.answer is not None
    assert [point.text for point in result.answer.points] == ["x"]


def test_a_question_that_nobody_answered_has_no_answer(world: Made) -> None:
    model = scripted([turn(sql(COUNT)), ModelError("gone")])
    result = world(model, task=QUESTION, limits=AnalysisLimits(turns=1)).run()
    assert result.answer is None
    assert result.faults["no final report"] == 1


def test_a_question_is_asked_with_little_around_it(world: Made, engine_report: Report) -> None:
    findings = [
        Finding.model_construct(id=f"F{n}", title=f"way {n}", claim=f"it fails so {n}", category="harness", numbers={})
        for n in range(1, 6)
    ]
    model = scripted([turn(answer({"text": "x"}))])
    made = world(model, task=QUESTION)
    made.report = engine_report.model_copy(update={"findings": findings})
    made.run()
    system, first = (message.content for message in model.asked[0])
    assert "How to work" not in system
    assert "F1 way 1\nF2 way 2\nF3 way 3\nand 2 more; 'findings' lists them" in first
    assert "it fails so" not in first and "way 4" not in first


@pytest.mark.parametrize(
    ("depth", "context", "offered"),
    [(1, 32_000, {"delegate", "llm_map"}), (0, 32_000, set()), (1, 8_192, set())],
)
def test_helpers_for_a_question_are_offered_where_there_is_room_for_them(
    world: Made, depth: int, context: int, offered: set[str]
) -> None:
    model = scripted([turn(answer({"text": "x"}))])
    world(model, task=QUESTION, limits=AnalysisLimits(depth=depth), context=context).run()
    assert {name for name in ("delegate", "llm_map") if f"- {name}:" in model.asked[0][0].content} == offered
