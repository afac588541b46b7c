"""Checks on an action before it reaches the page. They know page, settings and past steps, not the task."""

from collections.abc import Sequence

from harness.act.actions import Action, ActionProblem
from harness.act.history import PastStep, runs_of
from harness.observe.observation import Element, Observation, unfilled, unfilled_for
from harness.settings.schema import GuardSettings


def repeats(action: Action, history: Sequence[PastStep], layout: str) -> int:
    """How often this action has run on a page of this layout, or opened it: repeating it would close it again."""
    return sum(layout in {step.layout, step.opened} for step in runs_of(action, history))


def loop_note(
    action: Action, history: Sequence[PastStep], observation: Observation, settings: GuardSettings
) -> str | None:
    """Why this action is a repetition, or None."""
    if settings.loop != "off" and action.name != "done":
        count = repeats(action, history, observation.layout)
        if count >= settings.loop_after:
            return f"you have already done this {count} time{'s' if count > 1 else ''}; choose something else"
    return None


def submit_target(action: Action, observation: Observation) -> Element | None:
    """What this action would submit: the clicked control that submits, or the field in which Enter is pressed."""
    if action.name == "click" and action.ref is not None:
        target = observation.by_ref(action.ref)
        return target if target is not None and target.submits else None
    if action.name == "press" and (action.text or "").strip().lower() == "enter":
        return next((e for e in observation.controls if e.focused and "fill" in e.can), None)
    return None


def submit_note(
    action: Action, history: Sequence[PastStep], observation: Observation, settings: GuardSettings
) -> str | None:
    """Which fields this action would submit unanswered, or None."""
    if settings.submit_check == "off":
        return None
    target = submit_target(action, observation)
    if target is None:
        return None
    # Choosing an option that was chosen already changes nothing, and is an answer all the same.
    answered = {step.action.ref for step in history if step.ran and step.action is not None and step.action.text}
    missing = [e.label for e in unfilled_for(target, observation.elements) if e.ref not in answered]
    return f"not answered yet: {', '.join(missing[:5])}" if missing else None


def refusal(
    action: Action, history: Sequence[PastStep], observation: Observation, settings: GuardSettings
) -> str | None:
    """Why the guards refuse this action, or None. A guard that is set to `warn` refuses nothing."""
    if settings.loop == "block" and (note := loop_note(action, history, observation, settings)):
        return note
    if settings.submit_check == "block" and (note := submit_note(action, history, observation, settings)):
        return note
    if settings.no_effect_ban and action.name != "done":
        for step in runs_of(action, history):
            if step.before == observation.fingerprint and step.changed is False:
                return "this changed nothing before; choose something else"
    if settings.done_check and action.name == "done":
        return unfinished(history, observation)
    return None


def unfinished(history: Sequence[PastStep], observation: Observation) -> str | None:
    """Why the task cannot be done yet, or None: nothing changed, fields unanswered, or answers not sent."""
    if not any(step.changed for step in history):
        return "nothing has been changed on the page yet"
    missing = [e.label for e in unfilled(observation.elements)]
    if missing:
        return f"not answered yet: {', '.join(missing[:5])}"
    submitters = [e for e in observation.controls if e.submits]
    clicked = {
        step.action.ref for step in history if step.ran and step.action is not None and step.action.name == "click"
    }
    unsent = any(e.touched for e in observation.controls) and not any(e.ref in clicked for e in submitters)
    if unsent and submitters:
        return f"the answers have not been sent: {submitters[0].label}"
    return None


def warning(
    action: Action, history: Sequence[PastStep], observation: Observation, settings: GuardSettings
) -> str | None:
    """The notes of the guards that are set to `warn`, for the next prompt; None when there are none."""
    notes = []
    if settings.loop == "warn":
        notes.append(loop_note(action, history, observation, settings))
    if settings.submit_check == "warn":
        notes.append(submit_note(action, history, observation, settings))
    return "; ".join(note for note in notes if note) or None


def blocked(
    action: Action, history: Sequence[PastStep], observation: Observation, settings: GuardSettings
) -> ActionProblem | None:
    """`refusal` as an ActionProblem."""
    why = refusal(action, history, observation, settings)
    return ActionProblem(type="blocked", message=why) if why else None
