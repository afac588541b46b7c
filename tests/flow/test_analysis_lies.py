"""A model that lies, in the whole engine: one lie of each kind here, all of them with the slow tests."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.rlm.answer_lies import judged_answers, sayable
from benchmarks.rlm.facts import Facts, facts_of
from benchmarks.rlm.lies import SUMMARIES, judged, unlike, write_planted_report
from benchmarks.rlm.planted import Planted, lies
from benchmarks.rlm.truths import truths
from halo_opt.mining.mine import mine_store
from halo_opt.store import Store, build_store

DATA = Path(__file__).parents[1] / "data"
RUNS = [DATA / "tau-bench" / "gpt-4o-airline.jsonl", DATA / "intercode"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lies") / "s.duckdb"
    build_store(RUNS, path)
    return path


@pytest.fixture(scope="module")
def facts(store: Path) -> Facts:
    return facts_of(store)


# Every so many of the planted statements are tried every day, and the rest with the slow tests.
SOME = 6


def one_of_each(planted: Sequence[Planted]) -> list[Planted]:
    return list({one.kind: one for one in reversed(planted)}.values())


def test_there_are_enough_of_them(facts: Facts) -> None:
    planted = lies(facts)
    assert len(planted) + len(SUMMARIES) >= 100
    assert len({one.kind for one in planted}) >= 20
    assert len(truths(facts)) >= 50


@pytest.mark.slow
def test_no_lie_reaches_what_the_report_confirms(store: Path, facts: Facts, tmp_path: Path) -> None:
    planted = one_of_each(lies(facts))
    write_planted_report(store, tmp_path, planted, ". ".join(SUMMARIES) + ".")
    through, _ = judged(store, tmp_path, planted, SUMMARIES)
    assert through == []
    assert unlike(store, tmp_path) == []


@pytest.mark.parametrize("every", [4 * SOME, pytest.param(5, marks=pytest.mark.slow)])
def test_true_statements_stay_as_they_are(store: Path, facts: Facts, tmp_path: Path, every: int) -> None:
    planted = truths(facts)[::every]
    write_planted_report(store, tmp_path, planted, f"{facts.f} of {facts.all} attempts fail.")
    _, struck = judged(store, tmp_path, planted, ())
    assert struck == []
    assert unlike(store, tmp_path) == []


@pytest.mark.parametrize("every", [SOME, pytest.param(1, marks=pytest.mark.slow)])
def test_no_lie_reaches_an_answer_and_true_statements_stay_in_it(store: Path, facts: Facts, every: int) -> None:
    some = one_of_each([one for one in lies(facts) if sayable(one)])[::every]
    with Store.open(store) as opened:
        report = mine_store(opened, [], title="t", made_at="", patterns=False)
        assert judged_answers(opened, report, facts, some)[0] == []
        assert judged_answers(opened, report, facts, truths(facts)[:: 5 * every])[1] == []


@pytest.mark.slow
def test_none_of_all_the_lies_gets_through_and_nothing_true_is_struck(
    store: Path, facts: Facts, tmp_path: Path
) -> None:
    false, true = lies(facts), truths(facts)
    write_planted_report(store, tmp_path / "lies", false, ". ".join(SUMMARIES) + ".")
    write_planted_report(store, tmp_path / "truths", true, f"{facts.f} of {facts.all} attempts fail.")
    assert judged(store, tmp_path / "lies", false, SUMMARIES)[0] == []
    assert judged(store, tmp_path / "truths", true, ())[1] == []
