"""The attributes of a step's CHAIN span and of the LLM spans in it."""

from typing import Any

from harness.attempt.page_driver import StepResult
from harness.attempt.records import Decision, StepContext
from harness.models.base import ModelCall
from harness.observe.observation import Observation, unfilled
from harness.observe.page_type import page_type
from harness.record.tracing import llm_attributes


def step_attributes(context: StepContext, *, decided_by: str, screenshot: str | None) -> dict[str, Any]:
    """What is known of a step before its decision; `decided_by` is the worker's name until somebody has decided."""
    page = context.page
    return {
        "openinference.span.kind": "CHAIN",
        "halo.step.index": context.number,
        "input.value": context.policy_input.page,
        "halo.page.url": page.address or page.url,
        "halo.page.type": page_type(page),
        "halo.page.fingerprint": context.page_id,
        "halo.page.screenshot": screenshot,
        "halo.page.empty_fields": len(unfilled(page.elements)),
        "halo.decided_by": decided_by,
        "halo.cache.hit": False,
        "halo.manager.called": False,
    }


def result_attributes(decision: Decision, result: StepResult, before: Observation, *, text: str) -> dict[str, Any]:
    """What is known of a step after it; `text` describes the action and its result."""
    action, problem = decision.action, result.problem
    target = before.by_ref(action.ref) if action is not None and action.ref is not None else None
    return {
        "output.value": text,
        "halo.decided_by": decision.by,
        "halo.cache.hit": decision.cached is not None,
        "halo.macro.name": decision.macro,
        "halo.manager.called": decision.escalation is not None,
        "halo.manager.reason": decision.escalation.value if decision.escalation is not None else None,
        "halo.page.changed": result.changed(action, before),
        "halo.action.submits": bool(target and target.submits and action and action.name == "click"),
        "halo.action.error_type": problem.type if problem else None,
        "halo.action.error": problem.message if problem else None,
        "halo.verifier.verdict": result.verdict.kind,
    }


def call_attributes(call: ModelCall) -> dict[str, Any]:
    """One model call."""
    attributes = llm_attributes(call.model, call.messages, call.reply, call.tokens_in, call.tokens_out)
    return {**attributes, "llm.invocation_parameters": str(call.parameters)}
