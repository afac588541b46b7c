"""Numbers about the whole input: what was measured, who ended errors, what is explained and reachable. Only reads."""

from collections.abc import Sequence

from halo_opt.mining.behaviour import Rows
from halo_opt.mining.cells import literal
from halo_opt.records import Finding, Number
from halo_opt.stats.registry import STATISTICS

# Somewhat under what guarded SQL accepts.
MAX_SQL_BYTES = 19_000
_MEASURED = "outcome IN ('success', 'failure')"
_SCORED = f"SELECT task_id, (outcome = 'success')::DOUBLE FROM attempts WHERE {_MEASURED}"


def number(store: Rows, sql: str, statistic: str | None = None) -> Number:
    """A number made by its own SQL, so that it cannot differ from it."""
    rows = store.rows(sql)
    value = STATISTICS[statistic](rows) if statistic else rows[0][0]
    return Number(value=value, sql=sql, statistic=statistic)


def overview(store: Rows) -> dict[str, Number]:
    """How many attempts of which outcome, success rate with interval, and what they took."""
    queries = {
        "attempts": "SELECT count(*) FROM attempts",
        "successes": "SELECT count(*) FROM attempts WHERE outcome = 'success'",
        "failures": "SELECT count(*) FROM attempts WHERE outcome = 'failure'",
        "errors": "SELECT count(*) FROM attempts WHERE outcome = 'error'",
        "outcome_unknown": "SELECT count(*) FROM attempts WHERE outcome IS NULL",
        "success_rate": f"SELECT avg((outcome = 'success')::DOUBLE) FROM attempts WHERE {_MEASURED}",
        "tasks": "SELECT count(DISTINCT task_id) FROM attempts",
        "runs": "SELECT count(DISTINCT run_id) FROM attempts",
        "models": "SELECT string_agg(DISTINCT model, ', ' ORDER BY model) FROM attempts",
        "median_steps": "SELECT median(steps) FROM attempts WHERE outcome IS DISTINCT FROM 'error'",
        "tokens_in": "SELECT sum(tokens_in)::BIGINT FROM attempts",
        "tokens_out": "SELECT sum(tokens_out)::BIGINT FROM attempts",
        "cost_usd": "SELECT sum(cost_usd) FROM attempts",
        "first_started_at": "SELECT min(started_at)::VARCHAR FROM attempts",
        "last_ended_at": "SELECT max(ended_at)::VARCHAR FROM attempts",
    }
    numbers = {name: number(store, sql) for name, sql in queries.items()}
    numbers["success_rate_interval"] = number(store, f"{_SCORED} ORDER BY task_id, trace_id", "rate_interval")
    return {**numbers, **_by_run(store)}


def _by_run(store: Rows) -> dict[str, Number]:
    """Success rate of each run, where there are several: a mixture's rate is nobody's."""
    runs = [str(run) for (run,) in store.rows("SELECT DISTINCT run_id FROM attempts ORDER BY run_id")]
    if len(runs) < 2:
        return {}
    numbers: dict[str, Number] = {}
    for run in runs[:20]:
        of_run = f"AND run_id = {literal(run)}"
        rate = f"SELECT avg((outcome = 'success')::DOUBLE) FROM attempts WHERE {_MEASURED} {of_run}"
        numbers[f"success_rate of {run}"] = number(store, rate)
        numbers[f"success_rate_interval of {run}"] = number(
            store, f"{_SCORED} {of_run} ORDER BY task_id, trace_id", "rate_interval"
        )
    return numbers


def triage(store: Rows, proven: Sequence[Finding], all_findings: Sequence[Finding]) -> dict[str, Number]:
    """Errors by cause, and failures by whether a harness-shaped finding is seen in them."""
    numbers = {"errors": number(store, "SELECT count(*) FROM attempts WHERE outcome = 'error'")}
    causes = store.rows("SELECT DISTINCT cause FROM attempts WHERE outcome = 'error' ORDER BY cause")
    for (cause,) in causes:
        test = "cause IS NULL" if cause is None else f"cause = {literal(str(cause))}"
        sql = f"SELECT count(*) FROM attempts WHERE outcome = 'error' AND {test}"
        numbers[f"errors: {cause or 'cause not told'}"] = number(store, sql)
    numbers["failures"] = number(store, "SELECT count(*) FROM attempts WHERE outcome = 'failure'")
    for name, findings, negate in (
        ("failures_with_proven_harness_finding", proven, ""),
        ("failures_with_harness_finding", all_findings, ""),
        ("failures_unexplained", all_findings, "NOT "),
    ):
        sql = _showing(findings, negate)
        # Too long to be run again under the guard of `verify`: better no number than one that cannot be checked.
        if len(sql.encode()) <= MAX_SQL_BYTES:
            numbers[name] = number(store, sql)
    return numbers


def _showing(findings: Sequence[Finding], negate: str) -> str:
    """Failures that show (or do not show) any of the harness-shaped findings."""
    parts = [f"SELECT trace_id FROM ({f.predicate_sql}) WHERE value" for f in findings if f.category == "harness"]
    shown = "\nUNION ".join(parts) or "SELECT NULL::VARCHAR AS trace_id WHERE false"
    return (
        f"WITH shown AS ({shown})\nSELECT count(*) FROM attempts"
        f" WHERE outcome = 'failure' AND {negate}trace_id IN (SELECT trace_id FROM shown)"
    )


def ceiling(store: Rows) -> dict[str, Number]:
    """What this model reached at least once: tasks that some attempt solved are within reach, the others may not be."""
    by_task = f"SELECT task_id, bool_or(outcome = 'success') AS solved FROM attempts WHERE {_MEASURED} GROUP BY task_id"
    return {
        "tasks": number(store, f"SELECT count(*) FROM ({by_task})"),
        "tasks_solved_once": number(store, f"SELECT count(*) FROM ({by_task}) WHERE solved"),
        "share_solved_once": number(store, f"SELECT avg(solved::DOUBLE) FROM ({by_task})"),
        "share_solved_once_interval": number(
            store, f"SELECT task_id, solved::DOUBLE FROM ({by_task}) ORDER BY task_id", "rate_interval"
        ),
        "median_attempts_per_task": number(
            store,
            f"SELECT median(n) FROM (SELECT count(*) AS n FROM attempts WHERE {_MEASURED} GROUP BY task_id)",
        ),
    }
