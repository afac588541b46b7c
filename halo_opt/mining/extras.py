"""Behaviours that somebody else wants tested together with mining's own, and where each of them stands in a report."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.folding import Folded
from halo_opt.mining.measure import Measured
from halo_opt.store.protocols import Rows

NEARLY_THE_SAME = 0.9


@dataclass(frozen=True, slots=True)
class ExtraBehaviour:
    """A behaviour whose test counts in the correction with all others. `behaviour.asked_by` says who wants it tested.

    It changes nothing of what mining finds by itself. With `written_up` it becomes a finding of the report even if
    nothing proves it, unless no failure shows it.
    """

    behaviour: Behaviour
    written_up: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an extra behaviour stands in a report.

    `finding` is the behaviour of the finding that it stands at: its own name, or that of a finding which picks the same
    attempts or nearly the same. `same_as` is then the behaviour with these attempts: the finding's, or one folded under
    it; `nearly` says that the attempts are not quite the same.
    """

    finding: str
    same_as: str | None = None
    nearly: bool = False


def nearly_same(one: frozenset[str], two: frozenset[str]) -> bool:
    """Whether two sets of attempts share at least 90% of all that are in either (Jaccard index)."""
    return len(one & two) >= NEARLY_THE_SAME * len(one | two)


def showing(store: Rows, behaviour_sql: str) -> frozenset[str]:
    """The trace ids of the attempts that show a behaviour."""
    rows = store.rows(f"SELECT trace_id FROM ({behaviour_sql}) AS b WHERE value")
    return frozenset(str(trace) for (trace,) in rows)


def one_test_each(store: Rows, measured: Sequence[Measured]) -> list[Measured]:
    """The same measurements, with every extra behaviour that repeats an earlier test described instead of tested.

    One that picks the same attempts as a behaviour before it is no test of its own: asked in many wordings, one true
    difference would count many times in the correction and let false ones pass.
    """
    extra_counts = {_counts(m) for m in measured if m.behaviour.asked_by and m.p_value is not None}
    earlier: dict[tuple[int, int], list[tuple[frozenset[str], str]]] = {}
    tested = []
    for m in measured:
        # Only behaviours with the same counts can pick the same attempts.
        if m.p_value is None or _counts(m) not in extra_counts:
            tested.append(m)
            continue
        attempts = showing(store, m.behaviour.sql)
        same_counts = earlier.setdefault(_counts(m), [])
        twins = [name for other, name in same_counts if other == attempts]
        same_counts.append((attempts, m.behaviour.name))
        if m.behaviour.asked_by and twins:
            reason = f"it picks the same attempts as {twins[0]}, so it is not another test"
            tested.append(replace(m, state="described", reason=reason))
        else:
            tested.append(m)
    return tested


def _counts(m: Measured) -> tuple[int, int]:
    return m.failures_with, m.successes_with


def place(
    store: Rows,
    written: Sequence[Measured],
    folded: Sequence[Folded],
    extras: Sequence[ExtraBehaviour],
    measured: Mapping[str, Measured],
    *,
    parts: Sequence[tuple[Measured, Measured]] = (),
) -> dict[str, Placement]:
    """Where each extra behaviour that is to be written up stands, by its name and in the order given.

    Args:
        store: Where the behaviours' SQL runs.
        written: The behaviours that mining writes up by itself.
        folded: What is folded under those.
        extras: The extra behaviours; of several that pick nearly the same attempts the first becomes the finding.
        measured: Every measured behaviour by its name.
        parts: What else is listed under one of `written`: (behaviour, that one).

    Returns:
        No entry for an extra that no failure shows, or that could not be measured.
    """
    wanted = [extra.behaviour for extra in extras if extra.written_up]
    if not wanted:
        return {}
    listed = [*((m, m) for m in written), *((one.part, one.under) for one in folded), *parts]
    known: dict[frozenset[str], tuple[str, str]] = {}
    for part, under in listed:
        known.setdefault(showing(store, part.behaviour.sql), (under.behaviour.name, part.behaviour.name))
    placed = {}
    for behaviour in wanted:
        if not measured[behaviour.name].failures_with:
            continue
        own = (behaviour.name, behaviour.name)
        attempts = showing(store, behaviour.sql)
        alike = attempts if attempts in known else _most_alike(attempts, known)
        finding, same_as = known.setdefault(attempts if alike is None else alike, own)
        if finding == behaviour.name:
            placed[behaviour.name] = Placement(finding)
        else:
            placed[behaviour.name] = Placement(finding, same_as, nearly=alike != attempts)
    return placed


def _most_alike(attempts: frozenset[str], known: Collection[frozenset[str]]) -> frozenset[str] | None:
    """The known attempts that are nearly the same as these, the most alike first; None where there are none."""
    alike = [other for other in known if nearly_same(attempts, other)]
    return max(alike, key=lambda other: len(attempts & other) / len(attempts | other), default=None)
