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
from halo_opt.store.outcomes import reward_rows, stated_score
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers import conversation as talk
from halo_opt.store.readers.base import derived_id, usable, whole
from halo_opt.store.readers.documents import Wrapped, is_document, leading_objects, positioned, records, wrapped
from halo_opt.store.readers.message_layouts import AGENT_ROLES, ROLE_FIELDS, is_message, normal
from halo_opt.store.readers.span_lines import problem_of as span_problem
from halo_opt.store.readers.span_trace import derived_task
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]
N = TypeVar("N", int, float)

# A record with one of these is of another format that holds messages too.
_FOREIGN = {
    "eval",
    "injection_task_id",
    "mistake_agent",
    "mistake_step",
    "observations",
    "pipeline_name",
    "projectId",
    "resourceSpans",
    "run_type",
    "simulations",
    "spans",
    "termination_reason",
    "traceId",
    "traj",
    "trajectory_format",
}
_FOREIGN_INFO = {"model_stats", "mini_version", "exit_status"}
# What stands around the records of a document.
AROUND = "around"
NESTED = ("metadata", "info", "extra_info", "meta", AROUND)
# Where the messages of a record may stand, the most usual first.
LISTS = (
    "messages",
    "conversations",
    "conversation",
    "history",
    "trajectory",
    "dialog",
    "dialogue",
    "turns",
    "chat",
    "chat_history",
    "contents",
    "transcript",
    "chat_messages",
    "message_history",
    "items",
    "input",
    "output",
)
_INSTRUCTIONS = ("system", "system_prompt", "instructions", "system_instruction")
_REPLIES = ("choices", "response", "output", "completion")
# Elements at the beginning of a list that must be messages for it to be a conversation.
_LOOKED_AT = 3
_TASK = ("task_id", "instance_id", "problem_id", "question_id", "task_name", "task.id")
_SEED = ("seed", "trial", "epoch")
_ATTEMPT = ("attempt", "repetition", "rollout_idx", "sample_idx")
_MODEL = ("model", "model_name", "llm_model")
_REWARD = ("final_reward", "total_reward")
_START, _END = ("started_at", "start_time", "created_at", "created", "timestamp"), ("ended_at", "end_time")
_COST = ("cost_usd", "total_cost", "cost")
# Names that a mapping file gives to fields of any name.
RUN, GOAL, MODE = "halo.run_id", "halo.goal", "halo.mode"
# Every name that is understood, by what it means.
FIELDS = {
    "messages": LISTS,
    "role of a message": ROLE_FIELDS,
    "values of that role that mean the agent": AGENT_ROLES,
    "task": (*_TASK, "task"),
    "seed, or which try of the task": _SEED,
    "attempt, where a seed has several tries": _ATTEMPT,
    "verdict: success, failure, error, true, ...": names.LABEL[1:],
    "score from 0 to 1": (*names.SCORE[1:], *_REWARD),
    "model": _MODEL,
    "tokens of prompts, in `usage` or in each message": talk.TOKENS_IN,
    "tokens of replies, in `usage` or in each message": talk.TOKENS_OUT,
    "cost in dollars": _COST,
    "start": _START,
    "end": _END,
}
_LONGEST_NAME = 200


class ChatReader:
    """Files of conversations."""

    name = "chat"
    meaning = (
        "conversations as OpenAI messages, JSONL or JSON of {messages: [{role, content, ...}], reward, task_id, ...}"
    )

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records holds messages, or the first records are messages themselves."""
        return path.is_file() and any(_is_chat(record) or _is_bare(record) for record in _leading(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every record that holds messages; reject the others."""
        lines = _records(path) if sink.names is None else map(sink.names.line, _records(path))
        found = usable(path, lines, _problem, sink)
        first = list(islice(found, 2))
        own_name = sink.run_of(path, self.name) if len(first) == 1 else sink.run_of_file(path)
        for number, record in chain(first, found):
            run_id = values.text(record.get(RUN)) or own_name
            trace_id = derived_id(own_name, path.name, number)
            trace = _trace(record, AttemptRow(trace_id, run_id, "", source=str(path), line=number))
            attempt = trace.attempt
            if _attempt_of(record) is None:
                trace.attempt = attempt._replace(attempt=sink.attempt_number(run_id, attempt.task_id, attempt.seed))
            sink.run(RunRow(run_id, self.name, None, attempt.model, attempt.mode, None, str(path)))
            sink.trace(trace)


