"""Verifies the model claims of a report: quotes, predicates, the figures in the text, and what the numbers' SQL counts.

The values of the numbers are verified in `verify`, with those of all other numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb

from halo_opt.analysis.claims.bare_figures import bare_figures
from halo_opt.analysis.claims.check import contradicted, unchecked_figures
from halo_opt.analysis.claims.evidence import misnamed, names_in_traces
from halo_opt.analysis.claims.hypotheses import behaviour_sql
from halo_opt.analysis.claims.model_claims import (
    claim_numbers,
    classes_of,
    classes_sql,
    finding_category,
    finding_numbers,
    majority,
    shown_by_numbers,
    summary_numbers,
)
from halo_opt.analysis.claims.placeholders import Known, filled
from halo_opt.analysis.claims.quotes import quote_problem
from halo_opt.core.errors import HaloError
from halo_opt.core.records import Value
from halo_opt.core.report_records import Category, Finding, ModelAnalysis, ModelClaim, Report
from halo_opt.mining.extras import nearly_same
from halo_opt.mining.levels import order_of
from halo_opt.store.guarded.sql_checks import hidden_sql, number_problem, predicate_basis, probes, renamed_sql
from halo_opt.store.protocols import Query, Rows


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A statement of a report that was not confirmed: its place, the reported and the recomputed value, the reason."""

    where: str
    reported: Value
    recomputed: Value
    reason: str


_FAILS = (HaloError, duckdb.Error, ValueError, TypeError, KeyError)


def verify_claims(
    report: Report, store: Rows, ask: Query, *, classes: Mapping[str, Category] | None = None
) -> Iterator[Mismatch]:
    """The parts of a report's model claims that a new run of their SQL does not confirm.

    `classes` are those of the failed attempts by the rules of triage; without them the report's own SQL is asked.
    """
    names = names_in_traces(store)
    with_claims = [finding for finding in report.findings if finding.model_claims]
    if with_claims:
        try:
            classes = classes_of(report, ask) if classes is None else classes
        except _FAILS as error:
            yield Mismatch("triage_sql", None, None, f"cannot be run again: {error}")
            return
        for finding in with_claims:
            for place, claim in enumerate(finding.model_claims):
                where = f"{finding.id}.model_claims[{place}]"
                yield from _check_predicate(finding, claim, where, classes, ask)
                yield from _check_evidence(claim, where, store, ask)
                yield from _check_words(finding, claim, where, names, finding_numbers(report))
    if report.model_analysis is not None:
        yield from _check_summary(report, report.model_analysis, names)


def claim_queries(report: Report) -> list[str]:
    """The SQL that `verify_claims` usually runs, so that it can be run together."""
    sqls = []
    for finding in report.findings:
        for claim in finding.model_claims:
            sqls += [_shown_sql(behaviour_sql(claim.predicate_sql)), _shown_sql(finding.predicate_sql)]
            sqls += filter(None, [renamed_sql(claim.predicate_sql), hidden_sql(claim.predicate_sql)])
            sqls += [sql for number in claim.numbers.values() for sql in probes(number.sql)]
    return [*sqls, *([classes_sql(report)] if sqls and report.triage_sql else [])]


def _check_predicate(
    finding: Finding, claim: ModelClaim, where: str, classes: Mapping[str, Category], ask: Query
) -> Iterator[Mismatch]:
    """Check that a claim's predicate is a rule that selects the finding's attempts, and check its triage class."""
    try:
        attempts = _shown(behaviour_sql(claim.predicate_sql), ask)
        written_up = [finding.predicate_sql, *[one.predicate_sql for one in finding.consequences]]
        same = any(nearly_same(attempts, _shown(sql, ask)) for sql in written_up)
        basis = predicate_basis(claim.predicate_sql, ask)
        category = majority(classes, _shown(finding.predicate_sql, ask))
    except _FAILS as error:
        yield Mismatch(f"{where}.predicate_sql", None, None, f"cannot be run again: {error}")
        return
    if not same:
        yield Mismatch(f"{where}.predicate_sql", None, None, "it picks other attempts than the finding")
    if basis == "outcome":
        yield Mismatch(f"{where}.predicate_sql", None, None, "it goes by how attempts ended")
    if claim.listed != (basis == "names"):
        yield Mismatch(f"{where}.listed", claim.listed, basis == "names", "whether its attempts are listed by name")
    if claim.triaged != category:
        yield Mismatch(f"{where}.triaged", claim.triaged, category, "the triage says otherwise")
    if behaviour_sql(claim.predicate_sql) == finding.predicate_sql and finding.model_claims[0] is claim:
        best = min(finding.model_claims, key=lambda one: order_of(one.level))
        expected = finding_category(best, category)
        if finding.category != expected:
            yield Mismatch(f"{finding.id}.category", finding.category, expected, "the triage says otherwise")


