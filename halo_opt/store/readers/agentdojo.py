"""Reader for AgentDojo's run logs: a JSON file for each attempt at a user's task, with or without an injected one.

The outcome is `utility`, whether the user's task was done. `security` is kept among the scores. An attempt under an
attack is another task than the same one without it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.base import derived_id, usable
from halo_opt.store.readers.conversation import trace_of
from halo_opt.store.readers.documents import leading_records, unwrapped
from halo_opt.store.readers.message_layouts import normal
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

_ERRORS = ("error", "exception")
_NO_ATTACK = ("", "none", "None")


class AgentDojoReader:
    """AgentDojo's run logs."""

    name = "agentdojo"
    meaning = "AgentDojo run logs, JSON of {suite_name, pipeline_name, user_task_id, attack_type, messages, utility}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records names a suite and a pipeline, or a user's and an injected task."""
        return path.is_file() and any(_is_agentdojo(record) for record in leading_records(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every record that names a task and holds messages; reject the others."""
        for number, record in usable(path, unwrapped(path, _is_agentdojo), _problem, sink):
            model = values.text(record.get("pipeline_name"))
            mode = _attack(record)
            run_id = sink.run_of_folder(_run_folder(path, record))
            task, seed = _task(record), values.integer(record.get("seed"))
            known = AttemptRow(
                derived_id(run_id, path.resolve(), number),
                run_id,
                task,
                seed,
                sink.attempt_number(run_id, task, seed),
                mode=mode,
                model=model,
                source=str(path),
                line=number,
            )
            sink.run(RunRow(run_id, self.name, None, model, mode, None, str(_run_folder(path, record))))
            sink.trace(_trace(record, known))


def _is_agentdojo(record: Record) -> bool:
    return {"suite_name", "pipeline_name"} <= record.keys() or {"user_task_id", "injection_task_id"} <= record.keys()


def _problem(record: Record) -> str | None:
    if _user_task(record) is None:
        return "missing field user_task_id (also looked for: task_id)"
    messages = record.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return "missing field messages" if messages is None else "wrong type: messages is not a list of messages"
    return None


def _user_task(record: Record) -> str | None:
    return values.text(record.get("user_task_id", record.get("task_id")))


def _attack(record: Record) -> str | None:
    named = values.text(record.get("attack_type", record.get("condition")))
    return None if named in _NO_ATTACK else named


def _task(record: Record) -> str:
    """Suite and user's task, and, under an attack, the attack and the injected task: they are tasks of their own."""
    injected = values.text(record.get("injection_task_id"))
    parts = [
        values.text(record.get("suite_name", record.get("domain"))),
        _user_task(record),
        _attack(record),
        None if injected in _NO_ATTACK else injected,
    ]
    return "-".join(part for part in parts if part)


def _run_folder(path: Path, record: Record) -> Path:
    """The folder of the run: above those that AgentDojo makes for each attack, user's task and suite."""
    inner = {values.text(record.get(name)) for name in ("attack_type", "user_task_id", "suite_name", "condition")}
    inner |= {values.text(record.get(name)) for name in ("task_id", "domain")} | {"none"}
    folder = path.resolve().parent
    while folder.name in inner and folder.parent != folder:
        folder = folder.parent
    return folder


def _trace(record: Record, known: AttemptRow) -> Trace:
    judged = record["evaluation"] if isinstance(record.get("evaluation"), dict) else record
    utility, security = (values.boolean(judged.get(name)) for name in ("utility", "security"))
    error = next((words for name in _ERRORS if (words := values.text(record.get(name)))), None)
    outcome = {True: "success", False: "failure", None: None}[utility]
    started = values.time(record.get("evaluation_timestamp"))
    attempt = known._replace(
        outcome="error" if error else outcome,
        score=None if error or utility is None else float(utility),
        end_reason="error" if error else None,
        started_at=started,
        ended_at=_later(started, values.finite(record.get("duration"))),
    )
    rest = {f"agentdojo.{name}": value for name, value in record.items() if name != "messages"}
    scores = [
        ScoreRow(known.trace_id, name, float(value), None, "agentdojo")
        for name, value in (("utility", utility), ("security", security))
        if value is not None
    ]
    return trace_of(attempt, normal(record["messages"]), rest, scores)


def _later(start: str | None, seconds: float | None) -> str | None:
    if start is None or seconds is None:
        return None
    try:
        return (datetime.fromisoformat(start) + timedelta(seconds=seconds)).isoformat(" ")
    except (OverflowError, ValueError):
        return None
