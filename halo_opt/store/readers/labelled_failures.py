"""Readers for two data sets of failed attempts whose mistakes people have labelled: Who&When and AgentRx.

In both several agents speak in one conversation, and roles are their names (`WebSurfer`, `Orchestrator (thought)`). The
labels are kept among the scores: they are judgements, like the outcome, and not what the agents did.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.opening import stem
from halo_opt.store.readers.base import derived_id, usable
from halo_opt.store.readers.conversation import trace_of
from halo_opt.store.readers.documents import is_document, leading_records, records, unwrapped
from halo_opt.store.readers.message_layouts import ROLES, Message, normal
from halo_opt.store.readers.span_trace import derived_task
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

# What stands behind an agent's name in a role: whom it speaks to, or that it only thinks.
_ASIDE = re.compile(r"\s*\(.*\)\s*$")
# Participants that only run what an agent wrote.
_PROGRAMS = re.compile(r"(?i)^(?:computer[_ ]?terminal|code[_ ]?executor|executor|terminal|environment|tool)$")
_LABELS = ("mistake_agent", "mistake_step", "mistake_reason", "mistake_type")
_FAILURE_LABELS = ("failure_summary", "failures", "root_cause", "root_cause_failure_id", "root_cause_reason")


class WhoAndWhenReader:
    """Who&When: the question, the conversation, and who made the mistake in which message."""

    name = "who-and-when"
    meaning = (
        "Who&When, JSON of {question, ground_truth, history: [{role, name, content}], mistake_agent, mistake_step}"
    )

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records names the agent or the step of a mistake beside a history."""
        return path.is_file() and any(_is_who_and_when(record) for record in leading_records(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every record with a history; reject the others."""
        run_id = _run_id(path, sink)
        sink.run(RunRow(run_id, self.name, None, None, None, None, str(path.parent if is_document(path) else path)))
        for number, record in usable(path, unwrapped(path, _is_who_and_when), _history_problem, sink):
            question = values.text(record.get("question"))
            trace_id = derived_id(run_id, path.resolve(), number)
            named = values.text(record.get("question_ID", record.get("question_id")))
            task = named or derived_task(question, trace_id)
            attempt = AttemptRow(trace_id, run_id, task, goal=question, source=str(path), line=number)
            correct = values.boolean(record.get("is_correct"))
            labelled = any(record.get(name) is not None for name in _LABELS)
            failed = "failure" if labelled or correct is False else None
            attempt = attempt._replace(
                attempt=sink.attempt_number(run_id, task, None), outcome="success" if correct else failed
            )
            left_out = ("history", "is_correct", *_LABELS)
            rest = {f"who_and_when.{name}": value for name, value in record.items() if name not in left_out}
            agent = values.text(record.get("mistake_agent"))
            sink.trace(_trace(attempt, record["history"], rest, _scores(trace_id, record, _LABELS, self.name, agent)))


class AgentRxReader:
    """AgentRx: trajectories as steps with substeps; the labels are in the records, or in the file beside theirs."""

    name = "agentrx"
    meaning = "AgentRx trajectories, JSONL or JSON of {trajectory_id, instruction, steps: [{index, substeps}]}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records has a trajectory id and steps with substeps."""
        return path.is_file() and any(_is_agentrx(record) for record in leading_records(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every trajectory; reject the other records."""
        run_id = _run_id(path, sink)
        sink.run(RunRow(run_id, self.name, None, None, None, None, str(path.parent if is_document(path) else path)))
        labels = _labels_beside(path)
        for number, record in usable(path, unwrapped(path, _is_agentrx), _substeps_problem, sink):
            native = values.text(record["trajectory_id"]) or ""
            found = {**labels.get(_plain_id(native), {}), **record}
            trace_id = derived_id(run_id, path.resolve(), number)
            attempt = AttemptRow(
                trace_id,
                run_id,
                native,
                attempt=sink.attempt_number(run_id, native, None),
                outcome="failure" if any(found.get(name) for name in _FAILURE_LABELS) else None,
                goal=values.text(record.get("instruction")),
                source=str(path),
                line=number,
            )
            messages = [
                substep
                for step in record["steps"]
                if isinstance(step, dict) and isinstance(step.get("substeps"), list)
                for substep in step["substeps"]
            ]
            left_out = ("steps", "instruction", *_FAILURE_LABELS, "num_failures")
            rest = {f"agentrx.{name}": value for name, value in record.items() if name not in left_out}
            scores = [
                *_scores(trace_id, found, _FAILURE_LABELS, self.name, None),
                *(_failure_score(trace_id, failure) for failure in _failures(found)),
            ]
            sink.trace(_trace(attempt, messages, rest, scores))


def _trace(attempt: AttemptRow, spoken: Iterable[Any], rest: Record, scores: Sequence[ScoreRow]) -> Trace:
    messages = normal([_with_speaker(message) for message in spoken if isinstance(message, dict)])
    return trace_of(attempt, messages, rest, scores)


def _with_speaker(message: Message) -> Message:
    """The message of a group's conversation with a known role, and the name of the agent that speaks."""
    stated, name = values.text(message.get("role")) or "", values.text(message.get("name"))
    speaker = _ASIDE.sub("", name or stated).strip()
    known = ROLES.get(speaker.lower())
    if _PROGRAMS.match(speaker):
        return {**message, "role": "tool", "name": speaker}
    if known is not None:
        # A name that is itself a role tells nothing of who speaks.
        return {**message, "role": known, "name": None}
    if ROLES.get(stated.lower()) in ("system", "tool"):
        return message
    return {**message, "role": "assistant", "name": speaker or None}


def _run_id(path: Path, sink: Sink) -> str:
    return sink.run_of_folder(path.parent) if is_document(path) else sink.run_of_file(path)


def _is_who_and_when(record: Record) -> bool:
    labelled = record.keys() & {"mistake_agent", "mistake_step"} or {"question", "ground_truth"} <= record.keys()
    return bool(labelled) and isinstance(record.get("history"), list)


def _history_problem(record: Record) -> str | None:
    if "history" not in record:
        return "missing field history"
    return None if isinstance(record["history"], list) else "wrong type: history is not a list of messages"


def _is_agentrx(record: Record) -> bool:
    return _substeps_problem(record) is None


def _substeps_problem(record: Record) -> str | None:
    for name in ("trajectory_id", "steps"):
        if record.get(name) is None:
            return f"missing field {name}"
    steps = record["steps"]
    first = steps[0] if isinstance(steps, list) and steps else None
    if not isinstance(first, dict) or not isinstance(first.get("substeps"), list):
        return "missing field steps[].substeps"
    return None


def _scores(trace_id: str, record: Record, names: Sequence[str], source: str, agent: str | None) -> list[ScoreRow]:
    """The labels that are single values, as scores; the step of the mistake with the agent that made it."""
    rows = []
    for name in names:
        value = record.get(name)
        if value is None or isinstance(value, list):
            continue
        number = values.finite(value) if name.endswith("_step") else None
        label = agent if number is not None else values.text(value)
        rows.append(ScoreRow(trace_id, name, number, label, source))
    return rows


def _failures(record: Record) -> list[Record]:
    listed = record.get("failures")
    return [failure for failure in listed if isinstance(failure, dict)] if isinstance(listed, list) else []


def _failure_score(trace_id: str, failure: Record) -> ScoreRow:
    """A labelled failure: its step, and its category with the agent."""
    words = [values.text(failure.get(name)) for name in ("failure_category", "failed_agent")]
    label = ", ".join(word for word in words if word) or None
    return ScoreRow(trace_id, "failure_step", values.finite(failure.get("step_number")), label, "agentrx")


def _labels_beside(path: Path) -> dict[str, Record]:
    """The labels of AgentRx's other file, `<name>.jsonl` beside `<name>_dataset.jsonl`, by trajectory."""
    name = stem(path)
    beside = [path.with_name(f"{name.removesuffix('_dataset')}{suffix}") for suffix in (".jsonl", ".json")]
    for other in beside if name.endswith("_dataset") else ():
        if other.is_file():
            found = [line.value for line in records(other) if line.value is not None]
            return {_plain_id(values.text(record.get("trajectory_id")) or ""): record for record in found}
    return {}


def _plain_id(native: str) -> str:
    """A trajectory's id without the domain, which only one of AgentRx's two files puts before it."""
    return native.removeprefix("tau_retail_").removeprefix("magentic_one_")
