"""Withholding a tool for some turns from an agent that repeats a call of it.

A small model that makes no progress tends to repeat a call, or to alternate between two, until its budget is spent.
Telling it so does not help; not offering the tool for a while does.
"""

from collections import Counter
from collections.abc import Sequence

from halo_opt.analysis.engine.conversation import ActionResult
from halo_opt.analysis.engine.turns import Action


class ToolCooldown:
    """Counts repeated calls of one agent: the n-th repeat of a tool withholds it for n turns.

    The `final_tool`, which ends the agent's work, is always offered.
    """

    def __init__(self, final_tool: str) -> None:
        self._final_tool = final_tool
        self._made: set[tuple[str, str]] = set()
        self._repeats: Counter[str] = Counter()
        self._turns_left: dict[str, int] = {}

    @property
    def withheld(self) -> dict[str, str]:
        """Tools that the next turn does not offer, and why, as text for the model."""
        return {
            name: f"{name} is not offered in this turn, as you repeated a call of it; use another tool"
            for name in self._turns_left
        }

    def after_turn(self, actions: Sequence[Action], results: Sequence[ActionResult]) -> list[ActionResult]:
        """Count the actions of a turn; the results of repeated calls say that the tool is withheld."""
        self._turns_left = {name: left - 1 for name, left in self._turns_left.items() if left > 1}
        return [self._noted(action, result) for action, result in zip(actions, results, strict=True)]

    def _noted(self, action: Action, result: ActionResult) -> ActionResult:
        name = action.name
        call = (name, action.arguments.model_dump_json() if action.arguments is not None else result.text)
        repeated = call in self._made
        self._made.add(call)
        # A tool that was called although it was not offered is withheld already.
        if not repeated or name == self._final_tool or action.tool is None:
            return result
        self._repeats[name] += 1
        self._turns_left[name] = self._repeats[name]
        note = f"You made this same call before, so {name} is not offered for a while. Go on to the next step."
        return ActionResult(result.label, f"{result.text}\n{note}")
