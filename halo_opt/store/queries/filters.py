"""The filter of a query: which attempts it covers, as a record and as SQL over `attempts a` with parameters."""

from typing import Any, Literal

from halo_common.text import one_line
from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.store import values
from halo_opt.store.protocols import Rows

# An error that passed through several spans counts at the one that it came from.
ERROR_SPAN = "error_type IS NOT NULL"

# The index alone knows an agent without a name by its span.
_AGENT = "coalesce(agent, CASE WHEN kind = 'AGENT' THEN regexp_replace(name, '^invoke_agent ', '') END)"
# How many agents an error lists.
_MOST_AGENTS = 20
# How an attempt ended; `unknown` where its traces do not say.
OutcomeName = Literal["success", "failure", "error", "unknown"]


class TraceFilter(Record):
    """Conditions of which all must hold; None means no condition. `*`, `?` and `[...]` are wildcards in names."""

    outcome: OutcomeName | None = None
    task: str | None = None
    run: str | None = None
    model: str | None = None
    tool: str | None = None
    agent: str | None = None
    has_error: bool | None = None
    min_steps: int | None = None
    max_steps: int | None = None
    since: str | None = None
    until: str | None = None
    trace: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every attempt passes."""
        return self == TraceFilter()

    def where(self) -> tuple[str, list[Any]]:
        """A condition over `attempts a`, and its parameters."""
        parts: list[str] = []
        params: list[Any] = []
        for sql, value in self._conditions():
            parts.append(sql)
            params.extend([] if value is None else [value])
        return " AND ".join(parts) or "true", params

    def _conditions(self) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        if self.outcome is not None:
            unknown = self.outcome == "unknown"
            found.append(("a.outcome IS NULL", None) if unknown else ("a.outcome = ?", self.outcome))
        for column, pattern in (("task_id", self.task), ("run_id", self.run), ("model", self.model)):
            if pattern is not None:
                found.append((f"a.{column} GLOB ?", pattern))
        if self.trace is not None:
            found.append(("a.trace_id = ?", self.trace))
        if self.tool is not None:
            found.append(("a.trace_id IN (SELECT trace_id FROM spans WHERE tool GLOB ?)", self.tool))
        if self.agent is not None:
            found.append((f"a.trace_id IN (SELECT trace_id FROM spans WHERE {_AGENT} GLOB ?)", self.agent))
        if self.has_error is not None:
            inside = "IN" if self.has_error else "NOT IN"
            found.append((f"a.trace_id {inside} (SELECT trace_id FROM spans WHERE {ERROR_SPAN})", None))
        for sign, steps in ((">=", self.min_steps), ("<=", self.max_steps)):
            if steps is not None:
                found.append((f"a.steps {sign} ?", steps))
        for sign, name, moment in ((">=", "since", self.since), ("<", "until", self.until)):
            if moment is not None:
                found.append((f"a.started_at {sign} CAST(? AS TIMESTAMP)", _time(name, moment)))
        return found


def need_agent(store: Rows, chosen: TraceFilter) -> None:
    """Raise InputError, listing the agents that there are, where the filter names an agent and no span is one's."""
    if chosen.agent is None:
        return
    names = f"SELECT {_AGENT} AS agent, count(DISTINCT trace_id) AS attempts FROM spans WHERE {_AGENT} <> '' GROUP BY 1"
    [(taking_part,)] = store.rows(f"SELECT count(*) FROM ({names}) WHERE agent GLOB ?", [chosen.agent])
    if taking_part:
        return
    rows = store.rows(f"{names} ORDER BY 2 DESC, 1")
    if not rows:
        raise InputError(f"no agent is called '{chosen.agent}': these traces name no agents; leave out --agent")
    listed = ", ".join(one_line(str(name), 80) for name, _ in rows[:_MOST_AGENTS])
    more = f" and {len(rows) - _MOST_AGENTS} more" if len(rows) > _MOST_AGENTS else ""
    raise InputError(f"no agent is called '{chosen.agent}'; there are: {listed}{more}")


def _time(name: str, text: str) -> str:
    moment = values.time(text)
    if not moment:
        raise InputError(f"{name} {text!r} is not a time; write it as 2026-05-04 or 2026-05-04T10:00:00Z")
    return moment
