"""Every predicate that was tested against the outcomes, confirmed or not: each counts in the correction."""

import hashlib
import threading

from halo_opt.core.records import Record
from halo_opt.store.guarded.sql_text import alone, layout_free

ROOT = "root"


class Hypothesis(Record):
    """A predicate over attempts (SQL that gives the trace_ids that show it) and what it is said to be."""

    name: str
    title: str
    predicate_sql: str


def behaviour_sql(predicate: str) -> str:
    """A predicate (SQL that gives trace_ids) as a behaviour's: a row for every attempt that is no error."""
    return (
        "SELECT a.trace_id, s.trace_id IS NOT NULL AS value, NULL::INTEGER AS step FROM attempts AS a LEFT JOIN"
        f" (SELECT DISTINCT trace_id::VARCHAR AS trace_id FROM (\n{alone(predicate)}\n) AS p)"
        " AS s USING (trace_id) WHERE a.outcome IS DISTINCT FROM 'error'"
    )


class Hypotheses:
    """All of one analysis. Safe to add to from several threads, and the same whichever agent was quicker.

    A hypothesis's name follows from its SQL. Agents work side by side, so the order is by agent, then by asking.
    """

    def __init__(self) -> None:
        self._by_agent: dict[str, dict[str, Hypothesis]] = {}
        self._lock = threading.Lock()

    def add(self, title: str, predicate_sql: str, agent: str = ROOT) -> Hypothesis:
        """The hypothesis of this predicate; the same SQL asked again is the same test."""
        key = layout_free(predicate_sql)
        name = f"asked_{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
        with self._lock:
            tested = self._by_agent.setdefault(agent, {})
            if name not in tested:
                tested[name] = Hypothesis(name=name, title=title, predicate_sql=predicate_sql)
            return tested[name]

    def named(self, name: str) -> Hypothesis | None:
        """The hypothesis of this name, whoever asked it; None where nobody did."""
        with self._lock:
            return next((tested[name] for tested in self._by_agent.values() if name in tested), None)

    def count(self, agent: str = ROOT) -> int:
        """How many this agent asked; others that work at the same time are not in it."""
        with self._lock:
            return len(self._by_agent.get(agent, {}))

    @property
    def all(self) -> list[Hypothesis]:
        """Each once: the root's in the order of asking, then those of root.1, root.1.1, root.2, ..."""
        with self._lock:
            found: dict[str, Hypothesis] = {}
            for agent in sorted(self._by_agent, key=_place):
                for name, hypothesis in self._by_agent[agent].items():
                    found.setdefault(name, hypothesis)
            return list(found.values())


def _place(agent: str) -> tuple[tuple[bool, int, str], ...]:
    """root.10 comes after root.9."""
    return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in agent.split("."))
