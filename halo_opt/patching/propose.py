"""From a report to proposals in the order to try them, by the playbook.

One mechanism alone can gain nothing where two together win: an agent that sees which fields are filled still needs a
way to point at them. So the first proposal combines the best remedies of the top findings, and smaller sets follow.
After a rejection parts are dropped or swapped. The same set of edits is proposed once for the same harness.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from halo_opt.core.errors import InputError
from halo_opt.core.playbook import Playbook, Remedy, load_playbook
from halo_opt.core.records import Edit, Prediction, Proposal, SetValue, Verdict
from halo_opt.core.report_records import LEVELS, Finding, Report
from halo_opt.core.text import counted
from halo_opt.patching.edits import Files, apply_edits, in_force
from halo_opt.patching.guard import EditRefused
from halo_opt.patching.surface import HarnessDescription

# A finding counts a little less than the one before it, and its second remedy half as much as its first.
_NEXT_FINDING = 0.85
_SECOND_REMEDY = 0.5
# A remedy that was part of a patch dropped from an earlier harness is not out, but others come before it.
_DROPPED_BEFORE = 0.6
_NOT_THE_HARNESS = ("grader", "infrastructure")
_NAMED_FINDINGS = 4
# Parts of what a model suggests to change that no patch of the harness reaches.
_NOT_PATCHABLE = ("container", "grader")


class Trial(NamedTuple):
    """A proposal that was tried, and what the gate decided about it."""

    proposal: Proposal
    verdict: Verdict


@dataclass(frozen=True)
class ProposalList:
    """Proposals in the order to try them; `notes` has a sentence for each finding or remedy that was passed over."""

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
    history: Sequence[Trial] = (),
    max_parts: int = 6,
    playbook: Playbook | None = None,
) -> ProposalList:
    """What to try next for the harness whose editable files are `files`.

    Args:
        report: The findings to answer.
        description: The remedies that the harness offers.
        files: The harness's editable files: path to content.
        history: Every proposal of this loop with its verdict, oldest first. What follows the last accepted one was
            tried on the harness in `files`.
        max_parts: The largest number of remedies in one proposal.
        playbook: Which remedies answer which behaviour; the bundled one by default.
    """
    playbook = playbook or load_playbook()
    notes: list[str] = []
    findings = ranked_findings(report, notes)
    options, general = _options(findings, playbook, description, files, notes)
    _weigh_down(options + general, history)
    ordered = _ordered(options, len(findings))
    here = _tried_here(history)
    seen = {edits_key(trial.proposal.edits) for trial in here}
    proposals: list[Proposal] = []
    for parts in _sets(ordered, general, size=max(1, max_parts), here=here, description=description, files=files):
        edits = _merged(parts)
        key = edits_key(edits)
        if key in seen:
            continue
        seen.add(key)
        number = len(history) + len(proposals) + 1
        proposals.append(_proposal(f"P{number}-{key[:8]}", parts, edits, findings))
    return ProposalList(proposals, notes)


def ranked_findings(report: Report, notes: list[str]) -> list[Finding]:
    """Findings that a change of the harness can answer, in the order of their levels.

    A note is added for each of the others.
    """
    found = []
    for finding in report.findings:
        if finding.category in _NOT_THE_HARNESS:
            notes.append(
                f"{finding.id} ({finding.behaviour}) is caused by the {finding.category}, so no patch of the harness "
                "answers it"
            )
        elif part := part_out_of_reach(finding):
            notes.append(
                f"{finding.id} ({finding.title.rstrip('.')}) asks for a change of the {part}, which no patch of the "
                "harness reaches; change it by hand"
            )
        else:
            found.append(finding)
    return sorted(found, key=lambda f: LEVELS.index(f.level))


def part_out_of_reach(finding: Finding) -> str:
    """The part that all suggested fixes of a model's own finding change, where no patch reaches it; '' otherwise."""
    fixes = [claim.fix for claim in finding.model_claims if claim.fix is not None]
    own = finding.id.startswith("M")
    if own and fixes and all(fix.part in _NOT_PATCHABLE for fix in fixes):
        return fixes[0].part
    return ""


def only_findings(report: Report, ids: Sequence[str], source: object) -> Report:
    """The report with these findings alone, all of them where `ids` is empty.

    Raises InputError, which lists the ids that there are, for an unknown id.
    """
    if not ids:
        return report
    known = [finding.id for finding in report.findings]
    if unknown := [name for name in dict.fromkeys(ids) if name not in known]:
        listed = ", ".join(known) or "no finding"
        raise InputError(f"there is no finding {', '.join(unknown)} in {source}; it has {listed}")
    return report.model_copy(update={"findings": [f for f in report.findings if f.id in ids]})


def answering(found: ProposalList) -> ProposalList:
    """The proposals that answer a finding, without the general ones that no finding asks for."""
    return ProposalList([proposal for proposal in found.proposals if proposal.findings], found.notes)


def levels_of(findings: Sequence[Finding], answered: Sequence[str]) -> dict[str, str]:
    """The levels of the findings that a proposal answers, by id."""
    levels = {finding.id: finding.level for finding in findings}
    return {name: levels[name] for name in answered if name in levels}


def with_levels(proposal: Proposal) -> str:
    """The ids of the findings that a proposal answers with their levels, such as "M2 (shown), F1 (proven)"."""
    named = [f"{name} ({proposal.levels[name]})" if name in proposal.levels else name for name in proposal.findings]
    return ", ".join(named)


