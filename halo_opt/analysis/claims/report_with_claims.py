"""Checks a model's claims again and adds them to mining's report.

All predicates that the model tested are measured together with mining's behaviours, under one correction for multiple
tests. Claims that the traces do not support are listed apart from the findings, and no patch is made from them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from halo_opt.analysis.claims.bare_figures import bare_figures
from halo_opt.analysis.claims.check import (
    check_claim,
    check_queries,
    claim_behaviour,
    numbers_by_name,
    predicate_problem,
)
from halo_opt.analysis.claims.evidence import names_in_traces
from halo_opt.analysis.claims.hypotheses import Hypotheses, Hypothesis, behaviour_sql
from halo_opt.analysis.claims.model_claims import summary_numbers, with_claims
from halo_opt.analysis.claims.placeholders import filled, no_such_number
from halo_opt.analysis.claims.quotes import in_context
from halo_opt.analysis.claims.records import CheckedClaim
from halo_opt.analysis.records import AnalysisResult, RecordedClaim
from halo_opt.core.report_records import (
    AskedBehaviour,
    InputFile,
    ModelAnalysis,
    ModelClaim,
    Quoted,
    Report,
    SuggestedFix,
    UnsupportedClaim,
)
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.explanations import with_explanations
from halo_opt.mining.extras import ExtraBehaviour
from halo_opt.mining.mine import MinedStore
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.store.guarded.sql_checks import LISTED, predicate_basis
from halo_opt.store.guarded.sql_text import layout_free
from halo_opt.store.protocols import Query
from halo_opt.store.store import Store

NO_PYTHON = "The model ran no Python of its own ({})."
BY_OUTCOME = "it goes by how attempts ended"


@dataclass(frozen=True)
class AnalysisOutput:
    """The output of an analysis by a model: its result, the hypotheses it tested, and the folder of the harness."""

    result: AnalysisResult
    hypotheses: Hypotheses = field(default_factory=Hypotheses)
    harness: Path | None = None


def report_with_claims(
    mined: MinedStore, store: Store, inputs: Sequence[InputFile], output: AnalysisOutput, *, title: str, made_at: str
) -> Report:
    """Make the report of a store with the claims of a model.

    Args:
        mined: The store with mining's measurements.
        store: The traces.
        inputs: The trace files that the report names.
        output: The output of the model's analysis.
        title: The report's title.
        made_at: ISO 8601 time in UTC.
    """
    rows = GuardedRows(store)
    names = names_in_traces(store)
    checked = _checked(output, store, rows, mined.first_steps)
    taken = {m.behaviour.name for m in mined.named}
    claimed = _confirmed(output, checked, store, taken)
    asked = [_asked(one.behaviour, one.claim.predicate_sql, one.claim.claim) for one in claimed]
    extras = [ExtraBehaviour(one.behaviour, written_up=True) for one in claimed]
    for behaviour, predicate in _not_claimed(output, checked, rows, taken):
        asked.append(_asked(behaviour, predicate, None))
        extras.append(ExtraBehaviour(behaviour))
    report, placed = mined.report_with(extras, inputs, title=title, made_at=made_at)
    findings = with_claims(mined.store, report, placed, {one.behaviour.name: one.claim for one in claimed})
    written = {claim.claim for finding in findings for claim in finding.model_claims}
    unsupported = [
        _unsupported(recorded, checked[recorded.id], output.result)
        for recorded in output.result.claims
        if recorded.id not in written
    ]
    made_with = report.made_with.model_copy(update={"asked": asked})
    report = report.model_copy(update={"findings": findings, "unsupported": unsupported, "made_with": made_with})
    report = with_explanations(mined.store, report)
    return _with_analysis(report, output.result, names, confirmed=len(written), predicates=len(extras))


def _asked(behaviour: Behaviour, predicate: str, claim: str | None) -> AskedBehaviour:
    return AskedBehaviour(
        name=behaviour.name,
        title=behaviour.title,
        meaning=behaviour.meaning,
        predicate_sql=predicate,
        model=behaviour.asked_by or "",
        remedies=list(behaviour.remedies),
        claim=claim,
        category=behaviour.category,
    )


def _checked(
    output: AnalysisOutput, store: Store, rows: GuardedRows, first_steps: Mapping[str, int]
) -> dict[str, CheckedClaim]:
    """Each claim by its id, with the results of its first check and of a second one."""
    recorded_claims = output.result.claims
    rows.ready(sql for one in recorded_claims for sql in check_queries(one.checked.claim, first_steps))
    checked = {}
    for one in recorded_claims:
        again, _ = check_claim(
            one.checked.claim, store, rows, name="claim", first_steps=first_steps, harness=output.harness
        )
        checked[one.id] = _checked_again(one, again)
    return checked


def _checked_again(recorded: RecordedClaim, again: CheckedClaim) -> CheckedClaim:
    """Combine the two checks of a claim. Corrections of the first are kept, as the second one cannot find them."""
    before = recorded.checked
    reasons = list(dict.fromkeys([*before.reasons, *again.reasons]))
    corrections = list(dict.fromkeys([*before.corrections, *again.corrections]))
    if before.level == "unsupported" and not reasons:
        reasons = ["it did not stand when it was recorded"]
    level = "unsupported" if reasons else again.level
    return again.model_copy(update={"level": level, "corrections": corrections, "reasons": reasons})


class _Confirmed(NamedTuple):
    """A claim of which something stands, with its predicate as a behaviour."""

    behaviour: Behaviour
    claim: ModelClaim


def _confirmed(
    output: AnalysisOutput, checked: Mapping[str, CheckedClaim], store: Store, taken: set[str]
) -> list[_Confirmed]:
    confirmed = []
    for place, recorded in enumerate(output.result.claims, start=1):
        found = checked[recorded.id]
        if found.stands:
            model = _model_of(recorded.agent, output.result)
            name = _free_name(f"claim_{place}", taken)
            told = found.claim.model_copy(update={"title": found.title, "claim": found.words})
            behaviour = claim_behaviour(told, name, model=model, listed=found.listed)
            confirmed.append(_Confirmed(behaviour, _model_claim(recorded, found, model, store)))
    return confirmed


def _not_claimed(
    output: AnalysisOutput,
    checked: Mapping[str, CheckedClaim],
    rows: GuardedRows,
    taken: set[str],
) -> list[tuple[Behaviour, str]]:
    """All other predicates that were tested, each SQL once, with their behaviours.

    They count in the correction for multiple tests.
    """
    known = {layout_free(found.claim.predicate_sql) for found in checked.values() if found.stands}
    unsupported = [
        Hypothesis(name=f"claim_{place}", title=found.claim.title, predicate_sql=found.claim.predicate_sql)
        for place, found in enumerate(checked.values(), start=1)
    ]
    model = _model_of("root", output.result)
    extras = []
    for hypothesis in [*output.hypotheses.all, *unsupported]:
        key = layout_free(hypothesis.predicate_sql)
        # A predicate that cannot be run was not tested.
        if key not in known and predicate_problem(hypothesis.predicate_sql) is None:
            extras.append((_behaviour(hypothesis, model, rows, taken), hypothesis.predicate_sql))
        known.add(key)
    return extras


def _behaviour(hypothesis: Hypothesis, model: str, rows: GuardedRows, taken: set[str]) -> Behaviour:
    return asked_behaviour(
        AskedBehaviour(
            name=_free_name(hypothesis.name, taken),
            title=hypothesis.title,
            meaning="tested by a model and not claimed",
            predicate_sql=hypothesis.predicate_sql,
            model=model,
        ),
        rows.rows,
    )


def asked_behaviour(asked: AskedBehaviour, ask: Query) -> Behaviour:
    """The behaviour of a model's predicate; one that goes by outcomes or by names cannot be tested."""
    basis = predicate_basis(asked.predicate_sql, ask)
    return Behaviour(
        name=asked.name,
        title=asked.title,
        meaning=asked.meaning,
        sql=behaviour_sql(asked.predicate_sql),
        remedies=tuple(asked.remedies),
        category=asked.category,
        source=asked.model,
        asked_by=asked.model,
        untestable={"outcome": BY_OUTCOME, "names": LISTED}.get(basis or "", ""),
    )


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _model_of(agent: str, result: AnalysisResult) -> str:
    role = "root" if agent == "root" else "sub"
    return result.models.get(role) or result.models.get("root") or "a model"


