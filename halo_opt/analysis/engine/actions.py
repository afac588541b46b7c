"""Running the actions of one turn: independent tools in parallel, tools with lasting state in order.

Results stand in the order of the actions, and so does everything that the actions leave behind: what an agent is told
must not depend on which thread was first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from halo_opt.analysis.engine.agent_task import DELEGATE, AgentResult
from halo_opt.analysis.engine.model_calls import AnalysisStopped, ModelCalls
from halo_opt.analysis.engine.prompt_sizes import truncated
from halo_opt.analysis.engine.row_answers import AnswerCache, RowQuestion, answer_rows
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.engine.threads import run_parallel
from halo_opt.analysis.engine.turns import Action
from halo_opt.analysis.records import AnalysisLimits, Event
from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.querying import query
from halo_opt.analysis.tools.scope import Scope
from halo_opt.core.errors import HaloError
from halo_opt.core.prompts import fence
from halo_opt.core.text import visible
from halo_opt.llm.model import Message

MAX_PROMPT = 20_000
MAX_LABELS = 20
_MAP_BYTES = 2_000_000
_MAX_ERROR = 800
# A tool keeps to its limit of bytes; an answer far beyond it would push everything else out of the context.
_FAR_BEYOND = 3


@dataclass(frozen=True)
class SubAgentSlot:
    """The sub-agent that one `delegate` action may start: its number, and how many agents it may use with itself."""

    number: int
    agents: int


StartSubAgent = Callable[[SubAgentSlot, str, Scope, Span], AgentResult]
"""Runs a sub-agent on a question within a scope; it is logged under the span."""


@dataclass
class ActionModels:
    """The model access of one action (a `tools.base.ModelAccess`).

    What the action brings (`learned` answers, `results` of sub-agents) stays here until its turn is over.
    """

    calls: ModelCalls
    limits: AnalysisLimits
    context: ToolContext
    turn: int
    cache: AnswerCache
    span: Span
    slot: SubAgentSlot | None
    start_sub_agent: StartSubAgent
    learned: AnswerCache = field(default_factory=dict)
    results: list[AgentResult] = field(default_factory=list)

    def llm(self, prompt: str) -> str:
        """One answer of the `map` model as text. Raises ToolRefused, ModelError, AnalysisStopped."""
        if not prompt.strip() or len(prompt) > MAX_PROMPT:
            raise ToolRefused(f"a prompt has 1 to {MAX_PROMPT:,} characters; shorten it, or use llm_map")
        key = RowQuestion(prompt).key(self.calls.roles["map"].model.name, "")
        known = self.cache | self.learned
        if key not in known:
            message = Message(role="user", content=prompt)
            known[key] = self.learned[key] = self.calls.complete("map", [message], parent=self.span).text
        return known[key]

    def llm_map(self, question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
        """Each row of a query within the scope, with its `answer` (None and an `error` where there is none)."""
        choices = tuple(dict.fromkeys(labels)) if labels is not None else None
        if choices is not None and not 2 <= len(choices) <= MAX_LABELS:
            raise ToolRefused(f"labels must be 2 to {MAX_LABELS} different texts; leave them out for free answers")
        most = self.limits.map_rows
        table = query(self.context, sql, max_rows=most + 1, max_bytes=_MAP_BYTES)
        if len(table.rows) > most or table.truncated:
            raise ToolRefused(f"the query gives more than {most} rows or too much text; narrow it, or add a LIMIT")
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        words = f"{len(rows)} rows: {question[:200]}"
        self.calls.notify(Event(agent=self.context.agent, turn=self.turn, kind="map", words=words))
        known = self.cache | self.learned
        try:
            return answer_rows(
                RowQuestion(question, choices),
                rows,
                calls=self.calls,
                cache=known,
                max_threads=self.limits.parallel,
                parent=self.span,
            )
        finally:
            self.learned.update(known)

    def delegate(self, question: str, scope: Scope) -> str:
        """The report of a sub-agent, as data. Raises ToolRefused where no sub-agent may be started."""
        if self.slot is None:
            raise ToolRefused("sub-agents are not available to you; use the other tools yourself")
        if self.results:
            raise ToolRefused("one action starts one sub-agent; delegate again in another action")
        if self.slot.agents < 1:
            raise ToolRefused("the limit of sub-agents is reached; use the other tools yourself")
        result = self.start_sub_agent(self.slot, question, scope, self.span)
        self.results.append(result)
        return result.report


class ActionRunner:
    """Runs the actions of one turn of one agent.

    Args:
        calls, limits: shared by all agents.
        context: what the agent's tools work with.
        turn: the number of the turn.
        own_tools: names of the tools that change the agent itself; `run_shared` leaves them out.
        span: the span of the turn.
    """

    def __init__(
        self,
        calls: ModelCalls,
        limits: AnalysisLimits,
        context: ToolContext,
        *,
        turn: int,
        own_tools: Sequence[str],
        span: Span,
    ) -> None:
        self._calls = calls
        self._limits = limits
        self._context = context
        self._turn = turn
        self._own_tools = own_tools
        self._span = span

    def run_shared(
        self,
        actions: Sequence[Action],
        *,
        cache: AnswerCache,
        slots: dict[int, SubAgentSlot],
        start_sub_agent: StartSubAgent,
    ) -> tuple[dict[int, str], list[ActionModels]]:
        """Run all actions but those of the agent's own tools.

        Args:
            actions: all actions of the turn.
            cache: the answers of the `map` model that the agent knows.
            slots: the sub-agents that may be started, by the index of the action.
            start_sub_agent: runs a sub-agent.

        Returns:
            The answers by the index of the action, and what the actions brought, in the order of the actions.
        """
        models = {
            place: ActionModels(
                calls=self._calls,
                limits=self._limits,
                context=self._context,
                turn=self._turn,
                cache=dict(cache),
                span=self._span,
                slot=slots.get(place),
                start_sub_agent=start_sub_agent,
            )
            for place, action in enumerate(actions)
            if action.name not in self._own_tools
        }
        in_order = [place for place in models if _in_order(actions[place])]
        groups = [[place] for place in models if place not in in_order]
        if in_order:
            groups.append(in_order)
        jobs = [partial(self._run_group, actions, models, group) for group in groups]
        answers: dict[int, str] = {}
        for found in run_parallel(jobs, self._limits.parallel) if jobs else []:
            answers |= found
        return answers, list(models.values())

    def run_own(self, action: Action) -> str:
        """Run an action of one of the agent's own tools."""
        return self._run(action, self._context, None)

    def _run_group(
        self, actions: Sequence[Action], models: Mapping[int, ActionModels], places: Sequence[int]
    ) -> dict[int, str]:
        answers = {}
        for place in places:
            context = self._context.replaced(models=models[place])
            answers[place] = self._run(actions[place], context, models[place])
        return answers

    def _run(self, action: Action, context: ToolContext, models: ActionModels | None) -> str:
        if action.tool is None or action.arguments is None:
            self._calls.count(fault=action.fault)
            return _not_run(visible(action.problem))
        with self._calls.trace.span(f"execute_tool {action.name}", "TOOL", self._span) as span:
            arguments = action.arguments.model_dump_json()
            span.set(gen_ai__tool__name=action.name, tool__name=action.name)
            span.set(gen_ai__tool__call__arguments=arguments, tool__parameters=arguments, input__value=arguments)
            if models is not None:
                models.span = span
            words = f"{action.name} {arguments[:300]}"
            self._calls.notify(Event(agent=context.agent, turn=self._turn, kind="tool", words=words))
            self._calls.count(tool=action.name)
            text, fault = self._answer(action, context)
            span.set(output__value=text)
            if fault:
                span.fail(fault, text)
        return text

    def _answer(self, action: Action, context: ToolContext) -> tuple[str, str]:
        """The answer of the tool, and the kind of fault or ''."""
        assert action.tool is not None
        try:
            if action.name not in self._own_tools:  # the agent's own tools still work when the analysis stops
                self._calls.raise_if_stopped()
            text = action.tool.run(action.arguments, context)
        except AnalysisStopped:
            return _not_run("the analysis is stopping"), "stopped"
        except ToolRefused as error:
            return self._failed("tool refused", visible(str(error)))
        except HaloError as error:
            # The error of a failed query may quote a trace.
            return self._failed("tool refused", fence(truncated(str(error), _MAX_ERROR)))
        except Exception as error:  # a model's arguments may break anything, and that is an answer to the model
            problem = f"the tool failed on these arguments ({type(error).__name__}); call it with other arguments"
            return self._failed("tool failed", problem)
        most = context.answer_bytes * _FAR_BEYOND
        if len(text.encode("utf-8", "replace")) > most:
            return self._failed("answer too large", f"the answer is longer than {most:,} bytes; ask for less")
        return text, ""

    def _failed(self, fault: str, problem: str) -> tuple[str, str]:
        self._calls.count(fault=fault)
        return _not_run(problem), fault.replace(" ", "_")


def sub_agent_slots(actions: Sequence[Action], *, started: int, agents_left: int) -> dict[int, SubAgentSlot]:
    """Share the agents that are left among the `delegate` actions of a turn, before any of them runs.

    Args:
        actions: the actions of the turn.
        started: sub-agents that the agent has started before; the next is numbered one higher.
        agents_left: how many agents may still work below the agent, in all.

    Returns:
        A slot by the index of the action; earlier actions get what cannot be divided evenly.
    """
    places = [place for place, action in enumerate(actions) if action.name == DELEGATE and not action.problem]
    slots: dict[int, SubAgentSlot] = {}
    for index, place in enumerate(places):
        share, extra = divmod(agents_left, len(places))
        slots[place] = SubAgentSlot(number=started + index + 1, agents=share + (index < extra))
    return slots


def _in_order(action: Action) -> bool:
    return action.tool is not None and action.tool.in_order


def _not_run(problem: str) -> str:
    return f"Not done: {problem}"
