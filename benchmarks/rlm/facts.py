"""Facts of a store, counted by plain SQL: the true statements of the benchmark repeat them, the lies distort them."""

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Words:
    """Words that stand at one step of one attempt."""

    trace_id: str
    step: int
    text: str


@dataclass(frozen=True)
class Facts:
    """Attempts of `least` steps or more against the others. Counts of attempts; `shows` and `other` are ids.

    `quote` is by a failure that shows it, `negated` a sentence of one with "not" in it, `elsewhere` words of an attempt
    that does not show it.
    """

    least: int
    fw: int
    f: int
    sw: int
    s: int
    model: str
    task: str
    tool: str
    steps: float
    quote: Words
    negated: Words
    elsewhere: Words

    @property
    def predicate(self) -> str:
        """The attempts that show it."""
        return f"SELECT trace_id FROM attempts WHERE steps >= {self.least}"

    @property
    def shown(self) -> int:
        return self.fw + self.sw

    @property
    def all(self) -> int:
        return self.f + self.s


def facts_of(store: Path) -> Facts:
    """The facts of a store whose longer attempts fail more often. Raises ValueError where none does."""
    with duckdb.connect(str(store), read_only=True) as db:

        def rows(sql: str) -> list[tuple[object, ...]]:
            return db.execute(sql).fetchall()

        found = rows(
            "SELECT t.n, count(*) FILTER (outcome = 'failure' AND steps >= n) AS fw, count(*) FILTER (outcome ="
            " 'failure') AS f, count(*) FILTER (outcome = 'success' AND steps >= n) AS sw, count(*) FILTER (outcome ="
            " 'success') AS s FROM attempts, (SELECT DISTINCT steps AS n FROM attempts) AS t GROUP BY n"
            " HAVING sw >= 1 AND fw < f AND fw / f - sw / s > 0.15 AND fw <> sw AND fw <> s AND f <> s"
            " ORDER BY fw / f - sw / s DESC, n LIMIT 1"
        )
        if not found:
            raise ValueError(f"in {store} long attempts do not fail more often; give runs in which they do")
        least, fw, f, sw, s = (int(str(value)) for value in found[0])
        shows = f"SELECT trace_id FROM attempts WHERE outcome = 'failure' AND steps >= {least}"
        good = "length(text) > 50 AND regexp_matches(text, '[0-9]') AND text NOT LIKE '%{%'"
        negative = "regexp_matches(text, ' not [a-z ]{12,}')"
        fewer = f"SELECT trace_id FROM attempts WHERE steps < {least}"
        words = []
        for attempts, fit in ((shows, good), (shows, negative), (fewer, good)):
            [(trace_id, step, text)] = rows(
                "SELECT trace_id, step, text FROM (SELECT trace_id, step, unnest([reply, observation, result]) AS text"
                f" FROM steps) WHERE trace_id IN ({attempts}) AND {fit} ORDER BY length(text), trace_id, step LIMIT 1"
            )
            words.append(Words(str(trace_id), int(str(step)), str(text)))
        [(model, task, tool, steps)] = rows(
            "SELECT (SELECT min(model) FROM attempts), (SELECT min(task_id) FROM attempts WHERE outcome = 'failure'),"
            " (SELECT min(tool) FROM steps WHERE tool LIKE '%_%' AND trace_id IN (" + shows + ")),"
            " (SELECT avg(steps) FROM attempts)"
        )
    return Facts(least, fw, f, sw, s, str(model), str(task), str(tool), float(str(steps)), *words)
