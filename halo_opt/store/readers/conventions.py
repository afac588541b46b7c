"""The meaning of span attributes: OpenInference, OTel GenAI (older names too), the HALO engine's own, and ours.

Of each list of names the first that is present counts; the order is from most to least specific.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from halo_opt.core.records import Outcome
from halo_opt.store import values
from halo_opt.store.outcomes import verdict_of

Attributes = Mapping[str, Any]
# Role and text.
RoleText = tuple[str, str | None]

# The first two say an OpenInference kind, the others an operation that has one.
KIND = (
    "openinference.span.kind",
    "inference.observation_kind",
    "gen_ai.operation.name",
    "traceloop.span.kind",
    "llm.request.type",
    "ai.operationId",
)
MODEL = (
    "gen_ai.request.model",
    "llm.model_name",
    "gen_ai.response.model",
    "inference.llm.model_name",
    "llm.request.model",
    "ai.model.id",
)
TOKENS_IN = (
    "gen_ai.usage.input_tokens",
    "llm.token_count.prompt",
    "llm.usage.prompt_tokens",
    "gen_ai.usage.prompt_tokens",
    "inference.llm.input_tokens",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
)
TOKENS_OUT = (
    "gen_ai.usage.output_tokens",
    "llm.token_count.completion",
    "llm.usage.completion_tokens",
    "gen_ai.usage.completion_tokens",
    "inference.llm.output_tokens",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
COST = ("llm.cost.total", "gen_ai.usage.cost", "inference.llm.cost.total")
# What Pydantic AI writes on the span of an agent, which has no kind; its model calls have one.
AGENT_RUN = "agent_name"
# The agent that a span belongs to, and the node of a graph of agents. Names of nodes that every agent has say nothing.
AGENT = ("halo.agent", "gen_ai.agent.name", "agent.name", AGENT_RUN)
NODE = ("graph.node.id", "langgraph_node", "metadata.langgraph_node", "traceloop.association.properties.langgraph_node")
# Without any of these, a span names no agent.
_NAMES_AGENT = (*AGENT, *NODE, "metadata", "traceloop.entity.name")
_PLAIN_NODES = {
    "agent",
    "tools",
    "tool",
    "model",
    "call_model",
    "llm",
    "action",
    "start",
    "end",
    "__start__",
    "__end__",
    "model_request",
    "should_continue",
    "react_agent",
    "langgraph",
}
# Kinds of spans whose tokens are no prompts and replies.
NO_TOKENS = ("EMBEDDING", "RERANKER", "TOOL")
# The last one also names spans that are no tools.
TOOL = ("gen_ai.tool.name", "tool.name", "inference.tool.name", "ai.toolCall.name", "traceloop.entity.name")
ARGUMENTS = (
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "tool.parameters",
    "ai.toolCall.args",
    "ai.toolCall.input",
    "input.value",
    "traceloop.entity.input",
)
RESULT = (
    "gen_ai.tool.call.result",
    "tool_response",
    "ai.toolCall.result",
    "ai.toolCall.output",
    "output.value",
    "traceloop.entity.output",
)
TASK = (
    "halo.task_id",
    "task_id",
    "task.id",
    "metadata.task_id",
    "task.name",
    "inference.task_id",
    "ai.telemetry.metadata.task_id",
    "traceloop.association.properties.task_id",
)
# What a task id is unique in, from the whole to the part; a task is known by all of them that are named.
SUITES: tuple[tuple[str, ...], ...] = (("dataset", "dataset_name", "benchmark"), ("suite", "suite_name"), ("domain",))
# The environment tells tasks apart where nothing else is named, unless it says where a program was deployed.
ENVIRONMENTS: tuple[str, ...] = ("environment", "env", "env_name")
_DEPLOYMENTS = ("prod", "production", "dev", "development", "staging", "test", "testing", "local", "ci", "default")
_LONGEST_SUITE = 60
_BEFORE = ("", "task.", "metadata.", "halo.")
_SPELLED = {
    names: tuple(f"{before}{name}" for name in names for before in _BEFORE) for names in (*SUITES, ENVIRONMENTS)
}
_ANY_SUITE = frozenset(name for spelled in _SPELLED.values() for name in spelled)
SEED = ("halo.seed", "seed", "task.seed", "metadata.seed", "gen_ai.request.seed")
SCORE = (
    "halo.score",
    "reward",
    "score",
    "metadata.reward",
    "metadata.score",
    "eval.score",
    "gen_ai.evaluation.score.value",
    "task.reward",
    "ai.telemetry.metadata.reward",
    "ai.telemetry.metadata.score",
    "traceloop.association.properties.reward",
    "traceloop.association.properties.score",
)
LABEL = (
    "halo.outcome",
    "outcome",
    "gen_ai.evaluation.score.label",
    "metadata.outcome",
    "success",
    "passed",
    "resolved",
    "is_resolved",
    "is_correct",
    "ai.telemetry.metadata.outcome",
    "traceloop.association.properties.outcome",
)
# What says how an attempt ended.
OUTCOME = (*SCORE, *LABEL, "halo.cause", "halo.end_reason", "halo.outcome_from")

# Every name that is understood, by what it means.
NAMES = {
    "kind of span": KIND,
    "model": MODEL,
    "tokens of prompts": TOKENS_IN,
    "tokens of replies": TOKENS_OUT,
    "cost in dollars": COST,
    "tool": TOOL,
    "arguments of the call": ARGUMENTS,
    "result of the call": RESULT,
    "task": TASK,
    "seed": SEED,
    "score from 0 to 1": SCORE,
    "verdict": LABEL,
}

_KINDS = {
    "chat": "LLM",
    "text_completion": "LLM",
    "generate_content": "LLM",
    "completion": "LLM",
    "embeddings": "EMBEDDING",
    "execute_tool": "TOOL",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "invoke_workflow": "CHAIN",
    "workflow": "CHAIN",
    "task": "CHAIN",
    "agent": "AGENT",
    "tool": "TOOL",
    "llm": "LLM",
    "generation": "LLM",
    "function": "TOOL",
    "ai.generatetext": "AGENT",
    "ai.streamtext": "AGENT",
    "ai.generateobject": "CHAIN",
    "ai.streamobject": "CHAIN",
    "ai.generatetext.dogenerate": "LLM",
    "ai.streamtext.dostream": "LLM",
    "ai.generateobject.dogenerate": "LLM",
    "ai.streamobject.dostream": "LLM",
    "ai.toolcall": "TOOL",
    "ai.embed": "CHAIN",
    "ai.embedmany": "CHAIN",
    "ai.embed.doembed": "EMBEDDING",
    "ai.embedmany.doembed": "EMBEDDING",
}
# Prompt messages are stored once in `messages`; everything else of a span stays in its attributes.
_PROMPT = re.compile(
    r"(llm\.input_messages\.|gen_ai\.prompt\.|(gen_ai\.input\.messages|gen_ai\.prompt|gen_ai\.system_instructions|"
    r"ai\.prompt\.messages)$)"
)
_GIVEN = ("llm.input_messages.", "gen_ai.prompt.")
_FLAT = re.compile(r"(?:llm\.(?:input|output)_messages|gen_ai\.(?:prompt|completion))\.(\d+)\.(?:message\.)?(.+)")


def first(names: tuple[str, ...], *sources: Attributes) -> Any:
    """The value under the first of some names that any source has; None where none has one."""
    for name in names:
        for source in sources:
            value = source.get(name)
            if value is not None:
                return value
    return None


def with_suite(task: str, *sources: Attributes) -> str:
    """A task id that the format gives, with the data set, suite or domain that is named beside it before it.

    Task numbers begin anew in each of them. One that is in the id already is not repeated.
    """
    if all(map(_ANY_SUITE.isdisjoint, sources)):
        return task
    named = [_suite(names, sources) for names in SUITES]
    if not any(named):
        named = [_suite(ENVIRONMENTS, sources)]
        named = [name for name in named if name and name.lower() not in _DEPLOYMENTS]
    parts = [name for name in dict.fromkeys(named) if name and name.lower() not in task.lower()]
    return "-".join([*parts, task])


def _suite(names: tuple[str, ...], sources: Sequence[Attributes]) -> str | None:
    found = first(_SPELLED[names], *sources)
    return found if isinstance(found, str) and 0 < len(found) <= _LONGEST_SUITE else None


def kind_of(attributes: Attributes, name: str) -> str:
    """The OpenInference kind of a span: AGENT, CHAIN, LLM, TOOL, ... or SPAN when nothing tells."""
    kind = first(KIND[:2], attributes)
    if isinstance(kind, str) and kind:
        return _KINDS.get(kind.lower(), kind.upper())
    kind = first(KIND[2:], attributes)
    if isinstance(kind, str) and kind.lower() in _KINDS:
        return _KINDS[kind.lower()]
    if attributes.get(AGENT_RUN) is not None:
        return "AGENT"
    if first(TOKENS_OUT, attributes) is not None:
        return "LLM"
    if first(TOOL[:-1], attributes) is not None:
        return "TOOL"
    return "AGENT" if name.startswith("invoke_agent") else "SPAN"


def agent_of(attributes: Attributes, kind: str) -> str | None:
    """The agent that a span names: itself, or as a node of a graph; a tool's node is the tool's."""
    if attributes.keys().isdisjoint(_NAMES_AGENT):
        return None
    agent = values.text(first(AGENT, attributes))
    if agent is None and kind == "AGENT" and attributes.get("traceloop.span.kind") == "agent":
        agent = values.text(attributes.get("traceloop.entity.name"))
    if agent or kind == "TOOL":
        return agent or None
    node = first(NODE, attributes)
    metadata = attributes.get("metadata")
    if node is None and isinstance(metadata, str) and "langgraph_node" in metadata:
        node = _node_of(metadata)
    return node if isinstance(node, str) and node and node.lower() not in _PLAIN_NODES else None


def with_metadata(attributes: Attributes) -> Attributes:
    """The attributes with the fields of `metadata`, an object or its JSON text, as `metadata.task_id` and so on."""
    metadata = attributes.get("metadata")
    fields = _object_in(metadata) if isinstance(metadata, str) else metadata
    if not isinstance(fields, Mapping):
        return attributes
    return {**{f"metadata.{name}": value for name, value in fields.items()}, **attributes}


def _object_in(text: str) -> dict[str, Any] | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _node_of(metadata: str) -> str | None:
    """The node in LangGraph's metadata; of a graph in a graph that of the outer one."""
    fields = _object_in(metadata)
    if fields is None:
        return None
    place = fields.get("langgraph_checkpoint_ns")
    outer = place.split("|")[0].split(":")[0] if isinstance(place, str) and "|" in place else None
    return values.text(outer or fields.get("langgraph_node"))