def messages_in(record: Record) -> tuple[tuple[str, ...], list[Any]] | None:
    """The messages of a record and the fields that hold them; None where no field does.

    A field may hold its list as JSON text. A reply that stands beside the messages, as a client's log has it
    (`choices`, `response`, `output`), is the last message.
    """
    for name in LISTS:
        listed = _listed(record.get(name))
        if listed and all(map(is_message, listed[:_LOOKED_AT])) and all(isinstance(one, dict) for one in listed):
            replies = {field: _reply(record[field]) for field in _REPLIES if field in record and field != name}
            fields = (name, *(field for field, reply in replies.items() if reply))
            said = [*listed, *(message for reply in replies.values() for message in reply)]
            return fields, _with_instructions(record, said)
    request = record.get("request")
    if isinstance(request, dict) and (inner := messages_in(request)) is not None:
        reply = [message for field in _REPLIES if field in record for message in _reply(record[field])]
        return ("request", *(field for field in _REPLIES if field in record)), [*inner[1], *reply]
    if "output" in record and isinstance(record.get("input"), str) and (reply := _reply(record["output"])):
        said = [{"role": "user", "content": record["input"]}, *reply]
        return ("input", "output"), _with_instructions(record, said)
    return (("messages",), []) if record.get("messages") == [] else None


def _with_instructions(record: Record, messages: list[Any]) -> list[Any]:
    """The messages after the instructions that some clients keep beside them."""
    stated = next((record[name] for name in _INSTRUCTIONS if isinstance(record.get(name), str | list)), None)
    if not stated or any(message.get("role") in ("system", "developer") for message in messages):
        return messages
    return [{"role": "system", "content": stated}, *messages]


def _listed(value: Any) -> list[Any] | None:
    """A list, also one that is spelled as JSON text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value, _ = decode_json(value.encode("utf-8", "surrogatepass"))
    return value if isinstance(value, list) else None


def _reply(value: Any) -> list[Any]:
    """The messages of a model's reply: of the first of its choices, or of its output items."""
    if isinstance(value, dict):
        inner = next((value[name] for name in ("choices", "output", "message", "candidates") if name in value), value)
        if inner is not value:
            return _reply(inner)
        return [value] if is_message(value) else []
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict):
        for name in ("message", "content"):
            if is_message(first.get(name)):
                return [first[name]]
    return [one for one in value if is_message(one)] if isinstance(value, list) else []


def _leading(path: Path) -> Iterator[Record]:
    """The first records, those inside a document that wraps them too."""
    for record in leading_objects(path):
        yield record
        inner = _wrapped(record)
        if inner is not None:
            yield from (one for _, one in inner.records[:1] if isinstance(one, dict))


def _wrapped(document: Any) -> Wrapped | None:
    """The records in a document, where it is no conversation itself: under a usual name, or as conversations."""
    if not isinstance(document, dict) or document.keys() & _FOREIGN or messages_in(document) is not None:
        return None
    for name in LISTS:
        inner = document.get(name)
        if isinstance(inner, list) and inner and isinstance(inner[0], dict) and messages_in(inner[0]) is not None:
            around = {key: value for key, value in document.items() if key != name}
            return Wrapped([(str(place), one) for place, one in enumerate(inner, start=1)], around)
    return wrapped(document)


def _is_chat(record: Record) -> bool:
    info, trajectory = record.get("info"), record.get("trajectory")
    if isinstance(trajectory, list) and trajectory and not is_message(trajectory[0]):
        return False  # SWE-agent's, which also holds a history of messages
    if {"question", "ground_truth", "history"} <= record.keys():
        return False  # Who&When's, whose roles are the names of agents
    if record.keys() & _FOREIGN or (isinstance(info, dict) and info.keys() & _FOREIGN_INFO):
        return False
    found = messages_in(record)
    return span_problem(record) is not None and found is not None and bool(found[1])


