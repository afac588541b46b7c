"""Checks on an action before it reaches the page, from what this attempt has done so far. Pure.

A guard never guesses what the task wants: it knows only the page, the settings and the past steps.
"""

from collections.abc import Sequence

from harness.act.actions import Action, ActionProblem
from harness.act.history import Past, earlier
from harness.observe.observation import Element, Observation, unfilled, unfilled_for
from harness.settings.schema import GuardSettings


def repeats(action: Action, past: Sequence[Past], layout: str) -> int:
    """How often this action has run on a page of this layout, whether the page left it in between or not.

    Doing again what opened the present page counts too: it would only close it.
    """
    return sum(layout in {p.layout, p.opened} for p in earlier(action, past))


def loop_note(action: Action, past: Sequence[Past], observation: Observation, settings: GuardSettings) -> str | None:
    """Why this action is a loop, or None."""
    if settings.loop != "off" and action.name != "done":
        count = repeats(action, past, observation.layout)
        if count >= settings.loop_after:
            return f"you have already done this {count} time{'s' if count > 1 else ''}; choose something else"
    return None


def submit_target(action: Action, observation: Observation) -> Element | None:
    """What this action would submit from: the submit-like control clicked, or the field in which Enter is pressed."""
    if action.name == "click" and action.ref is not None:
        target = observation.by_ref(action.ref)
        return target if target is not None and target.submits else None
    if action.name == "press" and (action.text or "").strip().lower() == "enter":
        return next((e for e in observation.controls if e.focused and "fill" in e.can), None)
    return None


def submit_note(action: Action, past: Sequence[Past], observation: Observation, settings: GuardSettings) -> str | None:
    """Why it is too early for this click, or this Enter in a field, to submit, or None."""
    if settings.submit_check == "off":
        return None
    target = submit_target(action, observation)
    if target is None:
        return None
    # Choosing what was chosen already changes nothing and is an answer all the same.
    answered = {p.action.ref for p in past if p.ran and p.action is not None and p.action.text}
    missing = [e.label for e in unfilled_for(target, observation.elements) if e.ref not in answered]
    return f"not answered yet: {', '.join(missing[:5])}" if missing else None


def refusal(action: Action, past: Sequence[Past], observation: Observation, settings: GuardSettings) -> str | None:
    """Why the guards refuse this action, or None. Notes of guards set to `warn` are not refusals."""
    if settings.loop == "block" and (note := loop_note(action, past, observation, settings)):
        return note
    if settings.submit_check == "block" and (note := submit_note(action, past, observation, settings)):
        return note
    if settings.no_effect_ban and action.name != "done":
        for step in earlier(action, past):
            if step.before == observation.fingerprint and step.changed is False:
                return "this changed nothing before; choose something else"
    if settings.done_check and action.name == "done":
        return unfinished(past, observation)
    return None


def unfinished(past: Sequence[Past], observation: Observation) -> str | None:
    """What shows that the work cannot be done yet: nothing changed, fields unanswered, or answers not sent."""
    if not any(step.changed for step in past):
        return "nothing has been changed on the page yet"
    missing = [e.label for e in unfilled(observation.elements)]
    if missing:
        return f"not answered yet: {', '.join(missing[:5])}"
    senders = [e for e in observation.controls if e.submits]
    sent = {step.action.ref for step in past if step.ran and step.action is not None and step.action.name == "click"}
    if any(e.touched for e in observation.controls) and senders and not any(e.ref in sent for e in senders):
        return f"the answers have not been sent: {senders[0].label}"
    return None


def warning(action: Action, past: Sequence[Past], observation: Observation, settings: GuardSettings) -> str | None:
    """What to tell the agent after it did this all the same."""
    notes = []
    if settings.loop == "warn":
        notes.append(loop_note(action, past, observation, settings))
    if settings.submit_check == "warn":
        notes.append(submit_note(action, past, observation, settings))
    said = [n for n in notes if n]
    return "; ".join(said) or None


def blocked(
    action: Action, past: Sequence[Past], observation: Observation, settings: GuardSettings
) -> ActionProblem | None:
    """`refusal` as the problem that the orchestrator records."""
    why = refusal(action, past, observation, settings)
    return ActionProblem(type="blocked", words=why) if why else None
