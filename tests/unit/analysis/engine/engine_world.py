"""An analysis to test: a small store, tools that read it, roles behind a real meter, and a script for each role."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.engine.run_agents import run_agents
from halo_opt.analysis.records import AnalysisLimits, AnalysisResult, Event, ReportTask, Task
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.scope import Scope
from halo_opt.core.report_records import Report
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import Message, Model
from halo_opt.llm.roles import ROLES, Role, RoleModel, Roles
from halo_opt.mining.mine import mine_store
from halo_opt.store import Store, build_store
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.testing import Reply, ScriptedModel

DATA = Path(__file__).parents[3] / "data"
RUNS = [DATA / "tau-bench" / "gpt-4o-airline.jsonl", DATA / "intercode"]
FAILURES = "SELECT trace_id FROM attempts WHERE outcome = 'failure'"
SHOWS = "SELECT trace_id FROM steps WHERE length(arguments) > 20"
CONTEXT, REPLY = 32_000, 1_000


class Sql(Arguments):
    query: str = Field(description="one SELECT")


class Delegate(Arguments):
    question: str
    scope_sql: str | None = None


class LlmMap(Arguments):
    question: str
    query: str
    labels: list[str] | None = None


def run_sql(arguments: Sql, context: ToolContext) -> str:
    return json.dumps(context.guarded.rows(context.scope.over(arguments.query)), default=str)[: context.answer_bytes]


def run_delegate(arguments: Delegate, context: ToolContext) -> str:
    assert context.models is not None
    sql = arguments.scope_sql
    scope = context.scope if sql is None else context.scope.narrowed(sql, "a part")
    return context.models.delegate(arguments.question, scope)


def run_map(arguments: LlmMap, context: ToolContext) -> str:
    assert context.models is not None
    return json.dumps(context.models.llm_map(arguments.question, arguments.query, arguments.labels), default=str)


class Nothing(Arguments):
    pass


def run_broken(_arguments: Nothing, _context: ToolContext) -> str:
    raise ZeroDivisionError("boom")


def run_refusing(_arguments: Nothing, _context: ToolContext) -> str:
    raise ToolRefused("that cannot be done; do this instead")


TOOLS = (
    Tool("sql", "rows of a query.", Sql, run_sql),
    Tool("delegate", "ask a sub-agent.", Delegate, run_delegate),
    Tool("llm_map", "one answer a row.", LlmMap, run_map),
    Tool("broken", "a tool with a bug.", Nothing, run_broken),
    Tool("refusing", "a tool that refuses.", Nothing, run_refusing),
)


def turn(*actions: Mapping[str, Any], thought: str = "so be it") -> str:
    """A reply as a model writes it."""
    return json.dumps({"thought": thought, "actions": list(actions)})


def sql(query: str) -> dict[str, Any]:
    return {"tool": "sql", "query": query}


def submit(summary: str = "done", **more: Any) -> dict[str, Any]:
    return {"tool": "submit_report", "summary": summary, **more}


@dataclass
class World:
    """Everything that an analysis needs; change a field and `run`."""

    store: Store
    report: Report
    scripts: Mapping[Role, Model]
    limits: AnalysisLimits = field(default_factory=AnalysisLimits)
    budget: Budget = field(default_factory=Budget)
    task: Task = field(default_factory=ReportTask)
    tools: Sequence[Tool] = TOOLS
    context: int = CONTEXT
    reply: int = REPLY
    free: bool = True
    address: str = "http://127.0.0.1:1/v1"
    scope: Scope = field(default_factory=Scope)
    events: list[Event] = field(default_factory=list)
    hypotheses: Hypotheses = field(default_factory=Hypotheses)
    wrap: Callable[[Model, Role], Model] = lambda model, _role: model
    ledger: Ledger | None = None
    guarded: GuardedRows | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def run(self) -> AnalysisResult:
        ledger = self.ledger = self.ledger or Ledger(self.budget)
        endpoint = Endpoint(self.address, "", "scripted" if self.free else "gpt-4o", free=self.free, provider="openai")
        models: dict[Role, RoleModel] = {}
        for role in ROLES:
            if role in self.scripts:
                model = MeteredModel(
                    self.scripts[role], ledger, endpoint, max_tokens=self.reply, purpose=f"analysis {role}"
                )
                models[role] = RoleModel(self.wrap(model, role), self.context, self.reply)
        context = ToolContext(self.store, self.report, self.hypotheses, scope=self.scope)
        if self.guarded is not None:  # queries that another run has asked already: each costs a process
            context.__dict__["guarded"] = self.guarded
        return run_agents(
            context,
            Roles(models["root"], models),
            task=self.task,
            limits=self.limits,
            ledger=ledger,
            watch=self.events.append,
            tools=self.tools,
            **self.more,
        )


def scripted(script: Sequence[Reply] | Callable[[Sequence[Message]], Reply]) -> ScriptedModel:
    return ScriptedModel(script)


def small_store(folder: Path) -> Path:
    path = folder / "s.duckdb"
    build_store(RUNS, path)
    return path


def mined(store: Store) -> Report:
    return mine_store(store, [], title="t", made_at="2026-01-01T00:00:00Z", patterns=False)
