"""Proposals that a model writes: findings and short excerpts in, one guarded proposal out.

The model's edits pass the same guard as all others. A refused draft goes back to it with the reason; after the last
try the draft is dropped.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError

from halo_opt.core.config import LoopConfig
from halo_opt.core.paths import CachePaths
from halo_opt.core.prompts import render
from halo_opt.core.records import Edit, Prediction, Proposal, Record
from halo_opt.core.report_records import Finding, ModelClaim, Report
from halo_opt.core.validation import first_problem
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Budget, Ledger, SpendEvent
from halo_opt.llm.local import ServerSettings
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import (
    LOST_CALL_TRIES,
    Completion,
    InvalidReply,
    Message,
    Model,
    ModelBusy,
    ModelUnreachable,
    PromptTooLong,
)
from halo_opt.llm.open_endpoint import open_endpoint
from halo_opt.llm.spec import parse_spec
from halo_opt.patching import schema as json_schema
from halo_opt.patching import settings
from halo_opt.patching.edits import Files, Limits, apply_edits
from halo_opt.patching.guard import EditRefused, Forbidden, replace_hidden
from halo_opt.patching.propose import Trial, edits_key, levels_of, ranked_findings
from halo_opt.patching.surface import HarnessDescription
from halo_opt.patching.tried import trial_texts

# A proposal is a few typed edits; a longer reply is a model that lost its way.
MAX_TOKENS = 2_000
_LIMITS = Limits(edits=8, added_per_edit=2_000, added=5_000)
_EXCERPT_CHARACTERS = 400
# How many findings a model is shown at least where there are as many; all that are proven or shown are among them.
_FINDINGS, _EXEMPLARS, _CLAIMS, _QUOTES = 8, 2, 2, 2


class Draft(Record):
    """What the model is asked for."""

    hypothesis: str = Field(min_length=10, max_length=1_200)
    findings: list[str] = Field(default=[], max_length=8)
    edits: list[Edit] = Field(min_length=1, max_length=_LIMITS.edits)
    predictions: list[Prediction] = Field(default=[], max_length=6)


@dataclass(frozen=True)
class DraftResult:
    """The model's proposal, None when every draft was refused; the refusals and completions in order."""

    proposal: Proposal | None
    refusals: list[str] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)


@contextmanager
def open_proposer(
    config: LoopConfig,
    spec: str | None,
    worker: Endpoint | None,
    *,
    past: Iterable[SpendEvent | Mapping[str, Any]] = (),
    on_event: Callable[[SpendEvent], None] | None = None,
) -> Iterator[Model]:
    """The model that writes proposals, each of its calls held against `budget` of the loop file.

    Args:
        config: The loop file.
        spec: The model's spec; None takes the worker's endpoint, or `model` of the loop file where there is none.
        worker: The endpoint that answers for the worker's model.
        past: Spend of earlier sessions, which counts towards the budget.
        on_event: Called with each new spend event.
    """
    # The providers' clients take seconds to import, and most verbs never call a model.
    from halo_opt.llm.providers import open_model
    from halo_opt.llm.request import CALL_SECONDS, CallSettings

    ledger = Ledger(Budget(usd=config.budget.usd), past=past, on_event=on_event)
    call_settings = CallSettings(max_tokens=MAX_TOKENS, timeout_s=CALL_SECONDS)
    with _endpoint(config, spec, worker) as endpoint, open_model(endpoint, settings=call_settings) as model:
        yield MeteredModel(model, ledger, endpoint, max_tokens=MAX_TOKENS, purpose="propose")


@contextmanager
def _endpoint(config: LoopConfig, spec: str | None, worker: Endpoint | None) -> Iterator[Endpoint]:
    if spec is None and worker is not None:
        worker.ensure_alive()
        yield worker
        return
    wanted = parse_spec(spec or config.model, base=config.base)
    # The whole context that a local model was trained for: the prompt holds the harness's files.
    own = ServerSettings(context=None)
    with open_endpoint(wanted, cache_dir=CachePaths(config.base / ".halo_opt").models, settings=own) as endpoint:
        yield endpoint


