"""Gives each failure its best explanation: what a rule of the triage says, or the best supported finding that it shows.

The report's `triage_sql` gives a row a failure. Numbers about the triage count over it as a table `triage`.
"""

from collections import Counter
from collections.abc import Sequence

from halo_opt.core.records import Value
from halo_opt.core.report_records import Finding, Number, Report
from halo_opt.mining.answer import answer_of
from halo_opt.mining.diagnosis import with_diagnoses
from halo_opt.mining.levels import order_of
from halo_opt.mining.measure import literal
from halo_opt.mining.triage import CLASSES as CLASSES_BY_RULES
from halo_opt.mining.triage import RULES as RULES_WITHOUT_FINDINGS
from halo_opt.store.protocols import Rows

FAULT_UNKNOWN = "fault unknown"
CLASSES: tuple[str, ...] = (*CLASSES_BY_RULES[:-1], FAULT_UNKNOWN, CLASSES_BY_RULES[-1])
COLUMNS = (
    "trace_id", "task_id", "model", "outcome", "class", "rule", "finding", "level", "class_by_rules", "attempts",
    "solved", "harnesses",
)  # fmt: skip
SUPPORTED = "shows a proven or shown finding"
SUSPECTED = "shows a suspected finding"
RULES = {
    **{rule: why for rule, why in RULES_WITHOUT_FINDINGS.items() if rule != "nothing decides"},
    SUPPORTED: "its class is that of the finding, or fault unknown where the finding has none",
    SUSPECTED: "no other rule applies, and a finding that is only suspected may explain it",
    "nothing decides": "no rule applies, and nothing that was found is suspected",
}
_COUNT = "SELECT count(*) FROM triage WHERE "
# What guarded SQL accepts is somewhat more.
_MAX_BYTES = 150_000


def over_triage(report: Report, sql: str) -> str:
    """The SQL of a number with the report's triage written out, where it counts over the table `triage`."""
    if report.triage_sql is None or not sql.startswith(_COUNT):
        return sql
    return f"WITH triage AS (\n{report.triage_sql}\n)\n{sql}"


def explained_by_findings(report: Report) -> bool:
    """Whether the report's triage holds what its findings explain."""
    return any(finding.explains is not None for finding in report.findings)


def with_explanations(store: Rows, report: Report) -> Report:
    """The report with its findings by level and by how many failures they explain, and the triage of all failures.

    Each exemplar gets its diagnosis.

    Args:
        store: Runs the SQL of findings and triage.
        report: A report whose findings have their final levels, and whose `triage_sql` judges by rules alone.
    """
    if report.triage_sql is None:
        return report.model_copy(update={"answer": answer_of(report)})
    ranked = sorted(report.findings, key=_order)
    sql = _explained_sql(report.triage_sql, _candidates(ranked))
    rows = store.rows(f"SELECT outcome, class, rule, level, finding, count(*) FROM (\n{sql}\n) AS t GROUP BY ALL")
    explains = Counter({finding: count for outcome, *_, finding, count in rows if outcome == "failure" and finding})
    findings = [_explaining(finding, explains[finding.id]) for finding in ranked]
    findings.sort(key=lambda finding: (*_order(finding), -explains[finding.id]))
    triage = {**_numbers(rows), **report.triage}
    found = with_diagnoses(store, report.model_copy(update={"findings": findings, "triage_sql": sql, "triage": triage}))
    return found.model_copy(update={"answer": answer_of(found)})


def _order(finding: Finding) -> tuple[int, bool, bool]:
    """By level; at one level, what concerns a whole run and what an analyst claims come before general symptoms."""
    return order_of(finding.level), not finding.scope, not finding.model_claims


