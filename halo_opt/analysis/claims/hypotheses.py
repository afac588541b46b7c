"""The predicates that were tested against outcomes. Each counts in the correction for multiple tests."""

import hashlib
import threading

from halo_opt.core.records import Record
from halo_opt.store.guarded.sql_text import alone, layout_free

ROOT = "root"


class Hypothesis(Record):
    """A predicate over attempts (SQL that gives the trace_ids of those that show it) with a title."""

    name: str
    title: str
    predicate_sql: str


def behaviour_sql(predicate: str) -> str:
    """The SQL of a behaviour, one row per attempt that is no error, from a predicate.

    The predicate is SQL that gives trace_ids. Where it also gives a column `step`, the lowest step of each attempt is
    the first that shows the behaviour.
    """
    # A predicate without a column `step` gets that of the row around it, which is NULL.
    return (
        "SELECT a.trace_id, s.trace_id IS NOT NULL AS value, s.first_step AS step FROM attempts AS a LEFT JOIN"
        " (SELECT r.trace_id, min(r.shown_at) AS first_step FROM (SELECT NULL::INTEGER AS step) AS unknown, LATERAL"
        f" (SELECT p.trace_id::VARCHAR AS trace_id, TRY_CAST(step AS INTEGER) AS shown_at FROM (\n{alone(predicate)}\n)"
        " AS p) AS r GROUP BY r.trace_id) AS s USING (trace_id) WHERE a.outcome IS DISTINCT FROM 'error'"
    )


class Hypotheses:
    """The hypotheses of one analysis; safe to use from several threads.

    A name is derived from the SQL, and the order is by agent first, so that neither depends on which agent was faster.
    """

    def __init__(self) -> None:
        self._by_agent: dict[str, dict[str, Hypothesis]] = {}
        self._labelled: dict[str, Hypothesis] = {}
        self._lock = threading.Lock()

    def add(self, title: str, predicate_sql: str, agent: str = ROOT) -> Hypothesis:
        """Add a predicate and return its hypothesis. The same SQL from the same agent is added once."""
        key = layout_free(predicate_sql)
        name = f"asked_{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
        with self._lock:
            tested = self._by_agent.setdefault(agent, {})
            if name not in tested:
                tested[name] = Hypothesis(name=name, title=title, predicate_sql=predicate_sql)
            return tested[name]

    def add_labelled(self, name: str, title: str, predicate_sql: str) -> None:
        """Give the attempts that a model labelled a name that may stand for their predicate; not a test by itself."""
        with self._lock:
            self._labelled[name] = Hypothesis(name=name, title=title, predicate_sql=predicate_sql)

    def named(self, name: str) -> Hypothesis | None:
        """The hypothesis or the labelled attempts of this name, from any agent; None where there are none."""
        with self._lock:
            tested = (tested[name] for tested in self._by_agent.values() if name in tested)
            return next(tested, None) or self._labelled.get(name)

    def label_of(self, predicate_sql: str) -> str:
        """What a model was asked and answered of the attempts that a predicate takes by their label; '' for none."""
        text = layout_free(predicate_sql)
        with self._lock:
            titles = (one.title for one in self._labelled.values() if layout_free(one.predicate_sql) in text)
            return next(titles, "")

    def count(self, agent: str = ROOT) -> int:
        """The number of hypotheses of one agent."""
        with self._lock:
            return len(self._by_agent.get(agent, {}))

    @property
    def all(self) -> list[Hypothesis]:
        """All hypotheses, each once: first those of root in their order, then those of root.1, root.1.1, root.2, ..."""
        with self._lock:
            found: dict[str, Hypothesis] = {}
            for agent in sorted(self._by_agent, key=_place):
                for name, hypothesis in self._by_agent[agent].items():
                    found.setdefault(name, hypothesis)
            return list(found.values())


def _place(agent: str) -> tuple[tuple[bool, int, str], ...]:
    """The sort key of an agent, with which root.10 comes after root.9."""
    return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in agent.split("."))
