"""Steps of SWE-agent's and mini-swe-agent's trajectories."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.readers import conversation as talk
from halo_opt.store.readers.call_errors import CallError, call_error
from halo_opt.store.readers.conventions import first
from halo_opt.store.readers.synthetic import call_of, call_span_id, judged_call, step_span_id, with_calls
from halo_opt.store.rows import StepRow, ToolCallRow

Record = Mapping[str, Any]

_WORD = re.compile(r"\s*([A-Za-z_][\w.-]*)(?:\s+|$)")
_BLOCK = re.compile(r"```(?:bash|sh|mswea_bash_command)\s*\n(.*?)\n?```", re.DOTALL)
_KEPT = ("state", "execution_time", "extra_info")


class Made(NamedTuple):
    """The rows of a trajectory; `about` holds attributes of single steps, tokens are sums or None."""

    steps: list[StepRow]
    calls: list[ToolCallRow]
    about: dict[int, dict[str, Any]]
    tokens_in: int | None = None
    tokens_out: int | None = None


def traj_steps(trace_id: str, trajectory: Sequence[Record], goal: str | None) -> Made:
    """SWE-agent's steps: an action is a command of its own tools or of the shell."""
    steps: list[StepRow] = []
    about: dict[int, dict[str, Any]] = {}
    seen = goal
    for number, turn in enumerate(trajectory):
        action, result = values.text(turn.get("action")) or "", values.text(turn.get("observation"))
        word = _WORD.match(action)
        tool = word.group(1) if word else "bash"
        acted = bool(action.strip())
        error = call_error("bash", action, result) if acted else CallError("format", result or "no action")
        steps.append(
            StepRow(
                trace_id,
                number,
                step_span_id(number),
                observation=seen,
                reply=values.text(turn.get("response")) or values.text(turn.get("thought")),
                tool=tool if acted else None,
                arguments=action[word.end() :].strip() if word else action,
                result=result,
                error=error.message if error else None,
                error_type=error.error_type if error else None,
            )
        )
        about[number] = {f"swe_agent.{name}": turn[name] for name in _KEPT if turn.get(name) is not None}
        seen = result
    made = [call for step in steps if (call := call_of(step, 0)) is not None]
    return Made(steps, [c._replace(position=n, span_id=call_span_id(n)) for n, c in enumerate(made)], about)


def mini_steps(trace_id: str, messages: Sequence[Record]) -> Made:
    """mini-swe-agent's steps: a reply holds commands, as data or in a code block; their outputs follow."""
    steps: list[StepRow] = []
    calls: list[ToolCallRow] = []
    about: dict[int, dict[str, Any]] = {}
    for index, message in enumerate(messages):
        if message.get("role") != "assistant":
            continue
        number = len(steps)
        answers = _answers(messages[index + 1 :])
        commands = _commands(message)
        made = [
            _call(trace_id, number, len(calls) + n, command, answers[n] if n < len(answers) else {})
            for n, command in enumerate(commands)
        ]
        calls.extend(made)
        step = StepRow(trace_id, number, step_span_id(number), reply=talk.content_of(message))
        step = step._replace(observation=talk.content_of(messages[index - 1]) if index else None)
        if made:
            step = with_calls(step, made)
        elif answers and answers[0].get("role") == "user":
            heard = talk.content_of(answers[0])
            step = step._replace(result=heard, error=heard or "no command", error_type="format")
        steps.append(step)
        extra = {name: value for name, value in _extra(message).items() if name not in ("response", "actions")}
        about[number] = {f"swe_agent.{name}": value for name, value in extra.items()}
    usages = [_usage(message) for message in messages if message.get("role") == "assistant"]
    return Made(steps, calls, about, _total(usages, talk.TOKENS_IN), _total(usages, talk.TOKENS_OUT))


def _total(usages: Sequence[Record], names: tuple[str, ...]) -> int | None:
    """The sum of the counts under the first of some names; None where no usage has one."""
    counts = [count for usage in usages if (count := values.integer(first(names, usage))) is not None]
    return sum(counts) if counts else None


def _answers(after: Sequence[Record]) -> list[Record]:
    """The outputs of a reply's commands: the messages up to the next reply, without the note that the agent ended."""
    found: list[Record] = []
    for message in after:
        if message.get("role") == "assistant":
            break
        if message.get("role") in ("user", "tool"):
            found.append(message)
    return found


def _commands(message: Record) -> list[str]:
    actions = _extra(message).get("actions")
    if isinstance(actions, list):
        commands = [values.text(action.get("command")) for action in actions if isinstance(action, dict)]
        return [command for command in commands if command is not None]
    match = _BLOCK.search(talk.content_of(message) or "")
    return [match.group(1)] if match else []


def _call(trace_id: str, step: int, position: int, command: str, answer: Record) -> ToolCallRow:
    result = talk.content_of(answer)
    row = ToolCallRow(trace_id, call_span_id(position), step, position, "bash", command, None, result, None, None)
    return judged_call(row, status=values.integer(_extra(answer).get("returncode")))


def _extra(message: Record) -> Record:
    extra = message.get("extra")
    return extra if isinstance(extra, dict) else {}


def _usage(message: Record) -> Record:
    """The token counts in the model's raw response, which mini-swe-agent keeps."""
    extra = _extra(message)
    response = extra.get("response")
    for place in (extra, response if isinstance(response, dict) else {}, message):
        usage = place.get("usage")
        if isinstance(usage, dict):
            return usage
    return {}
