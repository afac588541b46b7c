"""A mapping file: the user's own names of attributes and fields, put beside the names that the readers know.

`--map names.yaml` says, for example, that the tool of a span stands in `my.tool`. Names are looked up in a span's
attributes, its own fields and its resource, and in the fields of a record of a conversation. `a.b` may also be the
field `b` inside `a`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from halo_common.text import nearest
from halo_opt.core.errors import ConfigError
from halo_opt.store import values
from halo_opt.store.files.lines import Line
from halo_opt.store.readers import conventions as known
from halo_opt.store.readers.span_lines import Span

Fields = Mapping[str, Any]
KINDS = ("AGENT", "CHAIN", "LLM", "TOOL", "RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL", "EVALUATOR", "SPAN")


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, str | bool | int | float) else given


def _attribute(given: Any) -> Any:
    return {"attribute": given} if isinstance(given, str | list) else given


def _kind_known(kind: str) -> str:
    if kind.upper() not in KINDS:
        raise ValueError("unknown kind")
    return kind.upper()


Kind = Annotated[str, AfterValidator(_kind_known)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Values = Annotated[tuple[bool | int | float | str, ...], BeforeValidator(_listed)]


class OutcomeNames(BaseModel):
    """Where the outcome stands, and which values mean what; a value of no list is read as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attribute: Names = Field(description="names of the attribute")
    success: Values = Field(default=(), description="values that mean a success")
    failure: Values = Field(default=(), description="values that mean a failure")
    error: Values = Field(default=(), description="values that mean that the attempt was not measured")


