"""Where the fault for each failed attempt lies by rules over traces, and what fixing the harness could gain.

Every attempt gets the first rule that holds, with the numbers that decided it. What findings add is in `explanations`.
A class says where to look first and is no verdict.
"""

from collections.abc import Sequence

from halo_opt.core.report_records import Category, Number
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.facts import facts_sql
from halo_opt.mining.measure import literal
from halo_opt.mining.totals import MAX_SQL_BYTES, number
from halo_opt.store.protocols import Rows

CLASSES: tuple[Category, ...] = ("infrastructure", "grader", "harness", "model", "unexplained")
RULES = {
    "ended in an error": "the attempt was not measured; `cause` says what ended it",
    "shows an infrastructure failure": "a browser, server or network failed during the attempt",
    "same actions, other verdict": "an attempt at the same task and seed did exactly the same and passed",
    "doing nothing passes": "an attempt at the task passed without doing anything, so the grader may accept too much",
    "one check always fails": "all attempts at the task fail the same check, whatever they do, while every other check"
    " was passed at least once",
    "shows a proven finding": "the attempt shows a proven failure mode, and the same model solves the task without it",
    "never solved, another model does": "the model never solved the task, another model did with the same harness",
    "never solved with any harness": "the model never solved the task with any of several harness revisions or modes",
    "never solved, one harness tried": "only one harness was tried, so it may be the harness or the model",
    "nothing decides": "no rule applies",
}
# Fewer attempts without a success mean little: at a true success rate of 40%, five in a row fail one time in thirteen.
NEVER = 5
# With so many different ways of failing at one same check, the check is worth a look.
WAYS = 3

_BASE = f"""measured AS (
  SELECT trace_id, task_id, seed, outcome, cause, steps, coalesce(model, '') AS model,
    concat_ws('/', harness_revision, mode) AS harness
  FROM attempts WHERE outcome IN ('success', 'failure', 'error')),
acts AS (
  SELECT trace_id, count(*) FILTER (effective) AS did, md5(string_agg(action_key::VARCHAR, ' ' ORDER BY step)) AS path
  FROM {facts_sql(["effective", "action_key"])} GROUP BY trace_id),
done AS (SELECT m.*, coalesce(a.did, 0) AS did, a.path FROM measured AS m LEFT JOIN acts AS a USING (trace_id)),
idle AS (SELECT DISTINCT task_id FROM done WHERE outcome = 'success' AND did = 0 AND steps <= 1),
twins AS (
  SELECT DISTINCT f.trace_id FROM done AS f JOIN done AS s USING (task_id, path)
  WHERE f.outcome = 'failure' AND s.outcome = 'success' AND f.did > 0 AND f.seed IS NOT DISTINCT FROM s.seed),
checks AS (
  SELECT d.task_id, c.name, max(c.value) AS best, count(*) AS judged, count(DISTINCT d.path) AS ways
  FROM scores AS c JOIN done AS d USING (trace_id)
  WHERE c.name NOT IN ('reward', 'turn_reward') AND c.value IS NOT NULL AND d.outcome <> 'error' GROUP BY ALL),
stuck AS (
  SELECT task_id FROM checks GROUP BY task_id
  HAVING count(*) >= 2 AND count(*) FILTER (best <= 0 AND judged >= {NEVER} AND ways >= {WAYS}) = 1
    AND count(*) FILTER (best <= 0) = 1),
clean AS (
  SELECT DISTINCT task_id, model FROM done
  WHERE outcome = 'success' AND trace_id NOT IN (SELECT trace_id FROM harness)),
tried AS (
  SELECT task_id, model, count(*) AS attempts, count(*) FILTER (outcome = 'success') AS solved,
    count(DISTINCT harness) AS harnesses FROM done WHERE outcome <> 'error' GROUP BY ALL),
others AS (
  SELECT DISTINCT f.task_id, f.model FROM done AS f JOIN done AS s USING (task_id, harness)
  WHERE s.outcome = 'success' AND s.model <> f.model),
ruled AS (
  SELECT d.trace_id, d.task_id, d.model, d.outcome, h.finding, t.attempts, t.solved, t.harnesses,
    CASE WHEN d.outcome = 'error' THEN 'ended in an error'
      WHEN d.trace_id IN (SELECT trace_id FROM broken) THEN 'shows an infrastructure failure'
      WHEN d.trace_id IN (SELECT trace_id FROM twins) THEN 'same actions, other verdict'
      WHEN d.task_id IN (SELECT task_id FROM idle) AND d.did > 0 THEN 'doing nothing passes'
      WHEN d.task_id IN (SELECT task_id FROM stuck) THEN 'one check always fails'
      WHEN h.finding IS NOT NULL AND c.task_id IS NOT NULL THEN 'shows a proven finding'
      WHEN h.finding IS NOT NULL OR t.solved > 0 OR t.attempts < {NEVER} THEN 'nothing decides'
      WHEN o.task_id IS NOT NULL THEN 'never solved, another model does'
      WHEN t.harnesses > 1 THEN 'never solved with any harness'
      ELSE 'never solved, one harness tried' END AS rule
  FROM done AS d LEFT JOIN harness AS h USING (trace_id) LEFT JOIN tried AS t USING (task_id, model)
    LEFT JOIN clean AS c USING (task_id, model) LEFT JOIN others AS o USING (task_id, model)
  WHERE d.outcome <> 'success'),
triage AS (
  SELECT trace_id, task_id, model, outcome,
    CASE WHEN rule IN ('ended in an error', 'shows an infrastructure failure') THEN 'infrastructure'
      WHEN rule IN ('same actions, other verdict', 'doing nothing passes', 'one check always fails') THEN 'grader'
      WHEN rule = 'shows a proven finding' THEN 'harness'
      WHEN rule IN ('never solved, another model does', 'never solved with any harness') THEN 'model'
      ELSE 'unexplained' END AS class,
    rule, finding, attempts, solved, harnesses FROM ruled)"""
