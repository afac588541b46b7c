"""Running the agents of one analysis, from the root agent's start to the result."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from halo_opt.analysis.claims.hypotheses import ROOT
from halo_opt.analysis.claims.model_claims import finding_numbers
from halo_opt.analysis.claims.sources import ClaimSources
from halo_opt.analysis.engine.agent import Agent
from halo_opt.analysis.engine.agent_task import PYTHON, AgentResult, AgentServices, AgentTask
from halo_opt.analysis.engine.model_calls import ModelCalls
from halo_opt.analysis.engine.spans import SpanSink, Trace
from halo_opt.analysis.engine.threads import run_interruptible
from halo_opt.analysis.records import AnalysisLimits, AnalysisResult, Ended, Event, Task
from halo_opt.analysis.tools.all import ALL, NEED_HARNESS
from halo_opt.analysis.tools.base import Tool, ToolContext
from halo_opt.analysis.tools.python import python_tool
from halo_opt.core.records import AttemptResult, Cause, Outcome
from halo_opt.llm.ledger import Ledger
from halo_opt.llm.roles import ROLES, Roles
from halo_opt.mining.measure import steps_where_success_ends


def _ignore(_event: Event) -> None:
    """Drop an event."""


def run_agents(
    context: ToolContext,
    roles: Roles,
    *,
    task: Task,
    limits: AnalysisLimits,
    ledger: Ledger,
    watch: Callable[[Event], None] = _ignore,
    spans: SpanSink | None = None,
    tools: Sequence[Tool] = ALL,
    clock: Callable[[], float] = time.monotonic,
) -> AnalysisResult:
    """Run the root agent on a task; its result may be partial and says why it ended.

    Ctrl-C lets the calls in flight finish and ends with `Ended.INTERRUPTED`; a second one is raised at once.

    Args:
        context: the traces, mining's report and the harness, for the tools.
        roles: the models; all their calls must go through `ledger`.
        task: a report or a question.
        limits: turns, agents, time and the like.
        ledger: the budget.
        watch: receives events, one at a time, from several threads.
        spans: where the analysis is logged as a trace; None for nowhere.
        tools: what the agents are offered, as far as it can work here.
        clock: seconds, for the time limit.

    Raises:
        CassetteMiss: a recording that is replayed does not fit.
        Exception: any error of the program itself.
    """
    trace = spans.begin(roles.root.model.name) if spans is not None else Trace()
    began = datetime.now(UTC).isoformat(timespec="microseconds")
    calls = ModelCalls(roles, limits, ledger=ledger, watch=watch, trace=trace, clock=clock)
    sources = ClaimSources(
        context.store,
        context.guarded,
        steps_where_success_ends(context.store),
        context.harness,
        finding_numbers(context.report),
    )
    usable, python = _usable_tools(tools, context)
    ledger.hold_back_one_call()
    root = Agent(
        AgentServices(calls, limits, sources, usable), AgentTask(ROOT, task, sub_agents=limits.agents - 1), context
    )
    try:
        agent_result = run_interruptible(root.run, on_interrupt=calls.interrupt)
    finally:
        ledger.release_held_back_call()
    if calls.program_error is not None and not isinstance(calls.program_error, KeyboardInterrupt):
        raise calls.program_error
    if calls.replay_miss is not None and not agent_result.submitted:
        raise calls.replay_miss
    python_offered = any(tool.name == PYTHON for tool in usable)
    result = _analysis_result(agent_result, calls, python=python, python_offered=python_offered)
    if spans is not None:
        trace.finish(_attempt(spans, trace, result, began))
    return result


def _usable_tools(tools: Sequence[Tool], context: ToolContext) -> tuple[tuple[Tool, ...], str]:
    """The tools that can work here; and what confines the python tool, or why it is not offered."""
    left_out = set() if context.harness is not None else set(NEED_HARNESS)
    python = "it was not among the tools"
    if any(tool.name == PYTHON for tool in tools):
        found, python = python_tool()
        left_out |= {PYTHON} if found is None else set()
    return tuple(tool for tool in tools if tool.name not in left_out), python


def _analysis_result(result: AgentResult, calls: ModelCalls, *, python: str, python_offered: bool) -> AnalysisResult:
    models: dict[str, str] = {role: calls.roles[role].model.name for role in ROLES}
    paid = calls.ledger.spent
    # The ledger has what earlier sittings paid for, too. A replay pays nothing: then what the recording used counts.
    from_ledger = paid.calls >= calls.calls
    paid_usd = None if paid.unpriced_calls else paid.cost_usd
    return AnalysisResult(
        summary=result.summary,
        claims=result.claims,
        answer=result.answer,
        ended=result.ended,
        salvaged=result.ended is not Ended.SUBMITTED,
        reason=result.reason,
        models=models,
        agents=result.agents,
        turns=calls.turns,
        tools=dict(sorted(calls.tools.items())),
        faults=dict(sorted(calls.faults.items())),
        calls=paid.calls if from_ledger else calls.calls,
        tokens_in=paid.tokens_in if from_ledger else calls.tokens_in,
        tokens_out=paid.tokens_out if from_ledger else calls.tokens_out,
        tokens_cached=calls.tokens_cached,
        cost_usd=paid_usd if from_ledger else calls.cost_usd,
        seconds=calls.seconds,
        python=python,
        python_offered=python_offered,
    )


def _attempt(spans: SpanSink, trace: Trace, result: AnalysisResult, began: str) -> AttemptResult:
    """The analysis as an attempt; success means only that something was submitted."""
    outcome = Outcome.SUCCESS if result.ended is Ended.SUBMITTED else Outcome.FAILURE
    cause = None
    if result.ended is Ended.INTERRUPTED:
        outcome, cause = Outcome.ERROR, Cause.INTERRUPTED
    return AttemptResult(
        task_id=spans.task_id,
        seed=spans.seed,
        attempt=spans.attempt,
        trace_id=trace.id,
        outcome=outcome,
        cause=cause,
        steps=result.turns,
        tokens_in=result.tokens_in,
        tokens_out=result.tokens_out,
        cost_usd=result.cost_usd,
        started_at=began,
        ended_at=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