def _model_claim(recorded: RecordedClaim, found: CheckedClaim, model: str, store: Store) -> ModelClaim:
    claim = found.claim
    told = {"title": found.title, "words": found.words, "counter_evidence": found.counter_evidence}
    as_written = {"title": claim.title, "words": claim.claim, "counter_evidence": claim.counter_evidence}
    return ModelClaim(
        claim=recorded.id,
        model=model,
        agent=recorded.agent,
        **told,
        predicate_sql=claim.predicate_sql,
        listed=found.listed,
        written={name: text for name, text in as_written.items() if text != told[name]},
        measured=found.measured,
        numbers=numbers_by_name(claim.numbers),
        quotes=[in_context(Quoted(**quote.model_dump()), store) for quote in claim.quotes],
        counter_quotes=[in_context(Quoted(**quote.model_dump()), store) for quote in claim.counter_quotes],
        category=claim.category,
        triaged=None,
        level=found.level,
        level_reason=found.level_reason,
        to_lift=found.to_lift,
        scope=recorded.scope,
        unchecked=found.unchecked,
        remedies=claim.remedies,
        fix=SuggestedFix(**claim.fix.model_dump()) if claim.fix else None,
        corrections=found.corrections,
    )


def _with_analysis(
    report: Report, result: AnalysisResult, names: frozenset[str], *, confirmed: int, predicates: int
) -> Report:
    """The report with the record of the model's analysis, its checked summary, and caveats."""
    known = summary_numbers(report)
    summary, lacking = filled(result.summary, known)
    analysis = ModelAnalysis(
        **{name: getattr(result, name) for name in _SAME},
        ended=result.ended.value,
        claims=len(result.claims),
        confirmed=confirmed,
        predicates=predicates,
        summary=summary,
        written=result.summary if summary != result.summary else "",
        unchecked=bare_figures(result.summary, names),
        corrections=no_such_number(lacking, known),
    )
    spend = {
        "calls": float(result.calls),
        "tokens_in": float(result.tokens_in),
        "tokens_out": float(result.tokens_out),
        "seconds": result.seconds,
        **({} if result.cost_usd is None else {"cost_usd": result.cost_usd}),
    }
    caveats = [*report.caveats, *model_caveats(report, analysis)]
    if not result.python_offered:
        caveats.append(NO_PYTHON.format(analysis.python))
    return report.model_copy(update={"model_analysis": analysis, "spend": spend, "caveats": caveats})


