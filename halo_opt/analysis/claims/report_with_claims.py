"""What a model handed in, checked once more and set into the report that mining makes. Only reads; asks no model.

Everything that the model held against outcomes is measured with mining's own behaviours in one correction. What is not
borne out goes to the report's unsupported claims, which are no findings: nothing that writes patches ever sees them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from halo_opt.analysis.claims.check import behaviour_of, check, check_queries, unfit
from halo_opt.analysis.claims.evidence import Evidence, names_in_traces
from halo_opt.analysis.claims.figures import strike
from halo_opt.analysis.claims.hypotheses import Hypotheses, Hypothesis, behaviour_sql
from halo_opt.analysis.claims.model_claims import claim_evidence, summary_evidence, with_claims
from halo_opt.analysis.claims.quotes import in_context
from halo_opt.analysis.claims.records import CheckedClaim, ClaimNumber
from halo_opt.analysis.records import AnalysisResult, RecordedClaim
from halo_opt.core.report_records import (
    Finding,
    InputFile,
    ModelAnalysis,
    ModelClaim,
    Number,
    Quoted,
    Report,
    SuggestedFix,
    UnsupportedClaim,
)
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.extras import ExtraBehaviour
from halo_opt.mining.mine import MinedStore
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.store.guarded.sql_checks import LISTED, depends_on
from halo_opt.store.guarded.sql_text import layout_free
from halo_opt.store.store import Store

BY_OUTCOME = "it goes by how attempts ended"


@dataclass(frozen=True)
class AnalysisOutput:
    """What an analysis by a model leaves: what it handed in, all that it asked, and the harness that it could read."""

    result: AnalysisResult
    hypotheses: Hypotheses = field(default_factory=Hypotheses)
    harness: Path | None = None


def report_with_claims(
    mined: MinedStore, store: Store, inputs: Sequence[InputFile], analysed: AnalysisOutput, *, title: str, made_at: str
) -> Report:
    """Mining's report with what the model claimed. `mined` holds what mining measured in `store`."""
    rows = GuardedRows(store)
    first_steps = mined.first_steps
    claims = [recorded.checked.claim for recorded in analysed.result.claims]
    rows.ready(sql for claim in claims for sql in check_queries(claim, first_steps))
    checked = {
        recorded.id: _checked_again(recorded, check(
            recorded.checked.claim, store, rows, name="claim", first_steps=first_steps, harness=analysed.harness
        )[0])
        for recorded in analysed.result.claims
    }  # fmt: skip
    names = names_in_traces(store)
    taken = {m.behaviour.name for m in mined.named}
    told = _told(analysed, checked, store, taken)
    extras = [*(ExtraBehaviour(one.behaviour, written_up=True) for one in told)]
    extras += _only_asked(analysed, checked, rows, taken, names=names)
    report, placed = mined.report_with(extras, inputs, title=title, made_at=made_at)
    findings = with_claims(mined.store, report, placed, {one.behaviour.name: one.words for one in told})
    report = report.model_copy(update={"findings": findings})
    return _with_analyst(report, analysed, checked, len(extras), names)


def _checked_again(recorded: RecordedClaim, again: CheckedClaim) -> CheckedClaim:
    """Both checks in one: what the first corrected is gone from the claim, so only it can tell."""
    before = recorded.checked
    reasons = list(dict.fromkeys([*before.reasons, *again.reasons]))
    return again.model_copy(
        update={
            "status": "unsupported" if reasons or before.status == "unsupported" else "confirmed",
            "corrections": list(dict.fromkeys([*before.corrections, *again.corrections])),
            "reasons": reasons or (["it was not confirmed"] if before.status == "unsupported" else []),
        }
    )


class _Claimed(NamedTuple):
    """A confirmed claim: its predicate as a behaviour, and its words."""

    behaviour: Behaviour
    words: ModelClaim


