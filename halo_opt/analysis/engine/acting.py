"""The actions of one turn: those that only read at once, what has lasting state in order, what changes the agent last.

Results stand in the order of the actions, and so does everything that the actions leave behind.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from halo_opt.analysis.engine.asking import ActionAsking
from halo_opt.analysis.engine.conversation import Result
from halo_opt.analysis.engine.errand import DELEGATE, Errand, changed
from halo_opt.analysis.engine.gate import Stopped
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.engine.turns import Action
from halo_opt.analysis.engine.words import cut
from halo_opt.analysis.engine.workers import together
from halo_opt.analysis.records import Event, QuestionTask
from halo_opt.analysis.tools.base import Desk, ToolRefused
from halo_opt.analysis.tools.data_marks import fence
from halo_opt.analysis.tools.scope import Scope
from halo_opt.core.errors import HaloError
from halo_opt.core.text import visible

if TYPE_CHECKING:
    from halo_opt.analysis.engine.agent import Agent

_MAX_ERROR = 800
# A tool keeps to its limit of bytes; an answer far beyond it would push everything else out of the context.
_FAR_BEYOND = 3


class Acting:
    """The actions of one turn of one agent."""

    def __init__(self, agent: "Agent", span: Span) -> None:
        self._agent = agent
        self._span = span
        self._gate = agent.shared.gate
        self._askings: dict[int, ActionAsking] = {}

    def run(self, actions: Sequence[Action]) -> list[Result]:
        """What came of each. Raises nothing that a tool can cause."""
        agent = self._agent
        places = [place for place, action in enumerate(actions) if action.name not in agent.own]
        delegating = [place for place in places if actions[place].name == DELEGATE and not actions[place].problem]
        for place in places:
            share = _share(agent.hires, delegating, place)
            number = agent.hired + delegating.index(place) + 1 if place in delegating else 0
            self._askings[place] = self._asking(number, share)
        in_order = [place for place in places if _in_order(actions[place])]
        groups = [[place] for place in places if place not in in_order] + ([in_order] if in_order else [])
        jobs = [partial(self._group, actions, group) for group in groups]
        done = together(jobs, agent.shared.limits.parallel) if jobs else []
        texts = {place: text for group in done for place, text in group}
        for place in places:
            self._take_over(self._askings[place])
        agent.hired += len(delegating)
        for place, action in enumerate(actions):
            if place not in texts:
                texts[place] = (
                    "Not done: you have handed in." if agent.done else self._one(action, agent.desk, self._span)
                )
        return [Result(f"{place + 1} {action.name}", texts[place]) for place, action in enumerate(actions)]

    def _asking(self, number: int, share: int) -> ActionAsking:
        agent = self._agent
        return ActionAsking(
            agent=agent.errand.name,
            turn=agent.turn,
            gate=self._gate,
            limits=agent.shared.limits,
            desk=agent.desk,
            memo=dict(agent.memo),
            span=self._span,
            hire=partial(self._hire, number, share),
        )

    def _group(self, actions: Sequence[Action], places: Sequence[int]) -> list[tuple[int, str]]:
        desk = self._agent.desk
        found = []
        for place in places:
            asking = self._askings[place]
            asked = changed(desk, asking=asking)
            found.append((place, self._one(actions[place], asked, self._span)))
        return found

    def _one(self, action: Action, desk: Desk, parent: Span) -> str:
        """What one action gives, as text."""
        if action.tool is None or action.arguments is None:
            self._gate.count(fault="unknown tool" if action.tool is None else "bad arguments")
            return f"Not done: {visible(action.problem)}."
        with self._gate.trace.span(f"execute_tool {action.name}", "TOOL", parent) as span:
            said = action.arguments.model_dump_json()
            span.set(gen_ai__tool__name=action.name, tool__name=action.name)
            span.set(gen_ai__tool__call__arguments=said, tool__parameters=said, input__value=said)
            if isinstance(desk.asking, ActionAsking):
                desk.asking.span = span
            self._tell(f"{action.name} {said[:300]}")
            self._gate.count(tool=action.name)
            text, fault = self._answer(action, desk)
            span.set(output__value=text)
            if fault:
                span.fail(fault, text)
        return text

    def _answer(self, action: Action, desk: Desk) -> tuple[str, str]:
        """The answer, and the kind of fault or ''."""
        assert action.tool is not None
        try:
            if action.name not in self._agent.own:  # a claim costs nothing any more
                self._gate.check()
            text = action.tool.run(action.arguments, desk)
        except Stopped:
            return "Not done: the analysis ends.", "stopped"
        except ToolRefused as error:
            return self._refused("tool refused", visible(str(error)))
        except HaloError as error:
            # The words of a failed query may hold words of a trace.
            return self._refused("tool refused", fence(cut(str(error), _MAX_ERROR)))
        except Exception as error:  # a model's arguments may break anything, and that is an answer to the model
            return self._refused(
                "tool failed", f"it broke on these arguments ({type(error).__name__}); ask differently"
            )
        most = desk.answer_bytes * _FAR_BEYOND
        if len(text.encode("utf-8", "replace")) > most:
            return self._refused("answer too large", f"the answer is longer than {most:,} bytes; ask for less")
        return text, ""

    def _refused(self, fault: str, words: str) -> tuple[str, str]:
        self._gate.count(fault=fault)
        return f"Not done: {words}", fault.replace(" ", "_")

    def _tell(self, words: str) -> None:
        agent = self._agent
        self._gate.tell(Event(agent=agent.errand.name, turn=agent.turn, kind="tool", words=words))

    def _hire(self, number: int, share: int, question: str, scope: Scope, asking: ActionAsking) -> "Agent":
        """A sub-agent for one action: numbered by the action's place, with its part of the agents that are left."""
        agent = self._agent
        if agent.errand.depth >= agent.shared.limits.depth or number == 0:
            raise ToolRefused("no sub-agents here; look yourself, with the other tools")
        if asking.children:
            raise ToolRefused("one sub-agent an action; delegate again with another action")
        if share < 1:
            raise ToolRefused("the limit of sub-agents is reached; look yourself, with the other tools")
        errand = Errand(
            name=f"{agent.errand.name}.{number}",
            task=QuestionTask(question=question),
            depth=agent.errand.depth + 1,
            hires=share - 1,
            known=agent.recorded.keys,
        )
        return type(agent)(agent.shared, errand, agent.desk.within(scope, agent=errand.name))

    def _take_over(self, asking: ActionAsking) -> None:
        agent = self._agent
        agent.memo |= asking.learned
        for child in asking.children:
            agent.recorded.take(child.recorded.claims)
            agent.memo |= child.memo
            agent.hires -= 1 + child.all_hired
            agent.all_hired += 1 + child.all_hired


def _in_order(action: Action) -> bool:
    return action.tool is not None and action.tool.in_order


def _share(hires: int, delegating: Sequence[int], place: int) -> int:
    """An action's part of the agents that are left; known before any of them runs."""
    if place not in delegating:
        return 0
    index = delegating.index(place)
    return hires // len(delegating) + (index < hires % len(delegating))
