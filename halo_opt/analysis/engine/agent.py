"""One agent: it asks its model for a turn, runs the turn's actions, and returns their results to the model, until it
submits or reaches a limit. Sub-agents are the same class.

The prompts follow from the store, the settings and earlier replies alone, not from time or the order of threads, so
that a recorded analysis can be replayed.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from pydantic import ValidationError

from halo_opt.analysis.engine import agent_prompts
from halo_opt.analysis.engine.actions import ActionRunner, SubAgentSlot, sub_agent_slots
from halo_opt.analysis.engine.agent_model import AgentModel
from halo_opt.analysis.engine.agent_task import (
    DELEGATE,
    FINAL_REASONS,
    LLM_MAP,
    PYTHON,
    AgentResult,
    AgentServices,
    AgentTask,
)
from halo_opt.analysis.engine.conversation import ActionResult, Conversation
from halo_opt.analysis.engine.model_calls import AnalysisStopped
from halo_opt.analysis.engine.prompt_sizes import PromptSizes, truncated
from halo_opt.analysis.engine.row_answers import AnswerCache
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.engine.submission import Submission
from halo_opt.analysis.engine.tool_cooldown import ToolCooldown
from halo_opt.analysis.engine.turns import Action, read_turn, turn_schema
from halo_opt.analysis.records import Ended, Event, QuestionTask
from halo_opt.analysis.tools.base import Tool, ToolContext
from halo_opt.analysis.tools.python import PythonSession
from halo_opt.analysis.tools.scope import Scope
from halo_opt.core.errors import HaloError
from halo_opt.llm.model import ModelError, ModelUnreachable
from halo_opt.llm.roles import Role

MAX_UNUSABLE = 3
_CONTRAST_FIRST = (
    "claim is offered after your first contrast that some attempt shows: test the predicate of the claim with contrast,"
    " then claim it by the name that contrast gives"
)
MAX_REPLY_BYTES, MAX_UNUSABLE_REPLY_BYTES = 6_000, 600


class Agent:
    """One agent and its state. Used by one thread; the threads that run its actions do not touch it."""

    def __init__(self, services: AgentServices, task: AgentTask, context: ToolContext) -> None:
        self._calls = services.calls
        self._services = services
        self._task = task
        role: Role = "sub" if task.depth else "root"
        self._sizes = PromptSizes.of(self._calls.roles[role], services.limits.actions)
        self._python = PythonSession() if any(tool.name == PYTHON for tool in services.tools) else None
        self._context = context.replaced(
            answer_bytes=self._sizes.answer_bytes, agent=task.name, python=self._python, models=None
        )
        self._turn = 0
        self._max_turns = services.limits.sub_turns if task.depth else services.limits.turns
        self._unusable = 0
        self._cache: AnswerCache = {}
        # Sub-agents that this agent started itself, agents that worked below it, and those that still may.
        self._started = 0
        self._agents_below = 0
        self._agents_left = task.sub_agents
        self._submission = Submission(task, services.sources, self._context, partial(self._notify, "claim"))
        tools = [*self._offered_tools(), *self._submission.tools.values()]
        self._tools = {tool.name: tool for tool in tools}
        self._cooldown = ToolCooldown(self._submission.final_tool.name)
        self._conversation = Conversation(*self._first_messages(), claims=self._claim_lines)
        self._model = AgentModel(
            self._calls, task.name, role, self._conversation, self._sizes.prompt_tokens, on_less=self._use_less
        )

    def run(self, parent: Span | None = None) -> AgentResult:
        """Take turn after turn until the agent submits or reaches a limit.

        Errors of models and tools and limits do not raise; the result says why the agent stopped.
        """
        with self._calls.trace.span(f"invoke_agent {self._task.name}", "AGENT", parent) as span:
            span.set(gen_ai__agent__name=self._task.name, input__value=self._conversation.first)
            try:
                result = self._run(span)
            finally:
                if self._python is not None:
                    self._python.close()
            span.set(output__value=result.summary, halo__end_reason=result.ended.value)
            if result.reason:
                span.fail(result.ended.value, result.reason)
        self._notify("end", result.reason or result.summary or result.ended.value)
        return result

    def _run(self, span: Span) -> AgentResult:
        try:
            return self._take_turns(span)
        except AnalysisStopped as stopped:
            # All agents stop; only the root makes a final call.
            if self._task.depth or stopped.ended is Ended.INTERRUPTED:
                return self._result(stopped.ended, stopped.reason)
            result = self._finish(stopped.ended, stopped.reason, span)
            if self._calls.replay_miss and not result.submitted:
                result = self._finish(Ended.TIME, stopped.reason, span)
            return result
        except ModelUnreachable as error:
            return self._result(Ended.MODEL, str(error))
        except ModelError as error:
            return self._finish(Ended.MODEL, str(error), span)

    def _take_turns(self, span: Span) -> AgentResult:
        while self._turn < self._max_turns and self._unusable < MAX_UNUSABLE:
            self._take_turn(span)
            if self._submission.submitted:
                return self._result(Ended.SUBMITTED)
        if self._unusable == MAX_UNUSABLE:
            return self._finish(Ended.UNUSABLE, f"{MAX_UNUSABLE} replies in a row could not be used", span)
        return self._finish(Ended.TURNS, f"the limit of {self._max_turns} turns was reached", span)

    def _result(self, ended: Ended, reason: str = "") -> AgentResult:
        submission = self._submission
        return AgentResult(
            name=self._task.name,
            ended=ended,
            reason=reason,
            submitted=submission.submitted,
            summary=submission.summary,
            answer=submission.answer,
            claims=submission.claims.claims,
            learned=self._cache,
            agents=1 + self._agents_below,
        )

    def _take_turn(self, parent: Span) -> None:
        self._calls.raise_if_stopped()
        self._turn += 1
        with self._calls.trace.span(f"turn {self._turn}", "CHAIN", parent) as span:
            span.set(halo__step__index=self._calls.trace.step(), halo__agent=self._task.name)
            span.set(input__value=self._conversation.messages[-1].content)
            self._notify("turn", f"turn {self._turn} of {self._max_turns}")
            withheld = self._withheld_tools()
            tools = {name: tool for name, tool in self._tools.items() if name not in withheld}
            schema = turn_schema(list(tools.values()), self._sizes.max_actions, self._sizes.thought_chars)
            text, problem = self._model.reply(schema, now=self._limits_left(), parent=span)
            self._calls.count(turn=True)
            turn = read_turn(text, tools, self._sizes.max_actions, withheld)
            if problem or turn.problem:
                if not problem:
                    self._calls.count(fault="malformed reply" if text.strip() else "empty reply")
                self._reject(text, problem or turn.problem, span)
                return
            self._unusable = 0
            results = self._run_actions(turn.actions, span)
            self._conversation.add(truncated(text, MAX_REPLY_BYTES), self._cooldown.after_turn(turn.actions, results))

    def _reject(self, text: str, problem: str, span: Span) -> None:
        """Answer a reply that cannot be used with the problem and the right form."""
        self._unusable += 1
        words = agent_prompts.unusable_reply_message(problem, self._submission.final_tool)
        span.fail("format", problem)
        self._notify("fault", problem)
        reply = truncated(text, MAX_UNUSABLE_REPLY_BYTES) or "(nothing)"
        self._conversation.add(reply, [ActionResult("reply", words)])

    def _run_actions(self, actions: Sequence[Action], span: Span) -> list[ActionResult]:
        """Run a turn's actions: first those of shared tools, then the agent's own, which change what it hands in."""
        limits = self._services.limits
        slots: dict[int, SubAgentSlot] = {}
        if self._task.depth < limits.depth:
            slots = sub_agent_slots(actions, started=self._started, agents_left=self._agents_left)
        own_tools = list(self._submission.tools)
        runner = ActionRunner(self._calls, limits, self._context, turn=self._turn, own_tools=own_tools, span=span)
        answers, models = runner.run_shared(
            actions, cache=self._cache, slots=slots, start_sub_agent=self._run_sub_agent
        )
        self._started += len(slots)
        for one in models:
            self._cache |= one.learned
            for result in one.results:
                self._take_over(result)
        for place, action in enumerate(actions):
            if place in answers:
                continue
            done = self._submission.submitted
            answers[place] = "Not done: you have submitted already" if done else runner.run_own(action)
        return [ActionResult(f"{place + 1} {action.name}", answers[place]) for place, action in enumerate(actions)]

    def _run_sub_agent(self, slot: SubAgentSlot, question: str, scope: Scope, span: Span) -> AgentResult:
        task = AgentTask(
            name=f"{self._task.name}.{slot.number}",
            task=QuestionTask(question=question),
            depth=self._task.depth + 1,
            sub_agents=slot.agents - 1,
            known_claims=self._submission.claims.keys,
        )
        sub_agent = Agent(self._services, task, self._context.within(scope, agent=task.name))
        self._notify("delegate", f"{task.name}: {question[:200]}")
        return sub_agent.run(span)

    def _take_over(self, result: AgentResult) -> None:
        self._submission.claims.merge(result.claims)
        self._cache |= result.learned
        self._agents_left -= result.agents
        self._agents_below += result.agents

    def _finish(self, ended: Ended, reason: str, parent: Span) -> AgentResult:
        """Make one final call for what the agent has so far; if it fails, the recorded claims are the result."""
        root = self._task.depth == 0
        if root:
            self._calls.ledger.release_held_back_call()
            self._notify("salvage", reason)
        submission = self._submission
        claims = [f"{claim.id} {claim.checked.claim.title}" for claim in submission.claims.claims]
        instructions = agent_prompts.final_message(FINAL_REASONS[ended], submission.final_tool, claims)
        try:
            text, _ = self._model.final_reply(
                submission.final_tool.arguments, instructions, parent=parent, even_if_stopped=root
            )
            submission.submit_text(text)
        except (AnalysisStopped, ModelError, ValidationError, HaloError):
            if self._calls.replay_miss is None:
                self._calls.count(fault="no final report")
        return self._result(ended, reason)

    def _claim_lines(self) -> list[str]:
        """The claims recorded so far, a line each."""
        claims = self._submission.claims.claims
        return [f"{claim.id} {claim.checked.level}: {claim.checked.claim.title}" for claim in claims]

    def _use_less(self, prompt_tokens: int) -> None:
        """Take smaller sizes and shorter first messages: the model takes shorter prompts than was said."""
        self._sizes = PromptSizes.within(prompt_tokens, self._services.limits.actions)
        self._context = self._context.replaced(answer_bytes=self._sizes.answer_bytes)
        self._conversation.system, self._conversation.first = self._first_messages()

    def _first_messages(self) -> tuple[str, str]:
        task, answers = self._task.task, self._submission.is_answer
        question = task.question if isinstance(task, QuestionTask) else None
        system = agent_prompts.system_message(
            list(self._tools.values()),
            self._sizes,
            final_tool=self._submission.final_tool.name,
            claims="claim" in self._tools,
            answers=answers,
        )
        first = agent_prompts.first_message(
            self._context, self._sizes, self._services.sources.rows, question=question, titles_only=answers
        )
        return system, first

    def _offered_tools(self) -> list[Tool]:
        limits = self._services.limits
        left_out = set()
        if self._task.depth >= limits.depth or self._agents_left <= 0:
            left_out.add(DELEGATE)
        if self._submission.is_answer and not (limits.depth and self._sizes.guidance):
            # A question takes few turns, and each of them pays for the description of every tool.
            left_out |= {DELEGATE, LLM_MAP}
        return [tool for tool in self._services.tools if tool.name not in left_out]

    def _withheld_tools(self) -> dict[str, str]:
        """Tools that this turn leaves out, and why: those on cooldown; in a small context, `claim` before any contrast.

        Without the guidance that a small context has no room for, a small model claims at once, and then makes the same
        claim again.
        """
        contrasts = self._context.hypotheses.count(self._task.name)
        if not self._sizes.guidance and "contrast" in self._tools and not contrasts:
            return self._cooldown.withheld | {"claim": _CONTRAST_FIRST}
        return self._cooldown.withheld

    def _limits_left(self) -> str:
        ledger = self._calls.ledger
        return agent_prompts.limits_left(
            turns=self._max_turns - self._turn + 1,
            budget=ledger.budget,
            committed=ledger.committed,
            seconds=self._calls.seconds_left,
        )

    def _notify(self, kind: Any, words: str) -> None:
        self._calls.notify(Event(agent=self._task.name, turn=self._turn, kind=kind, words=words))