def _candidates(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that may explain a failure: all but those that go with failing less often at the same tasks."""
    return [finding for finding in findings if not _against(finding)]


def _against(finding: Finding) -> bool:
    difference = finding.numbers.get("difference")
    value = difference.value if difference else None
    return finding.level == "suspected" and not finding.scope and isinstance(value, int | float) and value < 0


def _explaining(finding: Finding, count: int) -> Finding:
    sql = f"{_COUNT}outcome = 'failure' AND finding = {literal(finding.id)}"
    return finding.model_copy(update={"explains": Number(value=count, sql=sql)})


def _explained_sql(judged: str, findings: Sequence[Finding]) -> str:
    """A row a failure or error with its best explanation; findings at the end are left out where it grows too long."""
    text = _sql_with(judged, findings)
    while len(text.encode()) > _MAX_BYTES and findings:
        findings = findings[:-1]
        text = _sql_with(judged, findings)
    return text


def _sql_with(judged: str, findings: Sequence[Finding]) -> str:
    parts = [
        f"SELECT trace_id, {place} AS place FROM ({finding.predicate_sql}) WHERE value"
        for place, finding in enumerate(findings)
    ]
    shown = "\nUNION ALL ".join(parts) or "SELECT NULL::VARCHAR AS trace_id, NULL::INTEGER AS place WHERE false"
    rows = [
        f"({place}, {literal(finding.id)}, {literal(finding.level)}, {literal(_fault_of(finding))})"
        for place, finding in enumerate(findings)
    ]
    known = f"VALUES {', '.join(rows)}" if rows else "SELECT NULL, NULL, NULL, NULL WHERE false"
    return f"""WITH judged AS (
{judged}),
found(place, id, level, fault) AS ({known}),
shown AS (SELECT trace_id, place FROM ({shown})),
best AS (
  SELECT trace_id, min(place) AS any_place, min(place) FILTER (fault = 'harness') AS harness_place
  FROM shown JOIN found USING (place) GROUP BY trace_id),
placed AS (
  SELECT j.*, CASE WHEN j.rule = 'shows a proven finding' THEN coalesce(b.harness_place, b.any_place)
      WHEN j.class = 'unexplained' THEN b.any_place
      WHEN j.class = 'model' AND f.level IN ('proven', 'shown') THEN b.any_place END AS place
  FROM judged AS j LEFT JOIN best AS b USING (trace_id) LEFT JOIN found AS f ON f.place = b.any_place)
SELECT p.trace_id, p.task_id, p.model, p.outcome,
  CASE WHEN p.place IS NULL OR p.rule = 'shows a proven finding' THEN p.class ELSE f.fault END AS class,
  CASE WHEN p.place IS NULL OR p.rule = 'shows a proven finding' THEN p.rule
    WHEN f.level = 'suspected' THEN '{SUSPECTED}' ELSE '{SUPPORTED}' END AS rule,
  f.id AS finding, f.level, p.class AS class_by_rules, p.attempts, p.solved, p.harnesses
FROM placed AS p LEFT JOIN found AS f USING (place) ORDER BY class, p.task_id, p.trace_id"""


def _fault_of(finding: Finding) -> str:
    return FAULT_UNKNOWN if finding.category == "unexplained" else finding.category


def _numbers(rows: Sequence[tuple[Value, ...]]) -> dict[str, Number]:
    """How many failures there are by class, by the level of what explains them, and by rule; and how many errors."""

    def counted(where: str, value: int) -> Number:
        return Number(value=value, sql=f"{_COUNT}{where}")

    by_class, by_rule, by_level = Counter[str](), Counter[str](), Counter[str]()
    errors = 0
    for outcome, class_, rule, level, _, count in rows:
        assert isinstance(count, int)
        if outcome == "error":
            errors += count
            continue
        by_class[str(class_)] += count
        by_rule[str(rule)] += count
        if level is not None:
            by_level[str(level)] += count
    numbers = {
        "failures": counted("outcome = 'failure'", by_class.total()),
        "errors": counted("outcome = 'error'", errors),
    }
    for name in CLASSES:
        numbers[f"{name} failures"] = counted(f"outcome = 'failure' AND class = {literal(name)}", by_class[name])
    for level in ("proven", "shown", "suspected"):
        if by_level[level]:
            where = f"outcome = 'failure' AND level = {literal(level)}"
            numbers[f"explained by a {level} finding"] = counted(where, by_level[level])
    for rule in RULES:
        if by_rule[rule]:
            numbers[f"rule: {rule}"] = counted(f"outcome = 'failure' AND rule = {literal(rule)}", by_rule[rule])
    return numbers


def triage_method() -> str:
    """How failures are explained, for the report's own account of itself."""
    rules = "; ".join(f"{rule} ({why})" for rule, why in RULES.items())
    return (
        f"Triage classifies each failed attempt by the first of these rules that applies: {rules}. Where a finding"
        " decides, it is the first in the report's order of levels that the attempt shows."
    )
