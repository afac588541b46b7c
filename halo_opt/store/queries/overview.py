"""A store at a glance: counts, outcomes, models, tools, kinds of errors."""

from pydantic import Field

from halo_opt.core.records import Interval, Record
from halo_opt.core.text import counted
from halo_opt.store.queries.answers import Answer, Section
from halo_opt.store.queries.filters import ERROR_SPAN
from halo_opt.store.queries.taxonomy import Taxonomy, error_taxonomy
from halo_opt.store.schema import TASKS_TOLD_APART
from halo_opt.store.store import Store


class ModelUse(Record):
    """The use of one model: `attempts` that name it, `calls` (LLM spans) with it; None where it is unknown."""

    model: str | None
    attempts: int
    calls: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None


class ToolUse(Record):
    """How one tool was used."""

    tool: str
    calls: int
    traces: int
    errors: int


class Overview(Answer):
    """A store at a glance. Outcomes, formats and rejects are counts by name; `unknown` is for no outcome."""

    runs: int
    tasks: int
    attempts: int
    spans: int
    first: str | None = Field(description="start of the first attempt, UTC; None when no attempt has one")
    last: str | None = Field(description="end of the last attempt, UTC")
    outcomes: dict[str, int]
    mean_score: float | None = Field(
        default=None, description="of the measured attempts with a score; None where all scores are 0 or 1"
    )
    mean_score_interval: Interval | None = None
    success_at: float | None = Field(default=None, description="the user's threshold of a success; None for 1")
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    found_again: int = Field(default=0, description="copies of attempts that were left out")
    tasks_told_apart: int = Field(default=0, description="task ids whose attempts had different goals")
    without_tokens: int = Field(description="attempts without token counts")
    without_cost: int = Field(description="attempts without a cost")
    without_spans: int
    formats: dict[str, int]
    models: list[ModelUse]
    tools: list[ToolUse]
    more_tools: int
    more_calls: int
    rejects: dict[str, int]
    rejected_values: dict[str, int] = Field(description="values that their columns cannot hold, by column")
    errors: Taxonomy

    def sections(self) -> list[Section]:
        """Facts, models, tools, kinds of errors, rejects."""
        models = [(m.model, m.attempts, m.calls, m.tokens_in, m.tokens_out, m.cost_usd) for m in self.models]
        tools = [(t.tool, t.calls, t.traces, t.errors) for t in self.tools]
        kinds = [(k.spans, k.traces, k.example, k.tools, k.signature) for k in self.errors.kinds]
        found = [
            Section("", ["fact", "value"], self._facts()),
            Section("models", ["model", "attempts", "calls", "tokens_in", "tokens_out", "cost_usd"], models),
            Section("tools", ["tool", "calls", "traces", "errors"], tools),
            Section("kinds of errors", ["spans", "traces", "example", "tools", "signature"], kinds),
        ]
        if self.rejects:
            found.append(Section("rejected lines", ["reason", "lines"], list(self.rejects.items())))
        if self.rejected_values:
            found.append(Section("rejected values", ["column", "values"], list(self.rejected_values.items())))
        return found

    def remarks(self) -> list[str]:
        """What is not listed and what is unknown."""
        remarks = []
        if self.more_tools:
            remarks.append(f"{self.more_tools} more tools with {self.more_calls} calls are not listed")
        if self.errors.more_kinds:
            more = self.errors
            remarks.append(f"{more.more_kinds} more kinds of errors with {more.more_spans} spans are not listed")
        if self.found_again:
            copies = counted(self.found_again, "copy of an attempt was", "copies of attempts were")
            remarks.append(f"{copies} left out, because each attempt counts once; the table duplicates lists them")
        if self.tasks_told_apart:
            ids = counted(self.tasks_told_apart, "task id")
            remarks.append(
                f"{ids} had attempts with different goals, which are different tasks here (#goal-... in the id)"
            )
        for count, what in (
            (self.without_tokens, "token counts"),
            (self.without_cost, "cost"),
            (self.without_spans, "spans"),
        ):
            if count:
                remarks.append(f"{count} of {self.attempts} attempts have no {what}")
        return remarks

    def _facts(self) -> list[tuple[str, object]]:
        return [
            ("runs", self.runs),
            ("tasks", self.tasks),
            ("attempts", self.attempts),
            ("spans", self.spans),
            *((f"attempts: {outcome}", count) for outcome, count in self.outcomes.items()),
            *self._scores(),
            ("error spans", self.errors.error_spans),
            ("traces with errors", self.errors.error_traces),
            ("first start", self.first),
            ("last end", self.last),
            ("tokens in", self.tokens_in),
            ("tokens out", self.tokens_out),
            ("cost in USD", self.cost_usd),
            *((f"attempts from {name}", count) for name, count in self.formats.items()),
        ]

    def _scores(self) -> list[tuple[str, object]]:
        found: list[tuple[str, object]] = []
        if self.mean_score is not None:
            ends = self.mean_score_interval
            around = f" (95% interval {ends[0]:.2f} to {ends[1]:.2f})" if ends else ""
            found.append(("mean score", f"{self.mean_score:.2f}{around}"))
        if self.success_at is not None:
            found.append(("success at a score of", self.success_at))
        return found


