"""What one action of an agent may ask of models: answers of the `map` model, and sub-agents.

What an action learns (answers, claims of sub-agents) is its own until its turn is over, and is then taken
over in the order of the actions: what agents are told must not depend on which thread was first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from halo_opt.analysis.engine.gate import Gate
from halo_opt.analysis.engine.mapping import Memo, Question, answer_rows
from halo_opt.analysis.engine.spans import Span
from halo_opt.analysis.records import AnalysisLimits, Event
from halo_opt.analysis.tools.base import Desk, ToolRefused
from halo_opt.analysis.tools.querying import query
from halo_opt.analysis.tools.scope import Scope
from halo_opt.llm.model import Message

if TYPE_CHECKING:
    from halo_opt.analysis.engine.agent import Agent

MAX_PROMPT = 20_000
MAX_LABELS = 20
_MAP_BYTES = 2_000_000


@dataclass
class ActionAsking:
    """The `Asking` of one action of one agent."""

    agent: str
    turn: int
    gate: Gate
    limits: AnalysisLimits
    desk: Desk
    memo: Memo
    span: Span
    hire: Callable[[str, Scope, "ActionAsking"], "Agent"]
    learned: Memo = field(default_factory=dict)
    children: list["Agent"] = field(default_factory=list)

    def llm(self, prompt: str) -> str:
        """One answer of the `map` model, in words. Raises ToolRefused, ModelError, Stopped."""
        if not prompt.strip() or len(prompt) > MAX_PROMPT:
            raise ToolRefused(f"a prompt has 1 to {MAX_PROMPT:,} characters; ask with less text, or use llm_map")
        key = Question(prompt).key(self.gate.roles["map"].model.name, "")
        known = self.memo | self.learned
        if key not in known:
            self.learned[key] = self.gate.complete("map", [Message(role="user", content=prompt)], parent=self.span).text
        return self.learned.get(key) or known[key]

    def llm_map(self, question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
        """Each row of a guarded query within the scope, with its `answer` (None and an `error` where there is none)."""
        if labels is not None and not 2 <= len(dict.fromkeys(labels)) <= MAX_LABELS:
            raise ToolRefused(f"labels are 2 to {MAX_LABELS} different words; leave them out for free answers")
        most = self.limits.map_rows
        table = query(self.desk, sql, max_rows=most + 1, max_bytes=_MAP_BYTES)
        if len(table.rows) > most or table.truncated:
            raise ToolRefused(f"the query gives more than {most} rows or too much text; narrow it, or take a LIMIT")
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        self.gate.tell(Event(agent=self.agent, turn=self.turn, kind="map", words=f"{len(rows)} rows: {question[:200]}"))
        known = self.memo | self.learned
        asked = Question(question, tuple(dict.fromkeys(labels)) if labels else None)
        try:
            return answer_rows(asked, rows, gate=self.gate, memo=known, at_once=self.limits.parallel, parent=self.span)
        finally:
            self.learned.update(known)

    def delegate(self, question: str, scope: Scope) -> str:
        """The report of a sub-agent, as data. Raises ToolRefused where no more sub-agents are allowed."""
        child = self.hire(question, scope, self)
        self.children.append(child)
        self.gate.tell(
            Event(agent=self.agent, turn=self.turn, kind="delegate", words=f"{child.errand.name}: {question[:200]}")
        )
        return child.report(child.run(self.span))
