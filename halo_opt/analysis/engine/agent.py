"""One agent: asks its model, has done what it asks for, tells it what came of that, until it hands in or must stop.

Sub-agents are the same class. What an agent is told follows from the store, the settings and earlier replies alone (the
order of its actions, never of threads; no clock), so that a recorded analysis goes the same way again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from halo_opt.analysis.claims.answer_check import checked_answer
from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.engine import briefing
from halo_opt.analysis.engine.acting import Acting
from halo_opt.analysis.engine.claiming import (
    AnswerArguments,
    ClaimArguments,
    Recorded,
    ReportArguments,
    to_look_at,
    verdict,
    whatever_fits,
)
from halo_opt.analysis.engine.conversation import Conversation, Result
from halo_opt.analysis.engine.errand import DELEGATE, LLM_MAP, PYTHON, Errand, Handed, Shared, changed
from halo_opt.analysis.engine.gate import Stopped
from halo_opt.analysis.engine.mapping import Memo
from halo_opt.analysis.engine.replies import Replies
from halo_opt.analysis.engine.resting import Resting
from halo_opt.analysis.engine.sizes import Sizes
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.engine.turns import json_in, read_turn, turn_schema
from halo_opt.analysis.engine.words import cut, left_words
from halo_opt.analysis.records import Ended, Event, QuestionTask
from halo_opt.analysis.tools.base import Desk, Tool
from halo_opt.analysis.tools.python import PythonSession
from halo_opt.core.errors import HaloError
from halo_opt.core.text import visible
from halo_opt.llm.model import ModelError, ModelUnreachable
from halo_opt.llm.roles import Role

MAX_MALFORMED = 3
MAX_REPLY = 6_000


class Agent:
    """Used by one thread; the threads of its actions touch nothing of it."""

    def __init__(self, shared: Shared, errand: Errand, desk: Desk) -> None:
        self.shared = shared
        self.errand = errand
        self.role: Role = "sub" if errand.depth else "root"
        self.sizes = Sizes.of(shared.gate.roles[self.role], shared.limits.actions)
        self._python = PythonSession() if any(tool.name == PYTHON for tool in shared.tools) else None
        self.desk = changed(
            desk, answer_bytes=self.sizes.answer_bytes, agent=errand.name, python=self._python, asking=None
        )
        self.recorded = Recorded(errand.name, shared.evidence, desk.hypotheses, errand.known)
        self.memo: Memo = {}
        self.turn = 0
        self.turns = shared.limits.sub_turns if errand.depth else shared.limits.turns
        self.hires = errand.hires
        self.hired = 0
        self.all_hired = 0
        self._malformed = 0
        self._handed: Handed | None = None
        self._finish = self._finishing()
        self._own = {tool.name: tool for tool in (*self._claiming(), self._finish)}
        self.tools = {tool.name: tool for tool in (*self._offered(), *self._own.values())}
        self._resting = Resting(self._finish.name)
        self._conversation = self._begun()
        self._replies = Replies(shared.gate, errand.name, self.role, self._conversation, self.sizes.room)

    def run(self, parent: Span | None = None) -> Handed:
        """Turn after turn. Raises nothing that a model, a tool or a limit can cause."""
        gate = self.shared.gate
        with gate.trace.span(f"invoke_agent {self.errand.name}", "AGENT", parent) as span:
            span.set(gen_ai__agent__name=self.errand.name, input__value=self._conversation.first)
            try:
                handed = self._run(span)
            finally:
                if self._python is not None:
                    self._python.close()
            span.set(output__value=handed.summary, halo__end_reason=handed.ended.value)
            if handed.reason:
                span.fail(handed.ended.value, handed.reason)
        self._tell("end", handed.reason or handed.summary or handed.ended.value)
        return handed

    def _run(self, span: Span) -> Handed:
        try:
            while not self.done and self.turn < self.turns and self._malformed < MAX_MALFORMED:
                self._turn(span)
            if self._handed is not None:
                return self._handed
            ended, why = Ended.TURNS, f"the limit of {self.turns} turns was reached"
            if self._malformed == MAX_MALFORMED:
                ended, why = Ended.UNUSABLE, f"{MAX_MALFORMED} replies in a row could not be used"
            return self._last(ended, why, span)
        except Stopped as stopped:
            # All agents stop; only the root has the last word.
            if self.errand.depth or stopped.ended is Ended.INTERRUPTED:
                return Handed(stopped.ended, reason=stopped.words)
            handed = self._last(stopped.ended, stopped.words, span)
            if self.shared.gate.missed and not self.done:
                handed = self._last(Ended.TIME, stopped.words, span)
            return handed
        except ModelUnreachable as error:
            return Handed(Ended.MODEL, reason=str(error))
        except ModelError as error:
            return self._last(Ended.MODEL, str(error), span)

    def _turn(self, parent: Span) -> None:
        gate = self.shared.gate
        gate.check()
        self.turn += 1
        with gate.trace.span(f"turn {self.turn}", "CHAIN", parent) as step:
            self._step(step)

    def _step(self, step: Span) -> None:
        gate = self.shared.gate
        step.set(halo__step__index=gate.trace.step(), halo__agent=self.errand.name)
        step.set(input__value=self._conversation.messages[-1].content)
        self._tell("turn", f"turn {self.turn} of {self.turns}")
        tools = {name: tool for name, tool in self.tools.items() if name not in self._left_out()}
        schema = turn_schema(list(tools.values()), self.sizes.actions, self.sizes.thought)
        text, problem = self._replies.next(schema, now=self._now(), parent=step)
        gate.count(turn=True)
        turn = read_turn(text, tools, self.sizes.actions)
        if problem or turn.problem:
            self._malformed += 1
            if not problem:
                gate.count(fault="malformed" if text.strip() else "empty")
            words = briefing.malformed_words(problem or turn.problem, self._finish)
            step.fail("format", problem or turn.problem)
            self._tell("fault", problem or turn.problem)
            self._conversation.add(cut(text, 600) or "(nothing)", [Result("reply", words)])
            return
        self._malformed = 0
        results = Acting(self, step).run(turn.actions)
        self._conversation.add(cut(text, MAX_REPLY), self._resting.after(turn.actions, results))

    def _left_out(self) -> frozenset[str]:
        """What this turn is not offered. Where there is little room to explain, claims come after the first contrast: a
        small model claims at once, and then the same again.
        """
        early = (
            not self.sizes.guidance and "contrast" in self.tools and not self.desk.hypotheses.count(self.errand.name)
        )
        return self._resting.tools | ({"claim"} if early else frozenset())

    def _last(self, ended: Ended, why: str, parent: Span) -> Handed:
        """One more call for what there is, as far as that is possible; what was recorded stands in any case."""
        gate, root = self.shared.gate, self.errand.depth == 0
        if root:
            gate.ledger.spend_kept()
            self._tell("salvage", why)
        claims = [f"{claim.id} {claim.checked.claim.title}" for claim in self.recorded.claims]
        words = briefing.last_words(_LAST[ended], self._finish, claims)
        try:
            text, _ = self._replies.last(self._finish.arguments, words, parent=parent, anyhow=root)
            self._hand_in(text)
        except (Stopped, ModelError, ValidationError, HaloError):
            if gate.missed is None:
                gate.count(fault="no last report")
        handed = self._handed or Handed(ended)
        return replace(handed, ended=ended, reason=why)

    def _hand_in(self, text: str) -> None:
        said: dict[str, Any] = json_in(text) or {}
        if "actions" in said:
            turn = read_turn(text, {self._finish.name: self._finish}, 100)
            said = next((a.arguments.model_dump() for a in turn.actions if a.arguments is not None), {})
        if self._finish.arguments is ReportArguments:
            self._finish.run(whatever_fits(said, text), self.desk)
        else:
            self._finish.run(self._finish.arguments.model_validate(said), self.desk)

    # --- what it is given

    def _begun(self) -> Conversation:
        question = isinstance(self.errand.task, QuestionTask)
        answers = self._finish.arguments is AnswerArguments
        system = briefing.system_message(
            list(self.tools.values()),
            self.sizes,
            finish=self._finish.name,
            claims="claim" in self.tools,
            answers=answers,
        )
        first = briefing.first_message(
            self.desk,
            self.sizes,
            self.shared.evidence.rows,
            heading=briefing.QUESTION_HEADING if question else briefing.REPORT_HEADING,
            task=self.errand.task.question if isinstance(self.errand.task, QuestionTask) else briefing.REPORT_TASK,
            titles=answers,
        )
        return Conversation(system, first)

    def _offered(self) -> Sequence[Tool]:
        limits = self.shared.limits
        out = set() if self.errand.depth < limits.depth and self.hires > 0 else {DELEGATE}
        if self._finish.arguments is AnswerArguments and not (limits.depth and self.sizes.guidance):
            # One question takes few turns; what is offered is paid for in each of them.
            out |= {DELEGATE, LLM_MAP}
        return [tool for tool in self.shared.tools if tool.name not in out]

    def _now(self) -> str:
        gate = self.shared.gate
        return left_words(
            turns=self.turns - self.turn + 1,
            budget=gate.ledger.budget,
            committed=gate.ledger.committed,
            seconds=gate.seconds_left,
        )

    def _tell(self, kind: Any, words: str) -> None:
        self.shared.gate.tell(Event(agent=self.errand.name, turn=self.turn, kind=kind, words=words))

    # --- what it hands in

    @property
    def own(self) -> dict[str, Tool]:
        """The engine's tools, which change what the agent has: done after all others, in order."""
        return self._own

    @property
    def done(self) -> bool:
        """Whether it has handed in."""
        return self._handed is not None

    def report(self, handed: Handed) -> str:
        """What it found, in words for the agent that asked: data, as a trace may have led it."""
        said = [handed.summary or "(no summary)"]
        said += [f"{claim.id} {claim.checked.status}: {claim.checked.claim.title}" for claim in self.recorded.claims]
        # Not in the words of the reason: amounts and a provider's messages differ from run to run.
        return "\n".join([f"{self.errand.name} ended: {_ENDED.get(handed.ended, 'the whole analysis stops')}", *said])

    def _claiming(self) -> list[Tool]:
        if isinstance(self.errand.task, QuestionTask) and self.errand.depth == 0:
            return []
        return [Tool("claim", "record a claim; it is checked at once", ClaimArguments, self._claim)]

    def _finishing(self) -> Tool:
        if isinstance(self.errand.task, QuestionTask) and self.errand.depth == 0:
            return Tool("submit_answer", "hand in the answer; ends your work", AnswerArguments, self._answer)
        return Tool("submit_report", "hand in; ends your work", ReportArguments, self._report)

    def _claim(self, claim: ClaimArguments, _desk: Desk) -> str:
        recorded, measured = self.recorded.record(Claim.model_validate(claim.model_dump()))
        words = verdict(recorded, measured)
        self._tell("claim", words)
        if measured is not None and not recorded.checked.claim.quotes:
            words += to_look_at(recorded, self.shared.evidence)
        return visible(words)

    def _report(self, report: ReportArguments, _desk: Desk) -> str:
        for claim in report.claims:
            try:
                recorded, measured = self.recorded.record(claim)
            except HaloError:
                continue  # claimed already, or nothing that can be checked
            self._tell("claim", verdict(recorded, measured))
        self._handed = Handed(Ended.SUBMITTED, summary=report.summary)
        return "Handed in."

    def _answer(self, answer: AnswerArguments, desk: Desk) -> str:
        checked = checked_answer(answer.points, self.shared.evidence, desk.report, desk.hypotheses)
        self._handed = Handed(Ended.SUBMITTED, answer=checked)
        return "Handed in."


# Fixed words: what differs from run to run (how much was spent) must not get into a prompt.
_LAST = {
    Ended.TURNS: "no turns are left",
    Ended.BUDGET: "the budget is spent",
    Ended.TIME: "the time is over",
    Ended.MODEL: "the model gave no reply that could be used",
    Ended.UNUSABLE: "the model gave no reply that could be used",
}
_ENDED = {Ended.SUBMITTED: "submitted"} | {end: _LAST[end] for end in (Ended.TURNS, Ended.MODEL, Ended.UNUSABLE)}
