"""Flat span lines decoded as structs, and those turned into columns of the table `spans`.

A span is a few kilobytes of text around a dozen short facts. Decoding into dictionaries costs several times what
skipping costs, so the facts are declared as a struct's fields and handled a column at a time. What an attribute means
is defined in `readers.conventions` alone: the struct's fields are its names.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.span_lines import STATUS
from halo_opt.store.readers.span_steps import STEP_INDEX
from halo_opt.store.values import call_hash, text


def _whole(bits: int) -> Any:
    """A whole number that its column holds: a larger one is for the sink to reject."""
    limit = 1 << (bits - 1)
    return Annotated[int, msgspec.Meta(ge=-limit, le=limit - 1)] | None


# Attributes by the only type that the quick way takes; arguments may be long and stay bytes until a call needs them.
_TYPES: dict[str, Any] = {
    **dict.fromkeys(names.ARGUMENTS, msgspec.Raw),
    **dict.fromkeys((*names.KIND, *names.MODEL, *names.TOOL, *names.AGENT, *names.NODE, "error.type"), str | None),
    **dict.fromkeys((*names.TOKENS_IN, *names.TOKENS_OUT), _whole(64)),
    STEP_INDEX: _whole(32),
    **dict.fromkeys(names.COST, float | None),
}
_SpanAttributes: Any = msgspec.defstruct(
    "_SpanAttributes",
    [(f"f{place}", kind, msgspec.field(default=None, name=name)) for place, (name, kind) in enumerate(_TYPES.items())],
    gc=False,
)


class _Status(msgspec.Struct, gc=False, frozen=True):
    code: str | int | None = None
    message: str | None = None


_Id = Annotated[str, msgspec.Meta(min_length=1)]
_OWN = ("trace_id", "span_id", "parent_span_id", "name", "start_time", "end_time")


class Line(msgspec.Struct, gc=False):
    """A span line of the strict form that nearly all have."""

    trace_id: _Id
    span_id: _Id
    name: str
    parent_span_id: str | None = None
    start_time: str | int | float | None = None
    end_time: str | int | float | None = None
    status: _Status = _Status()
    attributes: _SpanAttributes = msgspec.field(default_factory=_SpanAttributes)


# What stands for a whole number that is not known: arrays of numbers have no None.
NO_INTEGER = -(2**63)
Column = Sequence[str | None] | NDArray[Any]
# Of each attribute what every span says, None where it says nothing.
_Attributes = dict[str, tuple[Any, ...]]


class _Memo(dict[Any, Any]):
    """Answers of a function by its argument: spans are many, their kinds and states few."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self._answer = answer

    def __missing__(self, key: Any) -> Any:
        self[key] = found = self._answer(key)
        return found


def columns_of(lines: Sequence[Line]) -> dict[str, Column]:
    """What these lines (at least one) tell the index: columns of one length, their own fields' names and the table's.

    Text is a sequence; numbers are arrays, with `NO_INTEGER` and NaN for what is not known. Raises MsgspecError or
    RecursionError when the arguments of a call cannot be decoded: such lines are not of the strict form.
    """
    own = dict(zip(Line.__struct_fields__, _turned(lines), strict=True))
    attributes: _Attributes = dict(zip(_TYPES, _turned(own["attributes"]), strict=True))
    codes, messages = _turned(own["status"])
    states = list(map(_STATES.__getitem__, codes))
    kinds = _kinds(attributes, own["name"])
    tools, hashes = _calls(attributes, kinds, own["name"])
    counted = np.fromiter(map(_HAS_TOKENS.__getitem__, kinds), dtype=bool, count=len(kinds))
    models = _first(attributes, names.MODEL)
    return {
        **{name: own[name] for name in _OWN},
        "status": states,
        "status_message": messages,
        "kind": kinds,
        "model": [model if kind == "LLM" else None for model, kind in zip(models, kinds, strict=True)],
        "tokens_in": np.where(counted, _integers(_first(attributes, names.TOKENS_IN)), NO_INTEGER),
        "tokens_out": np.where(counted, _integers(_first(attributes, names.TOKENS_OUT)), NO_INTEGER),
        "cost_usd": _numbers(_first(attributes, names.COST)),
        "tool": tools,
        "call_hash": np.array(hashes, dtype=np.int64),
        "error_type": _error_types(attributes["error.type"], states, kinds),
        "step": _integers(attributes[STEP_INDEX]),
        "agent": _agents(attributes, kinds),
    }


