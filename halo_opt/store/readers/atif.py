"""Reader for ATIF trajectories (Harbor's interchange format, versions 1.x) and for the folders of Harbor's trials.

The outcome is in the trial's `result.json`, so a trial folder is one source. Its other files, logs and artifacts of any
size, are not read.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.atif_steps import messages_of, steps_of, total
from halo_opt.store.readers.base import SourceError, derived_id, usable
from halo_opt.store.readers.documents import document, leading_objects, records
from halo_opt.store.readers.span_trace import derived_task
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, StepRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

RESULT, TRAJECTORY = "result.json", Path("agent", "trajectory.json")
_TIMED_OUT = "AgentTimeoutError"
# By the type of the exception that ended a trial; what is not here was the agent's own doing where it was graded.
_CAUSES = (
    ("interrupted", re.compile(r"Cancel|KeyboardInterrupt")),
    ("environment_error", re.compile(r"Environment|Docker|Setup|Verifier|Reward|Download|Sandbox")),
    ("model_unreachable", re.compile(r"RateLimit|Connection|Unavailable|InternalServer|Overloaded|Authentication")),
)


class AtifReader:
    """ATIF trajectories and Harbor's trial folders."""

    name = "atif"
    meaning = "ATIF trajectories {schema_version: ATIF-v1.x, agent, steps}, or Harbor trial folders with result.json"

    def sniff(self, path: Path) -> bool:
        """Whether it is a trial folder, or a file whose `schema_version` is ATIF's."""
        if path.is_dir():
            result = path / RESULT
            return result.is_file() and any({"trial_name", "task_name"} <= r.keys() for r in leading_objects(result))
        return path.is_file() and any(_is_atif(record) for record in leading_objects(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read the trial, or every trajectory of the file. Raises SourceError when a trial's result is not JSON."""
        if path.is_dir():
            self._trial(path, sink)
            return
        run_id = sink.run_of_folder(path.parent)
        for number, record in usable(path, records(path), _problem, sink):
            known = AttemptRow(derived_id(run_id, path.name, number), run_id, "", source=str(path), line=number)
            self._hand(_trace(record, {}, known), sink)

    def _trial(self, folder: Path, sink: Sink) -> None:
        result, reason = document(folder / RESULT)
        if result is None:
            raise SourceError(
                folder, f"{folder / RESULT} cannot be used: {reason}; run the trial again, or leave it out"
            )
        file, trajectory = folder / TRAJECTORY, None
        if file.is_file():
            trajectory, problem = document(file)
            problem = _problem(trajectory) if trajectory is not None else problem
            if trajectory is None or problem is not None:
                sink.reject(str(file), 1, problem or "no record", str(trajectory or ""))
                trajectory = None
        run_id = sink.run_of_folder(folder.resolve().parent)
        trace_id = derived_id(run_id, result.get("id"), folder.name)
        known = AttemptRow(trace_id, run_id, "", source=str(folder / RESULT), line=1)
        self._hand(_trace(trajectory or {}, result, known), sink)

    def _hand(self, trace: Trace, sink: Sink) -> None:
        attempt = trace.attempt
        trace.attempt = attempt._replace(attempt=sink.attempt_number(attempt.run_id, attempt.task_id, attempt.seed))
        sink.run(
            RunRow(
                attempt.run_id, self.name, attempt.harness_revision, attempt.model, attempt.mode, None, attempt.source
            )
        )
        sink.trace(trace)


def _is_atif(record: Record) -> bool:
    return str(record.get("schema_version")).startswith("ATIF-v")


def _problem(record: Record) -> str | None:
    steps = record.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return "wrong type: steps is not a list of steps" if "steps" in record else "missing field steps"
    return None


def _trace(record: Record, result: Record, known: AttemptRow) -> Trace:
    """The attempt that a trajectory and a trial's result describe; either of them may be empty."""
    listed = record.get("steps") or []
    steps, calls, about = steps_of(known.trace_id, listed)
    messages = messages_of(known.trace_id, listed)
    final, agent, info = (
        _object(record.get("final_metrics")),
        _object(record.get("agent")),
        _object(result.get("agent_info")),
    )
    spent = _object(result.get("agent_result"))
    goal = next((message.content for message in messages if message.role == "user"), None)
    task = values.text(result.get("task_name"))
    attempt = known._replace(
        task_id=task or derived_task(goal, values.text(record.get("session_id")) or known.trace_id),
        **_outcome(result),
        mode=values.text(agent.get("name") or info.get("name")),
        model=values.text(agent.get("model_name") or _object(info.get("model_info")).get("name")),
        harness_revision=values.text(agent.get("version") or info.get("version")),
        goal=goal,
        steps=len(steps) if record else None,
        tokens_in=total(
            final, spent, listed, ("total_prompt_tokens", "n_input_tokens", "prompt_tokens"), values.integer
        ),
        tokens_out=total(
            final, spent, listed, ("total_completion_tokens", "n_output_tokens", "completion_tokens"), values.integer
        ),
        cost_usd=total(final, spent, listed, ("total_cost_usd", "cost_usd", "cost_usd"), values.number),
        started_at=values.moment(result.get("started_at")) or _edge(steps, first=True),
        ended_at=values.moment(result.get("finished_at")) or _edge(steps, first=False),
    )
    rest = {f"atif.{name}": value for name, value in record.items() if name != "steps"}
    rest |= {f"harbor.{name}": value for name, value in result.items()}
    return Trace(
        attempt,
        spans=synthetic_spans(attempt, steps, calls, rest, about),
        messages=messages,
        steps=steps,
        tool_calls=calls,
        scores=_scores(attempt, result),
    )


def _edge(steps: list[StepRow], *, first: bool) -> str | None:
    times = [step.started_at for step in steps if step.started_at]
    if not times:
        return None
    return times[0] if first else times[-1]


def _rewards(result: Record) -> dict[str, float]:
    """The verifier's rewards by name; older results hold a single one."""
    verdict = _object(result.get("verifier_result"))
    rewards = verdict.get("rewards")
    listed = rewards if isinstance(rewards, dict) else {"reward": verdict.get("reward")}
    found = {name: values.number(value) for name, value in listed.items() if isinstance(value, int | float)}
    return {name: value for name, value in found.items() if value is not None}


def _outcome(result: Record) -> dict[str, Any]:
    """Outcome, score, cause and end_reason. An agent that ran out of time has been graded, a broken trial not."""
    rewards = _rewards(result)
    score = rewards.get("reward", next(iter(rewards.values())) if len(rewards) == 1 else None)
    broke = values.text(_object(result.get("exception_info")).get("exception_type"))
    cause = next((name for name, pattern in _CAUSES if broke and broke != _TIMED_OUT and pattern.search(broke)), None)
    if broke and not rewards:
        cause = cause or ("time_limit" if broke == _TIMED_OUT else "harness_crashed")
    if cause is not None:
        return {"outcome": "error", "cause": cause, "end_reason": "error"}
    end_reason = None
    if broke:
        end_reason = "time_limit" if broke == _TIMED_OUT else "error"
    return {"outcome": values.outcome_of(score), "score": score, "end_reason": end_reason}


def _scores(attempt: AttemptRow, result: Record) -> list[ScoreRow]:
    rows = [] if attempt.outcome == "error" else list(_rewards(result).items())
    return [ScoreRow(attempt.trace_id, name, value, None, "harbor") for name, value in rows]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
