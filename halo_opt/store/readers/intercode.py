"""Reader for InterCode result files: `{id: {task_id, query, turn_history, summary}}`, alone or as `{meta, logs}`.

A step is a turn. In multi-turn mode the agent writes a command each turn, is told the reward and is stopped at reward
1; in ReAct mode it writes a thought and `execute[command]` or `submit`, and only submitting is rewarded. Per-turn
rewards are kept in `scores` as `turn_reward`, because who is told the reward has an easier task than who is not.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.core.records import Outcome
from halo_opt.store import values
from halo_opt.store.files.lines import decode_json, head_of
from halo_opt.store.files.opening import original_stem
from halo_opt.store.outcomes import DEFAULT_RULE, reward_rows, stated_score
from halo_opt.store.readers.base import derived_id, first_bytes, whole
from halo_opt.store.readers.call_errors import call_error
from halo_opt.store.readers.documents import Wrapped, wrapped
from halo_opt.store.readers.model_names import model_of_path
from halo_opt.store.readers.synthetic import call_of, call_span_id, step_span_id, synthetic_spans
from halo_opt.store.rows import AttemptRow, MessageRow, RunRow, ScoreRow, StepRow, Trace
from halo_opt.store.sink import Sink

_MODE = re.compile(r"(?:^|_)(multiturn|react|plan_solve)(?:_|$)")
_ENVIRONMENT = re.compile(r"(?:^|[_/.-])(bash|sql|ctf|python|swe)(?=[_/.-]|$)")
_DATA_SET = re.compile(r"(?:^|[_/.-])(fs_\d+)(?=[_/.-]|$)")
_EXECUTE = re.compile(r"\s*execute\[(.*)\]\s*", re.DOTALL)
# Written by InterCode's own loop, not by the agent, when the turns are used up.
_FORCED = "EXCEEDED MAX TURNS"


class _Turn(NamedTuple):
    """One turn; `step` is the step of the agent's plan that it works on."""

    thought: str | None
    action: str
    observation: str | None
    reward: float | None
    valid: bool | None
    step: str | None = None


class InterCodeReader:
    """InterCode bash (and sibling) result files."""

    name = "intercode"
    meaning = "InterCode results, JSON of {id: {task_id, query, turn_history, summary}}, also as {meta, logs}"

    def sniff(self, path: Path) -> bool:
        """Whether the file begins with an object or array in which a turn_history has actions."""
        if not path.is_file():
            return False
        head = first_bytes(path).removeprefix(b"\xef\xbb\xbf").lstrip()
        return head.startswith((b"{", b"[")) and b'"turn_history"' in head and b'"actions"' in head

    def read(self, path: Path, sink: Sink) -> None:
        """Read every record with a turn history; a file that is not JSON as a whole is one reject."""
        raw = whole(path)
        document, reason = decode_json(raw)
        if reason is not None or not isinstance(document, dict | list):
            sink.reject(str(path), 1, reason or "not an object", head_of(raw))
            return
        found = _records(document)
        run_id = sink.run_of_file(path)
        model, mode = _model(found.around) or model_of_path(path), _group(_MODE, original_stem(path))
        suite = _suite(path, found.around)
        sink.run(RunRow(run_id, self.name, None, model, mode, None, str(path)))
        for number, (key, record) in enumerate(found.records, start=1):
            problem = _problem(record)
            if problem is not None:
                sink.reject(str(path), number, problem, f"{key}: {values.text(record)}")
                continue
            task = "-".join(["intercode", *suite, str(record.get("task_id", key))])
            known = AttemptRow(
                derived_id(run_id, task, 0, 0),
                run_id,
                task,
                seed=0,
                mode=mode,
                model=model,
                source=str(path),
                line=number,
            )
            sink.trace(_trace(record, known))


def _records(document: dict[str, Any] | list[Any]) -> Wrapped:
    """The records of a document, which are its members, its elements, or those of one member beside `meta`."""
    if isinstance(document, list):
        return Wrapped([(str(number), record) for number, record in enumerate(document, start=1)], {})
    if _problem(document) is None:
        return Wrapped([("1", document)], {})
    return wrapped(document) or Wrapped(list(document.items()), {})


def _model(around: Mapping[str, Any]) -> str | None:
    """The model that the settings beside the records name."""
    meta = around["meta"] if isinstance(around.get("meta"), dict) else around
    return next((found for name in ("model", "model_name") if isinstance(found := meta.get(name), str)), None)


def _suite(path: Path, around: Mapping[str, Any]) -> list[str]:
    """Environment and data set, such as bash and fs_1: task numbers begin at 0 in each.

    They are in the file's name, else in the settings beside the records or in the folder's name.
    """
    meta = around["meta"] if isinstance(around.get("meta"), dict) else around
    settings = [values.text(meta.get(name)) or "" for name in ("env", "environment", "dataset", "data_path")]
    places = [original_stem(path), *settings, path.resolve().parent.name]
    found = [next((match for place in places if (match := _group(p, place))), None) for p in (_ENVIRONMENT, _DATA_SET)]
    return [name for name in found if name is not None]


