"""Numbers about the whole input: what was measured, and what was reached at least once."""

from halo_opt.core.report_records import Number
from halo_opt.mining.measure import literal
from halo_opt.stats.registry import STATISTICS
from halo_opt.store.protocols import Rows

# Somewhat under what guarded SQL accepts.
MAX_SQL_BYTES = 19_000
MOST_GROUPS = 20
# The runs whose success rates the overview shows.
MOST_RUNS = 20
MOST_ATTEMPTS = 8
THRESHOLD = "SELECT max(json_extract(value, '$.success_at')::DOUBLE) FROM meta WHERE key = 'options'"
_MEASURED = "outcome IN ('success', 'failure')"
_WITH_SCORE = f"{_MEASURED} AND score IS NOT NULL"
_SCORED = f"SELECT task_id, (outcome = 'success')::DOUBLE FROM attempts WHERE {_MEASURED}"


def number(store: Rows, sql: str, statistic: str | None = None) -> Number:
    """A number made by its own SQL, so that it cannot differ from it."""
    rows = store.rows(sql)
    value = STATISTICS[statistic](rows) if statistic else rows[0][0]
    return Number(value=value, sql=sql, statistic=statistic)


_FAILED = "SELECT trace_id, task_id FROM attempts WHERE outcome = 'failure'"
# Where no attempt succeeded: how far attempts got on the way, and how far those at one task went the same way.
_WITHOUT_SUCCESS = {
    "median_step_of_last_new_result": (
        "SELECT median(step) FROM (SELECT trace_id, max(step) AS step FROM (SELECT trace_id, min(step) AS step FROM"
        f" steps JOIN ({_FAILED}) USING (trace_id) WHERE coalesce(error, result, observation) IS NOT NULL GROUP BY"
        " trace_id, coalesce(error, result, observation)) GROUP BY trace_id)"
    ),
    "median_step_of_first_difference": (
        f"WITH failed AS ({_FAILED}), tries AS (SELECT task_id, count(*) AS tries FROM failed GROUP BY task_id HAVING"
        " count(*) > 1), acts AS (SELECT task_id, step, row_number() OVER (PARTITION BY trace_id ORDER BY step) AS"
        " place, concat_ws(chr(0), tool, arguments) AS act FROM steps JOIN failed USING (trace_id)), places AS (SELECT"
        " task_id, place, min(step) AS step, count(DISTINCT act) > 1 OR count(*) < any_value(tries) AS differs FROM"
        " acts JOIN tries USING (task_id) GROUP BY task_id, place) SELECT median(step) FROM (SELECT task_id, min(step)"
        " AS step FROM places WHERE differs GROUP BY task_id)"
    ),
}


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
    numbers |= _scores(store)
    if numbers["failures"].value and not numbers["successes"].value:
        steps = {name: number(store, sql) for name, sql in _WITHOUT_SUCCESS.items()}
        numbers |= {name: step for name, step in steps.items() if step.value is not None}
    return {**numbers, **_by_run(store)}


def _scores(store: Rows) -> dict[str, Number]:
    """The threshold that makes successes of scores, where the user stated one, and the mean score with its interval.

    The mean score is left out where all scores are 0 or 1: it would repeat the success rate.
    """
    threshold = number(store, THRESHOLD)
    stated = {"success_at": threshold} if threshold.value is not None else {}
    if not _has_partial_scores(store):
        return stated
    scored = f"FROM attempts WHERE {_WITH_SCORE}"
    by_task = f"SELECT task_id, score {scored} ORDER BY task_id, trace_id"
    return {
        **stated,
        "mean_score": number(store, f"SELECT avg(score) {scored}"),
        "mean_score_interval": number(store, by_task, "rate_interval"),
        "attempts_with_a_score": number(store, f"SELECT count(*) {scored}"),
    }


def _has_partial_scores(store: Rows) -> bool:
    return bool(store.rows(f"SELECT 1 FROM attempts WHERE {_WITH_SCORE} AND score > 0 AND score < 1 LIMIT 1"))


def _by_run(store: Rows) -> dict[str, Number]:
    """Success rate, and mean score of partial scores, of each run of several attempts: no run has a mixture's."""
    of_several = "SELECT run_id FROM attempts GROUP BY run_id HAVING count(*) > 1 ORDER BY run_id"
    runs = [str(run) for (run,) in store.rows(of_several)]
    if len(runs) < 2:
        return {}
    partial = _has_partial_scores(store)
    numbers: dict[str, Number] = {}
    for run in runs[:MOST_RUNS]:
        of_run = f"AND run_id = {literal(run)}"
        rate = f"SELECT avg((outcome = 'success')::DOUBLE) FROM attempts WHERE {_MEASURED} {of_run}"
        numbers[f"success_rate of {run}"] = number(store, rate)
        numbers[f"success_rate_interval of {run}"] = number(
            store, f"{_SCORED} {of_run} ORDER BY task_id, trace_id", "rate_interval"
        )
        if partial:
            scored = f"FROM attempts WHERE {_WITH_SCORE} {of_run}"
            numbers[f"mean_score of {run}"] = number(store, f"SELECT avg(score) {scored}")
            numbers[f"mean_score_interval of {run}"] = number(
                store, f"SELECT task_id, score {scored} ORDER BY task_id, trace_id", "rate_interval"
            )
    return numbers


def ceiling(store: Rows) -> dict[str, Number]:
    """What was reached at least once: tasks that some attempt solved are within reach, the others may not be. pass@1
    and pass@k of each model and mode, with k the usual number of attempts at a task.
    """
    by_task = f"SELECT task_id, bool_or(outcome = 'success') AS solved FROM attempts WHERE {_MEASURED} GROUP BY task_id"
    return {
        **_passing(store),
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


def _passing(store: Rows) -> dict[str, Number]:
    """pass@1 and pass@k, over all tasks that have as many attempts, of each group of model and mode."""
    groups = store.rows(
        f"SELECT model, mode, floor(median(n)) FROM (SELECT model, mode, count(*) AS n FROM attempts WHERE {_MEASURED}"
        f" GROUP BY model, mode, task_id) GROUP BY model, mode ORDER BY ALL LIMIT {MOST_GROUPS}"
    )
    numbers: dict[str, Number] = {}
    for model, mode, usual in groups:
        name = " ".join(str(word) for word in (model, mode) if word is not None) or "all attempts"
        for k in sorted({1, min(int(usual), MOST_ATTEMPTS)}):
            sql = (
                f"SELECT task_id, count(*) AS attempts, count(*) FILTER (outcome = 'success') AS solved, {k} AS k FROM"
                f" attempts WHERE {_MEASURED} AND {_is('model', model)} AND {_is('mode', mode)} GROUP BY task_id ORDER"
                " BY task_id"
            )
            numbers[f"pass@{k} of {name}"] = number(store, sql, "pass_at_k")
            numbers[f"pass@{k}_interval of {name}"] = number(store, sql, "pass_at_k_interval")
    return numbers


def _is(column: str, value: object) -> str:
    return f"{column} IS NULL" if value is None else f"{column} = {literal(str(value))}"
