"""Findings: behaviours written up with their numbers.

A finding is proven when failures show the behaviour more often within tasks, after the correction for all tests. Other
behaviours of many failures are listed after the proven ones, and their claims say that no cause is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Literal

from halo_opt.core.playbook import Playbook, load_playbook
from halo_opt.core.report_records import Consequence, Finding, Number
from halo_opt.core.text import listed
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.exemplars import nearest_success, pick
from halo_opt.mining.folding import Folded
from halo_opt.mining.levels import FALSE_DISCOVERY, Backing, is_proven, level_of, no_test
from halo_opt.mining.measure import Measured, count_sql
from halo_opt.stats.contrast import Contrast
from halo_opt.stats.multiple import benjamini_hochberg
from halo_opt.store.protocols import Rows

# With fewer successes than this, no test says much, and what most failures show is all that there is.
FEW_SUCCESSES = 20
PREVALENT = 0.2
# With more, a behaviour must be clearly more common among failures to be worth a look without a proof.
NOTABLE = 0.05
CLEARLY_MORE = 1.5
MOST_DESCRIBED = 10
# From this share of its failures that also show another finding, a finding names that one as a confounder.
PART_OF = 0.9

HELD_FIXED = {
    "task": "Within the same task",
    "run and task": "Within the same run and task",
    "task, and run": "Within tasks and, separately, within runs (the weaker result is given)",
    "run": "Within the same run",
    "none": "Across tasks",
}


def q_values(measured: Sequence[Measured]) -> dict[str, float | None]:
    """q-values (Benjamini-Hochberg over all that were tested) by behaviour; None for those that were not tested."""
    corrected = benjamini_hochberg([m.p_value for m in measured])
    return {m.behaviour.name: q for m, q in zip(measured, corrected, strict=True)}


def proven(measured: Sequence[Measured], q: Mapping[str, float | None]) -> list[Measured]:
    """Behaviours that are significantly more common in failures, those that explain the most failures first.

    Of two that explain as many, a named behaviour comes before a pattern that was found in the traces.
    """
    passed = [m for m in measured if is_proven(m, q[m.behaviour.name])]
    return sorted(passed, key=lambda m: (-((m.contrast and m.contrast.explained) or 0.0), m.behaviour.from_traces))


def _at_most(q: float | None, limit: float = FALSE_DISCOVERY) -> bool:
    return q is not None and q <= limit


def described(store: Rows, measured: Sequence[Measured], taken: Sequence[Measured], *, early: bool) -> list[Measured]:
    """Behaviours that many failures show but that are not proven, at most `MOST_DESCRIBED`.

    Those with an uncorrected p-value of at most 0.05 come first, then the more common ones among failures, then those
    that are seen earlier in an attempt: what comes first can cause the rest, not the other way round.

    Args:
        store: Where the behaviours' SQL runs.
        measured: Every measured behaviour.
        taken: Those that are findings already.
        early: Failures are longer by construction in some runs, so that a higher count alone means nothing.
    """
    kept = [m for m in measured if m not in taken and _worth_a_look(m, early=early)]
    seen = {m.behaviour.name: _first_seen(store, m) for m in kept}

    def place(m: Measured) -> tuple[bool, float, float, str]:
        return (not _likely(m), -m.failures_with / m.failures, seen[m.behaviour.name], m.behaviour.name)

    return sorted(kept, key=place)[:MOST_DESCRIBED]


def _first_seen(store: Rows, m: Measured) -> float:
    """The step at which half of the failures that show a behaviour have shown it; infinite when it has no step."""
    [(step,)] = store.rows(
        f"WITH behaviour AS ({m.behaviour.sql})\nSELECT median(step) FROM behaviour JOIN attempts USING (trace_id)"
        " WHERE value AND outcome = 'failure'"
    )
    return inf if step is None else float(step)


def _likely(m: Measured) -> bool:
    return _at_most(m.p_value) and m.contrast is not None and (m.contrast.difference or 0) > 0


def _worth_a_look(m: Measured, *, early: bool) -> bool:
    if m.state not in {"tested", "described"} or m.failures_with < 5:
        return False
    share = m.failures_with / m.failures
    share_of_successes = m.successes_with / m.successes if m.successes else 0.0
    if m.successes < FEW_SUCCESSES:
        return share >= PREVALENT and share >= share_of_successes
    if early and m.contrast and m.contrast.difference is not None and m.contrast.difference <= 0:
        return False
    return share >= NOTABLE and share >= CLEARLY_MORE * share_of_successes


def write_up(
    store: Rows,
    ranked: Sequence[Measured],
    measured: Sequence[Measured],
    *,
    q: Mapping[str, float | None],
    first_steps: Mapping[str, int],
    folded: Sequence[Folded] = (),
    backings: Mapping[str, Backing] | None = None,
    playbook: Playbook | None = None,
) -> list[Finding]:
    """Write findings up: claim, numbers, exemplars, counter-examples, remedies, confounders and consequences.

    Ids are F1, F2, ... for what mining found and M1, M2, ... for what a model asked for. A model reads mining's report
    before it adds to it; so what it then calls F2 stays F2.

    Args:
        store: Where the behaviours' SQL runs.
        ranked: The behaviours to write up, in this order.
        measured: Every measured behaviour; the q-values depend on all of them.
        q: q-values by behaviour.
        first_steps: By run in which success ends an attempt: how many first steps are compared.
        folded: What is listed as a consequence, each under one of `ranked`.
        backings: By behaviour, what supports it beside the test within runs.
        playbook: Names the remedies; the bundled one where None.
    """
    book = playbook or load_playbook()
    failing = {m.behaviour.name: _failing_traces(store, m) for m in ranked}
    findings: list[Finding] = []
    for m in ranked:
        numbers = numbers_of(m, measured, q[m.behaviour.name])
        backing = (backings or {}).get(m.behaviour.name)
        support = level_of(m, q[m.behaviour.name], backing.support if backing else None)
        claim = claim_of(m, q[m.behaviour.name], early=bool(first_steps))
        if backing:
            rest = claim if support.level == "proven" else _beside(backing, m, q[m.behaviour.name])
            claim = f"{backing.claim} Over all attempts: {_lower(rest)}"
        whole = [f for f in findings if _part(failing[m.behaviour.name], failing[f.behaviour]) >= PART_OF]
        findings.append(
            Finding(
                id=_id(m, findings),
                behaviour=m.behaviour.name,
                title=m.behaviour.title,
                claim=claim,
                category=m.behaviour.category,
                predicate_sql=m.behaviour.sql,
                numbers={**numbers, **(backing.numbers if backing else {})},
                exemplars=[
                    shown.model_copy(update={"beside": nearest_success(store, m.behaviour, shown)})
                    for shown in pick(store, m.behaviour, outcome="failure")
                ],
                counter_examples=pick(store, m.behaviour, outcome="success"),
                remedies=_remedies(m, folded, backing.alike if backing else (), book),
                confounders=_confounders(m, whole, first_steps),
                consequences=[
                    *(consequence_of(one) for one in folded if one.under is m),
                    *(one for one in (backing.consequences if backing else []) if one.behaviour not in failing),
                ],
                level=support.level,
                level_reason=support.reason,
                to_lift=support.to_lift,
                scope=backing.scope if backing else "",
            )
        )
    return findings


def _beside(backing: Backing, m: Measured, q: float | None) -> str:
    """What the test within runs says of a behaviour that has a backing and is not proven."""
    if q is None:
        return f"{_seen(m)} No test was made because {no_test(m)}."
    return f"{_seen(m)} The test within runs does not prove it ({_small('q', q)}): {backing.no_proof}."


def _seen(m: Measured) -> str:
    return f"Seen in {m.failures_with} of {m.failures} failures and {m.successes_with} of {m.successes} successes."


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _id(m: Measured, before: Sequence[Finding]) -> str:
    letter = "M" if m.behaviour.asked_by else "F"
    return f"{letter}{1 + sum(finding.id.startswith(letter) for finding in before)}"


def numbers_of(m: Measured, measured: Sequence[Measured], q: float | None) -> dict[str, Number]:
    """Every number of a finding, each with the SQL (and statistic) that computes it again."""

    def counted(value: int, outcome: Literal["failure", "success"], *, shown: bool) -> Number:
        return Number(value=value, sql=count_sql(m.behaviour, outcome=outcome, shown=shown))

    def contrasted(pick: Callable[[Contrast], float | tuple[float, float] | None], statistic: str) -> Number:
        value = pick(m.contrast) if m.contrast else None
        return Number(value=list(value) if isinstance(value, tuple) else value, sql=m.cells_sql, statistic=statistic)

    counts = {
        "failures_with": counted(m.failures_with, "failure", shown=True),
        "failures": counted(m.failures, "failure", shown=False),
        "successes_with": counted(m.successes_with, "success", shown=True),
        "successes": counted(m.successes, "success", shown=False),
    }
    if m.behaviour.untestable:
        return counts  # a contrast that may not be tested would be read as one
    return {
        **counts,
        "difference": contrasted(lambda c: c.difference, "stratified_difference"),
        "interval": contrasted(lambda c: c.interval, "stratified_interval"),
        "ratio": contrasted(lambda c: c.ratio, "stratified_ratio"),
        "ratio_interval": contrasted(lambda c: c.ratio_interval, "stratified_ratio_interval"),
        "p_value": contrasted(lambda c: c.p_value, "stratified_p"),
        "q_value": Number(value=q, sql=q_sql(m, measured), statistic="q_value"),
        "explained": contrasted(lambda c: c.explained, "failures_explained"),
        "explained_interval": contrasted(lambda c: c.explained_interval, "failures_explained_interval"),
    }


def _remedies(m: Measured, folded: Sequence[Folded], backed: Sequence[Behaviour], playbook: Playbook) -> list[str]:
    """Its own remedies, then those of behaviours that the data cannot distinguish from it: those may help as well."""
    alike = [*backed, *(one.part.behaviour for one in folded if one.under is m and one.interchangeable)]
    words = [
        word
        for behaviour in (m.behaviour, *alike)
        for word in (*playbook.words_for(behaviour.name), *behaviour.remedies)
    ]
    return list(dict.fromkeys(words))


def consequence_of(one: Folded) -> Consequence:
    """A folded behaviour as a consequence of its finding, with the reason in words and numbers."""
    m = one.part
    sentences = [f"{one.shared_failures} of the {one.failures} failures that show this also show the finding."]
    if one.both_timed:
        sentences.append(
            f"In {one.under_first} of the {one.both_timed} attempts that show both, the finding comes first or at the"
            " same step."
        )
    sentences.append(_adjusted_result(one.adjusted))
    if one.interchangeable:
        sentences.append("The data do not show which of the two is the cause.")
    return Consequence(
        behaviour=m.behaviour.name,
        title=m.behaviour.title,
        claim=" ".join(sentences),
        predicate_sql=m.behaviour.sql,
        numbers={
            "failures_with": Number(value=m.failures_with, sql=count_sql(m.behaviour, outcome="failure", shown=True)),
            "difference_with_it_held_fixed": Number(
                value=one.adjusted.difference, sql=one.sql, statistic="stratified_difference"
            ),
            "p_value_with_it_held_fixed": Number(value=one.adjusted.p_value, sql=one.sql, statistic="stratified_p"),
        },
    )


def _adjusted_result(adjusted: Contrast) -> str:
    """Whether the behaviour makes a difference of its own once its finding is held fixed, as a sentence."""
    if adjusted.difference is None:
        return (
            "With the finding held fixed, no comparable attempts differ in both this behaviour and the outcome, so an"
            " effect of its own cannot be measured."
        )
    return (
        "With the finding held fixed, attempts that show this do not fail measurably more often than the others"
        f" (difference {_points(adjusted.difference)}, {_small('p', adjusted.p_value)})."
    )


def q_sql(m: Measured, measured: Sequence[Measured]) -> str:
    """The query for rows (this, p): all p-values that were tested together, with `this` true for that of `m`."""
    tested = [other for other in measured if other.p_value is not None or other is m]
    values = ", ".join(f"({str(other is m).lower()}, {_double(other.p_value)})" for other in tested)
    return f"SELECT this, p FROM (VALUES {values}) AS tested(this, p)"


def _double(p: float | None) -> str:
    # 17 digits bring the same double back; a plain 0.05 would be a DECIMAL.
    return "NULL::DOUBLE" if p is None else f"{p:.16e}"


def claim_of(m: Measured, q: float | None, *, early: bool) -> str:
    """A finding's numbers as a paragraph.

    Args:
        m: The behaviour.
        q: Its q-value, None where it was not tested.
        early: Only first steps were compared in some runs, those where success ends an attempt.
    """
    seen = _seen(m)
    c = m.contrast
    if m.behaviour.untestable or c is None or c.difference is None or c.interval is None or c.p_value is None:
        return f"{seen} No test was made because {no_test(m)}."
    low, high = (f"{100 * end:.0f}" for end in c.interval)
    held = HELD_FIXED[c.stratified_by]
    if early and m.whole:
        held += ", leaving out runs where success ends an attempt"
    elif early:
        held += ", counting only first steps in runs where success ends an attempt"
    interval = f"95% interval {low} to {high}, {_small('q', q)}"
    if c.difference <= 0:
        more_in_failures = m.failures_with * m.successes > m.successes_with * m.failures
        harder = "Over all attempts, failures show it more often, perhaps only because harder tasks do."
        overall = harder if more_in_failures else "Over all attempts, failures do not show it more often either."
        return (
            f"{seen} {held}, attempts that show it do not fail more often than the others (difference"
            f" {_points(c.difference)}, {interval}). {overall}"
        )
    more = f"{held}, attempts that show it fail {_points(c.difference)} more often than the others ({interval})."
    if _at_most(q) and c.explained is not None and c.explained_interval is not None:
        least, most = (round(end) for end in c.explained_interval)
        return (
            f"{seen} {more} If it is the cause, about {round(c.explained)} of these {m.failures_with} failures"
            f" ({least} to {most}) would have been successes without it."
        )
    lacking = "There are too few successes" if m.successes < FEW_SUCCESSES else "This is not enough evidence"
    return f"{seen} {more} {lacking} to say that it causes failures."


def _points(rate: float) -> str:
    points = f"{100 * rate:.0f}"
    return f"{points} percentage point" if points in {"1", "-1"} else f"{points} percentage points"


def _small(name: str, value: float | None) -> str:
    if value is None:
        return f"{name} not given"
    return f"{name} < 0.001" if value < 0.001 else f"{name} = {value:.2g}"


def _confounders(m: Measured, whole: Sequence[Finding], first_steps: Mapping[str, int]) -> list[str]:
    notes = []
    if whole:
        others = [f"{f.id} ({f.title[0].lower()}{f.title[1:].rstrip(' .:;')})" for f in whole]
        notes.append(f"Nearly all failures that show it also show {listed(others)}.")
    c = m.contrast
    if c is None or c.p_value is None:
        return notes
    if c.stratified_by in {"none", "run"}:
        notes.append("Each task was tried once, so harder tasks may show it more often without its being the cause.")
    if c.stratified_by == "task, and run":
        notes.append("No run attempted a task twice, so attempts were compared once within tasks and once within runs.")
    if first_steps and m.whole:
        names = listed(sorted(first_steps))
        notes.append(f"Success ends an attempt in these runs, so they are counted but not compared: {names}.")
    elif first_steps:
        steps = listed([f"{count} steps of {run}" for run, count in sorted(first_steps.items())])
        notes.append(
            "Where success ends an attempt, only first steps are compared, among attempts that lasted at least that"
            f" long: {steps}. The counts are over all steps."
        )
    return notes


def _failing_traces(store: Rows, m: Measured) -> set[str]:
    sql = (
        f"WITH behaviour AS ({m.behaviour.sql})\n"
        "SELECT trace_id FROM behaviour JOIN attempts USING (trace_id) WHERE value AND outcome = 'failure'"
    )
    return {str(trace) for (trace,) in store.rows(sql)}


def _part(part: set[str], whole: set[str]) -> float:
    """The share of `part` that is in `whole`, 0 to 1."""
    return len(part & whole) / len(part) if part else 0.0