def edits_key(edits: Sequence[Edit]) -> str:
    """The start of a hash of a set of edits, whatever their order."""
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
            notes.append(f"{finding.id}: the playbook has no remedy for {finding.behaviour}")
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
    considered = dict.fromkeys([*found, *(remedy.word for remedy in playbook.otherwise)])
    if missing := [word for word in considered if not description.remedies.get(word)]:
        notes.append(
            f"this harness does not offer {counted(len(missing), 'remedy', 'remedies')} that could be tried:"
            f" {', '.join(missing)} (harness.describe prints those that it offers)"
        )
    return [o for o in found.values() if o is not None], general


def _option(remedy: Remedy, description: HarnessDescription, files: Files, notes: list[str]) -> Option | None:
    """The remedy by this harness's edits; None, with a note where it is worth one, when it cannot be tried."""
    offered = description.remedies.get(remedy.word)
    if not offered:
        return None
    edits = [e for e in offered if not in_force(files, e, config=description.settings)]
    if not edits:
        return None
    try:
        apply_edits(files, edits, config=description.settings)
    except EditRefused as error:
        notes.append(f"the remedy {remedy.word} cannot be applied to this harness: {error}")
        return None
    return Option(remedy.word, edits)


def _weigh_down(options: list[Option], history: Sequence[Trial]) -> None:
    """Lower the weight of what was part of a patch that an earlier harness did not profit from."""
    here = len(_tried_here(history))
    for trial in history[: len(history) - here]:
        if trial.verdict.accepted:
            continue
        for option in options:
            if all(edit in trial.proposal.edits for edit in option.edits):
                option.weight *= _DROPPED_BEFORE


def _tried_here(history: Sequence[Trial]) -> list[Trial]:
    """What was tried on the harness as it is now: everything after the last accepted proposal."""
    last = max((place for place, trial in enumerate(history) if trial.verdict.accepted), default=-1)
    return list(history[last + 1 :])


def _ordered(options: list[Option], findings: int) -> list[Option]:
    """Greedy cover: the next remedy is the one that adds most, where a finding answered already counts half.

    So the first few address different findings, and a remedy that answers several comes before one that answers one.
    """
    left, chosen = list(options), []
    worth = [_NEXT_FINDING**i for i in range(findings)]

    def gain(option: Option) -> float:
        answered = (worth[place] * _SECOND_REMEDY**rank for place, rank in option.against.items())
        return option.weight * sum(answered)

    while left:
        # max() keeps the first of equals, and the options stand in the order of findings and playbook.
        best = max(left, key=gain)
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
    here: list[Trial],
    description: HarnessDescription,
    files: Files,
) -> Iterator[list[Option]]:
    """Sets of remedies in the order to try them; each fits together and none is empty.

    The first holds only what a finding asks for. General remedies come in where parts are swapped or room is left.
    """

    def fit(options: Sequence[Option]) -> list[Option]:
        return _fitting(options, size, description, files)

    full = fit(ordered)
    half = (len(full) + 1) // 2
    beyond = [o for o in ordered if o not in full] + general
    first, second = full[:half], full[half:]
    widened = fit([*full, *beyond])
    first_swapped, second_swapped = fit([*first, *beyond]), fit([*second, *beyond])
    without_one = [_without(full, option) for option in reversed(full)]
    # A set that gained, but not beyond doubt, holds something good: keep most of it. One that gained nothing may hold
    # a part that harms: halve it, which finds the good half in two tries however many parts there are.
    if _gained(here):
        wanted = [widened, first_swapped, *without_one, first, second]
    else:
        wanted = [first, second, widened, first_swapped, second_swapped]
    pairs = [[a, b] for i, a in enumerate(full[:3]) for b in full[i + 1 : 3]]
    singles = [[o] for o in ordered + general]
    for options in [full, *wanted, fit(beyond), *without_one, *pairs, *singles]:
        if options:
            yield options


def _without(options: list[Option], left_out: Option) -> list[Option]:
    return [option for option in options if option is not left_out]


def _gained(here: list[Trial]) -> bool:
    """Whether the last rejected proposal scored above the harness that it changed."""
    diff = here[-1].verdict.diff if here else None
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
    values = {(edit.path, edit.key): edit.value for edit in _merged(chosen) if isinstance(edit, SetValue)}
    return any(
        isinstance(edit, SetValue) and values.get((edit.path, edit.key), edit.value) != edit.value
        for edit in option.edits
    )


def _merged(options: Sequence[Option]) -> list[Edit]:
    """The edits of several remedies, each edit once, in order."""
    edits: list[Edit] = []
    for option in options:
        edits.extend(e for e in option.edits if e not in edits)
    return edits


def _proposal(name: str, parts: list[Option], edits: list[Edit], findings: list[Finding]) -> Proposal:
    """The set of remedies as a proposal that says what it answers and what should be seen."""
    answered = sorted({place for part in parts for place in part.against})
    named = [findings[place] for place in answered[:_NAMED_FINDINGS]]
    titles = "; ".join(f"{finding.id} {finding.title.rstrip('.')}" for finding in named)
    more = f" and {len(answered) - len(named)} more" if len(answered) > len(named) else ""
    opening = f"Against {titles}{more}." if answered else "No finding names a remedy that is left, so a general one:"
    sentences = [f"{part.word}: {next(iter(part.because.values()))}" for part in parts]
    lowered = list(dict.fromkeys(b for part in parts for b in part.lowers))
    ids = [findings[place].id for place in answered]
    return Proposal(
        id=name,
        findings=ids,
        levels=levels_of(findings, ids),
        hypothesis=" ".join([opening, *sentences]),
        edits=edits,
        predictions=[Prediction(behaviour=b, direction="down") for b in lowered],
        source="playbook",
    )
