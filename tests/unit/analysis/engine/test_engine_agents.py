"""Sub-agents and questions over rows: scoped, numbered and limited the same way however the threads run."""

import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from engine_world import FAILURES, SHOWS, World, scripted, sql, submit, turn

from halo_opt.analysis.records import AnalysisLimits, Ended
from halo_opt.llm.model import Message, ModelError
from halo_opt.store import Store
from halo_opt.testing import Reply, ScriptedModel

Made = Callable[..., World]


def delegate(question: str, scope: str | None = None) -> dict[str, Any]:
    return {"tool": "delegate", "question": question} | ({"scope_sql": scope} if scope else {})


def claim(store: Store, predicate: str, title: str = "It fails so") -> dict[str, Any]:
    [(trace, step, words)] = store.rows(
        "SELECT s.trace_id, s.step, s.arguments FROM steps AS s JOIN attempts AS a USING (trace_id)"
        " WHERE a.outcome = 'failure' AND length(s.arguments) > 20 ORDER BY ALL LIMIT 1"
    )
    quote = {"trace_id": trace, "step": step, "words": words[:100]}
    return {"tool": "claim", "title": title, "claim": "So.", "predicate_sql": predicate, "quotes": [quote]}


def asked(messages: Sequence[Message]) -> str:
    """The question of a sub-agent."""
    return messages[1].content.splitlines()[1]


def test_a_sub_agent_sees_its_part_alone_and_its_claims_count(world: Made, engine_store: Store) -> None:
    sub = scripted(
        [turn(sql("SELECT count(*) FROM attempts")), turn(claim(engine_store, SHOWS)), turn(submit("as I saw"))]
    )
    root = scripted([turn(delegate("why do these fail?", FAILURES)), turn(submit("all"))])
    made = world({"root": root, "sub": sub})
    result = made.run()
    [(failures,)] = engine_store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'")
    assert "why do these fail?" in sub.asked[0][1].content
    assert f"attempts in it: {failures} failure" in sub.asked[0][1].content
    assert f"[[{failures}]]" in sub.asked[1][-1].content
    report = root.asked[1][-1].content
    assert "root.1 ended: submitted" in report
    assert "as I saw" in report
    assert "root.1.c1 suspected: It fails so" in report
    assert [(c.id, c.agent) for c in result.claims] == [("root.1.c1", "root.1")]
    assert (result.agents, result.turns, result.ended) == (2, 5, Ended.SUBMITTED)
    assert {event.agent for event in made.events} == {"root", "root.1"}
    assert [h.predicate_sql for h in made.hypotheses.all] == [SHOWS]


def test_delegates_of_one_turn_run_at_once_and_are_numbered_by_their_place(world: Made, engine_store: Store) -> None:
    here = threading.Barrier(3, timeout=600)

    def reply(messages: Sequence[Message]) -> Reply:
        if len(messages) == 2:
            here.wait()  # passes only with all three in a call
            number = int(asked(messages)[-1])
            time.sleep(0.05 * (3 - number))  # the last is done first
            return turn(claim(engine_store, f"{SHOWS} AND step < 100{number}", "_abc"[number] + " fails"))
        return turn(submit(f"of {asked(messages)}"))

    class AtOnce(ScriptedModel):
        def complete(self, messages: Any, **more: Any) -> Any:
            return ScriptedModel([reply(messages)]).complete(messages, **more)

    root = scripted([turn(*(delegate(f"question {n}") for n in (1, 2, 3))), turn(submit())])
    result = world({"root": root, "sub": AtOnce([])}).run()
    report = root.asked[1][-1].content
    assert [report.index(f"root.{n} ended") for n in (1, 2, 3)] == sorted(
        report.index(f"root.{n} ended") for n in (1, 2, 3)
    )
    assert [(c.id, c.checked.claim.title) for c in result.claims] == [
        (f"root.{n}.c1", "_abc"[n] + " fails") for n in (1, 2, 3)
    ]


def test_the_same_claim_of_two_sub_agents_counts_once(world: Made, engine_store: Store) -> None:
    def reply(messages: Sequence[Message]) -> Reply:
        return turn(claim(engine_store, SHOWS)) if len(messages) == 2 else turn(submit())

    root = scripted([turn(delegate("a?"), delegate("b?")), turn(submit())])
    assert [c.id for c in world({"root": root, "sub": scripted(reply)}).run().claims] == ["root.1.c1"]


