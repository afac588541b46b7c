"""What keeps a small model going: a tool that it calls again and again is withheld, and a claim may name a contrast."""

import json
import re
from collections.abc import Callable, Sequence

import pytest
from engine_world import TOOLS, World, scripted, sql, submit, turn

from halo_opt.analysis.engine.submission import AnswerArguments, ClaimArguments, ReportArguments
from halo_opt.analysis.engine.turns import json_in, read_turn
from halo_opt.analysis.records import AnalysisLimits, Ended, QuestionTask
from halo_opt.analysis.tools import contrast
from halo_opt.analysis.tools.all import ALL
from halo_opt.llm.model import InvalidReply, Message, ModelError
from halo_opt.store import Store
from halo_opt.testing import Reply

Made = Callable[..., World]
SHOWS = "SELECT trace_id FROM steps WHERE length(arguments) > 40"
WITHHELD = "You made this same call before, so sql is not offered for a while"


def last_message(model: object, call: int) -> str:
    return model.asked[call][-1].content  # type: ignore[attr-defined, no-any-return]


def test_a_tool_that_is_called_the_same_again_is_withheld_one_turn_longer_each_time(world: Made) -> None:
    same = turn(sql("SELECT 41 + 1"))
    misfit = InvalidReply("not a Turn", text=same)
    model = scripted([same, same, misfit, same, misfit, misfit, same, turn(submit())])
    result = world(model).run()
    assert "[[42]]" in last_message(model, 1) and WITHHELD not in last_message(model, 1)
    assert "[[42]]" in last_message(model, 2) and WITHHELD in last_message(model, 2)
    assert "sql is not offered in this turn" in last_message(model, 3) and WITHHELD not in last_message(model, 3)
    assert "[[42]]" in last_message(model, 4) and WITHHELD in last_message(model, 4)
    assert all("sql is not offered in this turn" in last_message(model, call) for call in (5, 6))
    assert "[[42]]" in last_message(model, 7)
    assert result.faults == {"schema mismatch": 3, "tool not offered": 3}


def test_other_tools_are_offered_while_one_is_withheld(world: Made) -> None:
    same = turn(sql("SELECT 1"))
    model = scripted([same, same, turn({"tool": "refusing"}), turn(submit("there"))])
    result = world(model).run()
    assert "that cannot be done" in last_message(model, 3)
    assert (result.summary, result.tools["refusing"]) == ("there", 1)


def test_going_back_and_forth_between_two_questions_counts_as_the_same(world: Made) -> None:
    model = scripted([turn(sql("SELECT 1")), turn(sql("SELECT 2")), turn(sql("SELECT 1")), turn(submit())])
    world(model).run()
    assert [WITHHELD in last_message(model, call) for call in (1, 2, 3)] == [False, False, True]


def test_where_room_is_short_claims_are_offered_after_the_first_contrast(world: Made) -> None:
    claim = turn({"tool": "claim", "title": "It asks", "claim": "So.", "predicate_sql": SHOWS, "quotes": []})
    contrasted = turn({"tool": "contrast", "title": "asks at length", "predicate_sql": SHOWS})
    early = InvalidReply("not a Turn", text=claim)
    model = scripted([early, contrasted, claim, turn(submit())])
    world(model, tools=(*TOOLS, contrast.TOOL), context=8_000, reply=1_000).run()
    assert "claim is offered after your first contrast" in last_message(model, 1)
    assert "failures that show it, to look at" in last_message(model, 2)
    assert "unsupported" in last_message(model, 3) and "Show one of these failures and copy from it" in last_message(
        model, 3
    )


def test_the_tool_that_ends_the_work_is_always_offered(world: Made) -> None:
    bad = InvalidReply("not a Turn", text=turn({"tool": "submit_report", "summary": ""}))
    model = scripted([bad, bad, bad, turn(submit("at last"))])
    result = world(model, limits=AnalysisLimits(turns=4)).run()
    assert (result.ended, result.summary) == (Ended.SUBMITTED, "at last")


def test_a_claim_may_name_a_contrast_instead_of_its_predicate(world: Made, engine_store: Store) -> None:
    [(trace, step, words)] = engine_store.rows(
        "SELECT trace_id, step, arguments FROM steps JOIN attempts USING (trace_id)"
        " WHERE outcome = 'failure' AND length(arguments) > 40 ORDER BY ALL LIMIT 1"
    )
    quotes = [{"trace_id": trace, "step": step, "words": words[:40]}]

    def reply(messages: Sequence[Message]) -> Reply:
        if len(messages) == 2:
            return turn({"tool": "contrast", "title": "asks at length", "predicate_sql": f"{SHOWS};"})
        if len(messages) == 4:
            [name] = set(re.findall(r"asked_[0-9a-f]{8}", messages[-1].content))
            claim = {"title": "It asks at length", "claim": "So.", "predicate_sql": f" {name} ", "quotes": quotes}
            return turn({"tool": "claim", **claim}, {"tool": "claim", **claim, "predicate_sql": "asked_00000000"})
        return turn(submit())

    made = world(scripted(reply), tools=(*TOOLS, contrast.TOOL))
    claim, unknown = made.run().claims
    assert (claim.checked.level, claim.checked.claim.predicate_sql) == ("suspected", SHOWS)
    assert unknown.checked.level == "unsupported"
    # The contrast and its claim are one test, not two.
    assert [h.predicate_sql for h in made.hypotheses.all] == [SHOWS, "asked_00000000"]


def system_prompt(world: Made, context: int, **changes: object) -> str:
    model = scripted([ModelError("gone")] * 2)
    world(model, context=context, tools=ALL, **changes).run()
    return model.asked[0][0].content


def test_a_small_context_gets_an_order_of_work_with_an_example_that_can_be_used(world: Made) -> None:
    prompt = system_prompt(world, 8_192)
    assert "Work in this order: 1. contrast" in prompt and "How to work" not in prompt
    line = next(line for line in prompt.splitlines() if line.startswith('{"thought"'))
    example = json_in(line)
    assert example is not None
    [action] = read_turn(json.dumps(example), {tool.name: tool for tool in ALL}, 1).actions
    assert (action.name, action.problem) == ("contrast", "")


def test_a_large_context_and_a_question_get_no_such_order(world: Made) -> None:
    large = system_prompt(world, 32_000)
    assert "Work in this order" not in large and "How to work" in large
    assert "Work in this order" not in system_prompt(world, 8_192, task=QuestionTask(question="Why?"))


@pytest.mark.parametrize(
    "arguments", [*(tool.arguments for tool in ALL), ClaimArguments, ReportArguments, AnswerArguments]
)
def test_no_tool_has_an_argument_that_its_own_name_in_a_turn_would_hide(arguments: type) -> None:
    assert "tool" not in arguments.model_fields  # type: ignore[attr-defined]
