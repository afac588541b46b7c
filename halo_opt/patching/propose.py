"""From a report to proposals in the order to try them. Pure and deterministic; it never runs or writes anything.

One mechanism alone can gain nothing where two together win: an agent that sees what is filled still needs a way to
point at it. So the first candidate combines the best remedies of the top findings, and smaller sets follow. After a
rejection parts are dropped or swapped; the same set of edits is never proposed twice for the same harness.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from halo_opt.core.playbook import Playbook, Remedy, load_playbook
from halo_opt.core.records import Edit, Prediction, Proposal, SetValue, Verdict
from halo_opt.core.report_records import Finding, Report
from halo_opt.patching.edits import Files, apply_edits, in_force
from halo_opt.patching.guard import EditRefused
from halo_opt.patching.surface import HarnessDescription

Tried = tuple[Proposal, Verdict]

# A finding counts a little less than the one before it, and its second remedy half as much as its first.
_NEXT_FINDING = 0.85
_SECOND_REMEDY = 0.5
# A remedy that was part of a patch dropped from an earlier harness is not out, but others come before it.
_DROPPED_BEFORE = 0.6
_NOT_OURS = ("grader", "infrastructure")
_ADJUSTED = ("q_value", "q", "p_adjusted", "p_value_adjusted")
_PROVEN_BELOW = 0.05


@dataclass(frozen=True)
class Plan:
    """Proposals in the order to try them, and what was passed over with the reason, one sentence each."""

    proposals: list[Proposal]
    notes: list[str]


@dataclass
class Option:
    """A remedy that this harness offers and does not use yet; `against` maps a finding's place to the remedy's rank."""

    word: str
    edits: list[Edit]
    because: dict[str, str] = field(default_factory=dict)
    lowers: list[str] = field(default_factory=list)
    against: dict[int, int] = field(default_factory=dict)
    weight: float = 1.0


def propose(
    report: Report,
    description: HarnessDescription,
    files: Files,
    *,
    history: Sequence[Tried] = (),
    max_parts: int = 6,
    playbook: Playbook | None = None,
) -> list[Proposal]:
    """The proposals of `plan`, best first; [] when nothing is left to try."""
    found = plan(report, description, files, history=history, max_parts=max_parts, playbook=playbook)
    return found.proposals


def plan(
    report: Report,
    description: HarnessDescription,
    files: Files,
    *,
    history: Sequence[Tried] = (),
    max_parts: int = 6,
    playbook: Playbook | None = None,
) -> Plan:
    """What to try next for the harness whose editable files are `files`.

    `history` holds every proposal of this loop with its verdict, oldest first; what follows the last accepted one was
    tried on the very harness in `files`. `max_parts` is the largest number of remedies in one proposal.
    """
    playbook = playbook or load_playbook()
    notes: list[str] = []
    findings = ranked_findings(report, notes)
    options, general = _options(findings, playbook, description, files, notes)
    _remember(options + general, history)
    ordered = _ordered(options, len(findings))
    here = _tried_here(history)
    seen = {edits_key(p.edits) for p, _ in here}
    proposals: list[Proposal] = []
    for parts in _sets(ordered, general, size=max(1, max_parts), here=here, description=description, files=files):
        edits = _merged(parts)
        key = edits_key(edits)
        if key in seen:
            continue
        seen.add(key)
        number = len(history) + len(proposals) + 1
        proposals.append(_proposal(f"P{number}-{key[:8]}", parts, edits, findings))
    return Plan(proposals, notes)


def ranked_findings(report: Report, notes: list[str]) -> list[Finding]:
    """Findings that a harness can answer to, proven ones first, each kind in the report's order."""
    found = []
    for finding in report.findings:
        if finding.category in _NOT_OURS:
            notes.append(f"{finding.id} ({finding.behaviour}) lies with the {finding.category}, not with the harness")
        else:
            found.append(finding)
    return sorted(found, key=lambda f: not is_proven(f))


def is_proven(finding: Finding) -> bool:
    """Whether the finding's contrast holds after correction for many tests; otherwise it only describes."""
    for name in _ADJUSTED:
        if name in finding.numbers:
            value = finding.numbers[name].value
            return isinstance(value, int | float) and value <= _PROVEN_BELOW
    return False


def edits_key(edits: Sequence[Edit]) -> str:
    """A name for a set of edits, whatever their order and types of numbers: the start of a hash."""
    lines = sorted(json.dumps(e.model_dump(mode="json"), sort_keys=True) for e in edits)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _options(
    findings: list[Finding], playbook: Playbook, description: HarnessDescription, files: Files, notes: list[str]
) -> tuple[list[Option], list[Option]]:
    """(remedies against a finding, remedies that no finding asks for), all offered, possible and not in force."""
    found: dict[str, Option | None] = {}
    for place, finding in enumerate(findings):
        remedies = playbook.remedies_for(finding)
        if not remedies:
            notes.append(f"{finding.id}: the playbook has nothing against {finding.behaviour}")
        for rank, remedy in enumerate(remedies):
            if remedy.word not in found:
                found[remedy.word] = _option(remedy, description, files, notes)
            option = found[remedy.word]
            if option is not None:
                option.against[place] = rank
                option.because[finding.id] = remedy.because
                option.lowers.extend(b for b in remedy.lowers if b not in option.lowers)
    general = []
    for remedy in playbook.otherwise:
        if remedy.word not in found and (option := _option(remedy, description, files, notes)):
            option.because[""] = remedy.because
            general.append(option)
    return [o for o in found.values() if o is not None], general