# What queries over triage read of the expressions before it.
READ = ("harness", "done", "triage")
COLUMNS = ("trace_id", "task_id", "model", "outcome", "class", "rule", "finding", "attempts", "solved", "harnesses")


def triage_ctes(proven: Sequence[Behaviour], broken: Sequence[Behaviour]) -> tuple[str, int]:
    """(the text of `WITH ... triage`, how many of `proven` are in it): a row an attempt that failed or had an error.

    `proven` are the findings in their order, whose place becomes `finding`; `broken` those of infrastructure. Findings
    at the end are left out where all of them would be too long to be run again under the guard of `verify`.
    """
    count = len(proven)
    while True:
        text = f"WITH {_shown('harness', proven[:count])},\n{_shown('broken', broken)},\n{_BASE}"
        if len(text.encode()) <= MAX_SQL_BYTES - 600 or count == 0:
            return text, count
        count -= 1


def _shown(name: str, behaviours: Sequence[Behaviour]) -> str:
    """Attempts that show any of these, with the first of them as its place in the list, from 1."""
    parts = [
        f"SELECT trace_id, {place} AS finding FROM ({behaviour.sql}) WHERE value"
        for place, behaviour in enumerate(behaviours, start=1)
    ]
    rows = "\nUNION ALL ".join(parts) or "SELECT NULL::VARCHAR AS trace_id, NULL::INTEGER AS finding WHERE false"
    return f"{name} AS (SELECT trace_id, min(finding) AS finding FROM ({rows}) GROUP BY trace_id)"


def triage_sql(ctes: str) -> str:
    """One row an attempt that failed or was not measured, as in `COLUMNS`."""
    return f"{ctes}\nSELECT {', '.join(COLUMNS)} FROM triage"


def triage_numbers(store: Rows, ctes: str) -> dict[str, Number]:
    """How many errors there are by cause, and what the harness alone could reach."""
    numbers = {}
    for (cause,) in store.rows("SELECT DISTINCT cause FROM attempts WHERE outcome = 'error' ORDER BY cause"):
        test = "cause IS NULL" if cause is None else f"cause = {literal(str(cause))}"
        sql = f"SELECT count(*) FROM attempts WHERE outcome = 'error' AND {test}"
        numbers[f"errors: {cause or 'cause unknown'}"] = number(store, sql)
    return {**numbers, **_reachable(store, ctes)}


def _reachable(store: Rows, ctes: str) -> dict[str, Number]:
    """The success rate if failures of class harness succeeded as often as other attempts at the task.

    Only attempts by the same model that show no proven behaviour count as the others.
    """
    sql = (
        f"{ctes},\nrates AS (SELECT task_id, model, avg((outcome = 'success')::DOUBLE) AS rate FROM done"
        " WHERE outcome <> 'error' AND trace_id NOT IN (SELECT trace_id FROM harness) GROUP BY ALL)\n"
        "SELECT d.task_id, CASE WHEN d.outcome = 'success' THEN 1.0 WHEN t.class = 'harness' THEN r.rate ELSE 0.0 END"
        " FROM done AS d LEFT JOIN triage AS t USING (trace_id) LEFT JOIN rates AS r ON r.task_id = d.task_id AND"
        " r.model = d.model WHERE d.outcome <> 'error' ORDER BY d.task_id, d.trace_id"
    )
    return {
        "success_rate_without_harness_failures": number(store, sql, "mean_rate"),
        "success_rate_without_harness_failures_interval": number(store, sql, "rate_interval"),
    }
