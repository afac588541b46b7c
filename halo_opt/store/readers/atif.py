"""Reader for ATIF trajectories (Harbor's interchange format, versions 1.x) and for the folders of Harbor's trials.

The outcome is in the trial's `result.json`, so a trial folder is one source; the trials of a job are one run. A
trajectory may go on in further files (`trajectory.cont-1.json`). Where there is none, the steps come from the agent's
raw session. Other files, logs and artifacts of any size, are not read.
"""

import glob
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.atif_steps import counted_totals, messages_of, object_of, stated_totals, steps_of
from halo_opt.store.readers.base import SourceError, derived_id, usable
from halo_opt.store.readers.documents import document, leading_objects, records
from halo_opt.store.readers.harbor_sessions import raw_trace
from halo_opt.store.readers.span_trace import derived_task
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, StepRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

RESULT, CONFIG, AGENT, TRAJECTORY = "result.json", "config.json", "agent", "trajectory.json"
_CONTINUATION = re.compile(r"(.+)\.cont-(\d+)\.json")
# Costs are sums of rounded prices.
_ROUNDED = 1e-6
_TIMED_OUT = "AgentTimeoutError"
# By the type of the exception that ended a trial; what is not here was the agent's own doing where it was graded.
_CAUSES = (
    ("interrupted", re.compile(r"Cancel|KeyboardInterrupt")),
    ("environment_error", re.compile(r"Environment|Docker|Setup|Verifier|Reward|Download|Sandbox")),
    ("model_unreachable", re.compile(r"RateLimit|Connection|Unavailable|InternalServer|Overloaded|Authentication")),
)


# Counted for the summary of an import: trials whose result states other totals than their trajectory.
TOTALS_DIFFER = "totals_differ"