def outcome_of(*sources: Attributes) -> tuple[str | None, Any]:
    """The verdict and the score that some attributes state, each None where nothing states it; an error has no score.

    The score is as it stands there. A number under the name of a verdict (`success: 0.8`) is a score.
    """
    stating = [source for source in sources if not source.keys().isdisjoint(LABEL)]
    labels = [label for name in LABEL for source in stating if (label := source.get(name)) is not None]
    verdict = next((found for label in labels if (found := verdict_of(label)) is not None), None)
    if verdict == Outcome.ERROR:
        return str(verdict), None
    score = first(SCORE, *sources)
    if score is None and verdict is None:
        score = next((label for label in labels if values.number(label) is not None), None)
    return None if verdict is None else str(verdict), score


# Names repeat from span to span, so what a pattern says of them is kept.
@lru_cache(maxsize=65_536)
def _is_prompt(name: str) -> bool:
    return _PROMPT.match(name) is not None


@lru_cache(maxsize=65_536)
def _place_in_list(name: str) -> tuple[bool, int, str] | None:
    """Of a flattened name: whether it belongs to the prompt, its message's number, and the name in that message."""
    match = _FLAT.fullmatch(name)
    return (name.startswith(_GIVEN), int(match.group(1)), match.group(2)) if match else None


