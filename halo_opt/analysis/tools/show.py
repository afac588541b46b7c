"""The tool `show`: one attempt as its steps or its messages, within a byte limit."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import (
    beginning,
    bytes_left,
    cell_text,
    fit_texts,
    format_answer,
    shorten_middle,
)
from halo_opt.analysis.tools.querying import full_trace_id
from halo_opt.analysis.tools.steps_text import step_text, steps_of
from halo_opt.core.errors import InputError
from halo_opt.core.text import visible
from halo_opt.store.queries.prompts import conversation_before, prompts_of_step

_FACTS = (
    "task_id",
    "run_id",
    "seed",
    "outcome",
    "score",
    "cause",
    "end_reason",
    "model",
    "steps",
    "step_limit",
    "goal",
)


class ShowArguments(Arguments):
    """An attempt, and which part of it."""

    trace_id: str = Field(description="id of the attempt, or the beginning of it")
    part: Literal["steps", "messages", "prompt"] = Field(
        default="steps",
        description="messages: the conversation, each message once; prompt: all that the model was sent at step"
        " `first`, uncut",
    )
    first: int = Field(default=0, ge=0, description="first step (or message) to show, from 0")
    last: int | None = Field(default=None, ge=0, description="last one to show")
    offset: int = Field(default=0, ge=0, description="of a prompt: the character to go on from")


def run(arguments: ShowArguments, context: ToolContext) -> str:
    """Facts, then steps; long texts lose their middle, and then the last steps are left for another call."""
    trace_id = full_trace_id(context, arguments.trace_id)
    if arguments.part == "prompt":
        return _prompt(context, trace_id, arguments.first, arguments.offset)
    [facts] = context.store.records(f"SELECT {', '.join(_FACTS)} FROM attempts WHERE trace_id = ?", [trace_id])
    facts = {"trace_id": trace_id, **facts}
    top = "\n".join(f"{name}: {cell_text(value, 400)}" for name, value in facts.items() if value is not None)
    if arguments.part == "messages":
        things = _messages(context, trace_id, arguments)
    else:
        things = steps_of(context, trace_id, arguments.first, arguments.last)
    what = arguments.part
    summary = f"the attempt, {what}"
    if not things:
        there = "there are no" if arguments.first == 0 and arguments.last is None else "there are none of these"
        return format_answer(context, summary, top, f"[{there} {what}; part can be steps or messages; try the other]")
    head = top if arguments.first == 0 else ""
    make = _message_text if arguments.part == "messages" else step_text
    texts, clip = fit_texts(things, make, bytes_left(context, summary, visible(head)) - 260)
    note = []
    if len(texts) < len(things):
        following = things[len(texts)]["step"]
        note.append(f"{len(things) - len(texts)} more {what} are not shown; ask with first={following}")
    if any("[... " in text for text in texts):
        note.append(f"texts are shown up to {clip} characters; ask for fewer {what} with first and last to see more")
    return format_answer(
        context,
        summary,
        "\n".join([*([head] if head else []), *texts]),
        f"[{'; '.join(note)}]" if note else "",
        remedy=f"ask for fewer {what} with first and last",
    )


def _messages(context: ToolContext, trace_id: str, arguments: ShowArguments) -> list[dict[str, Any]]:
    rows = context.store.records(
        "SELECT position AS step, role, content FROM messages WHERE trace_id = ? ORDER BY position", [trace_id]
    )
    return [
        row
        for row in rows
        if arguments.first <= row["step"] and (arguments.last is None or row["step"] <= arguments.last)
    ]


def _message_text(message: dict[str, Any], clip: int) -> str:
    return f"message {message['step']} {message['role']}: {shorten_middle(visible(message['content'] or ''), clip)}"


def _prompt(context: ToolContext, trace_id: str, step: int, offset: int) -> str:
    """What the model was sent at a step, from a character on, as much as fits."""
    [(last,)] = context.store.rows("SELECT max(step) FROM steps WHERE trace_id = ?", [trace_id])
    if last is None or step > last:
        there = (
            "no steps; part=messages shows what was said" if last is None else f"steps 0 to {last}; give one as first"
        )
        raise ToolRefused(f"the attempt has no step {step}: it has {there}")
    try:
        prompts = prompts_of_step(context.store, trace_id, step)
    except InputError as error:
        raise ToolRefused(
            "the trace file, in which the prompts are, is gone or has changed since it was read; ask with part=messages"
        ) from error
    if prompts:
        source = f"what the model was sent at step {step}, from the trace file"
        texts = [_call_text(number, len(prompts), prompt.messages) for number, prompt in enumerate(prompts, 1)]
    else:
        source, texts = _conversation(context, trace_id, step)
    text = visible("\n".join(texts)).rstrip("\n")
    summary = f"{source}: {len(text)} characters, these from {offset} on"
    if offset >= len(text):
        raise ToolRefused(f"the prompt has {len(text)} characters, none of them from {offset} on")
    shown = beginning(text[offset:], bytes_left(context, summary) - 120)
    end = offset + len(shown)
    note = f"[{len(text) - end} more characters; ask with part=prompt, first={step}, offset={end}]"
    return format_answer(context, summary, shown, note if end < len(text) else "")


def _call_text(number: int, calls: int, messages: Sequence[tuple[str, str | None]]) -> str:
    head = f"--- model call {number} of {calls} in this step ---\n" if calls > 1 else ""
    return head + "\n".join(f"{role}: {text or ''}" for role, text in messages)


def _conversation(context: ToolContext, trace_id: str, step: int) -> tuple[str, list[str]]:
    messages = conversation_before(context.store, trace_id, step)
    if not messages:
        why = (
            "it cannot be told which messages came before this step"
            if messages is None
            else "no message came before it"
        )
        raise ToolRefused(f"the trace records no prompt of this step, and {why}; part=messages shows what was said")
    source = f"the trace keeps one conversation and no prompts; this is the conversation up to the reply of step {step}"
    if not any(role in ("system", "developer") for role, _ in messages):
        source += ", which holds no system message, so the harness's instructions are not recorded"
    return source, [_call_text(1, 1, messages)]


TOOL = Tool(
    "show",
    "one attempt step by step: observation, reply, action and result; or the exact prompt of a step",
    ShowArguments,
    run,
)