def test_no_model_is_asked_by_more_than_the_limit_at_once_and_nested_agents_do_not_wait_for_each_other(
    world: Made,
) -> None:
    now, most, lock = 0, 0, threading.Lock()

    class Counting(ScriptedModel):
        def complete(self, messages: Any, **more: Any) -> Any:
            nonlocal now, most
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.01)
            deep = asked(messages)
            deeper = turn(delegate("deeper 1"), delegate("deeper 2"))
            first = deeper if len(messages) == 2 and not deep.startswith("deeper") else turn(submit(deep))
            try:
                return ScriptedModel([first]).complete(messages, **more)
            finally:
                with lock:
                    now -= 1

    root = scripted([turn(delegate("one"), delegate("two"), delegate("three")), turn(submit())])
    limits = AnalysisLimits(parallel=2, depth=2, agents=30)
    result = world({"root": root, "sub": Counting([])}, limits=limits).run()
    assert most <= 2
    assert result.agents == 1 + 3 + 6
    assert result.ended is Ended.SUBMITTED


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (AnalysisLimits(agents=2), "the limit of sub-agents is reached"),
        (AnalysisLimits(agents=3), ""),
    ],
)
def test_the_number_of_agents_is_limited(world: Made, limits: AnalysisLimits, words: str) -> None:
    root = scripted([turn(delegate("a?"), delegate("b?")), turn(submit())])
    result = world({"root": root, "sub": scripted(lambda _m: turn(submit()))}, limits=limits).run()
    assert result.agents == limits.agents
    assert words in root.asked[1][-1].content
    assert ("limit of sub-agents" in root.asked[1][-1].content) is bool(words)


def test_below_the_deepest_level_delegate_is_not_offered(world: Made) -> None:
    sub = scripted([turn(submit())])
    root = scripted([turn(delegate("a?")), turn(submit())])
    world({"root": root, "sub": sub}, limits=AnalysisLimits(depth=1)).run()
    assert "- delegate:" in root.asked[0][0].content
    assert "- delegate:" not in sub.asked[0][0].content
    alone = scripted([turn(submit())])
    world(alone, limits=AnalysisLimits(depth=0)).run()
    assert "- delegate:" not in alone.asked[0][0].content


def test_a_sub_agent_that_reaches_its_turns_hands_in_what_it_has_and_the_root_goes_on(world: Made) -> None:
    sub = scripted([turn(sql("SELECT 1")), json.dumps({"summary": "half of it"})])
    root = scripted([turn(delegate("a?")), turn(submit("whole"))])
    result = world({"root": root, "sub": sub}, limits=AnalysisLimits(sub_turns=1)).run()
    assert "root.1 ended: no turns are left" in root.asked[1][-1].content
    assert "half of it" in root.asked[1][-1].content
    assert (result.ended, result.salvaged) == (Ended.SUBMITTED, False)


def test_a_sub_agent_without_a_model_is_told_to_its_parent(world: Made) -> None:
    root = scripted([turn(delegate("a?")), turn(submit("whole"))])
    result = world({"root": root, "sub": scripted(lambda _m: ModelError("it refuses the key"))}).run()
    assert "root.1 ended: the model gave no reply that could be used" in root.asked[1][-1].content
    assert result.ended is Ended.SUBMITTED


# --- llm_map


def mapper(answer: Callable[[str], str]) -> ScriptedModel:
    """A model that answers each row by a function of its text."""

    def reply(messages: Sequence[Message]) -> Reply:
        rows = [line for line in messages[-1].content.splitlines() if line[:1].isdigit() and ". {" in line]
        return json.dumps({"answers": [answer(row.partition(". ")[2]) for row in rows]})

    return scripted(reply)


def ask_rows(query: str, labels: list[str] | None = None) -> dict[str, Any]:
    return {"tool": "llm_map", "question": "which?", "query": query} | ({"labels": labels} if labels else {})


def rows_answered(root: ScriptedModel, call: int = 1) -> Any:
    return json.loads(root.asked[call][-1].content.partition("]\n")[2])


def test_small_rows_share_a_call_and_equal_ones_are_asked_once(world: Made) -> None:
    maps = mapper(lambda row: f"n{json.loads(row)['x']}")
    root = scripted([turn(ask_rows("SELECT i % 3 AS x FROM range(9) AS t(i) ORDER BY i")), turn(submit())])
    result = world({"root": root, "map": maps}).run()
    assert [row["answer"] for row in rows_answered(root)] == ["n0", "n1", "n2"] * 3
    assert len(maps.asked) == 1
    assert result.calls == 3


