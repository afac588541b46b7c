"""An agent's turns: tools run, answers come back in order, claims are checked, limits end it with what there is."""

import json
from collections.abc import Callable

import pytest
from engine_world import SHOWS, World, scripted, sql, submit, turn

from halo_opt.analysis.records import AnalysisLimits, Ended
from halo_opt.llm.model import InvalidReply, ModelBusy, ModelRefused, ModelUnreachable
from halo_opt.store import Store

Made = Callable[..., World]


def claim_of(store: Store) -> dict[str, object]:
    """A claim that holds."""
    [(trace, step, words)] = store.rows(
        "SELECT s.trace_id, s.step, s.arguments FROM steps AS s JOIN attempts AS a USING (trace_id)"
        " WHERE a.outcome = 'failure' AND length(s.arguments) > 20 ORDER BY ALL LIMIT 1"
    )
    return {
        "title": "It gives up",
        "claim": "It gives up early.",
        "predicate_sql": SHOWS,
        "quotes": [{"trace_id": trace, "step": step, "words": words[:100]}],
    }


def last_words(model: object, call: int) -> str:
    return model.asked[call][-1].content  # type: ignore[attr-defined, no-any-return]


def test_a_turns_answers_come_back_in_the_order_of_its_actions(world: Made) -> None:
    model = scripted([turn(sql("SELECT 11"), sql("SELECT 22"), sql("SELECT 33")), turn(submit("found it"))])
    result = world(model).run()
    shown = last_words(model, 1)
    assert shown.index("[[11]]") < shown.index("[[22]]") < shown.index("[[33]]")
    assert (result.ended, result.summary, result.salvaged) == (Ended.SUBMITTED, "found it", False)
    assert (result.turns, result.calls, result.agents) == (2, 2, 1)
    assert result.tools == {"sql": 3, "submit_report": 1}


def test_what_is_left_is_told_but_is_no_part_of_the_conversation(world: Made) -> None:
    model = scripted([turn(sql("SELECT 1")), turn(submit())])
    world(model, limits=AnalysisLimits(turns=7)).run()
    assert model.asked[0][-1].now.startswith("Left: 7 turns")
    assert model.asked[1][-1].now.startswith("Left: 6 turns")
    assert model.asked[1][1].now == ""


def test_a_claim_is_checked_at_once_and_its_level_told(world: Made, engine_store: Store) -> None:
    good = claim_of(engine_store)
    bad = good | {"predicate_sql": f"{SHOWS} AND step >= 0", "quotes": []}
    model = scripted([turn({"tool": "claim", **good}, {"tool": "claim", **bad}), turn(submit())])
    made = world(model)
    result = made.run()
    shown = last_words(model, 1)
    assert "root.c1: suspected." in shown
    assert "root.c2: unsupported." in shown
    assert "no quote of an attempt that shows it" in shown
    assert [(claim.id, claim.checked.level) for claim in result.claims] == [
        ("root.c1", "suspected"),
        ("root.c2", "unsupported"),
    ]
    assert [h.predicate_sql for h in made.hypotheses.all] == [good["predicate_sql"], bad["predicate_sql"]]


def test_a_claim_is_refused_a_second_time_and_an_unsupported_one_may_be_mended(
    world: Made, engine_store: Store
) -> None:
    good = claim_of(engine_store)
    model = scripted(
        [
            turn({"tool": "claim", **(good | {"quotes": []})}),
            turn({"tool": "claim", **good}),
            turn({"tool": "claim", **good}),
            turn(submit()),
        ]
    )
    result = world(model).run()
    assert "root.c1: unsupported" in last_words(model, 1)
    assert "root.c1: suspected" in last_words(model, 2)
    assert "this is claimed already as root.c1" in last_words(model, 3)
    assert [claim.id for claim in result.claims] == ["root.c1"]


def test_a_later_claim_takes_the_place_of_the_one_that_it_replaces(world: Made, engine_store: Store) -> None:
    first = claim_of(engine_store)
    later = first | {"predicate_sql": f"{SHOWS} AND step >= 0", "title": "It fails like this", "replaces": "c1"}
    made = world(scripted([turn({"tool": "claim", **first}), turn({"tool": "claim", **later}), turn(submit())]))
    [kept] = made.run().claims
    assert (kept.id, kept.checked.title) == ("root.c1", "It fails like this")
    assert len(made.hypotheses.all) == 2


def test_a_claim_cannot_replace_one_that_is_not_there(world: Made, engine_store: Store) -> None:
    model = scripted([turn({"tool": "claim", **claim_of(engine_store), "replaces": "c9"}), turn(submit())])
    assert world(model).run().claims == []
    assert "there is no claim 'c9' to replace; there are: none yet" in last_words(model, 1)


def test_claims_of_the_report_are_checked_too(world: Made, engine_store: Store) -> None:
    result = world(scripted([turn(submit(claims=[claim_of(engine_store)]))])).run()
    assert [claim.checked.level for claim in result.claims] == ["suspected"]