class NameMap(BaseModel):
    """The user's names: each key takes one name or a list of names, of which the first that is there counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Names = Field(default=(), description="the task of the attempt")
    goal: Names = Field(default=(), description="what the agent was asked to reach")
    seed: Names = Field(default=(), description="a whole number that tells tries of one task apart")
    run: Names = Field(default=(), description="the run that the attempt belongs to")
    mode: Names = Field(default=(), description="way of working of the harness")
    outcome: Annotated[OutcomeNames | None, BeforeValidator(_attribute)] = Field(
        default=None,
        description="success, failure or error; or {attribute: NAME, success: [VALUES], failure: [VALUES]}",
    )
    score: Names = Field(default=(), description="the score of the attempt, from 0 to 1")
    model: Names = Field(default=(), description="the model")
    tokens_in: Names = Field(default=(), description="tokens of prompts")
    tokens_out: Names = Field(default=(), description="tokens of replies")
    cost: Names = Field(default=(), description="cost in US dollars")
    kind: dict[str, dict[str, Kind]] = Field(
        default={},
        description=f"{{NAME: {{VALUE: KIND}}}}, with KIND one of {', '.join(KINDS)}; * is a wildcard in VALUE",
    )
    agent: Names = Field(default=(), description="who spoke or acted, where a trace has several agents")
    tool: Names = Field(default=(), description="the tool that was called")
    arguments: Names = Field(default=(), description="the arguments of the call")
    result: Names = Field(default=(), description="what the call gave back")
    error: Names = Field(default=(), description="the error of the call, in words")
    prompt: Names = Field(default=(), description="the prompt of a model call: text, or a list of messages")
    reply: Names = Field(default=(), description="the reply of the model")
    messages: Names = Field(default=(), description="the list of messages or steps of a conversation's record")

    _seen: set[str] = PrivateAttr(default_factory=set)

    @property
    def unused(self) -> list[str]:
        """The keys whose names no record had so far, each with its names, such as `task: my.task`."""
        return [f"{key}: {' or '.join(names)}" for key, names in self._names() if not self._seen.intersection(names)]

    @property
    def is_used(self) -> bool:
        """Whether a record had any of the names."""
        return bool(self._seen)

    def _names(self) -> Iterator[tuple[str, Sequence[str]]]:
        """The names of each key that the map has."""
        for key in NameMap.model_fields:
            given = getattr(self, key)
            names = given.attribute if isinstance(given, OutcomeNames) else tuple(given or ())
            if names:
                yield key, names

    def _value(self, names: Sequence[str], *places: Fields) -> Any:
        """The value under the first of some names that any place has; None where none has one."""
        for name in names:
            for place in places:
                found = _at(place, name)
                if found is not None:
                    self._seen.add(name)
                    return found
        return None

    def spans(self, spans: Sequence[Span]) -> list[Span]:
        """The spans of a trace with the names that readers know, beside their own.

        What belongs to the attempt (task, outcome, ...) counts wherever in the trace it stands.
        """
        named = [self._span(span) for span in spans]
        whole: dict[str, Any] = {}
        for span in named:
            for name in _OF_ATTEMPT:
                if span.attributes.get(name) is not None:
                    whole.setdefault(name, span.attributes[name])
        ids = {span.span_id for span in named}
        return [
            replace(span, attributes={**whole, **span.attributes}) if span.parent_span_id not in ids else span
            for span in named
        ]

    def line(self, line: Line) -> Line:
        """The line of a file of conversations, with its record as `record` gives it."""
        return line if line.value is None else line._replace(value=self.record(line.value))

    def record(self, record: Fields) -> dict[str, Any]:
        """The record of a conversation with the names that the reader knows, beside its own."""
        found = {**record, **self._facts(_RECORD, record)}
        used = {name: self._value(getattr(self, own), record) for name, own in _USAGE.items()}
        if any(count is not None for count in used.values()):
            before = record["usage"] if isinstance(record.get("usage"), dict) else {}
            found["usage"] = {**before, **{name: count for name, count in used.items() if count is not None}}
        listed = self._value((*self.messages, "messages"), record)
        if isinstance(listed, list) and all(isinstance(one, dict) for one in listed):
            found["messages"] = [message for n, one in enumerate(listed) for message in self._message(one, n)]
        return found

    def is_conversation(self, record: Fields) -> bool:
        """Whether a record has the list of messages that the map names."""
        listed = self._value(self.messages, record)
        return isinstance(listed, list) and bool(listed) and all(isinstance(one, dict) for one in listed)

    def _span(self, span: Span) -> Span:
        own: dict[str, Any] = {"name": span.name}
        places = (span.attributes, own, span.resource)
        added = {name: found for name, found in self._facts(_SPAN, *places).items() if found is not None}
        kind = self._kind(places)
        if kind is not None:
            added[known.KIND[0]] = kind
        prompt = added.get(_PROMPT)
        if isinstance(prompt, str):
            added[_PROMPT] = [{"role": "user", "content": prompt}]
        # The texts are read from these attributes, not from the file, where they have other names.
        changed = replace(span, attributes={**span.attributes, **added}, byte_offset=None, byte_length=None)
        error = self._value(self.error, *places)
        if error in (None, "", False):
            return changed
        words = span.status_message if error is True else values.text(error)
        return replace(changed, status="error", status_message=words)

    def _facts(self, wanted: Mapping[str, str], *places: Fields) -> dict[str, Any]:
        """What the places say under the user's names, by the names that readers know; None is left out."""
        found = {name: self._value(getattr(self, own), *places) for name, own in wanted.items()}
        if self.outcome is not None:
            found[known.LABEL[0]] = self._outcome(self._value(self.outcome.attribute, *places))
        return {name: value for name, value in found.items() if value is not None}

    def _outcome(self, value: Any) -> Any:
        """The outcome that a value means; the value itself where no list has it."""
        if self.outcome is None or value is None:
            return None
        for name in ("success", "failure", "error"):
            listed: tuple[Any, ...] = getattr(self.outcome, name)
            if any(type(one) is type(value) and one == value for one in listed) or str(value) in map(str, listed):
                return name
        return value

    def _kind(self, places: Sequence[Fields]) -> str | None:
        for name, kinds in self.kind.items():
            value = values.text(self._value((name,), *places))
            for pattern, kind in kinds.items():
                if value is not None and fnmatchcase(value, pattern):
                    return kind
        return None

    def _message(self, message: Fields, number: int) -> list[dict[str, Any]]:
        """A message or step of a conversation as messages: prompt, reply with its call, and result."""
        given = {name: self._value(getattr(self, name), message) for name in ("tool", "arguments", "result", "error")}
        prompt, reply = self._value(self.prompt, message), self._value(self.reply, message)
        plain = dict(message)
        agent = self._value(self.agent, message)
        if agent is not None:
            plain["name"] = agent
        made: list[dict[str, Any]] = [] if prompt is None else [{"role": "user", "content": prompt}]
        if given["tool"] is not None or (reply is not None and "role" not in message):
            plain["role"] = message.get("role", "assistant")
            plain["content"] = message.get("content") if reply is None else reply
        if given["tool"] is not None:
            function = {"name": given["tool"], "arguments": given["arguments"]}
            plain["tool_calls"] = [{"id": f"call-{number}", "function": function}]
        if "role" in plain or not made:
            made.append(plain)
        if given["result"] is not None or given["error"] not in (None, "", False):
            failed = given["error"] not in (None, "", False)
            content = given["error"] if failed and given["error"] is not True else given["result"]
            made.append({"role": "tool", "tool_call_id": f"call-{number}", "content": content, "is_error": failed})
        return made