def without_prompts(attributes: Attributes) -> Attributes:
    """The attributes without the prompt messages."""
    return {name: value for name, value in attributes.items() if not _is_prompt(name)}


_PROMPTS = ("gen_ai.input.messages", "gen_ai.prompt", "ai.prompt.messages")
_REPLIES = ("gen_ai.output.messages", "gen_ai.completion")


class Talk(NamedTuple):
    """The messages of an LLM span as (role, text): its prompt and its reply."""

    prompt: list[RoleText]
    reply: list[RoleText]
    speakers: Sequence[str | None]  # of each message of prompt and reply who is named as its author


class _Messages(NamedTuple):
    """Messages as (role, text), and of each who is named as its author."""

    texts: list[RoleText]
    speakers: list[str | None]


def talk_of(attributes: Attributes) -> Talk:
    """Prompt and reply of a span in one pass over its attributes, which is what takes longest."""
    prompt: dict[int, dict[str, Any]] = {}
    reply: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        place = _place_in_list(name)
        if place is not None:
            (prompt if place[0] else reply).setdefault(place[1], {})[place[2]] = value
    asked, answered = _messages(attributes, prompt, _PROMPTS), _messages(attributes, reply, _REPLIES)
    given, answer = _prompt_of(attributes, asked), _reply_of(attributes, answered)
    speakers = [
        # Instructions come before the messages, and a plain output has no author.
        *_padded(asked.speakers, len(given), before=True),
        *_padded(answered.speakers, len(answer), before=False),
    ]
    return Talk(given, answer, speakers)