def _option(remedy: Remedy, description: HarnessDescription, files: Files, notes: list[str]) -> Option | None:
    """The remedy by this harness's edits; None, with a note where it is worth one, when it cannot be tried."""
    offered = description.remedies.get(remedy.word)
    if not offered:
        notes.append(f"{remedy.word} is not offered by this harness")
        return None
    edits = [e for e in offered if not in_force(files, e, config=description.settings)]
    if not edits:
        return None
    try:
        apply_edits(files, edits, config=description.settings)
    except EditRefused as error:
        notes.append(f"{remedy.word} cannot be applied to this harness: {error}")
        return None
    return Option(remedy.word, edits)


def _remember(options: list[Option], history: Sequence[Tried]) -> None:
    """Weigh down what was part of a patch that an earlier harness did not profit from."""
    here = len(_tried_here(history))
    for proposal, verdict in history[: len(history) - here]:
        for option in options:
            if not verdict.accepted and all(e in proposal.edits for e in option.edits):
                option.weight *= _DROPPED_BEFORE


def _tried_here(history: Sequence[Tried]) -> list[Tried]:
    """What was tried on the harness as it is now: everything after the last accepted proposal."""
    last = max((i for i, (_, verdict) in enumerate(history) if verdict.accepted), default=-1)
    return list(history[last + 1 :])


def _ordered(options: list[Option], findings: int) -> list[Option]:
    """Greedy cover: the next remedy is the one that adds most, where a finding answered already counts half.

    So the first few address different findings, and a remedy that answers several comes before one that answers one.
    """
    left, chosen = list(options), []
    worth = [_NEXT_FINDING**i for i in range(findings)]
    while left:
        # max() keeps the first of equals, and the options stand in the order of findings and playbook.
        best = max(left, key=lambda o: o.weight * sum(worth[f] * _SECOND_REMEDY**rank for f, rank in o.against.items()))
        left.remove(best)
        chosen.append(best)
        for place in best.against:
            worth[place] *= _SECOND_REMEDY
    return chosen


def _sets(
    ordered: list[Option],
    general: list[Option],
    *,
    size: int,
    here: list[Tried],
    description: HarnessDescription,
    files: Files,
) -> Iterator[list[Option]]:
    """Sets of remedies in the order to try them; each fits together and none is empty.

    The first holds only what a finding asks for. General remedies come in where parts are swapped or room is left.
    """

    def fit(options: Sequence[Option], most: int = size) -> list[Option]:
        return _fitting(options, most, description, files)

    full = fit(ordered)
    half = (len(full) + 1) // 2
    beyond = [o for o in ordered if o not in full] + general
    first, second = full[:half], full[half:]
    widened = fit([*full, *beyond])
    swapped = fit([*first, *beyond])
    other_swap = fit([*second, *beyond])
    drops = [[o for o in full if o is not out] for out in reversed(full)]
    smaller = [first, second]
    # A set that gained, but not beyond doubt, holds something good: keep most of it. One that gained nothing may hold
    # a part that harms: halve it, which finds the good half in two tries however many parts there are.
    wanted = [widened, swapped, *drops, *smaller] if _gained(here) else [*smaller, widened, swapped, other_swap]
    pairs = [[a, b] for i, a in enumerate(full[:3]) for b in full[i + 1 : 3]]
    singles = [[o] for o in ordered + general]
    for options in [full, *wanted, fit(beyond), *drops, *pairs, *singles]:
        if options:
            yield options


def _gained(here: list[Tried]) -> bool:
    """Whether the last rejected proposal scored above the harness that it changed."""
    diff = here[-1][1].diff if here else None
    return diff is not None and diff.difference is not None and diff.difference > 0


def _fitting(options: Sequence[Option], most: int, description: HarnessDescription, files: Files) -> list[Option]:
    """The first `most` options whose edits can all be made together; one that contradicts another is left out."""
    chosen: list[Option] = []
    for option in options:
        if len(chosen) == most:
            break
        if option in chosen or _contradicts(chosen, option):
            continue
        try:
            apply_edits(files, _merged([*chosen, option]), config=description.settings)
        except EditRefused:
            continue
        chosen.append(option)
    return chosen


def _contradicts(chosen: list[Option], option: Option) -> bool:
    """Whether two remedies want different values of one setting."""
    settings = {(e.path, e.key): e.value for o in chosen for e in o.edits if isinstance(e, SetValue)}
    return any(
        isinstance(e, SetValue) and (e.path, e.key) in settings and settings[e.path, e.key] != e.value
        for e in option.edits
    )


def _merged(options: Sequence[Option]) -> list[Edit]:
    """The edits of several remedies, each edit once, in order."""
    edits: list[Edit] = []
    for option in options:
        edits.extend(e for e in option.edits if e not in edits)
    return edits


def _proposal(name: str, parts: list[Option], edits: list[Edit], findings: list[Finding]) -> Proposal:
    """The set of remedies as a proposal that says what it answers to and what should be seen."""
    answered = sorted({place for part in parts for place in part.against})
    sentences = [f"{part.word}: {next(iter(part.because.values()))}" for part in parts]
    titles = "; ".join(f"{findings[place].id} {findings[place].title.rstrip('.')}" for place in answered[:4])
    more = f" and {len(answered) - 4} more" if len(answered) > 4 else ""
    opening = f"Against {titles}{more}." if answered else "No finding names a remedy that is left, so a general one:"
    lowered = list(dict.fromkeys(b for part in parts for b in part.lowers))
    return Proposal(
        id=name,
        findings=[findings[place].id for place in answered],
        hypothesis=" ".join([opening, *sentences]),
        edits=edits,
        predictions=[Prediction(behaviour=b, direction="down") for b in lowered],
        source="playbook",
    )