def _told(analysed: AnalysisOutput, checked: dict[str, CheckedClaim], store: Store, taken: set[str]) -> list[_Claimed]:
    """The confirmed claims."""
    told = []
    for place, recorded in enumerate(analysed.result.claims, start=1):
        found = checked[recorded.id]
        if found.status == "confirmed":
            by = _model_of(recorded.agent, analysed.result)
            name = _free(f"claim_{place}", taken)
            behaviour = behaviour_of(found.claim, name, model=by, listed=found.listed)
            told.append(_Claimed(behaviour, _said(recorded, found, by, store)))
    return told


def _only_asked(
    analysed: AnalysisOutput,
    checked: dict[str, CheckedClaim],
    rows: GuardedRows,
    taken: set[str],
    *,
    names: frozenset[str],
) -> list[ExtraBehaviour]:
    """Everything else that was held against outcomes: what is not claimed is a test all the same. The same SQL is one
    test.
    """
    known = {layout_free(found.claim.predicate_sql) for found in checked.values() if found.status == "confirmed"}
    others = [
        *analysed.hypotheses.all,
        *(
            Hypothesis(name=f"claim_{place}", title=one.claim.title, predicate_sql=one.claim.predicate_sql)
            for place, one in enumerate(checked.values(), start=1)
        ),
    ]
    extras: list[ExtraBehaviour] = []
    for asked in others:
        if layout_free(asked.predicate_sql) not in known:
            known.add(layout_free(asked.predicate_sql))
            extras += _asked(asked, analysed.result, rows, taken, names)
    return extras


def _asked(
    asked: Hypothesis, result: AnalysisResult, rows: GuardedRows, taken: set[str], names: frozenset[str]
) -> Iterable[ExtraBehaviour]:
    """A predicate that was only asked about; nothing where it was no test, for it could never be run."""
    if unfit(asked.predicate_sql) is not None:
        return []
    goes_by = depends_on(asked.predicate_sql, rows.rows)
    by = _model_of("root", result)
    behaviour = Behaviour(
        name=_free(asked.name, taken),
        title=strike(asked.title, Evidence([], names=names), []),
        meaning="asked by a model and not claimed",
        sql=behaviour_sql(asked.predicate_sql),
        source=by,
        asked_by=by,
        untested={"outcome": BY_OUTCOME, "names": LISTED}.get(goes_by or "", ""),
    )
    return [ExtraBehaviour(behaviour)]


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _model_of(agent: str, result: AnalysisResult) -> str:
    role = "root" if agent == "root" else "sub"
    return result.models.get(role) or result.models.get("root") or "a model"


def _said(recorded: RecordedClaim, found: CheckedClaim, by: str, store: Store) -> ModelClaim:
    claim = found.claim
    return ModelClaim(
        claim=recorded.id,
        model=by,
        agent=recorded.agent,
        title=claim.title,
        words=claim.claim,
        counter_evidence=claim.counter_evidence,
        predicate_sql=claim.predicate_sql,
        listed=found.listed,
        numbers=_numbers(claim.numbers),
        quotes=[in_context(Quoted(**quote.model_dump()), store) for quote in claim.quotes],
        category=claim.category,
        triaged=None,
        fix=SuggestedFix(**claim.fix.model_dump()) if claim.fix else None,
        corrections=found.corrections,
    )


def _numbers(numbers: Sequence[ClaimNumber]) -> dict[str, Number]:
    """By name; a second one of a name is told apart."""
    found: dict[str, Number] = {}
    for number in numbers:
        name = number.name
        while name in found:
            name += " (another)"
        found[name] = Number(value=number.value, sql=number.sql)
    return found