def _group(pattern: re.Pattern[str], stem: str) -> str | None:
    match = pattern.search(stem)
    return match.group(1) if match else None


def _problem(record: Any) -> str | None:
    if not isinstance(record, dict):
        return "not an object"
    history = record.get("turn_history")
    if not isinstance(history, dict):
        return "missing field turn_history"
    if not isinstance(history.get("actions"), list):
        return "missing field turn_history.actions"
    return None


def _trace(record: Mapping[str, Any], known: AttemptRow) -> Trace:
    history = record["turn_history"]
    summary = record["summary"] if isinstance(record.get("summary"), dict) else {}
    turns = _turns(history)
    own = [turn for turn in turns if not (turn.thought or "").startswith(_FORCED)]
    goal = values.text(record.get("query"))
    steps = _steps(known.trace_id, goal, own)
    score = summary.get("max_reward")
    limit = values.integer(summary.get("turns_max"))
    attempt = known._replace(
        score=score,
        end_reason=_end_reason(turns, own, score, limit),
        goal=goal,
        steps=len(steps),
        step_limit=limit,
    )
    rest = {name: value for name, value in record.items() if name not in ("turn_history", "query")}
    made = [call for step in steps if (call := call_of(step, 0)) is not None]
    calls = [c._replace(position=place, span_id=call_span_id(place)) for place, c in enumerate(made)]
    return Trace(
        attempt,
        named=False,
        spans=synthetic_spans(attempt, steps, calls, {f"intercode.{name}": value for name, value in rest.items()}),
        messages=_messages(known.trace_id, goal, turns),
        steps=steps,
        tool_calls=calls,
        scores=_scores(attempt, turns),
    )


def _turns(history: Mapping[str, Any]) -> list[_Turn]:
    """The turns in a history of parallel lists; a list that is missing or too short gives None."""
    actions = history["actions"]

    def column(name: str) -> list[Any]:
        found = history.get(name)
        cells = found if isinstance(found, list) else []
        return [*cells[: len(actions)], *[None] * (len(actions) - len(cells))]

    names = ("thoughts", "observations", "rewards", "valid_action", "steps")
    rows = zip(actions, *map(column, names), strict=True)
    return [
        _Turn(values.text(t), values.text(a) or "", values.text(o), values.number(r), values.boolean(v), values.text(s))
        for a, t, o, r, v, s in rows
    ]


def _end_reason(turns: list[_Turn], own: list[_Turn], score: Any, limit: int | None) -> str | None:
    if len(own) < len(turns):
        return "step_limit"
    if own and own[-1].action.strip() == "submit":
        return "done"
    if DEFAULT_RULE.outcome(stated_score(score).number) == Outcome.SUCCESS:
        return "task_over"
    return "step_limit" if limit is not None and len(own) >= limit else None


def _steps(trace_id: str, goal: str | None, turns: list[_Turn]) -> list[StepRow]:
    steps = []
    seen = goal
    react = any(turn.thought is not None for turn in turns)
    for number, turn in enumerate(turns):
        tool, arguments = _action(turn.action, react=react)
        kind, words = _error(turn, tool, arguments)
        steps.append(
            StepRow(
                trace_id,
                number,
                step_span_id(number),
                observation=seen,
                reply=turn.thought if turn.step is None else turn.step,
                tool=tool,
                arguments=arguments,
                result=turn.observation,
                error=words,
                error_type=kind,
            )
        )
        seen = turn.observation
    return steps


def _action(action: str, *, react: bool) -> tuple[str | None, str]:
    """(tool, arguments); no tool where a ReAct agent wrote something that is neither execute[...] nor submit."""
    if action.strip() == "submit":
        return "submit", ""
    if not react:
        return "execute", action
    match = _EXECUTE.fullmatch(action)
    return ("execute", match.group(1)) if match else (None, action)


def _error(turn: _Turn, tool: str | None, command: str) -> tuple[str | None, str | None]:
    """The error of a turn as (type, message); InterCode's valid_action is whether the command exited with 0.

    A submit repeats the observation and the validity of the turn before it and cannot fail itself.
    """
    if tool == "submit":
        return None, None
    failed = None if turn.valid is None else not turn.valid
    return call_error(tool or "execute", command, turn.observation, failed=failed) or (None, None)


def _messages(trace_id: str, goal: str | None, turns: list[_Turn]) -> list[MessageRow]:
    spoken: list[tuple[str, str | None, str | None]] = [("user", goal, None)]
    for number, turn in enumerate(turns):
        reply = f"{turn.thought}\n{turn.action}" if turn.thought is not None else turn.action
        spoken += [("assistant", reply, step_span_id(number)), ("tool", turn.observation, step_span_id(number))]
    return [MessageRow(trace_id, span, n, role, content) for n, (role, content, span) in enumerate(spoken)]


def _scores(attempt: AttemptRow, turns: list[_Turn]) -> list[ScoreRow]:
    rows = reward_rows(attempt, "intercode")
    for number, turn in enumerate(turns):
        if turn.reward is not None:
            rows.append(ScoreRow(attempt.trace_id, "turn_reward", turn.reward, str(number), "intercode"))
    return rows
