"""Steps, tool calls and messages from the spans of one attempt.

Our own harness marks each step with a CHAIN span that carries `halo.step.index`. For any other producer a step is an
LLM span with the TOOL spans that follow it until the next LLM span; a TOOL span before any LLM span begins a step too.
A marked step may say of itself what its children cannot (`halo.step.reply`, ...): a format may keep a thought apart
from the message, or words to a user that got an answer but are no call.
"""

from collections.abc import Mapping, Sequence
from itertools import islice, zip_longest

from halo_opt.store import values
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.call_errors import CallError, call_error
from halo_opt.store.readers.counting import parts_of_calls
from halo_opt.store.readers.span_lines import Span
from halo_opt.store.readers.synthetic import judged_call, judged_reply, with_calls
from halo_opt.store.rows import MessageRow, SpanRow, StepRow, ToolCallRow

STEP_INDEX = "halo.step.index"
# Of a call's span the other spans of the same call.
Parts = Mapping[str, Sequence[Span]]
# Messages that no model call follows, as [{role, content}] or as JSON text of it.
CLOSING = "halo.closing_messages"


def in_order(spans: Sequence[Span]) -> list[Span]:
    """The spans by their start, then by their place in the file: a producer may write children before parents."""
    return sorted(spans, key=lambda span: (not span.started_at, span.started_at or "", span.source, span.line))


class Talks:
    """The prompts and replies of one attempt's LLM spans, each read once and kept."""

    def __init__(self) -> None:
        self._known: dict[int, names.Talk] = {}

    def of(self, span: Span) -> names.Talk:
        """Prompt and reply of a span, which must live as long as this object: it is known by its identity."""
        talk = self._known.get(id(span))
        if talk is None:
            talk = self._known[id(span)] = names.talk_of(span.attributes)
        return talk


def steps_of(spans: Sequence[Span], rows: Sequence[SpanRow], talks: Talks) -> tuple[list[StepRow], list[ToolCallRow]]:
    """The steps and the tool calls of one attempt's spans, with the rows of the spans from `counted_once`."""
    ordered = in_order(spans)
    kinds = {row.span_id: row.kind for row in rows}
    by_id = {span.span_id: span for span in spans}
    agents = {row.span_id: row.agent for row in rows if row.agent}
    parts = {call: [by_id[part] for part in ids] for call, ids in parts_of_calls(rows).items()}
    marked = [s for s in ordered if values.count(s.attributes.get(STEP_INDEX)) is not None]
    if marked:
        steps, calls = _marked_steps(marked, ordered, kinds, talks, parts)
    else:
        steps, calls = _derived_steps(ordered, kinds, talks, parts, agents)
    return _with_agents(steps, calls, agents) if agents else (steps, calls)


def _with_agents(
    steps: list[StepRow], calls: list[ToolCallRow], agents: Mapping[str, str]
) -> tuple[list[StepRow], list[ToolCallRow]]:
    """Steps and calls with the agents of their spans; a call in no agent's span is that of its step's agent."""
    acting = {step.step: agents.get(step.span_id or "") for step in steps}
    for call in calls:
        acting[call.step] = acting.get(call.step) or agents.get(call.span_id or "")
    return (
        [step._replace(agent=acting[step.step]) for step in steps],
        [call._replace(agent=agents.get(call.span_id or "") or acting[call.step]) for call in calls],
    )


def _marked_steps(
    marked: list[Span], ordered: list[Span], kinds: dict[str, str], talks: Talks, parts: Parts
) -> tuple[list[StepRow], list[ToolCallRow]]:
    children: dict[str, list[Span]] = {}
    for span in ordered:
        children.setdefault(span.parent_span_id, []).append(span)
    steps: list[StepRow] = []
    calls: list[ToolCallRow] = []
    for span in marked:
        number = values.count(span.attributes[STEP_INDEX]) or 0
        below = _below(span, children, kinds)
        tools = [child for child in below if kinds[child.span_id] == "TOOL"]
        made = [_call(tool, number, len(calls) + n, parts) for n, tool in enumerate(tools)]
        calls.extend(made)
        replies = [child for child in below if kinds[child.span_id] == "LLM"]
        steps.append(_marked_step(span, number, made, _reply(talks.of(replies[-1])) if replies else None))
    return steps, calls