@pytest.mark.parametrize(
    ("action", "words", "fault"),
    [
        ({"tool": "sql", "query": "SELECT nonsense"}, "nonsense", "tool refused"),
        ({"tool": "refusing"}, "that cannot be done; do this instead", "tool refused"),
        ({"tool": "broken"}, "the tool failed on these arguments (ZeroDivisionError)", "tool failed"),
    ],
)
def test_a_tool_that_cannot_is_an_answer(world: Made, action: dict[str, object], words: str, fault: str) -> None:
    model = scripted([turn(action), turn(submit())])
    result = world(model).run()
    assert words in last_words(model, 1)
    assert result.faults == {fault: 1}
    assert result.ended is Ended.SUBMITTED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I think that", "It is not one JSON object."),
        ("", "It is empty."),
        ('{"thought": "x"}', 'It has no list "actions".'),
        ('{"actions": [{"tool": "rm"}]}', "there is no such tool; there are sql"),
        ('{"actions": [{"tool": "sql"}]}', 'query: Field required; its form is {"tool": "sql", "query": text}'),
        (
            '{"actions": [{"tool": "sql", "query": "SELECT 1", "id": 1, "title": "x"}]}',
            'sql takes no id, title; its form is {"tool": "sql", "query": text}',
        ),
    ],
)
def test_a_reply_that_breaks_the_form_is_told_the_right_one(world: Made, text: str, words: str) -> None:
    model = scripted([InvalidReply("not a Turn", text=text), turn(submit())])
    result = world(model).run()
    assert words in last_words(model, 1)
    assert result.ended is Ended.SUBMITTED
    assert result.faults["schema mismatch"] == 1


@pytest.mark.parametrize("after", ["\n```", " This {asks} for 41 + 1.", '\n{"actions": [{"tool": "y"}]}'])
def test_what_is_right_in_a_reply_that_breaks_the_form_is_done(world: Made, after: str) -> None:
    text = '```json\n{"thought": 1, "actions": [{"tool": "sql", "query": "SELECT 41 + 1"}, {"tool": "x"}]}' + after
    model = scripted([InvalidReply("not a Turn", text=text), turn(submit())])
    world(model).run()
    assert "[[42]]" in last_words(model, 1)
    assert "there is no such tool" in last_words(model, 1)


def test_three_useless_replies_in_a_row_end_it_with_one_last_call(world: Made) -> None:
    bad = InvalidReply("not a Turn", text="no")
    model = scripted([bad, bad, turn(sql("SELECT 1")), bad, bad, bad, json.dumps({"summary": "what I have"})])
    result = world(model).run()
    assert (result.ended, result.salvaged, result.summary) == (Ended.UNUSABLE, True, "what I have")
    assert result.reason == "3 replies in a row could not be used"
    assert result.faults == {"malformed reply": 5, "schema mismatch": 5}


@pytest.mark.parametrize(
    ("text", "summary", "claims"),
    [
        ("I found that it loops.", "I found that it loops.", 0),
        ('{"summary": "' + "x" * 5_000 + '", "claims": [{"title": "T"}, {"no": 1}]}', "x" * 4_000, 0),
        ('{"summary": "cut off', "", 0),
        ("", "", 0),
    ],
)
def test_of_a_last_reply_that_breaks_the_form_what_can_be_read_is_kept(
    world: Made, text: str, summary: str, claims: int
) -> None:
    model = scripted([turn(sql("SELECT 1")), InvalidReply("not the form", text=text)])
    result = world(model, limits=AnalysisLimits(turns=1)).run()
    assert (result.summary, len(result.claims), result.salvaged) == (summary, claims, True)
    assert result.faults.get("no final report", 0) == (not summary)


def test_at_the_limit_of_turns_the_root_is_asked_once_more_for_what_it_has(world: Made, engine_store: Store) -> None:
    model = scripted(
        [turn({"tool": "claim", **claim_of(engine_store)}), turn(sql("SELECT 2")), json.dumps({"summary": "so far"})]
    )
    result = world(model, limits=AnalysisLimits(turns=2)).run()
    assert (result.ended, result.salvaged, result.summary) == (Ended.TURNS, True, "so far")
    assert len(result.claims) == 1
    assert "no turns are left" in last_words(model, 2)
    assert "root.c1 It gives up" in last_words(model, 2)


def test_what_was_recorded_stands_when_nobody_answers_any_more(world: Made, engine_store: Store) -> None:
    gone = ModelUnreachable("nobody there")
    model = scripted([turn({"tool": "claim", **claim_of(engine_store)}), gone, gone])
    result = world(model).run()
    assert (result.ended, result.salvaged, result.reason) == (Ended.MODEL, True, "nobody there")
    assert len(result.claims) == 1
    assert result.faults == {"model unreachable": 2}


@pytest.mark.parametrize("error", [ModelBusy("slow down"), ModelUnreachable("gone"), ModelRefused("no")])
def test_one_failed_call_does_not_end_it(world: Made, error: Exception) -> None:
    result = world(scripted([error, turn(submit("there"))])).run()
    assert (result.ended, result.summary) == (Ended.SUBMITTED, "there")


def test_an_error_of_the_program_itself_is_raised(world: Made) -> None:
    with pytest.raises(RuntimeError, match="crashed"):
        world(scripted([turn(sql("SELECT 1")), RuntimeError("crashed")])).run()


def test_no_tool_of_the_harness_is_offered_without_one(world: Made) -> None:
    made = world(scripted([turn(submit())]))
    made.tools = (*made.tools, made.tools[0].__class__("git_log", "x", made.tools[3].arguments, made.tools[3].run))
    made.run()
    assert "git_log" not in made.scripts["root"].asked[0][0].content  # type: ignore[attr-defined]
