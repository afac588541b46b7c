"""Reader for OpenHands: results with a history (`output.jsonl`), saved trajectories, and folders of event files."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.lines import decode_json
from halo_opt.store.files.opening import stem
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.base import derived_id, usable, whole
from halo_opt.store.readers.documents import document, is_document, leading_objects, leading_records, records, unwrapped
from halo_opt.store.readers.openhands_events import Session, events_of, is_event
from halo_opt.store.readers.span_trace import derived_task
from halo_opt.store.readers.transcript import trace_of_turns
from halo_opt.store.rows import AttemptRow, RunRow
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

_EVENT_FILE = re.compile(r"(?:event-)?(\d+)(?:-[\w-]+)?\.json")
_STEP_LIMIT = re.compile(r"(?i)max(?:imum)?[_ ]?(?:number of )?(?:iteration|step)|iteration limit")
# Members of a record that are the history, or repeat it.
_LONG = ("history", "llm_completions", "instruction")


class OpenHandsReader:
    """OpenHands' results and event streams."""

    name = "openhands"
    meaning = (
        "OpenHands: output.jsonl of {instance_id, history, test_result, metrics}, saved trajectories, event folders"
    )

    def sniff(self, path: Path) -> bool:
        """Whether a file holds results with a history of events, or events; a folder, files of events in `events`."""
        if path.is_dir():
            return any(_holds_event(file) for file in _event_files(path)[:1])
        return path.is_file() and any(_is_result(record) or is_event(record) for record in leading_records(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every result, or the events of one attempt; reject what is neither."""
        run_id = sink.run_of_folder(path.resolve().parent)
        if path.is_dir() or any(is_event(record) for record in leading_objects(path)):
            history = list(_events_in(path, sink))
            self._attempt(sink, run_id, path, 1, {"id": path.name if path.is_dir() else stem(path), "history": history})
            return
        for number, record in usable(path, unwrapped(path, _is_result), _problem, sink):
            self._attempt(sink, run_id, path, number, record)

    def _attempt(self, sink: Sink, run_id: str, path: Path, number: int, record: Record) -> None:
        session = Session()
        for event in events_of(record["history"]):
            session.add(event)
        session.count(record.get("metrics"))
        settings = values.an_object(record.get("metadata"))
        model = (
            values.text(values.an_object(settings.get("llm_config", settings.get("llm"))).get("model")) or session.model
        )
        mode, revision = values.text(settings.get("agent_class")), values.text(settings.get("git_commit"))
        goal = values.text(record.get("instruction")) or session.goal
        trace_id = derived_id(run_id, path.resolve(), number)
        task = values.text(record.get("instance_id")) or derived_task(goal, values.text(record.get("id")) or trace_id)
        limit = values.integer(settings.get("max_iterations"))
        known = AttemptRow(
            trace_id,
            run_id,
            task,
            attempt=sink.attempt_number(run_id, task, None),
            mode=mode,
            model=model,
            harness_revision=revision,
            goal=goal,
            step_limit=limit,
            tokens_in=session.summed_in if session.tokens_in is None else session.tokens_in,
            tokens_out=session.summed_out if session.tokens_out is None else session.tokens_out,
            cost_usd=session.cost_usd,
            started_at=session.started_at,
            ended_at=session.ended_at,
            source=str(path),
            line=number,
        )
        known = known._replace(**_ending(record, session))
        sink.run(RunRow(run_id, self.name, revision, model, mode, None, str(path.parent)))
        rest = {f"openhands.{name}": value for name, value in record.items() if name not in _LONG}
        trace = trace_of_turns(known, session.turns, session.messages, rest)
        trace.named = False
        sink.trace(trace)


def _ending(record: Record, session: Session) -> dict[str, Any]:
    """Outcome, score and how the attempt ended. An error that OpenHands itself met is no measurement."""
    result = values.an_object(record.get("test_result"))
    places = [record, values.an_object(record.get("report")), result, values.an_object(result.get("report"))]
    outcome, score = names.outcome_of(*places)
    error = values.text(record.get("error")) or session.error
    if error and _STEP_LIMIT.search(error):
        return {"outcome": outcome, "score": score, "end_reason": "step_limit"}
    if error and outcome is None:
        return {"outcome": "error", "score": None, "cause": "harness_crashed", "end_reason": "error"}
    return {"outcome": outcome, "score": score, "end_reason": "done" if session.finished else None}


def _is_result(record: Record) -> bool:
    history = record.get("history")
    if not isinstance(history, list):
        return False
    events = list(events_of(history[:3]))
    if events:
        return is_event(events[0])
    return "instance_id" in record and "test_result" in record


def _problem(record: Record) -> str | None:
    if "history" not in record:
        return "missing field history"
    return None if isinstance(record["history"], list) else "wrong type: history is not a list of events"


def _event_files(folder: Path) -> list[Path]:
    """The files of a folder's events, in their order."""
    place = folder / "events"
    if not place.is_dir():
        return []
    numbered = [(int(match.group(1)), file) for file in place.iterdir() if (match := _EVENT_FILE.fullmatch(file.name))]
    return [file for _, file in sorted(numbered)]


def _holds_event(file: Path) -> bool:
    value, _ = document(file)
    return is_event(value)


def _events_in(path: Path, sink: Sink) -> Iterator[Any]:
    """The events of a folder, of an array, or of lines."""
    if not path.is_dir():
        if is_document(path):
            value, _ = decode_json(whole(path))
            yield from value if isinstance(value, list) else [value]
            return
        yield from (record for _, record in usable(path, records(path), lambda _: None, sink))
        return
    for file in _event_files(path):
        value, reason = document(file)
        if value is None:
            sink.reject(str(file), 1, reason or "no event", file.name)
        else:
            yield value