def _with_analyst(
    report: Report,
    analysed: AnalysisOutput,
    checked: dict[str, CheckedClaim],
    predicates: int,
    names: frozenset[str],
) -> Report:
    """The report with its figures struck by what stands in it, what is unsupported, and how it came about."""
    result = analysed.result
    findings = [_struck(finding, names) for finding in report.findings]
    written = {said.claim for finding in findings for said in finding.model_claims}
    unsupported = [
        _unsupported(recorded, checked[recorded.id], result) for recorded in result.claims if recorded.id not in written
    ]
    report = report.model_copy(update={"findings": findings, "unsupported": unsupported})
    corrections: list[str] = []
    analyst = ModelAnalysis(
        **{name: getattr(result, name) for name in _SAME},
        ended=result.ended.value,
        claims=len(result.claims),
        confirmed=len(written),
        predicates=predicates,
        summary=strike(result.summary, summary_evidence(report, names), corrections),
        corrections=corrections,
    )
    spend = {
        "calls": float(result.calls),
        "tokens_in": float(result.tokens_in),
        "tokens_out": float(result.tokens_out),
        "seconds": result.seconds,
        **({} if result.cost_usd is None else {"cost_usd": result.cost_usd}),
    }
    caveats = [*report.caveats, *_caveats(report, analyst)]
    if not result.python_offered:
        caveats.append(f"The model ran no Python of its own ({analyst.python}).")
    return report.model_copy(update={"model_analysis": analyst, "spend": spend, "caveats": caveats})


_SAME = (
    "models", "agents", "turns", "tools", "faults", "calls", "tokens_in", "tokens_out", "tokens_cached", "cost_usd",
    "seconds", "reason", "salvaged", "python",
)  # fmt: skip


def _struck(finding: Finding, names: frozenset[str]) -> Finding:
    """The finding with only such figures in a model's words as the numbers that stand beside them bear out."""
    if not finding.model_claims:
        return finding
    told = [_struck_words(finding, said, names) for said in finding.model_claims]
    update: dict[str, object] = {"model_claims": told}
    if finding.title == finding.model_claims[0].title and finding.predicate_sql == behaviour_sql(told[0].predicate_sql):
        update["title"] = told[0].title
    return finding.model_copy(update=update)


def _struck_words(finding: Finding, said: ModelClaim, names: frozenset[str]) -> ModelClaim:
    known, corrections = claim_evidence(finding, said, names), list(said.corrections)
    fix = said.fix and said.fix.model_copy(update={"words": strike(said.fix.words, known, corrections)})
    return said.model_copy(
        update={
            "title": strike(said.title, known, corrections),
            "words": strike(said.words, known, corrections),
            "counter_evidence": strike(said.counter_evidence, known, corrections),
            "fix": fix,
            "corrections": corrections,
        }
    )


def _unsupported(recorded: RecordedClaim, found: CheckedClaim, result: AnalysisResult) -> UnsupportedClaim:
    return UnsupportedClaim(
        claim=recorded.id,
        model=_model_of(recorded.agent, result),
        title=found.claim.title,
        words=found.claim.claim,
        reasons=found.reasons or ["it could not be measured with everything else that was tested"],
        corrections=found.corrections,
    )


def _caveats(report: Report, analyst: ModelAnalysis) -> list[str]:
    """What a reader should hold against a model's part of the report."""
    notes = []
    if analyst.predicates:
        tested = sum(1 for line in report.tested if line.get("asked_by") and line.get("p_value") is not None)
        notes.append(
            f"{analyst.predicates} of the behaviours that were looked for"
            f" {'is a predicate' if analyst.predicates == 1 else 'are predicates'} of a model (tested: {tested}); all count"
            " in the correction. But the model could see outcomes before it asked, so its p-values are too small by"
            " what it learned from them: only runs that it has not seen can tell."
        )
    if analyst.salvaged:
        notes.append(
            f"The model was stopped before it was done ({analyst.reason or analyst.ended}); what it had recorded until"
            " then was kept."
        )
    listed = [finding.id for finding in report.findings for said in finding.model_claims if said.listed]
    if listed:
        notes.append(f"Of {', '.join(listed)}: {LISTED}; it may hold for these and for no others.")
    return notes