def _below(step: Span, children: dict[str, list[Span]], kinds: dict[str, str]) -> list[Span]:
    """The spans in a marked step, not those in its tool calls or in steps within it, in order."""
    found: list[Span] = []
    waiting = list(children.get(step.span_id, []))
    seen = {step.span_id}
    while waiting:
        span = waiting.pop()
        if span.span_id in seen or values.count(span.attributes.get(STEP_INDEX)) is not None:
            continue
        seen.add(span.span_id)
        found.append(span)
        if kinds[span.span_id] != "TOOL":
            waiting += children.get(span.span_id, [])
    return in_order(found)


def _marked_step(span: Span, number: int, calls: list[ToolCallRow], reply: str | None) -> StepRow:
    attributes = span.attributes
    call = next((call for call in calls if call.error_type), calls[0] if calls else None)
    error_type = values.text(attributes.get("halo.action.error_type")) or (call.error_type if call else None)
    error = values.text(attributes.get("halo.action.error")) or (call.error if call else None)
    return StepRow(
        span.trace_id,
        number,
        span.span_id,
        observation=values.text(attributes.get("input.value")),
        reply=_own(span, "reply", reply),
        tool=_own(span, "tool", call.tool if call else None),
        arguments=_own(span, "arguments", call.arguments if call else None),
        target=_own(span, "target", call.target if call else None),
        result=_own(span, "result", call.result if call else None),
        error=error if error_type else None,
        error_type=error_type,
        page_changed=values.boolean(attributes.get("halo.page.changed")),
        empty_fields=values.integer(attributes.get("halo.page.empty_fields")),
        submits=values.boolean(attributes.get("halo.action.submits")),
        started_at=span.started_at or None,
        ended_at=span.ended_at or None,
    )


def _own(span: Span, name: str, otherwise: str | None) -> str | None:
    """An attribute that a step's own span has, else the value from its children."""
    own = values.text(span.attributes.get(f"halo.step.{name}"))
    return otherwise if own is None else own


def _derived_steps(
    ordered: list[Span], kinds: dict[str, str], talks: Talks, parts: Parts, agents: Mapping[str, str]
) -> tuple[list[StepRow], list[ToolCallRow]]:
    turns: list[tuple[Span | None, list[Span]]] = []
    of_agent: dict[str | None, list[Span]] = {}
    for span in ordered:
        kind = kinds[span.span_id]
        if kind == "LLM":
            turns.append((span, []))
            of_agent[agents.get(span.span_id)] = turns[-1][1]
        elif kind == "TOOL":
            if turns:
                # Agents may work at the same time.
                of_agent.get(agents.get(span.span_id), turns[-1][1]).append(span)
            else:
                turns.append((None, [span]))
    steps: list[StepRow] = []
    calls: list[ToolCallRow] = []
    seen: str | None = None
    for number, (reply, tools) in enumerate(turns):
        made = [_call(tool, number, len(calls) + n, parts) for n, tool in enumerate(tools)]
        heard = _heard(reply, turns[number + 1][0] if number + 1 < len(turns) else None, talks)
        if reply is not None and not tools:
            made = _asked(reply, number, len(calls), heard)
        calls.extend(made)
        talk = talks.of(reply) if reply is not None else None
        observation = talk.prompt[-1][1] if talk and talk.prompt else seen
        step = _derived_step(number, reply, tools, made, _reply(talk) if talk else None)
        if not made and step.error_type is None and heard:
            step = judged_reply(step, heard[0][1])
        steps.append(step._replace(observation=observation))
        seen = made[-1].result if made else None
    return steps, calls


def _derived_step(
    number: int, reply: Span | None, tools: list[Span], calls: list[ToolCallRow], answer: str | None
) -> StepRow:
    spans = [span for span in (reply, *tools) if span is not None]
    step = StepRow(
        spans[0].trace_id,
        number,
        spans[0].span_id,
        reply=answer,
        tool="respond" if answer else None,
        arguments=answer,
        started_at=spans[0].started_at or None,
        ended_at=spans[-1].ended_at or None,
    )
    step = with_calls(step, calls)
    if step.error_type is None and reply is not None and reply.status == "error":
        return step._replace(error=reply.status_message or "the model call failed", error_type="execution")
    return step


