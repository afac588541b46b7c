"""What failures alone tell, where (nearly) no success is there to compare them with: in all traces, or in one run.

A specific error that nearly all attempts meet in their first steps is worth more than habits that any failing attempt
shows, such as many calls; so it comes first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from halo_opt.core.report_records import Consequence, Number
from halo_opt.core.text import counted
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.comparisons import LABELS, MEASURED, MOST_GROUPS, Group
from halo_opt.mining.findings import FEW_SUCCESSES, PREVALENT
from halo_opt.mining.levels import Backing, Support
from halo_opt.mining.measure import MIN_FAILURES, Measured
from halo_opt.mining.run_wide import NEARLY_ALL, NEARLY_NONE, Share, fault_rank, may_mark
from halo_opt.store.protocols import Rows

# A group with at most this share of successes, and fewer than `FEW_SUCCESSES`, has next to nothing to compare its
# failures with.
NEXT_TO_NONE = 0.1
# Of two behaviours that come at the same step in this share of the attempts of each, the second is listed under the
# first.
SAME_STEP = 0.8
MOST_LISTED = 6
_ERRORS = ("error_", "about_")


@dataclass(frozen=True, slots=True)
class SharedFault:
    """A behaviour that failures share where hardly an attempt succeeded.

    Attributes:
        m: The behaviour.
        group: The run; None for all attempts of the traces.
        failures: Failures of the group that show it.
        successes: Successes of the group that show it.
        first_step: The step at which half of these failures have shown it; infinite where no step is known.
        others: What comes at the same step.
    """

    m: Measured
    group: Group | None
    failures: Share
    successes: Share
    first_step: float
    others: tuple["SharedFault", ...] = ()

    @property
    def nearly_all(self) -> bool:
        """Whether nearly all failures show it."""
        return self.failures.rate >= NEARLY_ALL


def groups_without_success(store: Rows, told: Sequence[Group]) -> list[Group | None]:
    """The runs with next to no success, where there are several runs, and None where all attempts are such a group.

    Args:
        store: The attempts.
        told: Groups that are left out, as something is said of them already.
    """
    few = (
        f"count(*) FILTER (outcome = 'success') <= {NEXT_TO_NONE} * count(*) AND count(*) FILTER (outcome = 'success')"
        f" < {FEW_SUCCESSES}"
    )
    rows = store.rows(
        f"SELECT {LABELS['run']} AS label, {few} FROM attempts WHERE {MEASURED} AND label <> '' GROUP BY label HAVING"
        f" count(*) >= {MIN_FAILURES} ORDER BY count(*) DESC, label LIMIT {MOST_GROUPS}"
    )
    groups: list[Group | None] = [Group("run", str(label)) for label, is_few in rows if is_few] if len(rows) > 1 else []
    [(every,)] = store.rows(f"SELECT count(*) > 0 AND {few} FROM attempts WHERE {MEASURED}")
    return [*(group for group in groups if group not in told), *([None] if every else [])]


def failures_of(group: Group | None) -> str:
    """SQL of the trace ids of the failures of a group."""
    return f"SELECT trace_id FROM attempts WHERE outcome = 'failure' AND {_condition(group)}"


def attempts_of(group: Group | None) -> str:
    """SQL of the trace ids of the measured attempts of a group."""
    return f"SELECT trace_id FROM attempts WHERE {MEASURED} AND {_condition(group)}"


def _condition(group: Group | None) -> str:
    return "true" if group is None else group.condition


def shared_faults(store: Rows, measured: Sequence[Measured], group: Group | None) -> list[SharedFault]:
    """The specific faults that failures of a group share: those of nearly all attempts first, then the earlier ones.

    Symptoms of failing, such as a limit that ended all attempts, come after them.

    Of a single run among several only what nearly all of its attempts show, and nearly no other attempt, is a fault of
    that run.
    """
    found = []
    for m in measured:
        symptom = m.behaviour.consequence
        if m.state == "failed" or not m.failures_with or not may_mark(m.behaviour):
            continue
        if fault_rank(m.behaviour) and not symptom:
            continue
        [(step, *counts)] = store.rows(_counts_sql(m.behaviour, group))
        failures, successes, elsewhere = (Share(*map(int, counts[at : at + 2])) for at in (0, 2, 4))
        least = PREVALENT if group is None and not symptom else NEARLY_ALL
        if failures.rate < least or successes.rate >= failures.rate or elsewhere.rate > NEARLY_NONE:
            continue
        found.append(SharedFault(m, group, failures, successes, inf if step is None else float(step)))
    return _folded(store, sorted(found, key=_place))[:MOST_LISTED]


def _counts_sql(behaviour: Behaviour, group: Group | None) -> str:
    """One row: median of the first step; then of failures, successes and other attempts those with it, and all."""
    here = f"({_condition(group)}) IS TRUE"
    return (
        f"WITH behaviour AS ({behaviour.sql}),\nseen AS (SELECT {here} AS here, outcome, coalesce(value, false) AS"
        f" value, step FROM attempts LEFT JOIN behaviour USING (trace_id) WHERE {MEASURED})\n"
        "SELECT median(step) FILTER (here AND value AND outcome = 'failure'), count(*) FILTER (here AND value AND"
        " outcome = 'failure'), count(*) FILTER (here AND outcome = 'failure'), count(*) FILTER (here AND value AND"
        " outcome = 'success'), count(*) FILTER (here AND outcome = 'success'), count(*) FILTER (NOT here AND value),"
        " count(*) FILTER (NOT here) FROM seen"
    )


def _place(fault: SharedFault) -> tuple[object, ...]:
    share = fault.failures.rate
    when = fault.first_step if fault.nearly_all else -round(10 * share)
    about = fault.m.behaviour.name.startswith("about_")
    return (
        fault.m.behaviour.consequence,
        not fault.nearly_all,
        when,
        -round(10 * share),
        fault.m.behaviour.from_traces,
        not about,
        fault.m.behaviour.name,
    )


def _folded(store: Rows, faults: Sequence[SharedFault]) -> list[SharedFault]:
    """The faults with those that come at the same step in the same attempts listed under the first of them."""
    places = {fault.m.behaviour.name: _steps(store, fault) for fault in faults}
    kept: list[SharedFault] = []
    for fault in faults:
        own = places[fault.m.behaviour.name]
        for number, other in enumerate(kept):
            there = places[other.m.behaviour.name]
            same = sum(there.get(trace, inf) == step for trace, step in own.items())
            if own and same >= SAME_STEP * len(own):
                kept[number] = replace(other, others=(*other.others, fault))
                break
        else:
            kept.append(fault)
    return kept


def _steps(store: Rows, fault: SharedFault) -> dict[str, int | None]:
    rows = store.rows(
        f"WITH behaviour AS ({fault.m.behaviour.sql})\nSELECT trace_id, step FROM behaviour WHERE value AND trace_id IN"
        f" ({failures_of(fault.group)})"
    )
    return {str(trace): step for trace, step in rows}


def backing_of_fault(store: Rows, fault: SharedFault) -> Backing:
    """Support, words and numbers of a fault that failures share."""
    scope = "" if fault.group is None else fault.group.words
    counts = f"{fault.failures} failures show it"
    successes = fault.successes
    of_group = f" of {scope}" if scope else ""
    some = f"Only {successes.of} of {successes.of + fault.failures.of} attempts{of_group} succeeded"
    alone = some if successes.of else f"No attempt{of_group} succeeded"
    at = "" if fault.first_step == inf else f", half of them by step {fault.first_step:.0f}"
    numbers = _numbers(store, fault)
    claim = f"{alone}. {counts}{at}.{_about_error(numbers)}"
    lift = "Successes at the same tasks: at least one attempt in five, with a better model or without this fault."
    if successes.of:
        support = Support("suspected", f"{alone}, and {successes.shown} of these show it.", lift)
    elif fault.m.behaviour.consequence:
        support = Support("suspected", f"{alone}, and this may be a symptom of failing.", lift)
    elif fault.failures.of < MIN_FAILURES:
        support = Support("suspected", f"There are only {counted(fault.failures.of, 'failure')}.", lift)
    elif fault.nearly_all:
        support = Support("shown", f"{alone}, so nothing says that attempts without it would succeed.", lift)
    else:
        support = Support("suspected", f"{alone}, and only {counts}.", lift)
    no_proof = "there are too few successes to compare with"
    alike = [other.m.behaviour for other in fault.others if not fault_rank(other.m.behaviour)]
    return Backing(support, scope, claim, numbers, _consequences(fault), alike, no_proof)


def _numbers(store: Rows, fault: SharedFault) -> dict[str, Number]:
    sql = {
        "failures_here_with": "SELECT count(*) FROM attempts JOIN behaviour USING (trace_id) WHERE {here} AND value",
        "failures_here": "SELECT count(*) FROM attempts WHERE {here}",
    }
    if fault.m.behaviour.name.startswith(_ERRORS):
        sql |= {"first_error": _FIRST_ERROR, "not_recovered": _NOT_RECOVERED}
    here = f"outcome = 'failure' AND {_condition(fault.group)}"
    numbers = {}
    for name, text in sql.items():
        full = f"WITH behaviour AS ({fault.m.behaviour.sql})\n{text.format(here=here)}"
        numbers[name] = Number(value=store.rows(full)[0][0], sql=full)
    return numbers


_FIRST_ERROR = (
    "SELECT count(*) FROM attempts JOIN behaviour USING (trace_id) JOIN (SELECT trace_id, min(step) AS step FROM steps"
    " WHERE error_type <> 'blocked' GROUP BY trace_id) AS first USING (trace_id, step) WHERE {here} AND value"
)
_NOT_RECOVERED = (
    "SELECT count(*) FROM attempts JOIN behaviour USING (trace_id) JOIN steps AS s USING (trace_id, step) WHERE {here}"
    " AND value AND NOT EXISTS (SELECT 1 FROM steps AS later WHERE later.trace_id = s.trace_id AND later.step > s.step"
    " AND later.tool IS NOT DISTINCT FROM s.tool AND later.error_type IS NULL)"
)


def _about_error(numbers: Mapping[str, Number]) -> str:
    if "first_error" not in numbers:
        return ""
    first, never = numbers["first_error"].value, numbers["not_recovered"].value
    return (
        f" It is the first error of {counted(_whole(first), 'attempt')}, and in {_whole(never)} no later call of the"
        " same tool succeeds."
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _consequences(fault: SharedFault) -> list[Consequence]:
    return [
        Consequence(
            behaviour=other.m.behaviour.name,
            title=other.m.behaviour.title,
            claim=f"It comes at the same step: {other.failures} failures show it.",
            predicate_sql=other.m.behaviour.sql,
            numbers={},
        )
        for other in fault.others
    ]
