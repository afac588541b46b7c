"""Reader for trajectories of SWE-agent (`.traj`) and mini-swe-agent (`.traj.json`).

Whether the patch was right is in a separate report, so there is an outcome only where the file itself has one: a
verdict, a crash, or a limit that was hit with nothing submitted.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.opening import original_stem
from halo_opt.store.outcomes import reward_rows, stated_score
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers import conversation as talk
from halo_opt.store.readers.base import derived_id, usable
from halo_opt.store.readers.documents import leading_objects, records
from halo_opt.store.readers.message_layouts import normal
from halo_opt.store.readers.swe_agent_steps import mini_steps, traj_steps
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

# Exit statuses of both programs, by the words in them; the first that fits counts.
_ENDINGS = (
    ("cost_limit", re.compile(r"exit_cost|exit_total_cost|(?i:costlimit)")),
    ("context_limit", re.compile(r"exit_context|(?i:contextwindow|contextlength)")),
    ("time_limit", re.compile(r"exit_total_execution_time|exit_command_timeout|(?i:timelimit|timeexceeded)")),
    ("step_limit", re.compile(r"exit_step|(?i:steplimit|maxsteps)")),
    ("error_limit", re.compile(r"exit_format")),
    ("done", re.compile(r"(?i)^submitted$|^finished$")),
)
_CAUSES = (
    (
        "model_unreachable",
        re.compile(r"exit_api|RateLimit|APIConnection|APIError|ServiceUnavailable|InternalServerError"),
    ),
    ("model_error", re.compile(r"BadRequest|Authentication|NotFoundError|PermissionDenied")),
    ("environment_error", re.compile(r"exit_environment_error|CalledProcessError|Docker|TimeoutExpired")),
    ("interrupted", re.compile(r"UserInterruption|KeyboardInterrupt")),
    ("harness_crashed", re.compile(r"exit_error|^\w*(?:Error|Exception)$")),
)


class SweAgentReader:
    """SWE-agent and mini-swe-agent trajectories."""

    name = "swe-agent"
    meaning = "SWE-agent .traj {trajectory, history, info} and mini-swe-agent {info, messages, trajectory_format}"

    def sniff(self, path: Path) -> bool:
        """Whether it is a document with a trajectory of actions, or with messages and the info of mini-swe-agent."""
        return path.is_file() and any(_is_traj(record) or _is_mini(record) for record in leading_objects(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read the trajectory, or all of a file with several."""
        # A copy may be `x_copy.traj.json` or `x.traj copy.json`.
        name = original_stem(Path(f"{original_stem(path).removesuffix('.traj')}.traj"))
        folder = path.resolve().parent
        run_id = sink.run_of_folder(folder.parent if folder.name == name else folder)
        for number, record in usable(path, records(path), _problem, sink):
            task = (
                values.text(record.get("instance_id") or values.an_object(record.get("info")).get("instance_id"))
                or name
            )
            known = AttemptRow(derived_id(run_id, path.name, number, task), run_id, task, source=str(path))
            known = known._replace(attempt=sink.attempt_number(run_id, task, None), line=number)
            trace = _trace(record, known)
            sink.run(
                RunRow(run_id, self.name, trace.attempt.harness_revision, trace.attempt.model, None, None, str(folder))
            )
            sink.trace(trace)


def _is_traj(record: Record) -> bool:
    steps = record.get("trajectory")
    if not isinstance(steps, list):
        return False
    first = steps[0] if steps else None
    return (
        {"action", "observation"} <= first.keys() if isinstance(first, dict) else {"history", "info"} <= record.keys()
    )


def _is_mini(record: Record) -> bool:
    if str(record.get("trajectory_format")).startswith("mini-swe-agent"):
        return True
    info = values.an_object(record.get("info"))
    return "mini_version" in info or ({"exit_status", "model_stats"} <= info.keys() and "trajectory" not in record)


def _problem(record: Record) -> str | None:
    name = "trajectory" if "trajectory" in record else "messages"
    if name not in record:
        return "missing field trajectory or messages"
    problem = talk.problem_of(record[name])
    return f"wrong type: {name} {problem}" if problem else None


def _trace(record: Record, known: AttemptRow) -> Trace:
    info = values.an_object(record.get("info"))
    old = "trajectory" in record
    history: Any = record.get("history") if old else record["messages"]
    messages = normal(history) if talk.problem_of(history) is None else []
    goal = next((talk.content_of(m) for m in messages if m.get("role") == "user" and not m.get("is_demo")), None)
    made = traj_steps(known.trace_id, record["trajectory"], goal) if old else mini_steps(known.trace_id, messages)
    config, stats = values.an_object(info.get("config")), values.an_object(info.get("model_stats"))
    attempt = known._replace(
        **_outcome(record, info, stats, values.an_object(config.get("agent"))),
        mode="swe-agent" if old else "mini-swe-agent",
        model=values.text(values.an_object(config.get("model")).get("model_name") or info.get("model_name")),
        harness_revision=values.text(
            info.get("mini_version") or info.get("swe_agent_hash") or info.get("swe_agent_version")
        ),
        goal=goal,
        steps=len(made.steps),
        step_limit=values.integer(values.an_object(config.get("agent")).get("step_limit")) or None,
        tokens_in=values.integer(stats.get("tokens_sent")) if old else made.tokens_in,
        tokens_out=values.integer(stats.get("tokens_received")) if old else made.tokens_out,
        cost_usd=values.number(stats.get("instance_cost")),
    )
    kept = {name: value for name, value in record.items() if name not in ("trajectory", "history", "messages")}
    rest = {f"swe_agent.{name}": value for name, value in kept.items()}
    return Trace(
        attempt,
        named=False,
        spans=synthetic_spans(attempt, made.steps, made.calls, rest, made.about),
        messages=talk.message_rows(known.trace_id, messages),
        steps=made.steps,
        tool_calls=made.calls,
        scores=reward_rows(attempt, "swe-agent"),
    )


def _outcome(record: Record, info: Record, stats: Record, agent: Record) -> dict[str, Any]:
    """The outcome: the verdict in the file; error for a crash, failure for a limit without a submission."""
    status = values.text(info.get("exit_status")) or ""
    ending = next((name for name, pattern in _ENDINGS if pattern.search(status)), None)
    if status == "LimitsExceeded":
        limit, used = values.integer(agent.get("step_limit")), values.integer(stats.get("api_calls"))
        ending = "step_limit" if limit and used is not None and used >= limit else "cost_limit"
    outcome, score = names.outcome_of(record, info)
    if outcome is not None or stated_score(score).number is not None:
        return {"outcome": outcome, "score": score, "end_reason": ending}
    if info.get("submission"):
        return {"end_reason": ending or ("error" if "exit" in status else None)}
    cause = None if ending else next((name for name, pattern in _CAUSES if pattern.search(status)), None)
    if cause is not None:
        return {"outcome": "error", "cause": cause, "end_reason": "error"}
    return {"outcome": "failure" if ending and ending != "done" else None, "end_reason": ending}
