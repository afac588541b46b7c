"""Every predicate that was held against the outcomes, confirmed or not: each is a test, and each is corrected for."""

import threading

from halo_opt.records import Record


class Hypothesis(Record):
    """A predicate over attempts (SQL that gives the trace_ids that show it) and what it is said to be."""

    name: str
    title: str
    predicate_sql: str


class Hypotheses:
    """All of one analysis, in the order of asking. Safe to add to from several threads."""

    def __init__(self) -> None:
        self._by_sql: dict[str, Hypothesis] = {}
        self._lock = threading.Lock()

    def add(self, title: str, predicate_sql: str) -> Hypothesis:
        """The hypothesis of this predicate; the same SQL asked again is the same test."""
        key = " ".join(predicate_sql.split()).rstrip("; ")
        with self._lock:
            if key not in self._by_sql:
                name = f"asked_{len(self._by_sql) + 1}"
                self._by_sql[key] = Hypothesis(name=name, title=title, predicate_sql=predicate_sql)
            return self._by_sql[key]

    @property
    def all(self) -> list[Hypothesis]:
        """In the order of asking."""
        with self._lock:
            return list(self._by_sql.values())
