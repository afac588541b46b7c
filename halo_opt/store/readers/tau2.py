"""Reader for tau2-bench results: `{info, tasks, simulations}`, and single simulations as its folder layout keeps them.

A step is a message of the agent; calls of the simulated user are no steps. The outcome is the reward that tau2-bench
gave, unless the simulation itself broke.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.lines import HEAD
from halo_opt.store.outcomes import reward_rows
from halo_opt.store.readers import conversation as talk
from halo_opt.store.readers.base import derived_id
from halo_opt.store.readers.documents import leading_objects, records
from halo_opt.store.readers.message_layouts import normal
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

# How a simulation ended, in our words; None where it ended of itself.
_ENDINGS = {
    "user_stop": "task_over",
    "agent_stop": "done",
    "max_steps": "step_limit",
    "timeout": "time_limit",
    "too_many_errors": "error_limit",
    "context_window_exceeded": "context_limit",
}
# What was no measurement of the agent. An `agent_error` is the agent's own failure.
_CAUSES = {
    "infrastructure_error": "environment_error",
    "user_error": "environment_error",
    "unexpected_error": "harness_crashed",
}


class Tau2Reader:
    """tau2-bench results."""

    name = "tau2-bench"
    meaning = "tau2-bench results, {info, tasks, simulations: [{task_id, trial, messages, reward_info, ...}]}"

    def sniff(self, path: Path) -> bool:
        """Whether it is a document with simulations, or with the info before them, or a single simulation."""
        return path.is_file() and any(_is_tau2(record) for record in leading_objects(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every simulation that names a task and holds messages; reject the others."""
        run_id = sink.run_of_file(path)
        for line in records(path):
            record = line.value
            if record is None:
                sink.reject(str(path), line.number, line.reason or "no record", line.head)
                continue
            listed = record.get("simulations")
            whole = isinstance(listed, list)
            info, tasks = values.an_object(record.get("info")), _tasks(record.get("tasks"))
            model = values.text(values.an_object(info.get("agent_info")).get("llm"))
            sink.run(RunRow(run_id, self.name, values.text(info.get("git_commit")), model, None, None, str(path)))
            for number, simulation in enumerate(listed if isinstance(listed, list) else [record], start=1):
                place = number if whole else line.number
                problem = _problem(simulation)
                if problem is not None:
                    sink.reject(str(path), place, problem, str(simulation)[:HEAD])
                    continue
                trace_id = _id(simulation) or derived_id(run_id, place)
                known = _known(simulation, info, AttemptRow(trace_id, run_id, "", line=place))
                number_of_try = sink.attempt_number(run_id, known.task_id, known.seed)
                known = known._replace(attempt=number_of_try, model=model, source=str(path))
                sink.trace(_trace(simulation, tasks, known))


def _is_tau2(record: Record) -> bool:
    info = values.an_object(record.get("info"))
    if {"agent_info", "user_info"} <= info.keys() or "num_trials" in info:
        return True
    listed = record.get("simulations")
    first = listed[0] if isinstance(listed, list) and listed else record
    fields = first.keys() if isinstance(first, dict) else set()
    return {"task_id", "termination_reason"} <= fields or (first is not record and {"task_id", "messages"} <= fields)


def _problem(simulation: Any) -> str | None:
    if not isinstance(simulation, dict):
        return "not an object"
    for name in ("task_id", "messages"):
        if simulation.get(name) is None:
            return f"missing field {name}"
    problem = talk.problem_of(simulation["messages"])
    return f"wrong type: messages {problem}" if problem else None


def _id(simulation: Record) -> str | None:
    return values.text(simulation.get("id")) or None


def _known(simulation: Record, info: Record, row: AttemptRow) -> AttemptRow:
    """Task and seed; the domain stands before the task, whose number alone is not the same task in every domain."""
    domain = values.text(values.an_object(info.get("environment_info")).get("domain_name"))
    task = values.text(simulation["task_id"]) or ""
    seed = values.integer(simulation.get("seed"))
    return row._replace(
        task_id=f"{domain}-{task}" if domain else task,
        seed=values.integer(simulation.get("trial")) if seed is None else seed,
        step_limit=values.integer(info.get("max_steps")),
        harness_revision=values.text(info.get("git_commit")),
    )


def _trace(simulation: Record, tasks: Mapping[str, Record], known: AttemptRow) -> Trace:
    messages = normal(simulation["messages"])
    steps, calls = talk.steps_of(known.trace_id, messages)
    task = tasks.get(values.text(simulation["task_id"]) or "", {})
    judged = values.an_object(simulation.get("reward_info"))
    score, ending = judged.get("reward"), values.text(simulation.get("termination_reason"))
    cause = _CAUSES.get(ending or "")
    attempt = known._replace(
        outcome="error" if cause else None,
        score=None if cause else score,
        cause=cause,
        end_reason="error" if cause or ending == "agent_error" else _ENDINGS.get(ending or ""),
        goal=_goal(task) or talk.goal_of(messages),
        steps=len(steps),
        tokens_in=talk.total(messages, talk.TOKENS_IN, values.integer),
        tokens_out=talk.total(messages, talk.TOKENS_OUT, values.integer),
        cost_usd=values.number(simulation.get("agent_cost")),
        started_at=values.time(simulation.get("start_time")),
        ended_at=values.time(simulation.get("end_time")),
    )
    rest = {f"tau2.{name}": value for name, value in simulation.items() if name != "messages"}
    return Trace(
        attempt,
        named=_id(simulation) is not None,
        spans=synthetic_spans(attempt, steps, calls, {**rest, **({"tau2.task": task} if task else {})}),
        messages=talk.message_rows(known.trace_id, messages),
        steps=steps,
        tool_calls=calls,
        scores=_scores(attempt, judged),
    )


def _scores(attempt: AttemptRow, judged: Record) -> list[ScoreRow]:
    if attempt.score is None:
        return []
    rows = reward_rows(attempt, "tau2-bench")
    for name, value in values.an_object(judged.get("reward_breakdown")).items():
        part = values.number(value) if isinstance(value, int | float) else None
        if part is not None:
            rows.append(ScoreRow(attempt.trace_id, name, part, None, "tau2-bench"))
    return rows


def _tasks(listed: Any) -> dict[str, Record]:
    found = [task for task in listed if isinstance(task, dict)] if isinstance(listed, list) else []
    return {values.text(task.get("id")) or "": task for task in found}


def _goal(task: Record) -> str | None:
    """The instructions of the simulated user: the reason for the call and the task."""
    instructions = values.an_object(task.get("user_scenario")).get("instructions")
    if isinstance(instructions, dict):
        parts = [values.text(instructions.get(name)) for name in ("reason_for_call", "task_instructions")]
        return "\n".join(part for part in parts if part) or None
    return values.text(instructions) or values.text(task.get("ticket"))