def _turned(structs: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The values of each field of some structs of one kind."""
    return list(zip(*map(msgspec.structs.astuple, structs), strict=True))


_STATES = _Memo(lambda code: STATUS.get(str(code).upper(), "unset"))
_KINDS = _Memo(lambda hints: names.kind_of(dict(zip(names.KIND, hints, strict=True)), ""))
_HAS_TOKENS = _Memo(lambda kind: kind not in names.NO_TOKENS)
_AGENTS = _Memo(lambda told: names.agent_of(dict(told[0]), told[1]))
_KIND_ALONE = _Memo(lambda kind: names.kind_of({names.KIND[0]: kind}, ""))


def _kinds(attributes: _Attributes, span_names: Sequence[str]) -> list[str]:
    first = attributes[names.KIND[0]]
    if all(first):  # it counts above all other hints
        return list(map(_KIND_ALONE.__getitem__, first))
    kinds = list(map(_KINDS.__getitem__, zip(*(attributes[name] for name in names.KIND), strict=True)))
    if "SPAN" in kinds:
        # Nothing names these kinds; what else a span tells may.
        rest = {name: values for name, values in attributes.items() if name not in names.ARGUMENTS and _any(values)}
        for place, kind in enumerate(kinds):
            if kind == "SPAN":
                kinds[place] = names.kind_of({name: values[place] for name, values in rest.items()}, span_names[place])
    return kinds


def _any(values: tuple[Any, ...]) -> bool:
    return values.count(None) < len(values)


def _first(attributes: _Attributes, wanted: Sequence[str]) -> Sequence[Any]:
    """Of each span the first of some attributes that it has."""
    found: Sequence[Any] | None = None
    for values in (attributes[name] for name in wanted):
        if _any(values):
            if found is None:
                found = values
            else:
                found = [other if value is None else value for value, other in zip(found, values, strict=True)]
    return attributes[wanted[0]] if found is None else found


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values])


def _integers(values: Sequence[int | None]) -> NDArray[np.int64]:
    return np.array([NO_INTEGER if value is None else value for value in values], dtype=np.int64)


def _error_types(named: Sequence[str | None], states: list[str], kinds: list[str]) -> Sequence[str | None]:
    if "error" not in states:
        return named
    found = list(named)
    for place, state in enumerate(states):
        if state == "error" and found[place] is None:
            found[place] = "tool_error" if kinds[place] == "TOOL" else "error"
    return found


def _calls(attributes: _Attributes, kinds: list[str], span_names: Sequence[str]) -> tuple[list[str | None], list[int]]:
    """The tool of every call and the hash of tool and arguments, None and `NO_INTEGER` for other spans."""
    tools: list[str | None] = [None] * len(kinds)
    hashes = [NO_INTEGER] * len(kinds)
    places = [place for place, kind in enumerate(kinds) if kind == "TOOL"]
    named = [attributes[name] for name in names.TOOL if _any(attributes[name])]
    arguments = _arguments([attributes[name] for name in names.ARGUMENTS if _any(attributes[name])], places)
    for place, given in zip(places, arguments, strict=True):
        tool = next(filter(None, (column[place] for column in named)), None)
        tools[place] = tool = tool or span_names[place].removeprefix("execute_tool ") or "unknown"
        hashes[place] = call_hash(tool, given)
    return tools, hashes


def _agents(attributes: _Attributes, kinds: list[str]) -> Sequence[str | None]:
    """The agent that each span names; those in metadata, and those of spans around, are found with the contents."""
    told = {name: attributes[name] for name in (*names.AGENT, *names.NODE) if _any(attributes[name])}
    if not told:
        return [None] * len(kinds)
    found: list[str | None] = [None] * len(kinds)
    for place in {place for column in told.values() for place, value in enumerate(column) if value is not None}:
        found[place] = _AGENTS[tuple((name, told[name][place]) for name in told), kinds[place]]
    return found


_NULL = msgspec.Raw(b"null")


def _arguments(columns: list[tuple[msgspec.Raw | None, ...]], places: list[int]) -> list[str | None]:
    """The arguments of the calls at these places as text; all decoded together, as a call for each takes longer."""
    raws = []
    for place in places:
        for column in columns:
            raw = column[place]
            if raw is not None and raw != b"null":
                raws.append(raw)
                break
        else:
            raws.append(_NULL)
    return list(map(text, msgspec.json.decode(b"[" + b",".join(raws) + b"]")))
