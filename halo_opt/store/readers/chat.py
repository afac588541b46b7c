"""Reader for conversations in OpenAI's message layout: records with `messages`, one a line, in an array, or alone.

Which field holds the task, the reward or the model is not fixed, so the usual names are tried; every other field is
kept on the root span. Without a reward or a verdict in the record there is no outcome.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from halo_opt.store import values
from halo_opt.store.files.lines import Line, decode_json
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers import conversation as talk
from halo_opt.store.readers.base import derived_id, usable, whole
from halo_opt.store.readers.documents import is_document, leading_objects, records
from halo_opt.store.readers.span_lines import problem_of as span_problem
from halo_opt.store.readers.span_trace import derived_task
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]
N = TypeVar("N", int, float)

# A record with one of these is of another format that holds messages too.
_FOREIGN = {"trajectory_format", "simulations", "traj", "termination_reason", "run_type", "observations", "spans"}
_FOREIGN_INFO = {"model_stats", "mini_version", "exit_status"}
_NESTED = ("metadata", "info", "extra_info", "meta")
_TASK = ("task_id", "instance_id", "problem_id", "question_id", "task_name", "task.id")
_SEED = ("seed", "trial", "epoch")
_ATTEMPT = ("attempt", "repetition", "rollout_idx", "sample_idx")
_MODEL = ("model", "model_name", "llm_model")
_REWARD = ("final_reward", "total_reward")
_START, _END = ("started_at", "start_time", "created_at", "created", "timestamp"), ("ended_at", "end_time")
_COST = ("cost_usd", "total_cost", "cost")
_LONGEST_NAME = 200


class ChatReader:
    """Files of conversations."""

    name = "chat"
    meaning = (
        "conversations as OpenAI messages, JSONL or JSON of {messages: [{role, content, ...}], reward, task_id, ...}"
    )

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records has messages, or the file is an array of messages."""
        return path.is_file() and (any(_is_chat(record) for record in leading_objects(path)) or _is_bare(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every record that holds messages; reject the others."""
        found = usable(path, _records(path), _problem, sink)
        first = list(islice(found, 2))
        run_id = sink.run_of(path, self.name) if len(first) == 1 else sink.run_of_file(path)
        for number, record in chain(first, found):
            trace_id = derived_id(run_id, path.name, number)
            trace = _trace(record, AttemptRow(trace_id, run_id, "", source=str(path), line=number))
            attempt = trace.attempt
            if _attempt_of(record) is None:
                trace.attempt = attempt._replace(attempt=sink.attempt_number(run_id, attempt.task_id, attempt.seed))
            sink.run(RunRow(run_id, self.name, None, attempt.model, None, None, str(path)))
            sink.trace(trace)


def _is_chat(record: Record) -> bool:
    messages, info = record.get("messages"), record.get("info")
    if not isinstance(messages, list) or not messages or not _is_message(messages[0]):
        return False
    if isinstance(info, dict) and info.keys() & _FOREIGN_INFO:
        return False
    return not record.keys() & _FOREIGN and span_problem(record) is not None


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def _is_bare(path: Path) -> bool:
    """Whether the file is an array of messages, which is one conversation without a record around it."""
    return is_document(path) and any(
        _is_message(found) and found.keys() & {"content", "tool_calls"} and "messages" not in found
        for found in leading_objects(path)
    )


def _records(path: Path) -> Iterator[Line]:
    if not _is_bare(path):
        yield from records(path)
        return
    messages, reason = decode_json(whole(path))
    yield Line(1, 0, None if reason else {"messages": messages}, reason, "")


def _problem(record: Record) -> str | None:
    if "messages" not in record:
        return "missing field messages"
    problem = talk.problem_of(record["messages"])
    return f"wrong type: messages {problem}" if problem else None


def _trace(record: Record, known: AttemptRow) -> Trace:
    messages = talk.normal(record["messages"])
    steps, calls = talk.steps_of(known.trace_id, messages)
    places = [record, *(record[name] for name in _NESTED if isinstance(record.get(name), dict))]
    outcome, score = names.outcome_of(*places)
    if score is None and outcome != "error":
        score = values.number(names.first(_REWARD, *places))
        outcome = outcome or values.outcome_of(score)
    if outcome is None and record.get("error"):
        outcome = "error"
    goal = talk.goal_of(messages)
    usage = record["usage"] if isinstance(record.get("usage"), dict) else {}
    attempt = known._replace(
        task_id=_task(record, places, goal, known.trace_id),
        seed=values.integer(names.first(_SEED, *places)),
        attempt=_attempt_of(record) or 0,
        outcome=outcome,
        score=score,
        end_reason="error" if outcome == "error" else None,
        model=values.text(names.first(_MODEL, *places)),
        goal=goal,
        steps=len(steps),
        tokens_in=_either(_count(usage, talk.TOKENS_IN), talk.total(messages, talk.TOKENS_IN, values.integer)),
        tokens_out=_either(_count(usage, talk.TOKENS_OUT), talk.total(messages, talk.TOKENS_OUT, values.integer)),
        cost_usd=_either(values.number(names.first(_COST, *places)), talk.total(messages, talk.COST, values.number)),
        started_at=values.time(names.first(_START, *places)),
        ended_at=values.time(names.first(_END, *places)),
    )
    rest = {f"chat.{name}": value for name, value in record.items() if name != "messages"}
    return Trace(
        attempt,
        named=False,
        spans=synthetic_spans(attempt, steps, calls, rest),
        messages=talk.message_rows(known.trace_id, messages),
        steps=steps,
        tool_calls=calls,
        scores=_scores(attempt, places),
    )


def _task(record: Record, places: list[Any], goal: str | None, trace_id: str) -> str:
    """The task: as the record names it, else derived from the first message of the user, else from the record's id."""
    named = names.first((*_TASK, "task"), *places)
    if isinstance(named, int) or (isinstance(named, str) and 0 < len(named) <= _LONGEST_NAME):
        return str(named)
    return derived_task(goal, values.text(record.get("id")) or trace_id)


def _attempt_of(record: Record) -> int | None:
    return values.integer(names.first(_ATTEMPT, record))


def _either(stated: N | None, summed: N | None) -> N | None:
    return summed if stated is None else stated


def _count(usage: Record, keys: tuple[str, ...]) -> int | None:
    return values.integer(names.first(keys, usage))


def _scores(attempt: AttemptRow, places: list[Any]) -> list[ScoreRow]:
    rows = []
    if attempt.score is not None:
        rows.append(ScoreRow(attempt.trace_id, "reward", attempt.score, attempt.outcome, "chat"))
    for name in ("scores", "rewards", "score", "reward"):
        parts = names.first((name,), *places)
        for part, value in parts.items() if isinstance(parts, dict) else ():
            number = values.number(value) if isinstance(value, int | float) else None
            if number is not None:
                rows.append(ScoreRow(attempt.trace_id, part, number, None, "chat"))
    return rows
