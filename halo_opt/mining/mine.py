"""From a store to a report: measure every behaviour, contrast, correct, rank, write up. Only reads; asks no model."""

from collections.abc import Iterable, Mapping, Sequence

from halo_common.text import nearest
from halo_opt.analysis.claims.told import NOTHING_TOLD, ToldBehaviour, one_test_each, place, with_words
from halo_opt.core.errors import InputError
from halo_opt.core.playbook import Playbook
from halo_opt.core.records import Value
from halo_opt.core.report_records import InputFile, Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.caveats import caveats_of, method_of, too_long
from halo_opt.mining.cells import Measured, applicable, literal, measure, steps_where_success_ends
from halo_opt.mining.detector_files import NO_DETECTORS, Detectors, built_in
from halo_opt.mining.findings import described, proven, q_values, write_up
from halo_opt.mining.folding import fold
from halo_opt.mining.groups import grouped
from halo_opt.mining.overview import ceiling, overview
from halo_opt.mining.sequences import sequences, without_contained
from halo_opt.mining.signatures import offered
from halo_opt.mining.together import Together
from halo_opt.mining.triage import triage_ctes, triage_method, triage_numbers, triage_sql
from halo_opt.store.protocols import Query, Rows


def analyze(
    store: Rows,
    inputs: Sequence[InputFile],
    *,
    title: str,
    made_at: str,
    behaviours: Sequence[Behaviour] | None = None,
    detectors: Detectors = NO_DETECTORS,
    guarded: Query | None = None,
    patterns: bool = True,
    told: Sequence[ToldBehaviour] = NOTHING_TOLD,
) -> Report:
    """The report of a store: findings that separate failures from successes, then what else most failures show.

    `made_at` is ISO 8601 UTC: the caller has the clock. `behaviours` are the built-in detectors where none are given.
    `detectors` are the user's own, whose SQL runs by `guarded`.
    `patterns` adds the errors, calls and sequences that these traces show. `told` is what a model asked or claims; its
    SQL runs by `guarded` too, all of it is tested with everything else, and what is claimed is always written up. With
    no outcomes, or one only, it describes and says so.
    """
    with Together(store, guarded=guarded) as together:
        usual = built_in() if behaviours is None else behaviours
        named = [*usual, *detectors.behaviours, *(one.behaviour for one in told)]
        together.add(named)
        more = [offered(together), sequences(together)] if patterns else []
        found = [behaviour for one in more for behaviour in one.behaviours]
        together.add(found)
        report = _report(
            together, inputs, [*named, *found], title=title, made_at=made_at, told=told, playbook=detectors.playbook
        )
    said = [report.method, *(one.method for one in more)]
    return report.model_copy(update={"method": " ".join(said), "caveats": [*report.caveats, *_skipped(detectors)]})


def _skipped(detectors: Detectors) -> list[str]:
    """A line for each detector of a file that could not be used, and how many there were."""
    count = len(detectors.skipped)
    return [*detectors.skipped, f"{count} detectors of your own were skipped."] if count else []


def _report(
    store: Rows,
    inputs: Sequence[InputFile],
    behaviours: Sequence[Behaviour],
    *,
    title: str,
    made_at: str,
    told: Sequence[ToldBehaviour],
    playbook: Playbook | None,
) -> Report:
    first_steps = steps_where_success_ends(store)
    measured = one_test_each(store, [measure(store, behaviour, first_steps) for behaviour in behaviours])
    q = q_values(measured)
    # A model's predicates count in the correction, and change nothing else of what mining says by itself.
    own = [m for m in measured if m.behaviour.asked is None]
    sure = without_contained(proven(own, q))
    standing, folded = fold(store, sure, first_steps)
    thought_of = [m for m in own if not m.behaviour.mined]
    others = described(store, thought_of, sure, early=bool(first_steps))
    placed = place(store, [*standing, *others], folded, measured, told)
    first = proven([*standing, *placed.standing], q)
    ranked = [*first, *others, *(m for m in placed.standing if m not in first)]
    written = write_up(store, ranked, measured, q=q, first_steps=first_steps, folded=folded, playbook=playbook)
    ctes, judged = triage_ctes(
        [m.behaviour for m in standing if m.behaviour.category == "harness"],
        [m.behaviour for m in own if m.behaviour.category == "infrastructure" and m.failures_with],
    )
    findings = grouped(store, with_words(store, written, placed, triage_sql(ctes)), behaviours)
    return Report(
        made_at=made_at,
        title=title,
        inputs=list(inputs),
        overview=overview(store),
        findings=findings,
        tested=[_tested(m, q[m.behaviour.name]) for m in measured],
        triage=triage_numbers(store, ctes),
        triage_sql=triage_sql(ctes),
        ceiling=ceiling(store),
        method=f"{method_of(measured, first_steps)} {triage_method()}",
        caveats=[
            *caveats_of(store, own, first_steps, found=len(first)),
            *too_long(standing, judged),
        ],
        spend={},
    )


def _tested(m: Measured, q: float | None) -> dict[str, Value]:
    """One line of the table of everything that was looked at, whatever came of it."""
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
        **({"asked_by": m.behaviour.asked} if m.behaviour.asked else {}),
    }


def behaviour_rates(
    store: Rows,
    names: Iterable[str] | None = None,
    *,
    run_id: str | None = None,
    behaviours: Sequence[Behaviour] | None = None,
    guarded: Query | None = None,
) -> dict[str, float | None]:
    """How often each behaviour is seen among measured attempts (of one run, or of all), 0..1.

    None where the traces cannot tell or nothing was measured. Raises InputError for a name that is no behaviour.
    """
    every = built_in(experimental=True) if behaviours is None else behaviours
    known = {behaviour.name: behaviour for behaviour in every}
    wanted = [_named(name, known) for name in (known if names is None else names)]
    with Together(store, guarded=guarded) as together:
        together.add(wanted)
        return {behaviour.name: _rate(together, behaviour, run_id) for behaviour in wanted}


def _rate(store: Rows, behaviour: Behaviour, run_id: str | None) -> float | None:
    if not applicable(store, behaviour):
        return None
    of_run = "" if run_id is None else f" AND run_id = {literal(run_id)}"
    try:
        rows = store.rows(
            f"WITH behaviour AS ({behaviour.sql})\nSELECT avg(value::DOUBLE) FROM behaviour"
            f" JOIN attempts USING (trace_id) WHERE outcome IN ('success', 'failure'){of_run}"
        )
    except InputError:
        if behaviour.source is None:
            raise
        # A user's detector that cannot run tells nothing, and the report has said so.
        return None
    return None if rows[0][0] is None else float(rows[0][0])


def _named(name: str, known: Mapping[str, Behaviour]) -> Behaviour:
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"known are {', '.join(sorted(known))}"
    raise InputError(f"{name} is not a behaviour; {hint}")
