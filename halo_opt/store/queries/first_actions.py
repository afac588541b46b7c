"""The first actions of attempts, by how the attempts ended."""

from halo_opt.core.records import Record
from halo_opt.store.queries.actions import OUTCOME_COLUMNS, OUTCOMES, Outcomes, outcome_cells, outcomes, with_actions
from halo_opt.store.queries.answers import Answer, Section
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.store import Store


class FirstAction(Record):
    """A first action and how the attempts that begin with it ended; `tool` is None for attempts without any action."""

    tool: str | None
    outcomes: Outcomes


class FirstActions(Answer):
    """First actions, the commonest first."""

    actions: list[FirstAction]
    more_actions: int
    more_attempts: int

    def sections(self) -> list[Section]:
        """A row a tool."""
        rows = [(one.tool or "(no action)", *outcome_cells(one.outcomes)) for one in self.actions]
        return [Section("", ["first action", *OUTCOME_COLUMNS], rows)]

    def remarks(self) -> list[str]:
        """What is not listed."""
        more = f"{self.more_actions} more first actions of {self.more_attempts} attempts are not listed"
        return [more] if self.more_actions else []


def first_actions(store: Store, chosen: TraceFilter | None = None, *, limit: int = 50) -> FirstActions:
    """The tools of the attempts' first calls, each with the outcomes of the attempts that begin with it."""
    head, params = with_actions(chosen)
    rows = store.rows(
        f"{head} SELECT tool, {OUTCOMES} FROM chosen LEFT JOIN (SELECT trace_id, tool FROM actions WHERE n = 1)"
        " USING (trace_id) GROUP BY tool ORDER BY attempts DESC, tool NULLS LAST",
        params,
    )
    return FirstActions(
        actions=[FirstAction(tool=row[0], outcomes=outcomes(row[1:])) for row in rows[:limit]],
        more_actions=len(rows[limit:]),
        more_attempts=sum(row[1] for row in rows[limit:]),
    )