_THRESHOLD = "SELECT max(json_extract(value, '$.success_at')::DOUBLE) FROM meta WHERE key = 'options'"
# The scores that have a mean worth showing: where all are 0 or 1, the mean is the success rate.
PARTIAL_SCORES = (
    "SELECT task_id, score FROM attempts WHERE outcome IN ('success', 'failure') AND score IS NOT NULL AND EXISTS ("
    "SELECT 1 FROM attempts WHERE outcome IN ('success', 'failure') AND score > 0 AND score < 1) ORDER BY 1, trace_id"
)


def overview(store: Store, *, limit: int = 20) -> Overview:
    """The overview of a store; `limit` is how many tools and kinds of errors are listed, the rest is counted."""
    [counts] = store.rows(
        "SELECT count(DISTINCT run_id), count(DISTINCT task_id), count(*), CAST(min(started_at) AS VARCHAR),"
        " CAST(max(ended_at) AS VARCHAR), sum(tokens_in)::BIGINT, sum(tokens_out)::BIGINT, sum(cost_usd),"
        " count(*) FILTER (tokens_in IS NULL AND tokens_out IS NULL), count(*) FILTER (cost_usd IS NULL) FROM attempts"
    )
    [(spans, with_spans)] = store.rows("SELECT count(*), count(DISTINCT trace_id) FROM spans")
    tools, more_tools, more_calls = _tools(store, limit)
    return Overview(
        runs=counts[0],
        tasks=counts[1],
        attempts=counts[2],
        spans=spans,
        first=counts[3],
        last=counts[4],
        outcomes=_counts(store, "SELECT coalesce(outcome, 'unknown'), count(*) FROM attempts GROUP BY 1 ORDER BY 1"),
        mean_score=store.rows(f"SELECT avg(score) FROM ({PARTIAL_SCORES})")[0][0],
        success_at=store.rows(_THRESHOLD)[0][0],
        tokens_in=counts[5],
        tokens_out=counts[6],
        cost_usd=counts[7],
        found_again=store.rows("SELECT count(*) FROM duplicates")[0][0],
        tasks_told_apart=store.rows(TASKS_TOLD_APART)[0][0],
        without_tokens=counts[8],
        without_cost=counts[9],
        without_spans=counts[2] - with_spans,
        formats=_counts(
            store,
            "SELECT coalesce(format, 'unknown'), count(*) FROM attempts LEFT JOIN runs USING (run_id)"
            " GROUP BY 1 ORDER BY 2 DESC, 1",
        ),
        models=_models(store),
        tools=tools,
        more_tools=more_tools,
        more_calls=more_calls,
        rejects=_counts(
            store, "SELECT reason, count(*) FROM rejects WHERE field IS NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        rejected_values=_counts(
            store, "SELECT field, count(*) FROM rejects WHERE field IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        errors=error_taxonomy(store, limit=limit),
    )


def _counts(store: Store, sql: str) -> dict[str, int]:
    return {str(name): count for name, count in store.rows(sql)}


def _models(store: Store) -> list[ModelUse]:
    """The models of attempts and of LLM spans together: one may name a model that the other does not."""
    rows = store.rows(
        """SELECT model, sum(attempts)::BIGINT, sum(calls)::BIGINT,
                  sum(tokens_in)::BIGINT, sum(tokens_out)::BIGINT, sum(cost_usd)
        FROM (SELECT model, count(*) AS attempts, 0 AS calls, NULL AS tokens_in, NULL AS tokens_out, NULL AS cost_usd
              FROM attempts GROUP BY model
              UNION ALL SELECT model, 0, count(*), sum(tokens_in), sum(tokens_out), sum(cost_usd)
              FROM spans WHERE kind = 'LLM' GROUP BY model)
        GROUP BY model ORDER BY 2 DESC, 3 DESC, model"""
    )
    return [ModelUse(**dict(zip(ModelUse.model_fields, row, strict=True))) for row in rows]


def _tools(store: Store, limit: int) -> tuple[list[ToolUse], int, int]:
    rows = store.rows(
        f"SELECT tool, count(*), count(DISTINCT trace_id), count(*) FILTER ({ERROR_SPAN}) FROM spans"
        " WHERE tool IS NOT NULL GROUP BY tool ORDER BY 2 DESC, tool"
    )
    listed = [ToolUse(**dict(zip(ToolUse.model_fields, row, strict=True))) for row in rows[:limit]]
    return listed, len(rows) - len(listed), sum(row[1] for row in rows[limit:])
