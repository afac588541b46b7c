"""Tools that an agent is better off without for a turn: those that just told it the same thing twice. Runs nothing.

A small model that is refused tends to ask again in the same words, turn after turn, until its budget is gone. Words
do not help; not offering the tool in the next turn does.
"""

from collections.abc import Sequence

from halo_opt.analysis.engine.conversation import Result
from halo_opt.analysis.engine.turns import Action


class Resting:
    """What the last answers were, and which tools rest in the next turn; `never` is the tool that ends the work."""

    def __init__(self, never: str) -> None:
        self._never = never
        self._answers: dict[str, str] = {}
        self.tools: frozenset[str] = frozenset()

    def after(self, actions: Sequence[Action], results: Sequence[Result]) -> list[Result]:
        """The results of a turn, with a word to those whose tool rests."""
        resting: set[str] = set()
        told: list[Result] = []
        for action, result in zip(actions, results, strict=True):
            if action.name != self._never and self._answers.get(action.name) == result.text:
                resting.add(action.name)
                words = f"{result.text}\nThat is what it said before: {action.name} is not offered in your next turn."
                told.append(Result(result.label, f"{words} Do something else first."))
            else:
                told.append(result)
            self._answers[action.name] = result.text
        self.tools = frozenset(resting)
        return told
