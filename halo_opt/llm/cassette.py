"""Recorded replies: a run is recorded call by call, and replayed without a model, a key or spending.

A call is recognised by the model's name, the schema and the messages without `Message.now`. A cassette holds hashes of
messages only, in memory; a callback gets every new entry.
"""

import hashlib
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from halo_opt.core.errors import ConfigError, InputError
from halo_opt.core.validation import first_problem
from halo_opt.llm.model import Completion, InvalidReply, Message, Model, ModelError, ModelRefused, PromptTooLong
from halo_opt.llm.parsing import parse_reply
from halo_opt.llm.roles import Role, RoleModel, RoleRecord, Roles

_DIGITS = 10  # of a part's hash: enough to tell parts of one run apart
_SHOWN = 120


class CassetteMiss(InputError):
    """A prompt that the cassette does not hold, and no model to ask."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FinalError(_Record):
    """An error that a call ended with and that decided what came next. `spent` and `text` as in the error."""

    kind: Literal["refused", "misfit", "too long"]
    words: str
    spent: Completion | None = None
    text: str = ""


class CassetteEntry(_Record):
    """One finished call: how it is recognised, and the reply or the error that it ended with.

    `occurrence` counts the calls of the same key from 0. `model` and `parts` (a short hash of the schema, then of each
    message) serve the message about a call that is not there.
    """

    role: Role
    key: str
    occurrence: int = Field(ge=0)
    model: str
    parts: tuple[str, ...] = ()
    completion: Completion | None = None
    error: FinalError | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.completion is None) == (self.error is None):
            raise ValueError("an entry has a completion or an error")
        return self


class _Call(_Record):
    """What identifies a call."""

    key: str
    model: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, model: str, messages: Sequence[Message], schema: type[BaseModel] | None) -> "_Call":
        wanted = None if schema is None else schema.model_json_schema()
        hashes = [_digest(wanted), *(_digest([message.role, message.content]) for message in messages)]
        return cls(key=_digest([model, *hashes]), model=model, parts=tuple(part[:_DIGITS] for part in hashes))


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Cassette:
    """Recorded calls by key and occurrence. Thread-safe.

    The n-th call with a key gets the n-th recorded end. Calls with one key at the same time are told apart by their
    order alone.

    With `in_order`, the n-th call of a role gets the n-th recorded end of that role, whatever its prompt. So a
    recording can be replayed when prompts have changed since; `changed` counts the calls whose prompt was another one.
    """

    def __init__(
        self,
        past: Iterable[Mapping[str, Any]] = (),
        *,
        on_entry: Callable[[CassetteEntry], None] | None = None,
        in_order: bool = False,
    ) -> None:
        """`past` are entries of an earlier life; `on_entry` gets each new one, in order, under the cassette's lock.

        When `on_entry` raises, the entry does not stand. Raises InputError for entries that cannot be used.
        """
        self._on_entry = on_entry or (lambda _entry: None)
        self._in_order = in_order
        self._by_role: defaultdict[Role, deque[CassetteEntry]] = defaultdict(deque)
        self.changed = 0
        self._ends: defaultdict[str, list[CassetteEntry]] = defaultdict(list)
        self._played: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()
        for number, entry in enumerate(past, 1):
            self._load(number, entry)

    def _load(self, number: int, given: Mapping[str, Any]) -> None:
        try:
            entry = CassetteEntry.model_validate(given)
        except ValidationError as error:
            problem = first_problem(error, "the whole")
            raise InputError(f"entry {number} of the cassette is damaged ({problem}); record anew") from None
        if entry.occurrence != len(self._ends[entry.key]):
            raise InputError(f"entries before entry {number} of the cassette are missing; record anew")
        self._ends[entry.key].append(entry)
        self._by_role[entry.role].append(entry)

    @property
    def unplayed(self) -> int:
        """How many recorded calls were not replayed yet; 0 after a replay of a whole run."""
        with self._lock:
            return sum(len(ends) - self._played[key] for key, ends in self._ends.items())

    def take(self, call: _Call, role: Role) -> CassetteEntry | None:
        """The next recorded end of this call, or with `in_order` of its role; None when there is none."""
        with self._lock:
            if self._in_order:
                return self._next_of(role, call)
            number = self._played[call.key]
            if number >= len(self._ends[call.key]):
                return None
            self._played[call.key] += 1
            return self._ends[call.key][number]

    def _next_of(self, role: Role, call: _Call) -> CassetteEntry | None:
        if not self._by_role[role]:
            return None
        entry = self._by_role[role].popleft()
        self._played[entry.key] += 1
        self.changed += entry.key != call.key
        return entry

    def record(
        self, call: _Call, role: Role, *, completion: Completion | None = None, error: FinalError | None = None
    ) -> None:
        """Add the end of a call that was asked of a model."""
        with self._lock:
            ends = self._ends[call.key]
            # A parsed object comes back by parsing the text again.
            kept = None if completion is None else completion.model_copy(update={"parsed": None})
            entry = CassetteEntry(
                role=role,
                key=call.key,
                occurrence=len(ends),
                model=call.model,
                parts=call.parts,
                completion=kept,
                error=error,
            )
            self._on_entry(entry)
            ends.append(entry)
            self._played[call.key] += 1

    def difference(self, call: _Call, role: Role) -> str:
        """In what the call differs from the recorded call of this role that is nearest to it."""
        with self._lock:
            if ends := self._ends[call.key]:
                return f"it was recorded {len(ends)} times and is made once more"
            recorded = [entry for ends in self._ends.values() for entry in ends if entry.role == role]
        if not recorded:
            return f"no call of the role {role} was recorded"
        same = [entry for entry in recorded if entry.model == call.model]
        if not same:
            return f"it was recorded with the model {recorded[0].model}, not {call.model}"
        shared = max(_common(entry.parts, call.parts) for entry in same)
        if shared == 0:
            return "no call with this schema was recorded"
        if shared == len(call.parts):
            return "a longer conversation that begins like it was recorded"
        return f"its message {shared} of {len(call.parts) - 1} is the first that no recorded call has there"


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    for number, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return number
    return min(len(left), len(right))


class RecordedModel:
    """A `Model` that answers from a cassette where it can, and else asks the model and records the answer."""

    def __init__(self, model: Model | None, cassette: Cassette, *, role: Role, name: str | None = None) -> None:
        """Without a model only what was recorded is answered; `name` then says with which model that was."""
        if model is None and name is None:
            raise ValueError("without a model its name must be given")
        self._model = model
        self._tape = cassette
        self._role = role
        self._name = name

    @property
    def name(self) -> str:
        """The name of the model, or of the one that was recorded."""
        return self._model.name if self._model is not None else self._name or ""

    def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: type[BaseModel] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """As the model, or as recorded: replies, and the errors that were final for a call.

        Raises CassetteMiss for a call that was not recorded when there is no model.
        """
        call = _Call.of(self.name, messages, schema)
        if (entry := self._tape.take(call, self._role)) is not None:
            return _play(entry, schema, on_text)
        if self._model is None:
            raise self._miss(call, messages)
        try:
            completion = self._model.complete(messages, schema=schema, on_text=on_text)
        except (ModelRefused, InvalidReply, PromptTooLong) as error:
            self._tape.record(call, self._role, error=_final(error))
            raise
        self._tape.record(call, self._role, completion=completion)
        return completion

    def _miss(self, call: _Call, messages: Sequence[Message]) -> CassetteMiss:
        last = " ".join(messages[-1].content.split())[:_SHOWN] if messages else ""
        return CassetteMiss(
            f"the cassette has no reply for a call of {self._role} whose last message begins {last!r}: "
            f"{self._tape.difference(call, self._role)}; record anew, with the model"
        )


def _final(error: ModelRefused | InvalidReply | PromptTooLong) -> FinalError:
    spent = None if error.spent is None else error.spent.model_copy(update={"parsed": None})
    if isinstance(error, InvalidReply):
        return FinalError(kind="misfit", words=str(error), spent=spent, text=error.text)
    kind: Literal["refused", "too long"] = "refused" if isinstance(error, ModelRefused) else "too long"
    return FinalError(kind=kind, words=str(error), spent=spent)


def _play(entry: CassetteEntry, schema: type[BaseModel] | None, on_text: Callable[[str], None] | None) -> Completion:
    end = entry.completion or entry.error
    text = end.text if end is not None else ""
    if on_text is not None and text:
        on_text(text)
    if entry.error is not None:
        raise _raised(entry.error)
    assert entry.completion is not None
    if schema is None:
        return entry.completion
    try:
        return entry.completion.model_copy(update={"parsed": parse_reply(text, schema)})
    except ValidationError as error:
        raise InputError(
            f"a recorded reply of {entry.role} is not a {schema.__name__} any more: {text[:_SHOWN]!r}; record anew"
        ) from error


def _raised(error: FinalError) -> ModelError:
    if error.kind == "misfit":
        return InvalidReply(error.words, spent=error.spent, text=error.text)
    kind = ModelRefused if error.kind == "refused" else PromptTooLong
    return kind(error.words, spent=error.spent)


def replayed_roles(records: Mapping[Role, RoleRecord], cassette: Cassette) -> Roles:
    """Roles that answer from the cassette alone; `records` are those of the recorded run (`Roles.records`).

    Raises ConfigError when the root is not among them.
    """
    if "root" not in records:
        raise ConfigError("the cassette does not say which model was the root of the analysis; record anew")
    made = {
        role: RoleModel(
            RecordedModel(None, cassette, role=role, name=record.model), record.context_tokens, record.reply_tokens
        )
        for role, record in records.items()
    }
    return Roles(root=made["root"], others=made)
