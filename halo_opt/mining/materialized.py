"""Many behaviours computed in one pass over the steps, and a store that answers queries about them from memory.

The facts that any behaviour names are computed once into a temporary table, then the expressions over the steps around,
bucket by bucket. What is kept is one row of aggregates an attempt. A query that contains the SQL of such a behaviour
then reads these aggregates instead and gives the same rows (see `condition`). `close` drops the temporary tables.
"""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Self

from halo_opt.core.errors import InputError
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import (
    NARROW,
    aggregates_of,
    known_facts,
    materialized_sql,
    self_contained_sql,
    steps_with_windows_sql,
)
from halo_opt.mining.facts import FACTS, facts_sql, named_in
from halo_opt.store.guarded.sql_checks import blind_sql
from halo_opt.store.protocols import Query, Rows

# Steps whose surroundings are looked at together; more would cost memory and save nothing.
BUCKET_STEPS = 250_000
# Left alone, DuckDB keeps as much of the store in memory as the machine has room for. Tables here were measured to take
# less than this for an attempt of twelve steps; the floor leaves room for sorting.
_LEAST_MB = 1_200
# Tables of one row an attempt: what behaviours show, and nothing of the steps.
_PER_ATTEMPT = ("halo_marks_", "halo_seen_")
_MB_PER_1000 = 12


