"""The tools that run Python or ask models: what lasts, what is counted, and what is refused without them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from desks import ask

from halo_opt.analysis.tools.base import Desk, ToolRefused
from halo_opt.analysis.tools.python import PythonSession, python_tool
from halo_opt.analysis.tools.scope import Scope
from halo_opt.confinement.python import Limits, SandboxMissing
from halo_opt.confinement.python import sandbox as boxes
from halo_opt.confinement.python.records import Unconfined


class Models:
    """Models that say what they were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def llm(self, prompt: str) -> str:
        return f"answer to {prompt}"

    def llm_map(self, question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
        self.asked.append((question, sql))
        return [{"trace_id": f"t{n}", "answer": "yes" if n % 3 else "no"} for n in range(9)]

    def delegate(self, question: str, scope: Scope) -> str:
        self.asked.append((question, scope))
        return f"looked at {scope.words}"


@pytest.fixture
def desk(real_desk: Desk) -> Iterator[Desk]:
    session = PythonSession(Limits(seconds=5.0))
    yield replace(real_desk, asking=Models(), python=session)
    session.close()


def test_variables_last_and_the_other_tools_are_functions(desk: Desk) -> None:
    first = ask(desk, "python", code="rows = sql('SELECT outcome FROM attempts ORDER BY 1')\nprint(len(rows))")
    [(count,)] = desk.store.rows("SELECT count(*) FROM attempts")
    assert first.startswith("the cell ran\n<<<data ") and f"\n{count}\n" in first
    assert "value: {'outcome': 'failure'}" in ask(desk, "python", code="rows[0]")
    assert "value: 'answer to 1'" in ask(desk, "python", code="llm('1')")
    assert "value: 9" in ask(desk, "python", code="len(llm_map('why?', 'SELECT 1', ['yes', 'no']))")
    told = ask(desk, "python", code="contrast('errs', 'SELECT trace_id FROM steps WHERE error IS NOT NULL')['asked']")
    assert "value: 1" in told and len(desk.hypotheses.all) == 1
    assert "printed nothing" in ask(desk, "python", code="x = 1")


def test_who_can_claim_is_told_that_every_hypothesis_is_corrected_for(desk: Desk) -> None:
    errors = "SELECT trace_id FROM steps WHERE error IS NOT NULL"
    told = ask(desk, "contrast", title="meets an error", predicate_sql=errors)
    assert "you have asked 1 hypothesis so far; in the end all of them are corrected for, together with the" in told
    assert "nothing here corrects" not in told


def test_a_cell_that_fails_says_why_and_what_the_tool_said(desk: Desk) -> None:
    answer = ask(desk, "python", code="sql('SELECT nope FROM steps')")
    assert answer.startswith("the cell failed") and "instead: steps has trace_id" in answer
    assert "name each by AS" in ask(desk, "python", code="sql('SELECT 1 AS a, 2 AS a')")
    assert "aggregate in" in ask(desk, "python", code="sql('SELECT * FROM range(30000)')")


def test_a_cell_sees_the_scope_of_its_agent(desk: Desk) -> None:
    sql = "SELECT trace_id FROM attempts WHERE outcome = 'success'"
    narrow = replace(desk, scope=Scope(words="successes", sql=sql))
    told = ask(narrow, "python", code="sql('SELECT DISTINCT outcome FROM main.attempts')")
    assert "value: [{'outcome': 'success'}]" in told


def test_what_a_cell_prints_is_cut_and_said(desk: Desk) -> None:
    answer = ask(desk, "python", code="print('x' * 15000)\n1 / 0")
    assert len(answer.encode()) <= desk.answer_bytes
    assert "ZeroDivisionError" in answer and "the middle was cut" in answer


def test_lost_state_is_said_aloud(desk: Desk) -> None:
    limits = Limits(seconds=0.3, grace=0.2, memory_bytes=1 << 30)
    session = PythonSession(limits)
    answer = session.run("'a' * 10**9 * 10 ** 3 if False else sum(range(10**11))", desk)
    session.close()
    assert answer.startswith("the cell failed")
    if "STATE WAS LOST" not in answer:
        assert "seconds" in answer or "stopped" in answer or "longer" in answer


def test_a_closed_session_and_a_desk_without_one_say_what_to_use(desk: Desk, real_desk: Desk) -> None:
    assert desk.python is not None
    desk.python.close()
    desk.python.close()
    with pytest.raises(ToolRefused, match="has ended; use the other tools"):
        ask(desk, "python", code="1")
    with pytest.raises(ToolRefused, match="there is no Python here; use 'sql'"):
        ask(real_desk, "python", code="1")


def test_a_sub_agent_gets_a_desk_without_its_parent_s_variables(desk: Desk) -> None:
    below = desk.within(Scope(words="a part", sql="SELECT trace_id FROM attempts LIMIT 1"), agent="root.1")
    assert below.python is None and below.agent == "root.1" and below.guarded is desk.guarded


def test_without_a_sandbox_there_is_no_tool_and_the_reason_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, words = python_tool()
    assert tool is not None and words

    def none(*_: object) -> Any:
        raise Unconfined("this kernel has no lock")

    monkeypatch.setattr(boxes, "BOXES", (none,))
    tool, words = python_tool()
    assert tool is None and "this kernel has no lock" in words
    with pytest.raises(ToolRefused, match="this kernel has no lock"):
        ask(desk, "python", code="1")
    with pytest.raises(SandboxMissing):
        boxes.Sandbox.start({})


def test_answers_are_counted_by_label_with_examples_of_each(desk: Desk) -> None:
    answer = ask(desk, "llm_map", question="is it?", sql="SELECT 1", labels=["no", "yes", "maybe"])
    assert "no\t3\nyes\t6\nmaybe\t0\nanswer\ttrace_id\nno\tt0\nyes\tt1\nyes\tt2\nno\tt3\n" in answer
    assert answer.startswith("9 rows were answered")
    assert isinstance(desk.asking, Models) and desk.asking.asked == [("is it?", "SELECT 1")]


def test_a_sub_agent_is_given_its_part_of_what_its_parent_sees(desk: Desk) -> None:
    parent = replace(desk, scope=Scope(words="failures", sql="SELECT trace_id FROM attempts WHERE outcome = 'failure'"))
    sql = "SELECT trace_id FROM attempts WHERE steps > 3"
    assert "looked at long\\u202e ones" in ask(
        parent, "delegate", question="why?", attempts_sql=sql, words="long\u202e\n ones"
    )
    assert isinstance(desk.asking, Models)
    [(_, scope)] = desk.asking.asked
    assert scope == parent.scope.narrowed(sql, "long\\u202e ones")


def test_without_models_the_tools_say_what_to_use(real_desk: Desk) -> None:
    for tool, arguments in (("llm_map", {"question": "why?", "sql": "SELECT 1"}), ("delegate", {"question": "why?"})):
        with pytest.raises(ToolRefused, match="there is no model to ask here; use 'sql'"):
            ask(real_desk, tool, **arguments)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT trace_id, steps FROM attempts", "SELECT trace_id alone"),
        ("SELECT 'nobody' AS trace_id", "gives no attempt"),
        ("SELECT trace FROM attempts", "the nearest column is trace_id"),
    ],
)
def test_a_part_that_is_none_is_not_given_away(desk: Desk, sql: str, words: str) -> None:
    with pytest.raises(ToolRefused, match=words):
        ask(desk, "delegate", question="why?", attempts_sql=sql)
    assert isinstance(desk.asking, Models) and desk.asking.asked == []