class AtifReader:
    """ATIF trajectories and Harbor's trial folders."""

    name = "atif"
    meaning = "ATIF trajectories {schema_version: ATIF-v1.x, agent, steps}, or Harbor trial folders with result.json"

    def sniff(self, path: Path) -> bool:
        """Whether it is a trial folder, or a file whose `schema_version` is ATIF's."""
        if path.is_dir():
            return _is_trial(path)
        return path.is_file() and any(_is_atif(record) for record in leading_objects(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read the trial, or every trajectory of the file. Raises SourceError when a trial's result is not JSON."""
        if path.is_dir():
            self._trial(path, sink)
            return
        if _continues_another(path):
            sink.continuations.add(path)
            return
        run_id = sink.run_of_folder(path.parent)
        for number, record in usable(path, records(path), _problem, sink):
            known = AttemptRow(derived_id(run_id, path.name, number), run_id, "", source=str(path), line=number)
            trace = _trace([record, *_continuations(path, record, sink)], {}, known)
            trace.named = False
            self._hand(trace, sink)

    def _trial(self, folder: Path, sink: Sink) -> None:
        if not (folder / RESULT).is_file():
            sink.counts["unfinished"] += 1
            return
        result, reason = document(folder / RESULT)
        if result is None:
            raise SourceError(
                folder, f"{folder / RESULT} cannot be used: {reason}; run the trial again, or leave it out"
            )
        run_id = sink.run_of_folder(folder.resolve().parent)
        own_id = values.text(result.get("id")) or None
        trace_id = own_id or derived_id(run_id, folder.name)
        known = AttemptRow(trace_id, run_id, "", source=str(folder / RESULT), line=1)
        places = [folder / AGENT] if (folder / AGENT).is_dir() else sorted(folder.glob(f"steps/*/{AGENT}"))
        segments = [segment for place in places for segment in _segments(place / TRAJECTORY, sink)]
        trace = _trace(segments, result, known)
        if not trace.steps:
            raw = raw_trace(places, known, sink)
            trace = trace if raw is None else _with_result(raw, trace)
        trace.named = own_id is not None
        sink.counts[TOTALS_DIFFER] += _differ(segments, result)
        self._hand(trace, sink)

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


def _is_trial(folder: Path) -> bool:
    """Whether a folder is a trial: its result names trial and task, or, of one cut off, its configuration does."""
    result, config = folder / RESULT, folder / CONFIG
    if result.is_file():
        return any({"trial_name", "task_name"} <= found.keys() for found in leading_objects(result))
    return config.is_file() and any({"trial_name", "task", "agent"} <= c.keys() for c in leading_objects(config))


def _segments(file: Path, sink: Sink) -> list[Record]:
    """A trial's trajectory with all its continuations; nothing where all of them are missing, or it is unusable."""
    if not file.is_file():
        return _continuations(file, {}, sink)
    trajectory = _usable_document(file, sink)
    return [] if trajectory is None else [trajectory, *_continuations(file, trajectory, sink)]


def _usable_document(file: Path, sink: Sink) -> Record | None:
    trajectory, problem = document(file)
    problem = _problem(trajectory) if trajectory is not None else problem
    if problem is not None:
        sink.reject(str(file), 1, problem, str(trajectory or ""))
        return None
    return trajectory


def _continuations(file: Path, record: Record, sink: Sink) -> list[Record]:
    """The trajectories that go on after a file's: those that it and each next one name, then those of later numbers."""
    found: dict[Path, Record] = {}
    while (following := _named_next(file, record)) is not None and following not in found:
        trajectory = _usable_document(following, sink)
        if trajectory is None:
            break
        found[following] = record = trajectory
    for path in sorted(file.parent.glob(f"{glob.escape(file.stem)}.cont-*.json"), key=_number):
        trajectory = None if path in found or not _number(path) else _usable_document(path, sink)
        if trajectory is not None:
            found[path] = trajectory
    return list(found.values())


def _named_next(file: Path, record: Record) -> Path | None:
    """The file beside another that its trajectory names as its continuation."""
    name = record.get("continued_trajectory_ref")
    beside = file.with_name(Path(name).name) if isinstance(name, str) and Path(name).name else None
    return beside if beside is not None and beside != file and beside.is_file() else None


def _number(path: Path) -> int:
    """The number of a continuation file, 0 for any other."""
    match = _CONTINUATION.fullmatch(path.name)
    return int(match.group(2)[:9]) if match else 0


def _continues_another(path: Path) -> bool:
    """Whether the file is read with the trajectory beside it that it continues."""
    match = _CONTINUATION.fullmatch(path.name)
    return match is not None and path.with_name(f"{match.group(1)}.json").is_file()


def _problem(record: Record) -> str | None:
    steps = record.get("steps")
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        return "wrong type: steps is not a list of steps" if "steps" in record else "missing field steps"
    return None


def _trace(segments: Sequence[Record], result: Record, known: AttemptRow) -> Trace:
    """The attempt that a trajectory, in one or several parts, and a trial's result describe; either may be empty."""
    record = segments[0] if segments else {}
    listed = [step for segment in segments for step in segment["steps"] if step.get("is_copied_context") is not True]
    steps, calls, about = steps_of(known.trace_id, listed)
    messages = messages_of(known.trace_id, listed)
    agent, info = object_of(record.get("agent")), object_of(result.get("agent_info"))
    goal = next((message.content for message in messages if message.role == "user"), None)
    task = values.text(result.get("task_name"))
    stated, counted = stated_totals(result), counted_totals(segments)
    attempt = known._replace(
        task_id=task or derived_task(goal, values.text(record.get("session_id")) or known.trace_id),
        **_outcome(result),
        mode=values.text(agent.get("name") or info.get("name")),
        model=values.text(agent.get("model_name") or object_of(info.get("model_info")).get("name")),
        harness_revision=values.text(agent.get("version") or info.get("version")),
        goal=goal,
        steps=len(steps) if segments else None,
        tokens_in=stated.tokens_in if stated.tokens_in is not None else counted.tokens_in,
        tokens_out=stated.tokens_out if stated.tokens_out is not None else counted.tokens_out,
        cost_usd=stated.cost_usd if stated.cost_usd is not None else counted.cost_usd,
        started_at=values.time(result.get("started_at")) or _edge(steps, first=True),
        ended_at=values.time(result.get("finished_at")) or _edge(steps, first=False),
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


def _with_result(raw: Trace, trial: Trace) -> Trace:
    """The steps of a raw session under the attempt that the trial's result describes, which counts before it."""
    session, result = raw.attempt, trial.attempt
    raw.attempt = result._replace(
        model=result.model or session.model,
        goal=result.goal or session.goal,
        steps=session.steps,
        end_reason=result.end_reason or session.end_reason,
        tokens_in=session.tokens_in if result.tokens_in is None else result.tokens_in,
        tokens_out=session.tokens_out if result.tokens_out is None else result.tokens_out,
        cost_usd=session.cost_usd if result.cost_usd is None else result.cost_usd,
        started_at=result.started_at or session.started_at,
        ended_at=result.ended_at or session.ended_at,
    )
    root = trial.spans[0]
    spans = [
        span._replace(attributes={**root.attributes, **span.attributes}) if not span.parent_span_id else span
        for span in raw.spans
    ]
    return Trace(raw.attempt, spans, raw.messages, raw.steps, raw.tool_calls, trial.scores)


def _differ(segments: Sequence[Record], result: Record) -> bool:
    """Whether a trial's result and its trajectory state different totals."""
    pairs = zip(stated_totals(result), counted_totals(segments), strict=True)
    return any(one is not None and other is not None and abs(one - other) > _ROUNDED for one, other in pairs)


def _edge(steps: list[StepRow], *, first: bool) -> str | None:
    times = [step.started_at for step in steps if step.started_at]
    if not times:
        return None
    return times[0] if first else times[-1]


def _rewards(result: Record) -> dict[str, Any]:
    """The verifier's rewards by name, as stated; older results hold a single one."""
    verdict = object_of(result.get("verifier_result"))
    rewards = verdict.get("rewards")
    listed = rewards if isinstance(rewards, dict) else {"reward": verdict.get("reward")}
    return {name: value for name, value in listed.items() if value is not None}


def _outcome(result: Record) -> dict[str, Any]:
    """Outcome, score, cause and end_reason. An agent that ran out of time has been graded, a broken trial not."""
    rewards = _rewards(result)
    score = rewards.get("reward", next(iter(rewards.values())) if len(rewards) == 1 else None)
    broke = values.text(object_of(result.get("exception_info")).get("exception_type"))
    cause = next((name for name, pattern in _CAUSES if broke and broke != _TIMED_OUT and pattern.search(broke)), None)
    if broke and not rewards:
        cause = cause or ("time_limit" if broke == _TIMED_OUT else "harness_crashed")
    if cause is not None:
        return {"outcome": "error", "cause": cause, "end_reason": "error"}
    end_reason = None
    if broke:
        end_reason = "time_limit" if broke == _TIMED_OUT else "error"
    return {"score": score, "end_reason": end_reason}


def _scores(attempt: AttemptRow, result: Record) -> list[ScoreRow]:
    given = {} if attempt.outcome == "error" else _rewards(result)
    rows = [(name, values.number(value)) for name, value in given.items() if isinstance(value, int | float | str)]
    return [ScoreRow(attempt.trace_id, name, value, None, "harbor") for name, value in rows if value is not None]
