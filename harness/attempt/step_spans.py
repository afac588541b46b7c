"""The attributes of a step's span and of a model call in it. Pure: writes nothing."""

from typing import Any

from harness.attempt.page_driver import Outcome
from harness.attempt.records import Decided, Moment
from harness.models.base import ModelCall
from harness.observe.observation import Observation, unfilled
from harness.observe.page_type import page_type
from harness.record.tracing import llm_attributes


def step_attributes(moment: Moment, *, decided_by: str, screenshot: str | None) -> dict[str, Any]:
    """What is known of a step before it is decided; `decided_by` is who would have to, until somebody has."""
    seen = moment.seen
    return {
        "openinference.span.kind": "CHAIN",
        "halo.step.index": moment.number,
        "input.value": moment.turn.page,
        "halo.page.url": seen.address or seen.url,
        "halo.page.type": page_type(seen),
        "halo.page.fingerprint": moment.page,
        "halo.page.screenshot": screenshot,
        "halo.page.empty_fields": len(unfilled(seen.elements)),
        "halo.decided_by": decided_by,
        "halo.cache.hit": False,
        "halo.manager.called": False,
    }


def outcome_attributes(decided: Decided, came: Outcome, seen: Observation, *, words: str) -> dict[str, Any]:
    """What is known of it once it is done."""
    action, problem = decided.action, came.problem
    target = seen.by_ref(action.ref) if action is not None and action.ref is not None else None
    return {
        "output.value": words,
        "halo.decided_by": decided.by,
        "halo.cache.hit": decided.entry is not None,
        "halo.macro.name": decided.macro,
        "halo.manager.called": decided.reason is not None,
        "halo.manager.reason": decided.reason.value if decided.reason is not None else None,
        "halo.page.changed": came.changed(action, seen),
        "halo.action.submits": bool(target and target.submits and action and action.name == "click"),
        "halo.action.error_type": problem.type if problem else None,
        "halo.action.error": problem.words if problem else None,
        "halo.verifier.verdict": came.verdict.kind,
    }


def call_attributes(call: ModelCall) -> dict[str, Any]:
    """One exchange with a model."""
    attributes = llm_attributes(call.model, call.messages, call.reply, call.tokens_in, call.tokens_out)
    return {**attributes, "llm.invocation_parameters": str(call.parameters)}