_SAME = (
    "models", "agents", "turns", "tools", "faults", "calls", "tokens_in", "tokens_out", "tokens_cached", "cost_usd",
    "seconds", "reason", "salvaged", "python",
)  # fmt: skip


def _unsupported(recorded: RecordedClaim, found: CheckedClaim, result: AnalysisResult) -> UnsupportedClaim:
    return UnsupportedClaim(
        claim=recorded.id,
        model=_model_of(recorded.agent, result),
        title=found.title or found.claim.title,
        words=found.words or found.claim.claim,
        reasons=found.reasons or ["it could not be measured with everything else that was tested"],
        corrections=found.corrections,
    )


def model_caveats(report: Report, analysis: ModelAnalysis) -> list[str]:
    """Notes on how far the model's part of the report can be believed."""
    notes = []
    if analysis.predicates:
        tested = sum(1 for line in report.tested if line.get("asked_by") and line.get("p_value") is not None)
        come = "comes" if analysis.predicates == 1 else "come"
        notes.append(
            f"{analysis.predicates} of the behaviours that were looked for {come} from a model (tested: {tested}); all"
            " count in the correction. The model could see outcomes before it chose what to test, so the p-values of"
            " its own findings are too small. Only traces that it has not seen can confirm them."
        )
    if analysis.salvaged:
        notes.append(
            f"The model was stopped before it had finished ({analysis.reason or analysis.ended}). What it had recorded"
            " by then was kept."
        )
    listed = [finding.id for finding in report.findings for claim in finding.model_claims if claim.listed]
    if listed:
        notes.append(f"Of {', '.join(listed)}: {LISTED}. It may hold for these attempts and for no others.")
    return notes
