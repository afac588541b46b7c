"""What a behaviour is, and the SQL frame that detectors share. Makes text only: never touches a store.

A behaviour is a yes/no fact about each measured attempt, read from its trace alone. It must never look at outcome or
score: a behaviour that is defined by failing would explain every failure and teach nothing.
"""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

Category = Literal["harness", "model", "grader", "infrastructure", "unexplained"]


class Rows(Protocol):
    """What mining needs of a store: rows of a read-only query."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query."""
        ...


class Behaviour(BaseModel):
    """One detector.

    `sql` is one self-contained SELECT of (trace_id, value BOOLEAN, step INTEGER or NULL) for every measured attempt to
    which the behaviour applies; `step` is the first that shows it. `needs` names columns as `table.column`: where one
    is NULL throughout, the traces cannot tell and the behaviour is not applicable (which is not the same as never
    seen). `remedies` are words of the playbook. A `consequence` is how failing looks, never why: it is not ranked as a
    cause.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    meaning: str
    sql: str
    needs: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    numeric: bool = False
    consequence: bool = False
    blames: Category | None = None

    @property
    def category(self) -> Category:
        """Whose fault it looks like before anybody has read the attempts."""
        return self.blames or ("harness" if self.remedies else "unexplained")


# What an action is, for telling whether it was done before. Without a readable action, the reply itself.
ACTION = (
    "CASE WHEN tool IS NULL THEN coalesce(reply, '') ELSE"
    " concat_ws(chr(31), tool, coalesce(arguments, ''), coalesce(target, '')) END"
)
# The agent ends the attempt by this. Words of the trace formats that we read, lower case.
FINISHING = (
    "lower(tool) IN ('done', 'submit', 'finish', 'stop', 'terminate', 'answer', 'final_answer', 'complete', 'exit')"
)
# The agent hands the work to somebody else.
HANDING_OVER = "regexp_matches(lower(tool), 'transfer|escalat|hand_?off|hand_?over|give_?up')"
# Neither words to a user nor thinking aloud nor ending it: something was tried.
ACTING = f"tool IS NOT NULL AND lower(tool) NOT IN ('respond', 'think', 'wait', 'noop', 'skip') AND NOT ({FINISHING})"
# A call that changes something, and one that only looks, by the verbs in tool names or by the shell command.
_SHELL = "lower(tool) IN ('execute', 'bash', 'shell', 'run', 'terminal', 'execute_bash')"
_SHELL_CHANGES = (
    r"(regexp_matches(arguments, '(^|[;&|(]|\bsudo |-exec )\s*(rm|mv|cp|mkdir|rmdir|touch|chmod|chown|ln|tee|dd|tar|"
    r"zip|gzip|truncate|sed\s+-i|git\s+(add|commit|apply|checkout)|pip|apt)\b')"
    # A > within quotes belongs to awk or a pattern; 2> and >& send messages elsewhere and change nothing.
    r" OR regexp_matches(regexp_replace(arguments, '''[^'']*''|\"[^\"]*\"', 'Q', 'g'), '[^2&>-]>{1,2}\s*[^&\s]'))"
)
_WRITE_VERBS = (
    "regexp_matches(lower(tool), '(^|_)(update|book|cancel|create|delete|send|modify|write|edit|insert|remove|add|set|"
    "pay|purchase|order|exchange|return|save|apply)(_|$)')"
)
CHANGING = f"CASE WHEN {_SHELL} THEN {_SHELL_CHANGES} ELSE {_WRITE_VERBS} END"


def first_step(
    *, where: str, columns: str = "", needs: Sequence[str] = (), applies: str = "", order: str = "step"
) -> str:
    """SQL of a behaviour shown by a single step: `where` holds for some step of the attempt.

    `columns` adds expressions over window `w` (the attempt's steps in order), `applies` a condition on the attempt `a`.
    With `needs`, attempts of runs whose traces cannot tell are left out.
    """
    more = f", {columns}" if columns else ""
    conditions = [
        "a.outcome IS DISTINCT FROM 'error'",
        *(_told(need) for need in needs),
        *([applies] if applies else []),
    ]
    return (
        f"WITH moves AS (SELECT *, {ACTION} AS action FROM steps),\n"
        f"turns AS (SELECT *{more} FROM moves WINDOW w AS (PARTITION BY trace_id ORDER BY {order})),\n"
        f"seen AS (SELECT trace_id, min(step) AS step FROM turns WHERE {where} GROUP BY trace_id)\n"
        "SELECT a.trace_id, seen.step IS NOT NULL AS value, seen.step AS step\n"
        f"FROM attempts AS a LEFT JOIN seen USING (trace_id) WHERE {' AND '.join(conditions)}"
    )


def whole_attempt(*, value: str, needs: Sequence[str] = (), applies: str = "", before: str = "") -> str:
    """SQL of a behaviour of the attempt as a whole: `value` is a condition on row `a` of attempts.

    `before` holds common table expressions, `applies` a further condition. The step is NULL.
    """
    conditions = [
        "a.outcome IS DISTINCT FROM 'error'",
        *(_told(need) for need in needs),
        *([applies] if applies else []),
    ]
    start = f"WITH {before}\n" if before else ""
    return (
        f"{start}SELECT a.trace_id, coalesce({value}, false) AS value, NULL::INTEGER AS step\n"
        f"FROM attempts AS a WHERE {' AND '.join(conditions)}"
    )


def _told(need: str) -> str:
    """The attempt's run tells this column at all."""
    table, column = need.split(".")
    if table == "attempts":
        return f"a.run_id IN (SELECT run_id FROM attempts WHERE {column} IS NOT NULL)"
    return (
        f"a.run_id IN (SELECT t.run_id FROM attempts AS t JOIN {table} AS s USING (trace_id)"
        f" WHERE s.{column} IS NOT NULL)"
    )