def _call(span: Span, step: int, position: int, parts: Parts) -> ToolCallRow:
    """The call of a TOOL span; what the span does not say is taken from the parts of the call."""
    attributes = span.attributes
    told = [span, *parts.get(span.span_id, ())]
    failing = next((one for one in told if one.status == "error" or one.attributes.get("error.type") is not None), None)
    named = None if failing is None else values.text(failing.attributes.get("error.type"))
    failed = True if failing is not None else None
    row = ToolCallRow(
        span.trace_id,
        span.span_id,
        step,
        position,
        tool=tool_of(span),
        arguments=values.text(names.first(names.ARGUMENTS, attributes)),
        target=values.text(attributes.get("halo.action.target")),
        result=values.text(names.first(names.RESULT, *(one.attributes for one in told))),
        error=None,
        error_type=None,
    )
    # The status of a span has the error's words; a result beside it is often empty.
    words = (failing.status_message if failing is not None else None) or row.result
    found = call_error(row.tool, row.arguments, words, failed=failed)
    if found is None:
        # A status of grep's kind is an answer, but here the producer calls it an error.
        found = CallError("tool_error", words or "the call failed and gave no message") if failed else None
    if found is None:
        return row
    return row._replace(error=found.message if words else named or found.message, error_type=named or found.error_type)


def tool_of(span: Span) -> str:
    """The tool that a TOOL span called."""
    tool = values.text(names.first(names.TOOL, span.attributes))
    return tool or span.name.removeprefix("execute_tool ") or "unknown"


def _heard(reply: Span | None, following: Span | None, talks: Talks) -> list[names.RoleText]:
    """What came after a reply: the last messages of the next prompt, where that continues the same conversation."""
    if reply is None or following is None:
        return []
    before, after = talks.of(reply).prompt, talks.of(following).prompt
    if len(after) <= len(before) or after[:1] != before[:1]:
        return []
    spoken = [n for n, (role, _) in enumerate(after) if role in ("assistant", "model", "ai")]
    return after[spoken[-1] + 1 :] if spoken else []


def _asked(reply: Span, step: int, position: int, heard: Sequence[names.RoleText]) -> list[ToolCallRow]:
    """The calls that a reply requests, with their results in order, for producers that write no TOOL spans."""
    results = [text for role, text in heard if role in ("tool", "function")]
    rows = []
    for n, (tool, arguments) in enumerate(names.requested_calls(reply.attributes)):
        result = results[n] if n < len(results) else None
        row = ToolCallRow(reply.trace_id, reply.span_id, step, position + n, tool, arguments, None, result, None, None)
        rows.append(judged_call(row))
    return rows


def _reply(talk: names.Talk) -> str | None:
    return talk.reply[-1][1] if talk.reply else None


def first_user_message(reply: Span) -> str | None:
    """The text of the first user message in an LLM span's prompt, or None."""
    return next((content for role, content in names.messages_in(reply.attributes) if role == "user"), None)


def messages_of(spans: Sequence[Span], span_rows: Sequence[SpanRow], talks: Talks) -> list[MessageRow]:
    """The conversation of an attempt: of each prompt only the messages after those that the one before began with.

    Each agent has a conversation of its own; a message that names its author is the author's.
    """
    rows: list[MessageRow] = []
    conversations: dict[str | None, list[tuple[str, str | None]]] = {}
    replies = {row.span_id: row.agent for row in span_rows if row.kind == "LLM"}
    for span in in_order(spans):
        if span.span_id not in replies:
            continue
        agent = replies[span.span_id]
        prompt, reply, speakers = talks.of(span)
        before = conversations.get(agent, [])
        same = 0
        for old, new in zip_longest(before, prompt):
            if old is None or old != new:
                break
            same += 1
        new = zip([*prompt, *reply], speakers, strict=True)
        for (role, content), speaker in islice(new, same, None):
            rows.append(MessageRow(span.trace_id, span.span_id, len(rows), role, content, speaker or agent))
        conversations[agent] = [*prompt, *reply]
    for span in spans:
        for role, content in names.messages_listed(span.attributes.get(CLOSING)):
            rows.append(MessageRow(span.trace_id, span.span_id, len(rows), role, content))
    return rows
