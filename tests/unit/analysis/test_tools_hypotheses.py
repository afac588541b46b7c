"""What was asked is counted once, and comes in the same order whichever thread was quicker."""

import random
from concurrent.futures import ThreadPoolExecutor

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.store import Store
from halo_opt.store.guarded.guarded_rows import KEPT, GuardedRows


def test_the_same_sql_is_the_same_hypothesis() -> None:
    asked = Hypotheses()
    one = asked.add("one", "SELECT trace_id\n FROM attempts;")
    assert asked.add("again", "SELECT  trace_id FROM attempts") == one
    assert asked.add("other", "SELECT trace_id FROM steps").name != one.name
    assert [h.title for h in asked.all] == ["one", "other"]


def test_the_order_is_by_agent_whoever_asked_first() -> None:
    said = [(agent, n) for agent in ("root", "root.2", "root.10", "root.1.1", "root.1") for n in range(3)]
    seen = set()
    for seed in range(5):
        asked = Hypotheses()
        order = sorted({agent for agent, _ in said})
        random.Random(seed).shuffle(order)
        for agent in order:
            for n in range(3):
                asked.add(f"{agent} {n}", f"SELECT {n % 2 if agent == 'root.2' else agent + str(n)!r}", agent)
        seen.add(tuple(h.title for h in asked.all))
        assert asked.count("root.2") == 2
        assert asked.count("nobody") == 0
    [titles] = seen
    assert titles[:3] == ("root 0", "root 1", "root 2")
    assert [t.split()[0] for t in titles[3::3]] == ["root.1", "root.1.1", "root.2", "root.10"][: len(titles[3::3])]


def test_threads_that_ask_the_same_get_one_answer(real_store: Store) -> None:
    rows = GuardedRows(real_store)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda n: rows.rows(f"SELECT {n % 2}, count(*) FROM attempts"), range(8)))
    assert {answer[0][0] for answer in found} == {0, 1}
    assert len({id(answer) for answer in found}) == 2


def test_old_answers_are_let_go(real_store: Store) -> None:
    rows = GuardedRows(real_store)
    first = rows.rows("SELECT 1")
    assert rows.rows("SELECT 1") is first
    for number in range(KEPT):
        rows._known[f"made up {number}"] = rows._known["SELECT 1"]
    rows.rows("SELECT 2")
    assert len(rows._known) <= KEPT
