"""Makes what a policy is told of one step: page, choices, history, notes. Pure."""

from collections.abc import Sequence

from harness.choices import open_choices
from harness.config import HarnessSettings
from harness.obs.model import Observation
from harness.obs.render import page_text
from harness.past import Past
from harness.policy.base import Turn, mask


def turn_of(
    index: int,
    goal: str,
    seen: Observation,
    settings: HarnessSettings,
    past: Sequence[Past],
    *,
    notes: tuple[str, ...],
    seed: int,
    screenshot: bytes | None,
) -> Turn:
    """The turn of step `index`, with what the settings hide taken out."""
    length = settings.history.length
    masked = mask(seen, element_state=settings.observation.element_state)
    shown = {e.ref: e for e in masked.controls}
    choices = [
        c.model_copy(update={"element": shown[c.element.ref]}) if c.element is not None else c
        for c in open_choices(seen, past, settings)
    ]
    by_ref = settings.actions.addressing == "ref"
    return Turn(
        goal=goal,
        page=page_text(seen.elements, settings.observation, by_ref=by_ref, goal=goal),
        observation=masked,
        choices=tuple(choices),
        history=tuple(
            f"{p.action.phrase() if p.action else 'unusable reply'}: {p.result}"
            for p in (past[-length:] if length else ())
        ),
        notes=notes,
        step=index,
        step_limit=settings.limits.steps,
        sampling_seed=seed,
        screenshot=screenshot if settings.observation.screenshot == "send" else None,
    )
