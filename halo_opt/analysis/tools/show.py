"""The tool `show`: one attempt as its steps or its messages, within a byte limit."""

from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.analysis.tools.formatting import bytes_left, cell_text, fit_texts, format_answer, shorten_middle
from halo_opt.analysis.tools.querying import full_trace_id
from halo_opt.analysis.tools.steps_text import step_text, steps_of
from halo_opt.core.text import visible

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
    part: Literal["steps", "messages"] = Field(default="steps", description="messages: the conversation as it was sent")
    first: int = Field(default=0, ge=0, description="first step (or message) to show, from 0")
    last: int | None = Field(default=None, ge=0, description="last one to show")


def run(arguments: ShowArguments, context: ToolContext) -> str:
    """Facts, then steps; long texts lose their shorten_middle, and then the last steps are left for another call."""
    trace_id = full_trace_id(context, arguments.trace_id)
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


TOOL = Tool("show", "one attempt step by step: observation, reply, action and result", ShowArguments, run)