class MaterializedStore:
    """A store that holds the results of the behaviours that were added. Use it as a context manager.

    `guarded` is the way to run SQL of detectors that a file declares; without it these are refused.
    """

    def __init__(self, store: Rows, *, guarded: Query | None = None) -> None:
        self._store = store
        self._guarded = guarded
        self._instead: dict[str, str] = {}
        self._waiting: dict[str, Behaviour] = {}
        self._refused: dict[str, InputError] = {}
        self._tables: list[str] = []
        self._numbers = count()
        self._kept: dict[str, dict[str, str]] = {}
        [(attempts,)] = store.rows("SELECT count(*) FROM attempts")
        [(self._memory,)] = store.rows("SELECT current_setting('memory_limit')")
        self._mining_memory = f"{max(_LEAST_MB, attempts * _MB_PER_1000 // 1000)}MB"
        self._limit(self._mining_memory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop everything that was kept; what is asked later goes to the store as it stands."""
        for table in self._tables:
            self._store.rows(f"DROP TABLE IF EXISTS {table}")
        self._tables, self._instead, self._waiting, self._kept = [], {}, {}, {}
        self._limit(self._memory)

    def release_steps(self) -> None:
        """Drop the tables of a row a step, which can take gigabytes, and lift the limit on memory.

        Tables of a row an attempt stay, so behaviours that were added are still answered for without another pass.
        """
        for table in [name for name in self._tables if not name.startswith(_PER_ATTEMPT)]:
            self._store.rows(f"DROP TABLE IF EXISTS {table}")
            self._tables.remove(table)
        self._kept = {}
        self._limit(self._memory)

    def _limit(self, memory: str) -> None:
        self._store.rows(f"SET memory_limit = '{memory}'")

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query; SQL of behaviours within it is not run again. Raises InputError as the store does."""
        return self._store.rows(self._with_tables(sql), params)

    def _with_tables(self, sql: str) -> str:
        """The query with tables in the place of what was kept."""
        for text, behaviour in list(self._waiting.items()):
            if text in sql:
                self._run(behaviour)
        for text, instead in self._instead.items():
            if text in sql:
                sql = sql.replace(text, instead)
        return sql

    def add(self, behaviours: Sequence[Behaviour]) -> None:
        """Look at all steps once for these behaviours; those declared as SQL run when they are first asked for."""
        conditional = [
            b
            for b in behaviours
            if b.source is None and b.condition and b.sql == self_contained_sql(b.condition, b.needs)
        ]
        others = {b.sql: b for b in behaviours if b not in conditional}
        self._waiting |= {sql: b for sql, b in others.items() if sql not in self._instead}
        table, columns = self._marks(conditional)
        for behaviour in conditional:
            if behaviour.condition is not None:
                self._instead[behaviour.sql] = materialized_sql(behaviour.condition, behaviour.needs, table, columns)
        self._longest_first()

    def add_ctes(self, ctes: str, names: Sequence[str]) -> None:
        """Run common table expressions once; queries that begin with them then read tables of one row an attempt.

        Args:
            ctes: `WITH ...` as the queries have it.
            names: The expressions that the rest of these queries reads.
        """
        tables = {name: self.keep("seen", self._with_tables(f"{ctes}\nSELECT * FROM {name}")) for name in names}
        self._instead[ctes] = "WITH " + ", ".join(f"{name} AS (FROM {table})" for name, table in tables.items())
        self._longest_first()

    def _longest_first(self) -> None:
        """One kept text may be part of another: the longer is the one that is meant."""
        self._instead = dict(sorted(self._instead.items(), key=lambda pair: -len(pair[0])))

    def steps_with(self, names: Sequence[str], facts: Mapping[str, str] = FACTS) -> str:
        """The name of a table of all steps with these facts (and the narrow columns), made once and kept.

        `facts` is where the names are explained.
        """
        wanted = {name: facts[name] for name in names}
        for table, known in self._kept.items():
            if wanted.items() <= known.items():
                return table
        self._limit(self._mining_memory)
        source = facts_sql(names, facts)
        [(steps,)] = self._store.rows("SELECT count(*) FROM steps")
        buckets = max(1, -(-int(steps) // BUCKET_STEPS))
        columns = ", ".join([*NARROW, *names])
        table = self.keep("steps", f"SELECT {columns}, hash(trace_id) % {buckets} AS bucket FROM {source}")
        self._kept[table] = wanted
        return table

    def _marks(self, behaviours: Sequence[Behaviour]) -> tuple[str, dict[str, str]]:
        """A table of one row an attempt with every aggregate that the behaviours need, and the column of each."""
        facts: dict[str, str] = {}
        windows: dict[str, str] = {}
        columns: dict[str, str] = {}
        for behaviour in behaviours:
            if behaviour.condition is not None:
                _merge(facts, known_facts(behaviour.condition, behaviour.needs), behaviour)
                _merge(windows, behaviour.condition.windows, behaviour)
                for sql in aggregates_of(behaviour.condition, behaviour.needs).values():
                    columns.setdefault(sql, f"mark_{len(columns)}")
        if not columns:
            return "attempts", {}
        used = named_in(" ".join([*windows.values(), *columns]), facts)
        table = self.steps_with(used, facts)
        aggregates = ", ".join(f"{sql} AS {name}" for sql, name in columns.items())
        marks = ""
        for (bucket,) in self._store.rows(f"SELECT DISTINCT bucket FROM {table} ORDER BY bucket"):
            turns = steps_with_windows_sql(windows, f"(SELECT * FROM {table} WHERE bucket = {bucket})")
            sql = f"SELECT trace_id, {aggregates} FROM ({turns}) GROUP BY trace_id"
            if marks:
                self._store.rows(f"INSERT INTO {marks} {sql}")
            else:
                marks = self.keep("marks", sql)
        if not marks:
            turns = steps_with_windows_sql(windows, table)
            marks = self.keep("marks", f"SELECT trace_id, {aggregates} FROM ({turns}) GROUP BY trace_id")
        return marks, columns

    def keep(self, kind: str, sql: str) -> str:
        """The name of a new temporary table of a query's rows; it goes with the others."""
        name = f"halo_{kind}_{next(self._numbers)}"
        self._store.rows(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        self._tables.append(name)
        return name

    def _run(self, behaviour: Behaviour) -> None:
        """Run a behaviour's own SQL and keep its rows. Raises InputError, each time, when it cannot run."""
        if behaviour.sql in self._refused:
            raise self._refused[behaviour.sql]
        try:
            table = (
                self.keep("seen", _SEEN.format(behaviour.sql)) if behaviour.source is None else self._of_file(behaviour)
            )
        except InputError as error:
            self._refused[behaviour.sql] = error
            raise
        del self._waiting[behaviour.sql]
        self._instead[behaviour.sql] = f"SELECT * FROM {table}"
        self._instead = dict(sorted(self._instead.items(), key=lambda pair: -len(pair[0])))

    def _of_file(self, behaviour: Behaviour) -> str:
        """The rows of a detector that a file declares: run guarded, checked, and only then kept."""
        where = f"{behaviour.source}: detector {behaviour.name}"
        if self._guarded is None:
            raise InputError(f"{where}: its SQL may only be run guarded, and there is no way to do so here")
        try:
            rows = self._guarded(_SEEN.format(f"\n{behaviour.sql}\n"))
            problem = _problem(rows) or self._judged(behaviour, rows)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        if problem:
            raise InputError(f"{where}: {problem}")
        table = self.keep(
            "seen", "SELECT NULL::VARCHAR AS trace_id, NULL::BOOLEAN AS value, NULL::INTEGER AS step LIMIT 0"
        )
        columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
        self._store.rows(
            f"INSERT INTO {table} SELECT unnest(?::VARCHAR[]), unnest(?::BOOLEAN[]), unnest(?::INTEGER[])", columns
        )
        return table

    def _judged(self, behaviour: Behaviour, rows: Sequence[tuple[Any, ...]]) -> str | None:
        """What is wrong where a detector gives other rows as soon as outcomes and scores are hidden from it.

        A model's predicates have been looked at before: those that depend on the outcome are untestable.
        """
        blind = blind_sql(behaviour.sql) if behaviour.asked_by is None else None
        if blind is None or self._guarded is None:
            return None
        if set(self._guarded(_SEEN.format(f"\n{blind}\n"))) == set(rows):
            return None
        return (
            "it looks at outcome or score: with these hidden it gives other rows, and a behaviour defined by failing"
            " explains nothing"
        )


_SEEN = "SELECT trace_id, value, step FROM ({}) AS seen"


def _problem(rows: Sequence[tuple[Any, ...]]) -> str | None:
    """What is wrong with the rows that a detector gave."""
    if any(not isinstance(trace, str) for trace, _, _ in rows):
        return "trace_id must be the id of an attempt in every row"
    if any(not isinstance(value, bool) for _, value, _ in rows):
        return "value must be true or false in every row; wrap it in coalesce(..., false)"
    if any(step is not None and (isinstance(step, bool) or not isinstance(step, int)) for _, _, step in rows):
        return "step must be the number of a step or NULL"
    if len({trace for trace, _, _ in rows}) < len(rows):
        return "it gives more than one row for an attempt; GROUP BY trace_id"
    return None


def _merge(into: dict[str, str], more: Mapping[str, str], behaviour: Behaviour) -> None:
    for name, sql in more.items():
        if into.setdefault(name, sql) != sql:
            raise ValueError(f"{behaviour.name} gives the name {name} another meaning than a detector before it")
