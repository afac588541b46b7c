"""From a store to a report: measure every behaviour, contrast, correct, rank and write up."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from halo_common.text import nearest
from halo_opt import __version__
from halo_opt.core.errors import InputError
from halo_opt.core.playbook import Playbook
from halo_opt.core.records import Value
from halo_opt.core.report_records import CountTable, Finding, GroupComparison, InputFile, MadeWith, Number, Report
from halo_opt.mining.all_failed import (
    SharedFault,
    attempts_of,
    backing_of_fault,
    failures_of,
    groups_without_success,
    shared_faults,
)
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.caveats import caveats_of, comparison_method, left_out, method_of, too_long, unmarked
from halo_opt.mining.comparisons import Comparisons, Group, compare_groups
from halo_opt.mining.counting import common_signatures, count_tables, needs_counting, shown_count_sql
from halo_opt.mining.detector_files import NO_DETECTORS, Detectors, built_in
from halo_opt.mining.explanations import triage_method, with_explanations
from halo_opt.mining.extras import ExtraBehaviour, Placement, one_test_each, place
from halo_opt.mining.findings import PREVALENT, described, proven, q_values, write_up
from halo_opt.mining.folding import fold
from halo_opt.mining.groups import grouped
from halo_opt.mining.levels import Backing, level_of, order_of
from halo_opt.mining.materialized import MaterializedStore
from halo_opt.mining.measure import Measured, measure, steps_where_success_ends, unrecorded
from halo_opt.mining.run_wide import NEARLY_ALL, NEARLY_NONE, RunWide, backings_of_marks, marked_groups
from halo_opt.mining.sequences import sequences, without_contained
from halo_opt.mining.signatures import GROUPS_ONLY, never_called, offered, shared
from halo_opt.mining.totals import ceiling, overview
from halo_opt.mining.triage import READ, triage_ctes, triage_numbers, triage_sql
from halo_opt.store.protocols import Query, Rows


class ReportWithExtras(NamedTuple):
    """A report, and where the extra behaviours that had to be written up stand in it, by their names."""

    report: Report
    placed: dict[str, Placement]


@dataclass(frozen=True)
class MinedStore:
    """A store in which all behaviours of mining's own are measured. Reports are drawn from it, each with extras or not.

    What is kept is one row an attempt for the behaviours, in temporary tables of the connection of the thread that
    mined: reports must be drawn in that thread.
    """

    store: MaterializedStore
    named: Sequence[Measured]
    patterns: Sequence[Measured]
    first_steps: Mapping[str, int]
    overview: dict[str, Number]
    ceiling: dict[str, Number]
    pattern_methods: Sequence[str]
    skipped: Sequence[str]
    counts: Sequence[CountTable] = ()
    playbook: Playbook | None = None
    made_with: MadeWith = field(default_factory=MadeWith)
    comparisons: Comparisons = field(default_factory=Comparisons)
    marked: Sequence[RunWide] = ()
    shared: Sequence[SharedFault] = ()
    _triage: dict[str, dict[str, Number]] = field(default_factory=dict)

    def report(self, inputs: Sequence[InputFile], *, title: str, made_at: str) -> Report:
        """The report of what mining finds by itself. `made_at` is ISO 8601 UTC: the caller has the clock."""
        report = self.report_with((), inputs, title=title, made_at=made_at).report
        return with_explanations(self.store, report)

    def report_with(
        self, extras: Sequence[ExtraBehaviour], inputs: Sequence[InputFile], *, title: str, made_at: str
    ) -> ReportWithExtras:
        """The report with extra behaviours, measured now and corrected for together with all others.

        Its triage judges by rules alone: `with_explanations` adds what findings explain, once levels are final.
        """
        store, first_steps = self.store, self.first_steps
        behaviours = [extra.behaviour for extra in extras]
        store.add(behaviours)
        extra = [measure(store, behaviour, first_steps) for behaviour in behaviours]
        measured = one_test_each(store, [*self.named, *extra, *self.patterns])
        by_name = {m.behaviour.name: m for m in measured}
        q = q_values(measured)
        with_outcomes = any(m.failures or m.successes for m in measured)
        own = [*self.named, *self.patterns]
        passed = proven(own, q)
        sure = without_contained(passed)
        standing, folded = fold(store, sure, first_steps)
        marked = without_parts(self.marked, [m for m in passed if m not in standing])
        of_marks = backings_of_marks(marked)
        backings = {**of_marks, **self._backings_of_faults(self.shared), **of_marks}
        backed = [m for m in own if m.behaviour.name in backings and m not in passed]
        parts = [(mark.m, one.best.m) for one in marked for mark in one.others]
        parts += [(other.m, one.m) for one in self.shared for other in one.others]
        taken = [*sure, *backed, *(part for part, _ in parts)]
        others = described(store, self.named, taken, early=bool(first_steps))
        placed = place(store, [*standing, *backed, *others], folded, extras, by_name, parts=parts)
        written_extras = [by_name[name] for name, where in placed.items() if where.finding == name]
        backings |= self._backings_of_extras(written_extras)
        ranked = _ranked(proven([*standing, *written_extras], q), [*backed, *others, *written_extras], q, backings)
        findings = write_up(
            store,
            ranked,
            measured,
            q=q,
            first_steps=first_steps,
            folded=folded,
            backings=backings,
            playbook=self.playbook,
        )
        sure_or_shown = [finding for finding in findings if finding.level in ("proven", "shown")]
        ctes, judged = triage_ctes(
            [m.behaviour for m in standing if m.behaviour.category == "harness"],
            [m.behaviour for m in own if m.behaviour.category == "infrastructure" and m.failures_with],
        )
        report = Report(
            made_at=made_at,
            title=title,
            inputs=list(inputs),
            overview=self.overview,
            findings=grouped(store, findings, [m.behaviour for m in measured]),
            tested=[_tested(m, q[m.behaviour.name], with_outcomes=with_outcomes) for m in measured],
            triage=self._triage_numbers(ctes),
            triage_sql=triage_sql(ctes),
            ceiling=self.ceiling,
            method=" ".join(
                [
                    method_of(measured, first_steps),
                    *comparison_method(self.comparisons),
                    triage_method(),
                    *self.pattern_methods,
                ]
            ),
            caveats=[
                *caveats_of(store, [m for m in own if m not in backed], first_steps, found=len(sure_or_shown)),
                *unmarked(store, self.comparisons, marked),
                *too_long(standing, judged),
                *self.skipped,
            ],
            left_out=left_out(store),
            spend={},
            counts=list(self.counts),
            made_with=self.made_with,
            comparisons=_with_findings(self.comparisons, findings, marked),
        )
        return ReportWithExtras(report, placed)

    def _backings_of_faults(self, faults: Sequence[SharedFault]) -> dict[str, Backing]:
        found: dict[str, Backing] = {}
        for fault in faults:
            if fault.m.behaviour.name not in found:
                found[fault.m.behaviour.name] = backing_of_fault(self.store, fault)
        return found

    def _backings_of_extras(self, extras: Sequence[Measured]) -> dict[str, Backing]:
        """What supports extra behaviours by whole groups; each by itself, as it changes no finding of mining."""
        found: dict[str, Backing] = {}
        for m in extras:
            if marked := marked_groups(self.store, [m], self.comparisons):
                found |= backings_of_marks(marked)
            else:
                for group in groups_without_success(self.store, ()):
                    found |= self._backings_of_faults(shared_faults(self.store, [m], group))
        return found

    def _triage_numbers(self, ctes: str) -> dict[str, Number]:
        """Counted once for as long as extra behaviours leave the proven findings as they were, which is the rule."""
        if ctes not in self._triage:
            self.store.add_ctes(ctes, READ)
            self._triage[ctes] = triage_numbers(self.store, ctes)
        return self._triage[ctes]


@contextmanager
def measured_store(
    store: Rows,
    *,
    behaviours: Sequence[Behaviour] | None = None,
    detectors: Detectors = NO_DETECTORS,
    guarded: Query | None = None,
    patterns: bool = True,
) -> Iterator[MinedStore]:
    """Measure a store's behaviours; what was measured is there until the context ends.

    Args:
        store: The traces.
        behaviours: The detectors to use; None for the built-in ones.
        detectors: The user's own detectors.
        guarded: Runs SQL that is not ours: the user's detectors' and that of extra behaviours.
        patterns: Whether to add the errors, calls and sequences that these traces show.
    """
    with MaterializedStore(store, guarded=guarded) as materialized:
        usual = built_in() if behaviours is None else behaviours
        named = [*usual, *detectors.behaviours]
        materialized.add(named)
        found = [offered(materialized), sequences(materialized)] if patterns else []
        mined = [behaviour for one in found for behaviour in one.behaviours]
        comparisons = compare_groups(materialized)
        mined += _in_groups(materialized, comparisons, mined) if patterns else []
        materialized.add(mined)
        first_steps = steps_where_success_ends(materialized)
        recorded: dict[str, bool] = {}
        measured = [measure(materialized, behaviour, first_steps, recorded) for behaviour in named]
        of_traces = [measure(materialized, behaviour, first_steps, recorded) for behaviour in mined]
        marked = marked_groups(materialized, [*measured, *of_traces], comparisons)
        alone = groups_without_success(materialized, [one.best.group for one in marked])
        result = MinedStore(
            materialized,
            named=measured,
            patterns=of_traces,
            first_steps=first_steps,
            overview=overview(materialized),
            ceiling=ceiling(materialized),
            pattern_methods=[one.method for one in found],
            skipped=_skipped(detectors),
            counts=_counts(materialized, measured),
            playbook=detectors.playbook,
            made_with=_made_with(store, detectors),
            comparisons=comparisons,
            marked=marked,
            shared=[fault for group in alone for fault in shared_faults(materialized, [*measured, *of_traces], group)],
        )
        materialized.release_steps()
        yield result


def _in_groups(store: MaterializedStore, compared: Comparisons, known: Sequence[Behaviour]) -> list[Behaviour]:
    """Templates that nearly all failures of a group show, where it does worse than another or has next to no success.

    And that an attempt lacks a tool that nearly all attempts of a better group call. These are chosen by group or by
    outcome, so they may not be tested within runs.
    """
    names = {behaviour.name for behaviour in known}
    more: dict[str, Behaviour] = {}
    successes = store.rows("SELECT 1 FROM attempts WHERE outcome = 'success' LIMIT 1")
    for group in dict.fromkeys([*compared.worse_groups, *groups_without_success(store, ())]):
        for behaviour in shared(store, failures_of(group), NEARLY_ALL if group else PREVALENT):
            reason = GROUPS_ONLY if successes else ""
            more.setdefault(behaviour.name, behaviour.model_copy(update={"untestable": reason}))
    for better in dict.fromkeys(Group(pair.by, pair.better) for pair in compared.clear):
        for behaviour in never_called(store, attempts_of(better), 1 - NEARLY_NONE):
            more.setdefault(behaviour.name, behaviour.model_copy(update={"untestable": GROUPS_ONLY}))
    return [behaviour for name, behaviour in more.items() if name not in names]


def without_parts(marked: Sequence[RunWide], parts: Sequence[Measured]) -> list[RunWide]:
    """The marked groups with their best mark among those that are no part of a proven finding."""
    kept = []
    for one in marked:
        marks = [mark for mark in (one.best, *one.others) if mark.m not in parts]
        if marks:
            kept.append(replace(one, best=marks[0], others=tuple(marks[1:])))
    return kept


def _ranked(
    sure: Sequence[Measured],
    others: Sequence[Measured],
    q: Mapping[str, float | None],
    backings: Mapping[str, Backing],
) -> list[Measured]:
    """Proven behaviours, then the others by level; within a level what whole groups of attempts show comes first."""
    places = {name: place for place, name in enumerate(backings)}

    def place(m: Measured) -> tuple[int, bool, int]:
        name = m.behaviour.name
        level = level_of(m, q[name], backings[name].support if name in backings else None).level
        return order_of(level), m.behaviour.asked_by is not None, places.get(name, len(places))

    return [*sure, *sorted((m for m in others if m not in sure), key=place)]


def _with_findings(
    compared: Comparisons, findings: Sequence[Finding], marked: Sequence[RunWide]
) -> list[GroupComparison]:
    """The comparisons with the ids of the findings that mark the group which does worse."""
    ids = {finding.behaviour: finding.id for finding in findings}
    by_group = {one.best.group: ids[one.best.m.behaviour.name] for one in marked}
    return [
        pair.model_copy(update={"findings": [by_group[group]] if pair in compared.clear and group in by_group else []})
        for pair in compared.pairs
        for group in [Group(pair.by, pair.worse)]
    ]


def mine_store(
    store: Rows,
    inputs: Sequence[InputFile],
    *,
    title: str,
    made_at: str,
    behaviours: Sequence[Behaviour] | None = None,
    detectors: Detectors = NO_DETECTORS,
    guarded: Query | None = None,
    patterns: bool = True,
) -> Report:
    """The report of a store: findings that separate failures from successes, then what else most failures show.

    With no outcomes, or one only, it describes and says so. The arguments are those of `measured_store` and of
    `MinedStore.report`.

    Example:
        >>> with Store.open(path) as store:
        ...     report = mine_store(store, store.summary().files, title="My agent", made_at="2026-01-01T00:00:00Z")
        >>> print([finding.title for finding in report.findings])
    """
    with measured_store(store, behaviours=behaviours, detectors=detectors, guarded=guarded, patterns=patterns) as mined:
        return mined.report(inputs, title=title, made_at=made_at)


def _made_with(store: Rows, detectors: Detectors) -> MadeWith:
    """What a report must record of the detectors and the reading of the traces, so that it can be made again."""
    reading = store.rows("SELECT value FROM meta WHERE key = 'options'")
    own = [b for b in detectors.behaviours if b.source is not None]
    return MadeWith(
        version=__version__,
        reading=json.loads(reading[0][0]) if reading else {},
        experimental=any(b.source is None for b in detectors.behaviours),
        # The SQL of a condition follows from it.
        detectors=[
            b.model_dump(mode="json", exclude_defaults=True, exclude={"sql"} if b.condition else None) for b in own
        ],
        skipped=list(detectors.skipped),
        playbook=detectors.playbook.model_dump(mode="json") if detectors.playbook else None,
    )


def _skipped(detectors: Detectors) -> list[str]:
    """A line for each detector of a file that could not be used, and how many there were."""
    count = len(detectors.skipped)
    return [*detectors.skipped, f"{count} detectors of your own were skipped."] if count else []


def _counts(store: MaterializedStore, named: Sequence[Measured]) -> list[CountTable]:
    """What attempts show, where outcomes are missing or all the same."""
    if not needs_counting(store):
        return []
    common = common_signatures(store)
    store.add(common)
    return count_tables(store, named, common)


def _tested(m: Measured, q: float | None, *, with_outcomes: bool) -> dict[str, Value]:
    """One line of the table of everything that was looked at, whatever came of it."""
    if not with_outcomes:
        return _counted(m)
    c = m.contrast
    return {
        "behaviour": m.behaviour.name,
        "title": m.behaviour.title,
        "state": m.state,
        "reason": m.reason,
        "failures_with": m.failures_with,
        "failures": m.failures,
        "successes_with": m.successes_with,
        "successes": m.successes,
        "difference": c.difference if c else None,
        "interval": list(c.interval) if c and c.interval else None,
        "p_value": m.p_value,
        "q_value": q,
        "stratified_by": c.stratified_by if c else None,
        "sql": m.cells_sql,
        **({"asked_by": m.behaviour.asked_by} if m.behaviour.asked_by else {}),
    }


def _counted(m: Measured) -> dict[str, Value]:
    """The line of a behaviour where no attempt has an outcome: how many attempts show it."""
    seen = m.state not in ("not seen", "not applicable", "failed")
    return {
        "behaviour": m.behaviour.name,
        "title": m.behaviour.title,
        "state": "counted" if seen else m.state,
        "attempts_with": m.shown if m.attempts else None,
        "attempts": m.attempts,
        "reason": "no attempt has an outcome" if seen else m.reason,
        "sql": shown_count_sql(m.behaviour),
        **({"asked_by": m.behaviour.asked_by} if m.behaviour.asked_by else {}),
    }


def behaviour_rates(
    store: Rows,
    names: Iterable[str] | None = None,
    *,
    behaviours: Sequence[Behaviour] | None = None,
    guarded: Query | None = None,
) -> dict[str, float | None]:
    """How often each behaviour is seen among the attempts that did not end in an error, 0..1.

    None where the traces cannot tell or there is no such attempt. Raises InputError for a name that is no behaviour.
    """
    found = behaviour_rates_by(store, None, names, behaviours=behaviours, guarded=guarded)
    return found[None]


def behaviour_rates_by(
    store: Rows,
    column: str | None,
    names: Iterable[str] | None = None,
    *,
    behaviours: Sequence[Behaviour] | None = None,
    guarded: Query | None = None,
) -> dict[str | None, dict[str, float | None]]:
    """The same for each group of attempts, by the values of a column of `attempts`.

    Args:
        store: The traces.
        column: The column; None for one group of all attempts, whose value is None.
        names: The behaviours to measure; None for all.
        behaviours: The behaviours that there are; None for the built-in ones.
        guarded: Runs the SQL of the user's own detectors.
    """
    every = built_in(experimental=True) if behaviours is None else behaviours
    known = {behaviour.name: behaviour for behaviour in every}
    wanted = [_named(name, known) for name in (known if names is None else names)]
    group = column or "NULL::VARCHAR"
    groups: list[str | None] = [None]
    if column is not None:
        groups = [value for (value,) in store.rows(f"SELECT DISTINCT {column} FROM attempts ORDER BY 1")]
    found: dict[str | None, dict[str, float | None]] = {value: {} for value in groups}
    with MaterializedStore(store, guarded=guarded) as materialized:
        materialized.add(wanted)
        for behaviour in wanted:
            rates = _rates_by(materialized, behaviour, group)
            for value in groups:
                found[value][behaviour.name] = rates.get(value)
    return found


def _rates_by(store: Rows, behaviour: Behaviour, group: str) -> dict[str | None, float | None]:
    if unrecorded(store, behaviour) is not None:
        return {}
    try:
        rows = store.rows(
            f"WITH behaviour AS ({behaviour.sql})\nSELECT {group}, avg(value::DOUBLE) FROM behaviour"
            " JOIN attempts USING (trace_id) WHERE outcome IS DISTINCT FROM 'error' GROUP BY 1"
        )
    except InputError:
        if behaviour.source is None:
            raise
        # A user's detector that cannot run tells nothing, and the report has said so.
        return {}
    return {value: None if rate is None else float(rate) for value, rate in rows}


def _named(name: str, known: Mapping[str, Behaviour]) -> Behaviour:
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"known are {', '.join(sorted(known))}"
    raise InputError(f"{name} is not a behaviour; {hint}")