def messages_in(attributes: Attributes) -> list[RoleText]:
    """The prompt of an LLM span as (role, text); instructions kept apart from the messages come first."""
    return talk_of(attributes).prompt


def messages_out(attributes: Attributes) -> list[RoleText]:
    """The reply of an LLM span as (role, text); its plain output where no messages are kept."""
    return talk_of(attributes).reply


def messages_listed(value: Any) -> list[RoleText]:
    """(role, text) of messages kept as one list, or as JSON text of it."""
    return [(str(message.get("role") or ""), _listed_content(message)) for message in _listed(value)]


def _prompt_of(attributes: Attributes, asked: _Messages) -> list[RoleText]:
    found = list(asked.texts)
    instructions = attributes.get("gen_ai.system_instructions")
    if instructions is not None and not any(role == "system" for role, _ in found):
        parts = _listed(instructions)
        found.insert(0, ("system", _listed_content({"parts": parts}) if parts else values.text(instructions)))
    return found


def _reply_of(attributes: Attributes, answered: _Messages) -> list[RoleText]:
    if answered.texts:
        return answered.texts
    plain = first(("ai.response.text", "output.value"), attributes)
    return [("assistant", values.text(plain))] if plain is not None else []


def _speaker(message: Mapping[str, Any]) -> str | None:
    """Who is named as the author of a message; the name of a tool's message is the tool's."""
    name = message.get("name")
    return name if isinstance(name, str) and name and message.get("role") not in ("tool", "function") else None


def _padded(speakers: list[str | None], length: int, *, before: bool) -> list[str | None]:
    rest: list[str | None] = [None] * (length - len(speakers))
    return [*rest, *speakers] if before else [*speakers, *rest]


def requested_calls(attributes: Attributes) -> list[tuple[str, str | None]]:
    """The calls that the reply of an LLM span requests, as (tool, arguments)."""
    calls: dict[tuple[int, int], dict[str, Any]] = {}
    for name, value in attributes.items():
        if "tool_calls" in name and (match := _ASKED.fullmatch(name)):
            calls.setdefault((int(match.group(1)), int(match.group(2))), {})[match.group(3)] = value
    found = [
        (values.text(c.get("name")) or "unknown", values.text(c.get("arguments"))) for _, c in sorted(calls.items())
    ]
    if not found:
        for message in _listed(attributes.get("gen_ai.output.messages")):
            parts = message.get("parts")
            found.extend(
                (values.text(part.get("name")) or "unknown", values.text(part.get("arguments")))
                for part in (parts if isinstance(parts, list) else [])
                if isinstance(part, dict) and part.get("type") == "tool_call"
            )
    return found


_ASKED = re.compile(
    r"(?:llm\.output_messages|gen_ai\.completion)\.(\d+)\.(?:message\.)?tool_calls\.(\d+)\.(?:tool_call\.function\.)?"
    r"(name|arguments)"
)


def _messages(attributes: Attributes, flat: Mapping[int, Mapping[str, Any]], whole: tuple[str, ...]) -> _Messages:
    """The messages that are flattened into attributes, else those of an attribute that holds all."""
    content = _flat_content if flat else _listed_content
    messages: Sequence[Mapping[str, Any]] = (
        [flat[number] for number in sorted(flat)] if flat else _listed(first(whole, attributes))
    )
    texts = [(str(message.get("role") or ""), content(message)) for message in messages]
    return _Messages(texts, list(map(_speaker, messages)))


def _flat_content(fields: Mapping[str, Any]) -> str | None:
    """The text of a flattened message: its content, its text parts, or the calls that it requests."""
    if fields.get("content") is not None:
        return values.text(fields["content"])
    parts = [value for name, value in fields.items() if name.endswith((".text", ".content", "function.arguments"))]
    return "\n".join(values.text(part) or "" for part in parts) if parts else None


def _listed(value: Any) -> list[dict[str, Any]]:
    """Messages from a JSON text or a list."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return []
    return [message for message in value if isinstance(message, dict)] if isinstance(value, list) else []


def _listed_content(message: Mapping[str, Any]) -> str | None:
    parts = message.get("parts")
    if not isinstance(parts, list):
        return values.text(message.get("content"))
    texts = [first(("content", "result", "response", "arguments"), p) for p in parts if isinstance(p, dict)]
    return "\n".join(values.text(part) or "" for part in texts)
