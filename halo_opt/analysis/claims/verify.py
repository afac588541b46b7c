"""Checks a report against the traces: it is made again and compared, and what a model said is checked by its own rules.

Where a report cannot be made again, the SQL of each of its numbers is run.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import duckdb

from halo_opt.analysis.claims.remake import differences, foreign_queries, remade, same
from halo_opt.analysis.claims.verify_claims import Mismatch, claim_queries, verify_claims
from halo_opt.core.errors import HaloError, InputError
from halo_opt.core.records import Value
from halo_opt.core.report_records import Exemplar, Finding, GroupTable, Number, Report
from halo_opt.mining.comparisons import numbers_of_comparisons
from halo_opt.mining.counting import numbers_of_counts
from halo_opt.mining.exemplars import excerpt, excerpt_sql, first_difference, words_of
from halo_opt.mining.explanations import over_triage
from halo_opt.mining.groups import table_of
from halo_opt.mining.measure import literal
from halo_opt.stats.multiple import benjamini_hochberg
from halo_opt.stats.registry import STATISTICS
from halo_opt.store.protocols import Query, Rows


def verify_document(report: Report, store: Rows, *, query: Query) -> list[Mismatch]:
    """Make a report again and list every part in which it differs; empty for a report that says what the traces say.

    Titles and words that no code made are not compared: see `not_checked`. The claims of a model are checked with what
    was made again, not with what the report says.

    Args:
        report: The report. It may come from anyone, so its SQL is not trusted.
        store: The traces that the report was made from.
        query: Runs the SQL that did not come from halo-opt, guarded.
    """
    ask = _remembering(query)
    try:
        again, classes = remade(report, store, ask)
    except InputError as error:
        reason = f"the report cannot be made again: {error}"
        return [Mismatch("made_with", None, None, reason), *verify_report(report, store, query=ask)]
    found = differences(report, again)
    given = {finding.id: finding for finding in reversed(report.findings)}
    findings = [_with_given_claims(finding, given.get(finding.id)) for finding in again.findings]
    claimed = again.model_copy(update={"findings": findings, "model_analysis": report.model_analysis})
    for finding in claimed.findings:
        for where, number in _claim_numbers(finding):
            found += _check(where, number, ask)
    return found + list(verify_claims(claimed, store, ask, classes=classes))


def _with_given_claims(finding: Finding, given: Finding | None) -> Finding:
    if given is None or not given.model_claims:
        return finding
    title = given.title if finding.id.startswith("M") else finding.title
    return finding.model_copy(update={"model_claims": given.model_claims, "title": title})


def document_queries(report: Report) -> list[str]:
    """The SQL that `verify_document` usually runs guarded, each once, so that it can be run together."""
    numbers = [number.sql for finding in report.findings for _, number in _claim_numbers(finding)]
    return list(dict.fromkeys([*foreign_queries(report), *numbers, *claim_queries(report)]))


def verify_report(report: Report, store: Rows, *, query: Query | None = None) -> list[Mismatch]:
    """Run the SQL of a report again, and list everything that it does not confirm; empty for a correct report.

    Args:
        report: The report. It may come from anyone, so its SQL is not trusted.
        store: The traces that the report was made from.
        query: Runs the report's SQL, guarded, with a limit of at least as many rows as there are tasks. Without it the
            SQL runs in the store without a guard.

    Example:
        >>> with Store.open(Path("traces.duckdb")) as store:
        ...     assert verify_report(read_report(Path("report/report.json")), store) == []
    """
    ask = _remembering(query or store.rows)
    found = [m for where, number in numbers_of(report) for m in _check(where, number, ask)]
    found += _check_tested(report, ask)
    found += _check_groups(report, ask)
    for finding in report.findings:
        found += _check_finding(finding, store, ask)
    return found + list(verify_claims(report, store, ask))


def _remembering(ask: Query) -> Query:
    """A query function that runs each SQL once: several numbers share one, and guarded queries are slow."""
    known: dict[str, Sequence[tuple[Any, ...]]] = {}

    def remembered(sql: str) -> Sequence[tuple[Any, ...]]:
        if sql not in known:
            known[sql] = ask(sql)
        return known[sql]

    return remembered


def _written_out(report: Report, number: Number) -> Number:
    return number.model_copy(update={"sql": over_triage(report, number.sql)})


def numbers_of(report: Report) -> Iterator[tuple[str, Number]]:
    """Every Number of a report with its place."""
    for part in ("overview", "triage", "ceiling"):
        for name, number in getattr(report, part).items():
            yield f"{part}.{name}", _written_out(report, number)
    yield from numbers_of_counts(report.counts)
    yield from numbers_of_comparisons(report.comparisons)
    for finding in report.findings:
        if finding.explains is not None:
            yield f"{finding.id}.explains", _written_out(report, finding.explains)
        for name, number in finding.numbers.items():
            yield f"{finding.id}.{name}", number
        yield from _claim_numbers(finding)
        for consequence in finding.consequences:
            for name, number in consequence.numbers.items():
                yield f"{finding.id}.{consequence.behaviour}.{name}", number


def _claim_numbers(finding: Finding) -> Iterator[tuple[str, Number]]:
    for place, claim in enumerate(finding.model_claims):
        for name, number in [*claim.measured.items(), *claim.numbers.items()]:
            yield f"{finding.id}.model_claims[{place}].{name}", number


def queries_of(report: Report) -> list[str]:
    """The SQL that `verify_report` usually runs, each once, so that it can be run together, which is faster."""
    sqls = [number.sql for _, number in numbers_of(report)]
    sqls += [str(line.get("sql")) for line in report.tested if line.get("p_value") is not None]
    sqls += [table.sql for finding in report.findings for table in finding.groups]
    sqls += [_shown_sql(finding) for finding in report.findings if _named(finding)]
    return list(dict.fromkeys([*sqls, *claim_queries(report)]))


def _check(where: str, number: Number, ask: Query) -> Iterator[Mismatch]:
    try:
        value = recompute(number, ask)
    except (HaloError, duckdb.Error, ValueError, TypeError, KeyError, IndexError) as error:
        yield Mismatch(where, number.value, None, f"cannot be run again: {error}")
        return
    if not same(number.value, value):
        yield Mismatch(where, number.value, value, "the SQL gives another value")


def recompute(number: Number, ask: Query) -> Value:
    """The value that the SQL (and statistic) gives now. Raises what the query raises, ValueError on bad shape."""
    rows = ask(number.sql)
    if number.statistic is not None:
        if number.statistic not in STATISTICS:
            raise ValueError(f"{number.statistic} is not a statistic; known are {', '.join(sorted(STATISTICS))}")
        return STATISTICS[number.statistic](rows)
    if len(rows) != 1 or len(rows[0]) != 1:
        raise ValueError(f"expected one cell, got {len(rows)} rows")
    value = rows[0][0]
    return float(value) if isinstance(value, Decimal) else value


def _check_tested(report: Report, ask: Query) -> Iterator[Mismatch]:
    """The p-values behind the q-values: each from its own SQL, then corrected together again."""
    for line in report.tested:
        if line.get("p_value") is not None:
            number = Number(value=line["p_value"], sql=str(line.get("sql")), statistic="stratified_p")
            yield from _check(f"tested.{line.get('behaviour')}.p_value", number, ask)
    ps = [p if isinstance(p := line.get("p_value"), float | int) else None for line in report.tested]
    corrected = dict(zip((line.get("behaviour") for line in report.tested), benjamini_hochberg(ps), strict=True))
    for line in report.tested:
        name = line.get("behaviour")
        if not same(line.get("q_value"), corrected[name]):
            yield Mismatch(f"tested.{name}.q_value", line.get("q_value"), corrected[name], "not the corrected p-value")
    for finding in report.findings:
        claimed = finding.numbers.get("q_value")
        if claimed and not same(claimed.value, corrected.get(finding.behaviour)):
            reason = "not the q-value of the table of tests"
            yield Mismatch(f"{finding.id}.q_value", claimed.value, corrected.get(finding.behaviour), reason)


def _check_groups(report: Report, ask: Query) -> Iterator[Mismatch]:
    """The tables by group: each from its own SQL, and their p-values corrected together again."""
    tables = [(f"{f.id}.groups[{t.by}]", t) for f in report.findings for t in f.groups]
    corrected = benjamini_hochberg([table.p_value for _, table in tables])
    for (where, table), q in zip(tables, corrected, strict=True):
        try:
            again = table_of(table.by, table.sql, ask(table.sql))
        except (HaloError, duckdb.Error, ValueError, TypeError) as error:
            yield Mismatch(where, None, None, f"cannot be run again: {error}")
            continue
        if not same(table.p_value, again.p_value):
            yield Mismatch(f"{where}.p_value", table.p_value, again.p_value, "the SQL gives another value")
        if not same(table.q_value, q):
            yield Mismatch(f"{where}.q_value", table.q_value, q, "not the corrected p-value")
        if _lines(table) != _lines(again):
            yield Mismatch(where, None, None, "the SQL gives another table")


def _lines(table: GroupTable) -> list[object]:
    """Rows of a table, their intervals to the digits that a report keeps."""
    lines: list[object] = []
    for row in table.rows:
        interval = row.interval and [f"{end:.9f}" for end in row.interval]
        lines.append((row.group, row.attempts, row.shown, row.failures, row.failures_shown, interval))
    return lines


def _check_finding(finding: Finding, store: Rows, ask: Query) -> Iterator[Mismatch]:
    """Check the numbers and examples of a finding; one query gives the steps at which attempts show it."""
    for name, number in finding.numbers.items():
        if name != "q_value" and finding.predicate_sql not in number.sql:
            yield Mismatch(f"{finding.id}.{name}", number.value, None, "its SQL is not about the finding's behaviour")
    if not _named(finding):
        return
    try:
        shown = {str(trace): step for trace, step in ask(_shown_sql(finding))}
    except (HaloError, duckdb.Error, ValueError) as error:
        yield Mismatch(f"{finding.id}.predicate_sql", None, None, f"the behaviour cannot be run again: {error}")
        return
    for kind, outcome, exemplars in (
        ("exemplars", "failure", finding.exemplars),
        ("counter_examples", "success", finding.counter_examples),
    ):
        for place, exemplar in enumerate(exemplars):
            reason = _wrong_with(exemplar, outcome, shown, store)
            if reason:
                yield Mismatch(f"{finding.id}.{kind}[{place}]", exemplar.trace_id, None, reason)


def _named(finding: Finding) -> list[str]:
    return sorted({exemplar.trace_id for exemplar in (*finding.exemplars, *finding.counter_examples)})


def _shown_sql(finding: Finding) -> str:
    traces = ", ".join(literal(trace) for trace in _named(finding))
    return f"SELECT trace_id, step FROM ({finding.predicate_sql}) AS behaviour WHERE value AND trace_id IN ({traces})"


def _wrong_with(exemplar: Exemplar, outcome: str, shown: dict[str, Any], store: Rows) -> str | None:
    """Why an example is not confirmed by the store; None when it is."""
    trace = exemplar.trace_id
    if not store.rows("SELECT 1 FROM attempts WHERE trace_id = ? AND outcome = ?", (trace, outcome)):
        return f"no attempt {trace} with outcome {outcome}"
    if trace not in shown or shown[trace] != exemplar.step:
        return f"attempt {trace} does not show the behaviour at step {exemplar.step}"
    rows = store.rows(excerpt_sql(trace, exemplar.step))
    if (words_of(rows[0]) if rows else "") != exemplar.excerpt:
        return "the excerpt is not what the trace says"
    return _wrong_beside(exemplar, store) if exemplar.beside is not None else None


def _wrong_beside(exemplar: Exemplar, store: Rows) -> str | None:
    """What the store says against the success that an exemplar is held beside."""
    other = exemplar.beside
    assert other is not None
    sql = "SELECT 1 FROM attempts WHERE trace_id = ? AND outcome = 'success' AND task_id = ?"
    if not store.rows(sql, (other.trace_id, exemplar.task_id)):
        return f"no success {other.trace_id} at task {exemplar.task_id} to hold beside it"
    if first_difference(store, exemplar.trace_id, other.trace_id) != other.step:
        return f"it does not part from {other.trace_id} at step {other.step}"
    words = (excerpt(store, exemplar.trace_id, other.step), excerpt(store, other.trace_id, other.step))
    return None if words == (other.here, other.there) else f"the words beside {other.trace_id} are not the traces'"
