"""What a model asked and claims, set into a report beside what mining found. Only reads; believes no word of it.

Whatever a model claims is written up once: a claim that picks the same attempts as something that is written already is
noted there. None of it decides whose fault an attempt is; that is told by the triage, which goes without it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from halo_opt.analysis.claims.bearing import evidence
from halo_opt.analysis.claims.evidence import Evidence, together
from halo_opt.core.records import Value
from halo_opt.core.report_records import Category, Finding, Report, Told
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.cells import Measured
from halo_opt.mining.folding import Folded
from halo_opt.mining.triage import CLASSES, COLUMNS
from halo_opt.store.guarded.sqltext import alone
from halo_opt.store.protocols import Rows

_COUNTS = ("failures_with", "failures", "successes_with", "successes")


@dataclass(frozen=True, slots=True)
class ToldBehaviour:
    """A predicate that a model held against outcomes; `said` where it claims a failure mode by it."""

    behaviour: Behaviour
    said: Told | None = None


NOTHING_TOLD: tuple[ToldBehaviour, ...] = ()


class Placed(NamedTuple):
    """Claims to be written up as findings of their own, and what was said by the behaviour that it is noted at."""

    standing: list[Measured]
    said: dict[str, list[Told]]


def behaviour_sql(predicate: str) -> str:
    """A predicate (SQL that gives trace_ids) as a behaviour's: a row for every attempt that is no error."""
    return (
        "SELECT a.trace_id, s.trace_id IS NOT NULL AS value, NULL::INTEGER AS step FROM attempts AS a LEFT JOIN"
        f" (SELECT DISTINCT trace_id::VARCHAR AS trace_id FROM (\n{alone(predicate)}\n) AS p)"
        " AS s USING (trace_id) WHERE a.outcome IS DISTINCT FROM 'error'"
    )


def one_test_each(store: Rows, measured: Sequence[Measured]) -> list[Measured]:
    """The same, but what a model asked about the very attempts of something before it is no test of its own.

    Asked in many words, one true difference would count as often, and let through what is none.
    """
    known: dict[tuple[int, int], list[tuple[frozenset[str], str]]] = {}
    asked = {(m.failures_with, m.successes_with) for m in measured if m.behaviour.asked and m.p_value is not None}
    made = []
    for m in measured:
        counts_shown = (m.failures_with, m.successes_with)
        if m.p_value is None or counts_shown not in asked:
            made.append(m)
            continue
        attempts = shown(store, m.behaviour.sql)
        before = known.setdefault(counts_shown, [])
        twin = next((name for other, name in before if other == attempts), None) if m.behaviour.asked else None
        before.append((attempts, m.behaviour.name))
        reason = f"it picks the same attempts as {twin}, so it is no other test"
        made.append(m if twin is None else replace(m, state="described", reason=reason))
    return made


def place(
    store: Rows,
    written: Sequence[Measured],
    folded: Sequence[Folded],
    measured: Sequence[Measured],
    told: Sequence[ToldBehaviour],
) -> Placed:
    """Where each claim stands. `written` are the behaviours that mining writes up, `folded` what is folded under them.

    A claim that no failure shows, or that could not be measured, stands nowhere.
    """
    claims = [(one.behaviour.name, one.said) for one in told if one.said is not None]
    if not claims:
        return Placed([], {})
    by_name = {m.behaviour.name: m for m in measured}
    known: dict[frozenset[str], tuple[str, str]] = {}
    for listed, under in [*((m, m) for m in written), *((one.part, one.under) for one in folded)]:
        known.setdefault(shown(store, listed.behaviour.sql), (under.behaviour.name, listed.behaviour.name))
    standing: list[Measured] = []
    said: dict[str, list[Told]] = {}
    for name, words in claims:
        m = by_name[name]
        if not m.failures_with:
            continue
        at, twin = known.setdefault(shown(store, m.behaviour.sql), (name, name))
        if at == name:
            standing.append(m)
            said[name] = [words]
        else:
            note = f"it picks the same attempts as {twin} and is noted there, not listed once more"
            said.setdefault(at, []).append(words.model_copy(update={"corrections": [*words.corrections, note]}))
    return Placed(standing, said)


def shown(store: Rows, sql: str) -> frozenset[str]:
    """The attempts that show a behaviour."""
    return frozenset(str(trace) for (trace,) in store.rows(f"SELECT trace_id FROM ({sql}) AS b WHERE value"))


def with_words(store: Rows, findings: Sequence[Finding], placed: Placed, triage: str) -> list[Finding]:
    """The findings with what was said of them. One that is a model's own has the category that triage gives it."""
    if not placed.said:
        return list(findings)
    classes = classes_of(store.rows(triage))
    own = {m.behaviour.name for m in placed.standing}
    made = []
    for finding in findings:
        if finding.behaviour in placed.said:
            category = majority(classes, shown(store, finding.predicate_sql))
            told = [one.model_copy(update={"triaged": category}) for one in placed.said[finding.behaviour]]
            update: dict[str, object] = {"told": told}
            if finding.behaviour in own:
                update["category"] = category or "unexplained"
            made.append(finding.model_copy(update=update))
        else:
            made.append(finding)
    return made


def classes_of(rows: Iterable[tuple[object, ...]]) -> dict[str, Category]:
    """The class of each failed attempt, from the rows of a report's triage."""
    trace, outcome, judged = (COLUMNS.index(name) for name in ("trace_id", "outcome", "class"))
    known = {str(name): name for name in CLASSES}
    return {str(row[trace]): known[str(row[judged])] for row in rows if row[outcome] == "failure"}


def majority(classes: Mapping[str, Category], attempts: Iterable[str]) -> Category | None:
    """The class of more than half of the failures among these attempts; None where no class is that of most."""
    counted = Counter(classes[trace] for trace in attempts if trace in classes)
    if not counted:
        return None
    name, count = counted.most_common(1)[0]
    return name if 2 * count > counted.total() else None


def known_of(finding: Finding, said: Told, names: frozenset[str]) -> Evidence:
    """What may bear out what was said of a finding: its counts, the claim's own numbers and quotes, names of traces."""
    numbers = [(name, number) for name, number in said.numbers.items()]
    numbers += [(f"{c.behaviour}.{name}", one) for c in finding.consequences for name, one in c.numbers.items()]
    return evidence(
        _counted(finding),
        {name: (number.value, number.sql) for name, number in numbers},
        quotes=said.quotes,
        predicate=said.predicate_sql,
        names=names,
    )


def _counted(finding: Finding) -> dict[str, Value]:
    return {name: finding.numbers[name].value for name in (*_COUNTS, "difference") if name in finding.numbers}


def known_of_all(report: Report, names: frozenset[str]) -> Evidence:
    """What may bear out a summary: the overview's numbers, the counts of every finding, and what was claimed."""
    overview = {name: (number.value, number.sql) for name, number in report.overview.items()}
    counts = [evidence(_counted(finding), {}) for finding in report.findings]
    told = [known_of(finding, said, names) for finding in report.findings for said in finding.told]
    known = together([evidence({}, overview, names=names), *counts, *told])
    # "Most failures" may be said of anything, so no single finding says how many are meant.
    return replace(known, shares={}, effect=None, failing=None)
