"""An analysis that is cut off goes on from its journal: the same result, and no call paid twice."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from engine_world import FAILURES, SHOWS, TOOLS, World, sql, submit, turn

from halo_opt.analysis.records import AnalysisLimits, AnalysisResult
from halo_opt.analysis.tools import contrast, python
from halo_opt.core.journal import Journal
from halo_opt.llm.cassette import Cassette, RecordedModel
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.model import Completion, InvalidReply, Message
from halo_opt.store import Store
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.testing import ScriptedModel

Made = Callable[..., World]


class Brain:
    """Replies that follow from the messages alone; it dies at one call, and counts those it answered."""

    name = "brain"

    def __init__(self, role: str, answer: Callable[[str, Sequence[Message]], str], deaths: "Deaths") -> None:
        self._role = role
        self._answer = answer
        self._deaths = deaths

    def complete(self, messages: Sequence[Message], *, schema: Any = None, on_text: Any = None) -> Completion:
        self._deaths.one_more()
        text = self._answer(self._role, messages)
        if text.startswith("misfit"):
            raise InvalidReply("no", text=text, spent=Completion(text=text, tokens_in=5, tokens_out=1))
        return ScriptedModel([text]).complete(messages, schema=schema)


class Deaths:
    """Counts calls, and raises at call number `at` and ever after, as a process that is gone answers nobody."""

    def __init__(self, at: int | None = None) -> None:
        self.paid = 0
        self._at = at
        self._lock = threading.Lock()

    def one_more(self) -> None:
        with self._lock:
            if self.paid == self._at:
                raise RuntimeError("killed")
            self.paid += 1


def script(store: Store, *, cells: bool) -> Callable[[str, Sequence[Message]], str]:
    [(trace, step, words)] = store.rows(
        "SELECT s.trace_id, s.step, s.arguments FROM steps AS s JOIN attempts AS a USING (trace_id)"
        " WHERE a.outcome = 'failure' AND length(s.arguments) > 20 ORDER BY ALL LIMIT 1"
    )
    quote = {"trace_id": trace, "step": step, "words": words[:100]}
    claim = {"tool": "claim", "title": "It fails", "claim": "So.", "predicate_sql": SHOWS, "quotes": [quote]}
    other = claim | {"predicate_sql": f"{SHOWS} AND step < 1000", "title": "It fails late"}
    some = {"tool": "llm_map", "question": "what?", "query": "SELECT trace_id, steps FROM attempts ORDER BY trace_id"}
    tests = {
        "tool": "contrast",
        "title": "It is long",
        "predicate_sql": "SELECT trace_id FROM attempts WHERE steps > 4",
    }

    def sub(messages: Sequence[Message]) -> str:
        first = turn(some, tests) if "why so?" in messages[1].content else turn(tests)
        return [first, turn(other), turn(submit("a part"))][len(messages) // 2 - 1]

    def root(messages: Sequence[Message]) -> str:
        delegate = {"tool": "delegate", "question": "why so?"}
        cell = {"tool": "python", "code": "x = sql('SELECT count(*) AS n FROM attempts')[0]['n']\nx"}
        then = {"tool": "python", "code": "print(x, llm('say ' + str(x)))"}
        count = sql("SELECT outcome, count(*) FROM attempts GROUP BY 1 ORDER BY 1")
        turns = [
            turn(count, cell) if cells else turn(count),
            turn(delegate, delegate | {"question": "and here?", "scope_sql": FAILURES}),
            "misfit: no JSON",
            turn(then, claim) if cells else turn(count, claim),
            turn(submit("the whole")),
        ]
        return turns[len(messages) // 2 - 1]

    def answer(role: str, messages: Sequence[Message]) -> str:
        if role == "map":
            asked = messages[-1].content
            count = sum(line[:1].isdigit() and ". {" in line for line in asked.splitlines())
            return json.dumps({"answers": ["short"] * count}) if count else f"heard {asked}"
        return sub(messages) if role == "sub" else root(messages)

    return answer


def sitting(world: Made, store: Store, path: Path, deaths: Deaths, *, cells: bool = False) -> AnalysisResult:
    """One run with a journal, as the verbs make it."""
    with Journal(path) as journal:
        past = [event.data["entry"] for event in journal.events if event.kind == "call"]
        spent = [event.data for event in journal.events if event.kind == "spend"]
        cassette = Cassette(
            past, on_entry=lambda entry: journal.append("call", entry=entry.model_dump(mode="json")) and None
        )
        ledger = Ledger(
            Budget(calls=100),
            past=spent,
            on_event=lambda e: journal.append("spend", **e.model_dump(mode="json")) and None,
        )
        brains = {role: Brain(role, script(store, cells=cells), deaths) for role in ("root", "sub", "map", "compact")}
        made = world(
            brains, tools=(*TOOLS, contrast.TOOL, *([python.TOOL] if cells else [])), limits=AnalysisLimits(parallel=4)
        )
        made.ledger = ledger
        made.wrap = lambda model, role: RecordedModel(model, cassette, role=role)
        return made.run()


def same(one: AnalysisResult, two: AnalysisResult) -> bool:
    """But for the time, and for what was paid: a call during which it died may have been, and is counted as if so."""
    apart = dict.fromkeys(("seconds", "calls", "tokens_in", "tokens_out", "cost_usd"), 0)
    return one.model_copy(update=apart) == two.model_copy(update=apart)


@pytest.fixture(scope="module")
def whole(
    engine_store: Store, engine_report: Any, engine_rows: GuardedRows, tmp_path_factory: pytest.TempPathFactory
) -> tuple[AnalysisResult, int]:
    """The result of a run that nothing cut off, and the calls that it paid."""

    def make(scripts: Any, **changes: Any) -> World:
        return World(engine_store, engine_report, scripts, guarded=engine_rows, **changes)

    deaths = Deaths()
    return sitting(make, engine_store, tmp_path_factory.mktemp("whole") / "j.jsonl", deaths), deaths.paid


CALLS = 12


def test_the_script_does_what_these_tests_are_about(whole: tuple[AnalysisResult, int]) -> None:
    result, calls = whole
    assert (calls, result.calls) == (CALLS, CALLS)
    assert result.agents == 3
    assert [claim.id for claim in result.claims] == ["root.1.c1", "root.c1"]
    assert result.faults == {"malformed reply": 1, "schema mismatch": 1}


@pytest.mark.parametrize("at", range(CALLS))
def test_after_a_crash_at_any_call_it_goes_on_to_the_same_end(
    world: Made, engine_store: Store, whole: tuple[AnalysisResult, int], tmp_path: Path, at: int
) -> None:
    result, calls = whole
    first, second = Deaths(at), Deaths()
    with pytest.raises(RuntimeError, match="killed"):
        sitting(world, engine_store, tmp_path / "j.jsonl", first)
    again = sitting(world, engine_store, tmp_path / "j.jsonl", second)
    assert same(again, result)
    assert first.paid + second.paid == calls


def test_variables_of_its_python_are_there_again(world: Made, engine_store: Store, tmp_path: Path) -> None:
    result = sitting(world, engine_store, tmp_path / "whole.jsonl", Deaths(), cells=True)
    with pytest.raises(RuntimeError, match="killed"):
        sitting(world, engine_store, tmp_path / "j.jsonl", Deaths(CALLS - 1), cells=True)
    again = sitting(world, engine_store, tmp_path / "j.jsonl", Deaths(), cells=True)
    assert same(again, result)
    assert again.tools["python"] == 2
    # One more for the cells, and the one that it was killed in, which may have been paid.
    assert again.calls == CALLS + 2


def test_a_finished_analysis_is_told_again_without_a_call(world: Made, engine_store: Store, tmp_path: Path) -> None:
    one = sitting(world, engine_store, tmp_path / "j.jsonl", Deaths())
    nobody = Deaths(at=0)
    assert same(sitting(world, engine_store, tmp_path / "j.jsonl", nobody), one)
    assert nobody.paid == 0