def draft_proposal(
    report: Report,
    description: HarnessDescription,
    files: Files,
    *,
    model: Model,
    forbidden: Forbidden,
    history: Sequence[Trial] = (),
    earlier: str = "",
    retries: int = 2,
) -> DraftResult:
    """Ask `model` for one proposal, giving it `retries` more chances after a refused one.

    `earlier` says what earlier iterations found. A call whose model is busy or does not answer is made once more.
    Where the prompt is longer than the model takes, it is asked again with half of the findings, the first ones.
    Excerpts that the model is shown are added to `forbidden`. Secrets are taken out of the prompt by `open_proposer`'s
    model, as of every prompt that is sent. Raises what the model raises when it cannot answer.
    """
    findings = _shown_findings(report)
    while True:
        try:
            messages = _messages(findings, description, files, history, earlier)
            return _drafted(
                findings,
                description,
                files,
                messages,
                model=model,
                forbidden=forbidden,
                history=history,
                retries=retries,
            )
        except PromptTooLong:
            if len(findings) < 2:
                raise
            findings = findings[: len(findings) // 2]


def _drafted(
    findings: list[Finding],
    description: HarnessDescription,
    files: Files,
    messages: list[Message],
    *,
    model: Model,
    forbidden: Forbidden,
    history: Sequence[Trial],
    retries: int,
) -> DraftResult:
    """One proposal about these findings, as `draft_proposal` says."""
    exemplars = [exemplar for finding in findings for exemplar in (*finding.exemplars, *finding.counter_examples)]
    claims = [claim for finding in findings for claim in finding.model_claims]
    quotes = [quote.words for claim in claims for quote in claim.quotes]
    shown = (*(exemplar.excerpt for exemplar in exemplars), *quotes)
    forbidden = forbidden.model_copy(update={"texts": (*forbidden.texts, *shown)})
    refusals: list[str] = []
    completions: list[Completion] = []
    for _ in range(retries + 1):
        try:
            completion = _completed(model, messages)
        except InvalidReply as error:
            refusals.append(str(error))
            continue
        completions.append(completion)
        try:
            proposal = _proposal(_parse(completion), findings, number=len(history) + 1)
            _check_proposal(proposal, description, files, forbidden, history)
        except EditRefused as error:
            refusals.append(str(error))
            again = f"Refused: {error}. Answer with a corrected proposal."
            messages = [
                *messages,
                Message(role="assistant", content=completion.text),
                Message(role="user", content=again),
            ]
            continue
        return DraftResult(proposal, refusals, completions)
    return DraftResult(None, refusals, completions)


def _completed(model: Model, messages: Sequence[Message]) -> Completion:
    """One reply; the call is made again where the model is busy or does not answer, as often as an analysis does."""
    for _ in range(LOST_CALL_TRIES - 1):
        try:
            return model.complete(messages, schema=Draft)
        except (ModelBusy, ModelUnreachable):
            continue
    return model.complete(messages, schema=Draft)


def _shown_findings(report: Report) -> list[Finding]:
    """The findings that a model is shown: all that are proven or shown, then the first of the suspected ones."""
    ranked = ranked_findings(report, [])
    sure = sum(finding.level in ("proven", "shown") for finding in ranked)
    return ranked[: max(sure, _FINDINGS)]


def _parse(completion: Completion) -> Draft:
    if isinstance(completion.parsed, Draft):
        return completion.parsed
    try:
        return Draft.model_validate_json(completion.text)
    except ValidationError as error:
        raise EditRefused(first_problem(error, "the answer")) from error


def _proposal(found: Draft, findings: list[Finding], *, number: int) -> Proposal:
    """The draft as a proposal, without the findings and behaviours in it that do not exist."""
    known = {f.id: f.behaviour for f in findings}
    answered = [f for f in dict.fromkeys(found.findings) if f in known] or [f.id for f in findings[:1]]
    behaviours = set(known.values())
    predictions = [p for p in found.predictions if p.behaviour in behaviours]
    predictions = predictions or [Prediction(behaviour=known[f], direction="down") for f in answered]
    return Proposal(
        id=f"P{number}-{edits_key(found.edits)[:8]}",
        findings=answered,
        levels=levels_of(findings, answered),
        hypothesis=replace_hidden(" ".join(found.hypothesis.split())),
        edits=found.edits,
        predictions=predictions,
        source="model",
    )


def _check_proposal(
    proposal: Proposal, description: HarnessDescription, files: Files, forbidden: Forbidden, history: Sequence[Trial]
) -> None:
    """Raise EditRefused unless the proposal passes the guard and is new."""
    apply_edits(files, proposal.edits, config=description.settings, forbidden=forbidden, limits=_LIMITS)
    key = edits_key(proposal.edits)
    for trial in history:
        if edits_key(trial.proposal.edits) == key:
            raise EditRefused(f"the same edits were tried as {trial.proposal.id}: {trial.verdict.reason}")


def _messages(
    findings: list[Finding], description: HarnessDescription, files: Files, history: Sequence[Trial], earlier: str
) -> list[Message]:
    evidence = [_finding_values(finding) for finding in findings]
    tried = trial_texts(history)
    # The fence is made from what it encloses, so that no excerpt can contain the fence.
    fence = "~~~ " + hashlib.sha256(json.dumps([evidence, tried, earlier]).encode()).hexdigest()[:12]
    texts = [{"path": path, "text": replace_hidden(raw.decode("utf-8", "replace"))} for path, raw in files.items()]
    values: dict[str, Any] = {
        "fence": fence,
        "max_edits": _LIMITS.edits,
        "findings": evidence,
        "config": description.config,
        "settings": _settings(description, files),
        "remedies": [{"word": word, "edits": _edits_json(edits)} for word, edits in description.remedies.items()],
        "files": sorted(texts, key=lambda text: text["path"]),
        "tried": "\n".join(tried),
        "earlier": earlier,
    }
    return [
        Message(role="system", content=render("propose_system.j2", values)),
        Message(role="user", content=render("propose.j2", values)),
    ]


def _finding_values(finding: Finding) -> dict[str, Any]:
    """A finding as the prompt's template reads it."""
    excerpts = [replace_hidden(e.excerpt[:_EXCERPT_CHARACTERS]) for e in finding.exemplars[:_EXEMPLARS]]
    fields = ("id", "behaviour", "level", "scope")
    lines = [finding.title, finding.claim]
    if finding.remedies:
        lines.append(f"Remedies that may help: {', '.join(finding.remedies)}.")
    words = replace_hidden("\n".join(lines))
    claims = [replace_hidden(_claim_text(claim)) for claim in finding.model_claims[:_CLAIMS]]
    return {**{name: getattr(finding, name) for name in fields}, "words": words, "excerpts": excerpts, "claims": claims}


def _claim_text(claim: ModelClaim) -> str:
    """What an analyst claims of a finding, with its quotes and the fix that it suggests."""
    lines = [f"An analyst's claim: {claim.title}. {claim.words}"]
    lines += [f"Quote: {quote.words[:_EXCERPT_CHARACTERS]}" for quote in claim.quotes[:_QUOTES]]
    if claim.fix is not None:
        place = " ".join(
            part for part in (claim.fix.part, claim.fix.path, claim.fix.lines) if part not in ("", "other")
        )
        lines.append(f"Suggested fix ({place}): {claim.fix.words}")
    return "\n".join(lines)


def _settings(description: HarnessDescription, files: Files) -> list[dict[str, str]]:
    """Each setting with its value, what it may be, and what it means."""
    config = description.settings
    if config is None or config.path not in files:
        return []
    data = settings.load(files[config.path])
    rows = []
    for key, part in json_schema.leaves(config.json_schema):
        bounds = config.bounds_for_patches(key)
        if bounds is None:
            continue
        there, value = settings.get(data, key)
        value = value if there else part.get("default")
        rows.append(
            {
                "key": key,
                "value": json.dumps(value),
                "allowed": json_schema.allowed({**part, **bounds}, config.json_schema),
                "meaning": " ".join(str(part.get("description", "")).split()),
            }
        )
    return rows


def _edits_json(edits: Sequence[Edit]) -> str:
    return json.dumps([edit.model_dump(mode="json") for edit in edits])
