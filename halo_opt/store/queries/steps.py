"""How many steps attempts take, by how they ended."""

from halo_opt.core.records import Record
from halo_opt.store.queries.actions import OUTCOME_COLUMNS, OUTCOMES, Outcomes, outcome_cells, outcomes, with_chosen
from halo_opt.store.queries.answers import Answer, Section
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.store import Store

MOST_BINS = 30


class StepsBin(Record):
    """Attempts of `low` to `high` steps."""

    low: int
    high: int
    outcomes: Outcomes


class StepsHistogram(Answer):
    """All attempts by steps; bins without attempts are left out."""

    width: int
    bins: list[StepsBin]
    unknown_steps: int

    def sections(self) -> list[Section]:
        """A row a bin."""
        rows = [
            (str(one.low) if one.low == one.high else f"{one.low}-{one.high}", *outcome_cells(one.outcomes))
            for one in self.bins
        ]
        return [Section("", ["steps", *OUTCOME_COLUMNS], rows)]

    def remarks(self) -> list[str]:
        """What is unknown."""
        return [f"{self.unknown_steps} attempts have no number of steps"] if self.unknown_steps else []


def steps_histogram(store: Store, chosen: TraceFilter | None = None, *, limit: int = MOST_BINS) -> StepsHistogram:
    """Attempts by steps and outcome, in at most `limit` bins of equal width."""
    head, params = with_chosen(chosen)
    [(low, high, unknown)] = store.rows(
        f"{head} SELECT min(steps), max(steps), count(*) FILTER (steps IS NULL) FROM chosen", params
    )
    width = 1 if low is None else -(-(high - low + 1) // max(1, limit))
    rows = store.rows(
        f"{head} SELECT (steps - ?) // ? AS bin, {OUTCOMES} FROM chosen WHERE steps IS NOT NULL GROUP BY bin"
        " ORDER BY bin",
        [*params, low, width],
    )
    bins = [
        StepsBin(low=low + row[0] * width, high=low + (row[0] + 1) * width - 1, outcomes=outcomes(row[1:]))
        for row in rows
    ]
    return StepsHistogram(width=width, bins=bins, unknown_steps=unknown)
