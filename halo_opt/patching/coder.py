"""Proposals written by a model: typed findings and short excerpts in, one guarded proposal out.

The model never sees a whole trace nor a secret that redaction knows, never writes a file and never runs anything. Its
edits pass the same guard as everybody's; a refused draft goes back with the reason, and after the last try it is
dropped with that reason.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, ValidationError

from halo_opt.core.prompts import render
from halo_opt.core.records import Edit, Prediction, Proposal, Record
from halo_opt.core.report_records import Finding, Report
from halo_opt.core.validation import first_problem
from halo_opt.llm.model import Completion, Message, Model
from halo_opt.patching import schema as json_schema
from halo_opt.patching import settings
from halo_opt.patching.edits import Files, Limits, apply_edits
from halo_opt.patching.guard import EditRefused, Forbidden, hidden_character
from halo_opt.patching.propose import Tried, edits_key, ranked_findings
from halo_opt.patching.surface import HarnessDescription
from halo_opt.redaction import redact

_LIMITS = Limits(edits=8, added_per_edit=2_000, added=5_000)
_EXCERPT = 400
_FINDINGS, _EXEMPLARS = 5, 2


class Draft(Record):
    """What the model is asked for."""

    hypothesis: str = Field(min_length=10, max_length=1_200)
    findings: list[str] = Field(default=[], max_length=8)
    edits: list[Edit] = Field(min_length=1, max_length=_LIMITS.edits)
    predictions: list[Prediction] = Field(default=[], max_length=6)


@dataclass(frozen=True)
class Drafted:
    """What came of asking: a proposal, or None with the last reason; every refusal and completion in order."""

    proposal: Proposal | None
    refusals: list[str] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)


def draft(
    report: Report,
    description: HarnessDescription,
    files: Files,
    *,
    model: Model,
    forbidden: Forbidden,
    history: Sequence[Tried] = (),
    retries: int = 2,
) -> Drafted:
    """Ask `model` for one proposal, giving it `retries` more chances after a refused one.

    Excerpts that the model is shown are added to `forbidden`. Raises what the model raises when it cannot answer.
    """
    findings = ranked_findings(report, [])[:_FINDINGS]
    shown = tuple(e.excerpt for f in findings for e in (*f.exemplars, *f.counter_examples))
    forbidden = forbidden.model_copy(update={"texts": (*forbidden.texts, *shown)})
    messages = _messages(findings, description, files, history)
    refusals: list[str] = []
    completions: list[Completion] = []
    for _ in range(retries + 1):
        completion = model.complete(messages, schema=Draft)
        completions.append(completion)
        try:
            found = _read(completion)
            proposal = _proposal(found, findings, number=len(history) + 1)
            _accept(proposal, description, files, forbidden, history)
        except EditRefused as error:
            refusals.append(str(error))
            again = f"Refused: {error}. Answer with a corrected proposal."
            messages = [
                *messages,
                Message(role="assistant", content=completion.text),
                Message(role="user", content=again),
            ]
            continue
        return Drafted(proposal, refusals, completions)
    return Drafted(None, refusals, completions)


def _read(completion: Completion) -> Draft:
    if isinstance(completion.parsed, Draft):
        return completion.parsed
    try:
        return Draft.model_validate_json(completion.text)
    except ValidationError as error:
        raise EditRefused(first_problem(error, "the answer")) from error


def _proposal(found: Draft, findings: list[Finding], *, number: int) -> Proposal:
    """The draft as a proposal; findings and behaviours that do not exist are left out rather than believed."""
    known = {f.id: f.behaviour for f in findings}
    answered = [f for f in dict.fromkeys(found.findings) if f in known] or [f.id for f in findings[:1]]
    behaviours = set(known.values())
    predictions = [p for p in found.predictions if p.behaviour in behaviours]
    predictions = predictions or [Prediction(behaviour=known[f], direction="down") for f in answered]
    return Proposal(
        id=f"P{number}-{edits_key(found.edits)[:8]}",
        findings=answered,
        hypothesis=_visible(" ".join(found.hypothesis.split())),
        edits=found.edits,
        predictions=predictions,
        source="model",
    )


def _accept(
    proposal: Proposal, description: HarnessDescription, files: Files, forbidden: Forbidden, history: Sequence[Tried]
) -> None:
    """Raise EditRefused unless the proposal may be tried."""
    apply_edits(files, proposal.edits, config=description.settings, forbidden=forbidden, limits=_LIMITS)
    key = edits_key(proposal.edits)
    for old, verdict in history:
        if edits_key(old.edits) == key:
            raise EditRefused(f"these very edits were tried as {old.id}: {verdict.reason}")


def _messages(
    findings: list[Finding], description: HarnessDescription, files: Files, history: Sequence[Tried]
) -> list[Message]:
    evidence = [_finding(f) for f in findings]
    # The fence is made from what it holds in, so that no excerpt can hold the fence.
    fence = "~~~ " + hashlib.sha256(json.dumps(evidence).encode()).hexdigest()[:12]
    texts = [{"path": path, "text": _visible(content.decode("utf-8", "replace"))} for path, content in files.items()]
    values: dict[str, Any] = {
        "fence": fence,
        "max_edits": _LIMITS.edits,
        "findings": evidence,
        "config": description.config,
        "settings": _settings(description, files),
        "remedies": [
            {"word": w, "edits": json.dumps([_edit(e) for e in es])} for w, es in description.remedies.items()
        ],
        "files": sorted(texts, key=lambda f: f["path"]),
        "tried": [
            {"verdict": "kept" if v.accepted else f"dropped, {v.reason}", "hypothesis": p.hypothesis}
            for p, v in history
        ],
    }
    return [
        Message(role="system", content=render("propose_system.j2", values)),
        Message(role="user", content=redact(render("propose.j2", values))[0]),
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    excerpts = [_visible(e.excerpt[:_EXCERPT]) for e in finding.exemplars[:_EXEMPLARS]]
    fields = ("id", "behaviour", "title", "claim", "remedies")
    return {**{name: getattr(finding, name) for name in fields}, "excerpts": excerpts}


def _settings(description: HarnessDescription, files: Files) -> list[dict[str, str]]:
    """Each setting with its value, what it may be, and what it means."""
    config = description.settings
    if config is None or config.path not in files:
        return []
    data = settings.load(files[config.path])
    rows = []
    for key, part in json_schema.leaves(config.json_schema):
        there, value = settings.get(data, key)
        value = value if there else part.get("default")
        rows.append(
            {
                "key": key,
                "value": json.dumps(value),
                "allowed": json_schema.allowed(part, config.json_schema),
                "meaning": " ".join(str(part.get("description", "")).split()),
            }
        )
    return rows


def _edit(edit: Edit) -> dict[str, Any]:
    return edit.model_dump(mode="json")


def _visible(text: str) -> str:
    """Text with every hidden character shown as one that is seen."""
    return "".join(c if hidden_character(c) is None else "?" for c in text)
