"""Quantiles of cost, tokens and duration by outcome, and how many attempts have no value."""

from halo_opt.core.records import Record
from halo_opt.store.queries.actions import with_chosen
from halo_opt.store.queries.answers import Answer, Section, cells_of
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.store import Store

# What is measured: its name, and SQL for (outcome, value), a row an attempt or a span.
_COST = (
    ("cost in USD of an attempt", "SELECT outcome, cost_usd AS value FROM chosen"),
    ("prompt tokens of an attempt", "SELECT outcome, tokens_in AS value FROM chosen"),
    ("completion tokens of an attempt", "SELECT outcome, tokens_out AS value FROM chosen"),
)
_SECONDS = "date_diff('microsecond', {0}.started_at, {0}.ended_at) / 1e6 AS value"
_OF_SPANS = f"SELECT outcome, {_SECONDS.format('s')} FROM spans s JOIN chosen c USING (trace_id) WHERE s.kind = '{{}}'"
_LATENCY = (
    ("seconds of an attempt", f"SELECT outcome, {_SECONDS.format('c')} FROM chosen c"),
    ("seconds of a model call", _OF_SPANS.format("LLM")),
    ("seconds of a tool call", _OF_SPANS.format("TOOL")),
)


class Quantiles(Record):
    """A quantity over the attempts (or calls) of one outcome; all None where nothing is known."""

    quantity: str
    outcome: str
    known: int
    unknown: int
    total: float | None
    mean: float | None
    least: float | None
    p25: float | None
    median: float | None
    p75: float | None
    p90: float | None
    most: float | None


class QuantileTable(Answer):
    """Quantities by outcome."""

    rows: list[Quantiles]

    def sections(self) -> list[Section]:
        """A row a quantity and outcome."""
        columns = list(Quantiles.model_fields)
        return [Section("", columns, cells_of(self.rows, columns))]

    def remarks(self) -> list[str]:
        """What is unknown."""
        silent: dict[str, int] = {}
        for row in self.rows:
            silent[row.quantity] = silent.get(row.quantity, 0) + row.unknown
        return [f"{quantity}: unknown for {count}" for quantity, count in silent.items() if count]


def cost(store: Store, chosen: TraceFilter | None = None) -> QuantileTable:
    """Cost and tokens of attempts by outcome."""
    return _table(store, chosen, _COST)


def latency(store: Store, chosen: TraceFilter | None = None) -> QuantileTable:
    """Seconds of attempts, model calls and tool calls by outcome."""
    return _table(store, chosen, _LATENCY)


def _table(store: Store, chosen: TraceFilter | None, quantities: tuple[tuple[str, str], ...]) -> QuantileTable:
    head, params = with_chosen(chosen)
    found = []
    for quantity, sql in quantities:
        rows = store.rows(
            f"{head} SELECT coalesce(outcome, 'unknown'), count(value), count(*) - count(value), sum(value)::DOUBLE,"
            " avg(value), min(value), quantile_cont(value, [0.25, 0.5, 0.75, 0.9]), max(value)"
            f" FROM ({sql}) GROUP BY outcome ORDER BY outcome",
            params,
        )
        for outcome, known, unknown, total, mean, least, quantiles, most in rows:
            cells = (quantity, outcome, known, unknown, total, mean, least, *(quantiles or [None] * 4), most)
            found.append(Quantiles(**dict(zip(Quantiles.model_fields, cells, strict=True))))
    return QuantileTable(rows=found)