def _check_evidence(claim: ModelClaim, where: str, store: Rows, ask: Query) -> Iterator[Mismatch]:
    """Check that a claim's numbers count something in the traces, and that its quotes are in attempts that show it."""
    for name, number in claim.numbers.items():
        if reason := number_problem(number.sql, number.value, store, ask) or misnamed(name, number.sql):
            yield Mismatch(f"{where}.{name}", number.value, None, reason)
    try:
        attempts = _shown(behaviour_sql(claim.predicate_sql), ask)
    except _FAILS:
        return  # the predicate is reported already
    for place, quote in enumerate(claim.counter_quotes):
        if reason := quote_problem(quote, store):
            yield Mismatch(f"{where}.counter_quotes[{place}]", quote.words, None, reason)
    for place, quote in enumerate(claim.quotes):
        reason = quote_problem(quote, store)
        if reason is None and quote.trace_id not in attempts:
            reason = f"attempt {quote.trace_id} does not show it"
        if reason:
            yield Mismatch(f"{where}.quotes[{place}]", quote.words, None, reason)


def _check_words(
    finding: Finding, claim: ModelClaim, where: str, names: frozenset[str], of_findings: Mapping[str, Known]
) -> Iterator[Mismatch]:
    """Check that placeholders hold their numbers, that other figures are listed, and words of direction."""
    parts = {"title": claim.title, "words": claim.words, "counter_evidence": claim.counter_evidence}
    known = claim_numbers(claim)
    for name, words in parts.items():
        text, _ = filled(claim.written.get(name, words), known if name == "title" else {**of_findings, **known})
        if text != words:
            yield Mismatch(f"{where}.{name}", words, text, "its placeholders give other words")
    if behaviour_sql(claim.predicate_sql) == finding.predicate_sql and finding.title != finding.model_claims[0].title:
        yield Mismatch(
            f"{finding.id}.title", finding.title, finding.model_claims[0].title, "it is not the claim's title"
        )
    written = [claim.written.get(name, parts[name]) for name in ("title", "words")]
    try:
        unchecked = unchecked_figures(written, claim.predicate_sql, names)
    except _FAILS as error:
        yield Mismatch(where, None, None, f"its SQL cannot be read: {error}")
        return
    if unchecked != claim.unchecked:
        reason = "these figures of its words come from no checked number"
        yield Mismatch(f"{where}.unchecked", ", ".join(claim.unchecked), ", ".join(unchecked), reason)
    for words in contradicted([claim.title, claim.words], shown_by_numbers(claim)):
        if words not in claim.corrections:
            yield Mismatch(f"{where}.words", None, None, words)
    for name, number in claim.measured.items():
        if behaviour_sql(claim.predicate_sql) not in number.sql:
            yield Mismatch(f"{where}.{name}", number.value, None, "its SQL is not about the claim's predicate")


def _check_summary(report: Report, analysis: ModelAnalysis, names: frozenset[str]) -> Iterator[Mismatch]:
    written = analysis.written or analysis.summary
    text, _ = filled(written, summary_numbers(report))
    if text != analysis.summary:
        yield Mismatch("model_analysis.summary", analysis.summary, text, "its placeholders give other words")
    unchecked = bare_figures(written, names)
    if unchecked != analysis.unchecked:
        reason = "these figures of the summary come from no checked number"
        yield Mismatch("model_analysis.unchecked", ", ".join(analysis.unchecked), ", ".join(unchecked), reason)


def _shown(sql: str, ask: Query) -> frozenset[str]:
    return frozenset(str(trace) for (trace,) in ask(_shown_sql(sql)))


def _shown_sql(sql: str) -> str:
    return f"SELECT trace_id FROM ({sql}) AS b WHERE value"
