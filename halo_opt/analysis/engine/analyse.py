"""An analysis from its beginning to its result. Raises only what no result can be made of: a program's own error, a
replay that does not fit, a second Ctrl-C.
"""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from halo_opt.analysis.engine.agent import Agent
from halo_opt.analysis.engine.claiming import Evidence
from halo_opt.analysis.engine.errand import PYTHON, Errand, Handed, Shared
from halo_opt.analysis.engine.gate import Gate
from halo_opt.analysis.engine.spans import SpanSink, Trace
from halo_opt.analysis.engine.workers import aside
from halo_opt.analysis.records import AnalysisLimits, AnalysisResult, Ended, Event, Task
from halo_opt.analysis.tools.all import ALL
from halo_opt.analysis.tools.base import Desk, Tool
from halo_opt.analysis.tools.python import python_tool
from halo_opt.core.records import AttemptResult, Cause, Outcome
from halo_opt.llm.ledger import Ledger
from halo_opt.llm.roles import ROLES, Roles
from halo_opt.mining.cells import steps_where_success_ends

ROOT = "root"
NEED_HARNESS = frozenset({"harness_files", "git_log"})


def _nobody(_event: Event) -> None:
    """Nobody watches."""


def analyse(
    desk: Desk,
    roles: Roles,
    *,
    task: Task,
    limits: AnalysisLimits,
    ledger: Ledger,
    watch: Callable[[Event], None] = _nobody,
    spans: SpanSink | None = None,
    tools: Sequence[Tool] = ALL,
    clock: Callable[[], float] = time.monotonic,
) -> AnalysisResult:
    """Run the root agent on a task and give what came of it, complete or not.

    `roles` hold models whose every call goes through `ledger`. `watch` is called from several threads, one at a time.
    Ctrl-C ends it with the calls in flight finished, and gives what there is with Ended.INTERRUPTED; the caller raises.
    """
    trace = spans.begin(roles.root.model.name) if spans is not None else Trace()
    began = datetime.now(UTC).isoformat(timespec="microseconds")
    gate = Gate(roles, limits, ledger=ledger, watch=watch, trace=trace, clock=clock)
    evidence = Evidence(desk.store, desk.guarded, steps_where_success_ends(desk.store), desk.harness)
    offered, python = _offered(tools, desk)
    ledger.keep_one_back()
    root = Agent(Shared(gate, limits, evidence, offered), Errand(ROOT, task, hires=limits.agents - 1), desk)
    try:
        handed = aside(root.run, interrupted=gate.interrupt)
    finally:
        ledger.spend_kept()
    if gate.fatal is not None and not isinstance(gate.fatal, KeyboardInterrupt):
        raise gate.fatal
    if gate.missed is not None and not root.done:
        raise gate.missed
    result = _result(root, handed, gate, python)
    if spans is not None:
        trace.finish(_line(spans, trace, result, began))
    return result


def _offered(tools: Sequence[Tool], desk: Desk) -> tuple[tuple[Tool, ...], str]:
    """The tools that can work here, and what confines the python tool or why it is not offered."""
    out = set() if desk.harness is not None else set(NEED_HARNESS)
    words = "it was not among the tools"
    if any(tool.name == PYTHON for tool in tools):
        found, words = python_tool()
        out |= {PYTHON} if found is None else set()
    return tuple(tool for tool in tools if tool.name not in out), words


def _result(root: Agent, handed: Handed, gate: Gate, python: str) -> AnalysisResult:
    names: dict[str, str] = {role: gate.roles[role].model.name for role in ROLES}
    paid = gate.ledger.spent
    # A replay pays nothing and tells what the recording used; else an earlier sitting may have paid for more than this.
    kept = paid.calls >= gate.calls
    return AnalysisResult(
        summary=handed.summary,
        claims=root.recorded.claims,
        answer=handed.answer,
        ended=handed.ended,
        salvaged=handed.ended is not Ended.SUBMITTED,
        reason=handed.reason,
        models=names,
        agents=1 + root.all_hired,
        turns=gate.turns,
        tools=dict(sorted(gate.tools.items())),
        faults=dict(sorted(gate.faults.items())),
        calls=paid.calls if kept else gate.calls,
        tokens_in=paid.tokens_in if kept else gate.tokens_in,
        tokens_out=paid.tokens_out if kept else gate.tokens_out,
        tokens_cached=gate.tokens_cached,
        cost_usd=(None if paid.unpriced_calls else paid.cost_usd) if kept else gate.cost_usd,
        seconds=gate.seconds,
        python=python,
        python_offered=any(tool.name == PYTHON for tool in root.shared.tools),
    )


def _line(spans: SpanSink, trace: Trace, result: AnalysisResult, began: str) -> AttemptResult:
    """The attempt that an analysis is: a success says that something was handed in, never that it is right."""
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
