"""Calls that an attempt makes again with the same arguments, by how the attempt ended."""

from pydantic import Field

from halo_opt.core.records import Record
from halo_opt.store.queries.actions import OUTCOME_COLUMNS, OUTCOMES, Outcomes, outcome_cells, outcomes, with_actions
from halo_opt.store.queries.answers import Answer, Section
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.store import Store


class RepeatsBin(Record):
    """Attempts with so many repeated calls, each call after the first equal one counted."""

    repeats: str
    outcomes: Outcomes


class RepeatedTool(Record):
    """A tool that is called again with the same arguments."""

    tool: str
    repeats: int
    outcomes: Outcomes = Field(description="of the attempts that repeat a call of it")


class Repeats(Answer):
    """Repeated calls: attempts by how many, and the tools that are repeated most."""

    bins: list[RepeatsBin]
    tools: list[RepeatedTool]
    more_tools: int
    unknown_calls: int = Field(description="calls whose arguments are not known, so that they equal nothing")

    def sections(self) -> list[Section]:
        """Attempts, then tools."""
        bins = [(one.repeats, *outcome_cells(one.outcomes)) for one in self.bins]
        tools = [(one.tool, one.repeats, *outcome_cells(one.outcomes)) for one in self.tools]
        return [
            Section("", ["repeated calls", *OUTCOME_COLUMNS], bins),
            Section("by tool", ["tool", "repeats", *OUTCOME_COLUMNS], tools),
        ]

    def remarks(self) -> list[str]:
        """What is not listed or not known."""
        remarks = [f"{self.more_tools} more tools are not listed"] if self.more_tools else []
        if self.unknown_calls:
            remarks.append(f"{self.unknown_calls} calls have no hash of their arguments and are not compared")
        return remarks


def repeats(store: Store, chosen: TraceFilter | None = None, *, limit: int = 20) -> Repeats:
    """Attempts by the number of their repeated calls, and the `limit` tools with most of them."""
    head, params = with_actions(chosen)
    head += (
        ", again AS (SELECT trace_id, tool, sum(calls - 1)::BIGINT AS repeats FROM (SELECT trace_id, any_value(tool) AS"
        " tool, count(*) AS calls FROM actions WHERE call_hash IS NOT NULL GROUP BY trace_id, call_hash)"
        " GROUP BY trace_id, tool)"
    )
    binned = (
        "CASE WHEN coalesce(repeats, 0) <= 2 THEN coalesce(repeats, 0)::VARCHAR WHEN repeats <= 5 THEN '3-5'"
        " WHEN repeats <= 10 THEN '6-10' ELSE 'over 10' END"
    )
    bins = store.rows(
        f"{head} SELECT {binned} AS bin, {OUTCOMES} FROM chosen LEFT JOIN (SELECT trace_id, sum(repeats) AS repeats"
        " FROM again GROUP BY trace_id) USING (trace_id) GROUP BY bin ORDER BY min(coalesce(repeats, 0))",
        params,
    )
    tools = store.rows(
        f"{head} SELECT tool, sum(repeats)::BIGINT AS n, {OUTCOMES} FROM again JOIN chosen USING (trace_id)"
        " WHERE repeats > 0 GROUP BY tool ORDER BY n DESC, tool",
        params,
    )
    [(unknown,)] = store.rows(f"{head} SELECT count(*) FROM actions WHERE call_hash IS NULL", params)
    return Repeats(
        bins=[RepeatsBin(repeats=row[0], outcomes=outcomes(row[1:])) for row in bins],
        tools=[RepeatedTool(tool=row[0], repeats=row[1], outcomes=outcomes(row[2:])) for row in tools[:limit]],
        more_tools=len(tools[limit:]),
        unknown_calls=unknown,
    )