def test_more_rows_than_fit_into_a_reply_are_asked_in_several_calls(world: Made) -> None:
    maps = mapper(lambda row: str(json.loads(row)["x"]))
    root = scripted([turn(ask_rows("SELECT i AS x FROM range(40) AS t(i) ORDER BY i")), turn(submit())])
    world({"root": root, "map": maps}, reply=600).run()
    assert [row["answer"] for row in rows_answered(root)] == [str(n) for n in range(40)]
    assert len(maps.asked) == 4


def test_an_answer_is_asked_for_once_in_an_analysis(world: Made) -> None:
    maps = mapper(lambda row: "x")
    root = scripted(
        [
            turn(ask_rows("SELECT 1 AS x")),
            turn(ask_rows("SELECT 1 AS x UNION ALL SELECT 2")),
            turn(ask_rows("SELECT 2 AS x")),
            turn(submit()),
        ]
    )
    world({"root": root, "map": maps}).run()
    assert [call[-1].content.count('{"x"') for call in maps.asked] == [1, 1]


def test_rows_that_get_no_usable_answer_are_reported_and_the_others_stand(world: Made) -> None:
    def reply(messages: Sequence[Message]) -> Reply:
        text = messages[-1].content
        if '"x": 2' in text:
            return ModelError("it broke")
        return json.dumps({"answers": ["yes"] * text.count('{"x"')})

    root = scripted([turn(ask_rows("SELECT i AS x FROM range(4) AS t(i) ORDER BY i")), turn(submit())])
    result = world({"root": root, "map": scripted(reply)}).run()
    report = rows_answered(root)
    assert [row["answer"] for row in report] == ["yes", "yes", None, "yes"]
    assert report[2]["error"] == "it broke"
    assert result.faults["row without answer"] == 1


def test_labels_bind_the_answers(world: Made) -> None:
    maps = mapper(lambda row: "loop" if json.loads(row)["x"] else "stop")
    root = scripted([turn(ask_rows("SELECT i AS x FROM range(2) AS t(i)", ["loop", "stop"])), turn(submit())])
    world({"root": root, "map": maps}).run()
    assert [row["answer"] for row in rows_answered(root)] == ["stop", "loop"]
    assert "Each answer is one of: loop | stop" in maps.asked[0][-1].content


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (ask_rows("SELECT 1 AS x", ["one"]), "labels must be 2 to 20 different texts"),
        (ask_rows("SELECT i FROM range(501) AS t(i)"), "the query gives more than 500 rows"),
        (ask_rows("SELECT nonsense"), "nonsense"),
    ],
)
def test_a_map_that_cannot_be_done_says_what_to_do(world: Made, action: dict[str, Any], words: str) -> None:
    root = scripted([turn(action), turn(submit())])
    world({"root": root, "map": scripted([])}).run()
    assert words in root.asked[1][-1].content


def test_a_claim_on_labels_of_a_model_says_so(world: Made) -> None:
    from halo_opt.analysis.tools.all import ALL

    sql = "SELECT trace_id, step FROM steps WHERE step = 1 ORDER BY trace_id"
    ask = {"tool": "llm_map", "question": "Is it lost?", "sql": sql, "labels": ["lost", "fine"]}

    def root(messages: Sequence[Message]) -> Reply:
        if len(messages) == 2:
            return turn(ask)
        if len(messages) == 4:
            named = re.search(r"contrast takes (map_\w+)=", messages[-1].content)
            assert named is not None, messages[-1].content
            return turn({"tool": "contrast", "title": "It is lost", "predicate_sql": f"{named[1]}=lost"})
        if len(messages) == 6:
            named = re.search(r"(asked_\w+)", messages[-1].content)
            assert named is not None, messages[-1].content
            claim = {"title": "It is lost", "claim": "It loses its way.", "predicate_sql": named[1]}
            return turn({"tool": "claim", **claim, "numbers": [], "quotes": []})
        return turn(submit())

    maps = mapper(lambda row: "lost")
    (claim,) = world({"root": scripted(root), "map": maps}, tools=ALL).run().claims
    assert claim.checked.corrections[-1] == (
        "its attempts were labelled by a model: a model answered 'lost' to: Is it lost?"
    )
