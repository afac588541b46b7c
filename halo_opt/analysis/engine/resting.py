"""Tools that an agent is better off without for a while: those that it asked the same again. Runs nothing.

A small model that gets nowhere tends to ask again in the same words, or goes back and forth between two questions,
until its budget is gone. Words do not help; not offering the tool for a while does.
"""

from collections import Counter
from collections.abc import Sequence

from halo_opt.analysis.engine.conversation import Result
from halo_opt.analysis.engine.turns import Action


class Resting:
    """What was asked, and how long tools rest; `never` is the tool that ends the work."""

    def __init__(self, never: str) -> None:
        self._never = never
        self._asked: set[tuple[str, str]] = set()
        self._repeats: Counter[str] = Counter()
        self._turns: dict[str, int] = {}

    @property
    def tools(self) -> frozenset[str]:
        """Those that the next turn is not offered."""
        return frozenset(self._turns)

    def after(self, actions: Sequence[Action], results: Sequence[Result]) -> list[Result]:
        """The results of a turn, with a word to those that were asked before: the n-th of a tool costs it n turns."""
        self._turns = {name: left - 1 for name, left in self._turns.items() if left > 1}
        return [self._told(action, result) for action, result in zip(actions, results, strict=True)]

    def _told(self, action: Action, result: Result) -> Result:
        name = action.name
        said = action.arguments.model_dump_json() if action.arguments is not None else result.text
        known = (name, said) in self._asked
        self._asked.add((name, said))
        # A tool that was not offered and asked for all the same rests already.
        if not known or name == self._never or action.tool is None:
            return result
        self._repeats[name] += 1
        self._turns[name] = self._repeats[name]
        return Result(
            result.label,
            f"{result.text}\nYou asked this before, so {name} is not offered for a while. Go on to the next step.",
        )