def _is_bare(record: Record) -> bool:
    """Whether a record is itself a message, so that its file is one conversation without a record around it."""
    fields = {"content", "tool_calls", "value", "parts", "arguments", "output"}
    return is_message(record) and bool(record.keys() & fields) and messages_in(record) is None


def _records(path: Path) -> Iterator[Line]:
    """The records of a file, those inside a wrapper by their position; a file of bare messages is one record."""
    if any(_is_bare(found) for found in leading_objects(path)):
        yield _bare_record(path)
        return
    for line in records(path):
        inner = _wrapped(line.value)
        if inner is None:
            yield line
            continue
        around = {"around": inner.around} if inner.around else {}
        yield from positioned({**around, **one} if isinstance(one, dict) else one for _, one in inner.records)


def _bare_record(path: Path) -> Line:
    if is_document(path):
        messages, reason = decode_json(whole(path))
        return Line(1, 0, None if reason else {"messages": messages}, reason, "")
    lines = list(records(path))
    return Line(1, 0, {"messages": [line.value for line in lines if line.value is not None]}, None, "")


def _problem(record: Record) -> str | None:
    if messages_in(record) is not None:
        return None
    found = next((name for name in LISTS if name in record), None)
    if found is None:
        return f"missing field messages (also looked for: {', '.join(LISTS[1:])})"
    return f"wrong type: {found} is not a list of messages"


def _trace(record: Record, known: AttemptRow) -> Trace:
    fields, listed = messages_in(record) or ((), [])
    messages = normal(listed)
    steps, calls = talk.steps_of(known.trace_id, messages)
    nested = (*NESTED, "response", "request")
    places = [record, *(record[name] for name in nested if isinstance(record.get(name), dict))]
    outcome, score = names.outcome_of(*places)
    if score is None and outcome != "error":
        score = names.first(_REWARD, *places)
    if outcome is None and stated_score(score).number is None and record.get("error"):
        outcome = "error"
    goal = values.text(record.get(GOAL)) or talk.goal_of(messages)
    stated = names.first(("usage",), *places)
    usage = stated if isinstance(stated, dict) else {}
    attempt = known._replace(
        task_id=_task(record, places, goal, known.trace_id),
        seed=values.integer(names.first(_SEED, *places)),
        attempt=_attempt_of(record) or 0,
        outcome=outcome,
        score=score,
        end_reason="error" if outcome == "error" else None,
        mode=values.text(record.get(MODE)),
        model=values.text(names.first(_MODEL, *places)),
        goal=goal,
        steps=len(steps),
        tokens_in=_either(_count(usage, talk.TOKENS_IN), talk.total(messages, talk.TOKENS_IN, values.integer)),
        tokens_out=_either(_count(usage, talk.TOKENS_OUT), talk.total(messages, talk.TOKENS_OUT, values.integer)),
        cost_usd=_either(values.number(names.first(_COST, *places)), talk.total(messages, talk.COST, values.number)),
        started_at=values.time(names.first(_START, *places)),
        ended_at=values.time(names.first(_END, *places)),
    )
    rest = {f"chat.{name}": value for name, value in record.items() if name not in fields}
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
        return names.with_suite(str(named), *places)
    return derived_task(goal, values.text(record.get("id")) or trace_id)


def _attempt_of(record: Record) -> int | None:
    return values.integer(names.first(_ATTEMPT, record))


def _either(stated: N | None, summed: N | None) -> N | None:
    return summed if stated is None else stated


def _count(usage: Record, keys: tuple[str, ...]) -> int | None:
    return values.integer(names.first(keys, usage))


def _scores(attempt: AttemptRow, places: list[Any]) -> list[ScoreRow]:
    rows = reward_rows(attempt, "chat")
    for name in ("scores", "rewards", "score", "reward"):
        parts = names.first((name,), *places)
        for part, value in parts.items() if isinstance(parts, dict) else ():
            number = values.number(value) if isinstance(value, int | float) else None
            if number is not None:
                rows.append(ScoreRow(attempt.trace_id, part, number, None, "chat"))
    return rows
