"""The tools that run Python or ask models: what lasts, what is counted, and what is refused without them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tool_contexts import ask

from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.python import PythonSession, python_tool
from halo_opt.analysis.tools.scope import Scope
from halo_opt.confinement.python import Limits, SandboxMissing
from halo_opt.confinement.python import sandbox as boxes
from halo_opt.confinement.python.cell_result import ConfinementUnavailable


class Models:
    """Models that say what they were asked."""

    def __init__(self, context: ToolContext) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.ids = [str(one) for (one,) in context.store.rows("SELECT trace_id FROM attempts ORDER BY 1 LIMIT 9")]

    def llm(self, prompt: str) -> str:
        return f"answer to {prompt}"

    def llm_map(self, question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
        self.asked.append((question, sql))
        return [
            {"trace_id": one, "goal": "a long text", "answer": "yes" if n % 3 else "no"}
            for n, one in enumerate(self.ids)
        ]

    def delegate(self, question: str, scope: Scope) -> str:
        self.asked.append((question, scope))
        return f"looked at {scope.words}"


@pytest.fixture
def context(real_context: ToolContext) -> Iterator[ToolContext]:
    session = PythonSession(Limits(seconds=5.0))
    yield replace(real_context, models=Models(real_context), python=session)
    session.close()


def test_variables_last_and_the_other_tools_are_functions(context: ToolContext) -> None:
    first = ask(context, "python", code="rows = sql('SELECT outcome FROM attempts ORDER BY 1')\nprint(len(rows))")
    [(count,)] = context.store.rows("SELECT count(*) FROM attempts")
    assert first.startswith("the cell ran\n<<<data ") and f"\n{count}\n" in first
    assert "value: {'outcome': 'failure'}" in ask(context, "python", code="rows[0]")
    assert "value: 'answer to 1'" in ask(context, "python", code="llm('1')")
    assert "value: 9" in ask(context, "python", code="len(llm_map('why?', 'SELECT 1', ['yes', 'no']))")
    told = ask(
        context,
        "python",
        code="contrast('errs', 'SELECT trace_id FROM steps WHERE error IS NOT NULL')['hypotheses_tested']",
    )
    assert "value: 1" in told and len(context.hypotheses.all) == 1
    assert "printed nothing" in ask(context, "python", code="x = 1")


def test_who_can_claim_is_told_that_every_hypothesis_is_corrected_for(context: ToolContext) -> None:
    errors = "SELECT trace_id FROM steps WHERE error IS NOT NULL"
    told = ask(context, "contrast", title="meets an error", predicate_sql=errors)
    assert "you have tested 1 hypothesis so far; the end result corrects for all of them together with the" in told
    assert "nothing here corrects" not in told


def test_a_cell_that_fails_says_why_and_what_the_tool_said(context: ToolContext) -> None:
    answer = ask(context, "python", code="sql('SELECT nope FROM steps')")
    assert answer.startswith("the cell failed") and "instead: steps has trace_id" in answer
    assert "name each by AS" in ask(context, "python", code="sql('SELECT 1 AS a, 2 AS a')")
    assert "aggregate in" in ask(context, "python", code="sql('SELECT * FROM range(30000)')")


def test_a_cell_sees_the_scope_of_its_agent(context: ToolContext) -> None:
    sql = "SELECT trace_id FROM attempts WHERE outcome = 'success'"
    narrow = replace(context, scope=Scope(words="successes", sql=sql))
    told = ask(narrow, "python", code="sql('SELECT DISTINCT outcome FROM main.attempts')")
    assert "value: [{'outcome': 'success'}]" in told


def test_what_a_cell_prints_is_cut_and_said(context: ToolContext) -> None:
    answer = ask(context, "python", code="print('x' * 15000)\n1 / 0")
    assert len(answer.encode()) <= context.answer_bytes
    assert "ZeroDivisionError" in answer and "the middle was cut" in answer


def test_lost_state_is_said_aloud(context: ToolContext) -> None:
    limits = Limits(seconds=0.3, grace=0.2, memory_bytes=1 << 30)
    session = PythonSession(limits)
    answer = session.run("'a' * 10**9 * 10 ** 3 if False else sum(range(10**11))", context)
    session.close()
    assert answer.startswith("the cell failed")
    if "ALL VARIABLES ARE LOST" not in answer:
        assert "seconds" in answer or "stopped" in answer or "longer" in answer


def test_a_closed_session_and_a_context_without_one_say_what_to_use(
    context: ToolContext, real_context: ToolContext
) -> None:
    assert context.python is not None
    context.python.close()
    context.python.close()
    with pytest.raises(ToolRefused, match="has ended; use the other tools"):
        ask(context, "python", code="1")
    with pytest.raises(ToolRefused, match="there is no Python here; use 'sql'"):
        ask(real_context, "python", code="1")


def test_a_sub_agent_gets_a_desk_without_its_parent_s_variables(context: ToolContext) -> None:
    below = context.within(Scope(words="a part", sql="SELECT trace_id FROM attempts LIMIT 1"), agent="root.1")
    assert below.python is None and below.agent == "root.1" and below.guarded is context.guarded


def test_without_a_sandbox_there_is_no_tool_and_the_reason_is_told(
    context: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool, words = python_tool()
    assert tool is not None and words

    def none(*_: object) -> Any:
        raise ConfinementUnavailable("this kernel has no lock")

    monkeypatch.setattr(boxes, "BACKENDS", (none,))
    tool, words = python_tool()
    assert tool is None and "this kernel has no lock" in words
    with pytest.raises(ToolRefused, match="this kernel has no lock"):
        ask(context, "python", code="1")
    with pytest.raises(SandboxMissing):
        boxes.Sandbox.start({})


LABELS = ["no", "yes", "maybe"]
BLIND = "SELECT trace_id, goal FROM attempts"


def test_answers_are_counted_by_label_and_outcome(context: ToolContext) -> None:
    answer = ask(context, "llm_map", question="is it?", sql=BLIND, labels=LABELS)
    assert answer.startswith("9 rows were answered") and "maybe\t0\t0\t0\t0" in answer
    failures = {str(one) for (one,) in context.store.rows("SELECT trace_id FROM attempts WHERE outcome = 'failure'")}
    yes = [trace_id for number, trace_id in enumerate(Models(context).ids) if number % 3]
    lost = len(failures.intersection(yes))
    assert f"yes\t6\t6\t{lost}\t{6 - lost}" in answer
    assert isinstance(context.models, Models) and context.models.asked == [("is it?", BLIND)]


def test_the_texts_that_were_asked_about_are_not_repeated(context: ToolContext) -> None:
    answer = ask(context, "llm_map", question="is it?", sql=BLIND, labels=LABELS)
    assert "answer\ttrace_id\n" in answer and "a long text" not in answer


def test_a_label_names_its_attempts_for_contrast(context: ToolContext) -> None:
    answer = ask(context, "llm_map", question="is it?", sql=BLIND, labels=LABELS)
    name = answer.partition("contrast takes ")[2].partition("=")[0]
    told = ask(context, "contrast", title="it is", predicate_sql=f"{name}=yes")
    assert "show it" in told and len(context.hypotheses.all) == 1
    with pytest.raises(ToolRefused, match="no labels of this name"):
        ask(context, "contrast", title="it is", predicate_sql="map_000000=yes")


def test_labels_of_rows_that_showed_the_outcome_are_not_contrasted(context: ToolContext) -> None:
    sql = "SELECT trace_id, outcome FROM attempts"
    assert "contrast does not take the labels" in ask(context, "llm_map", question="is it?", sql=sql, labels=LABELS)


def test_a_sub_agent_is_given_its_part_of_what_its_parent_sees(context: ToolContext) -> None:
    parent = replace(
        context, scope=Scope(words="failures", sql="SELECT trace_id FROM attempts WHERE outcome = 'failure'")
    )
    sql = "SELECT trace_id FROM attempts WHERE steps > 3"
    assert "looked at long\\u202e ones" in ask(
        parent, "delegate", question="why?", attempts_sql=sql, words="long\u202e\n ones"
    )
    assert isinstance(context.models, Models)
    [(_, scope)] = context.models.asked
    assert scope == parent.scope.narrowed(sql, "long\\u202e ones")


def test_without_models_the_tools_say_what_to_use(real_context: ToolContext) -> None:
    for tool, arguments in (("llm_map", {"question": "why?", "sql": "SELECT 1"}), ("delegate", {"question": "why?"})):
        with pytest.raises(ToolRefused, match="no model can be asked here; use 'sql'"):
            ask(real_context, tool, **arguments)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT trace_id, steps FROM attempts", "SELECT trace_id alone"),
        ("SELECT 'nobody' AS trace_id", "selects no attempt"),
        ("SELECT trace FROM attempts", "the nearest column is trace_id"),
    ],
)
def test_a_part_that_is_none_is_not_given_away(context: ToolContext, sql: str, words: str) -> None:
    with pytest.raises(ToolRefused, match=words):
        ask(context, "delegate", question="why?", attempts_sql=sql)
    assert isinstance(context.models, Models) and context.models.asked == []