_PROMPT = "gen_ai.input.messages"
# By the name that the readers know: the key of the map.
_OF_ATTEMPT = {
    known.TASK[0]: "task",
    "halo.goal": "goal",
    known.SEED[0]: "seed",
    "halo.run_id": "run",
    "halo.mode": "mode",
    known.SCORE[0]: "score",
    known.LABEL[0]: "outcome",
}
_SPAN = {
    **{name: own for name, own in _OF_ATTEMPT.items() if own != "outcome"},
    known.MODEL[0]: "model",
    known.TOKENS_IN[0]: "tokens_in",
    known.TOKENS_OUT[0]: "tokens_out",
    known.COST[0]: "cost",
    "gen_ai.agent.name": "agent",
    known.TOOL[0]: "tool",
    known.ARGUMENTS[0]: "arguments",
    known.RESULT[0]: "result",
    _PROMPT: "prompt",
    "output.value": "reply",
}
_RECORD = {
    "task_id": "task",
    "halo.goal": "goal",
    "seed": "seed",
    "halo.run_id": "run",
    "halo.mode": "mode",
    known.SCORE[0]: "score",
    "model": "model",
    "cost_usd": "cost",
}
_USAGE = {"prompt_tokens": "tokens_in", "completion_tokens": "tokens_out"}


def read_name_map(path: Path) -> NameMap:
    """The map in a YAML file. Raises ConfigError that says what is wrong, on which line, and what is right."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path} is not there; --map takes a YAML file such as 'halo-opt formats map' shows"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    try:
        data = YAML(typ="rt", pure=True).load(StringIO(text))
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        place = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise ConfigError(f"{place}: not YAML: {problem}") from None
    if not isinstance(data, dict) or not data:
        raise ConfigError(f"{path} holds no names; 'halo-opt formats map' shows an example")
    try:
        return NameMap.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_explained(path, data, error)) from None


def _explained(path: Path, data: Any, error: ValidationError) -> str:
    """The first mistake with its line, and the nearest key where one is unknown."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    parts = [part for part in first["loc"] if isinstance(part, str)]
    key = ".".join(parts[:2])
    place = f"{path}, line {_line(data, parts)}"
    if first["type"] == "extra_forbidden":
        keys = list(OutcomeNames.model_fields if len(parts) > 1 else NameMap.model_fields)
        near = nearest(parts[-1], keys, cutoff=0.5)
        return f"{place}: there is no key {key!r}; " + (
            f"did you mean {near!r}?" if near else f"keys: {', '.join(keys)}"
        )
    if first["type"] == "missing":
        return f"{place}: {parts[0]!r} needs the key {parts[-1]!r}, the name of the attribute"
    form = "a name or a list of names"
    if parts[0] == "kind":
        form = f"{{NAME: {{VALUE: KIND}}}}, such as {{my.kind: {{exec: TOOL}}}}, with KIND one of {', '.join(KINDS)}"
    elif parts[0] == "outcome":
        form = "a name, or {attribute: NAME, success: [VALUES], failure: [VALUES]}"
    return f"{place}: {parts[0]!r} must be {form}"


def _line(data: Any, keys: Sequence[str]) -> int:
    """The line on which the innermost of some nested keys stands."""
    line = 1
    for key in keys:
        if not isinstance(data, dict) or key not in data:
            break
        line = data.lc.key(key)[0] + 1  # type: ignore[attr-defined]
        data = data[key]
    return line


def _at(place: Fields, name: str) -> Any:
    """The value under a name, which may be a path through nested objects: `a.b` is `b` in `a`."""
    if name in place:
        return place[name]
    for end in (n for n, letter in enumerate(name) if letter == "."):
        inner = place.get(name[:end])
        if isinstance(inner, Mapping):
            found = _at(inner, name[end + 1 :])
            if found is not None:
                return found
    return None
