"""The tool `show`: one attempt as its steps, or its messages, within a byte limit. Only reads."""

from typing import Any, Literal

from pydantic import Field

from halo_opt.analysis.tools.answers import answer, cell, fitted, middle, room
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext
from halo_opt.analysis.tools.querying import seen_trace
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


def run(asked: ShowArguments, context: ToolContext) -> str:
    """Facts, then steps; long texts lose their middle, and then the last steps are left for another call."""
    trace_id = seen_trace(context, asked.trace_id)
    [facts] = context.store.records(f"SELECT {', '.join(_FACTS)} FROM attempts WHERE trace_id = ?", [trace_id])
    facts = {"trace_id": trace_id, **facts}
    top = "\n".join(f"{name}: {cell(value, 400)}" for name, value in facts.items() if value is not None)
    if asked.part == "messages":
        things = _messages(context, trace_id, asked)
    else:
        things = steps_of(context, trace_id, asked.first, asked.last)
    what = asked.part
    said = f"the attempt, {what}"
    if not things:
        there = "there are no" if asked.first == 0 and asked.last is None else "there are none of these"
        return answer(context, said, top, f"[{there} {what}; the other part, messages or steps, may tell more]")
    head = top if asked.first == 0 else ""
    make = _message_text if asked.part == "messages" else step_text
    texts, clip = fitted(things, make, room(context, said, visible(head)) - 260)
    note = []
    if len(texts) < len(things):
        following = things[len(texts)]["step"]
        note.append(f"{len(things) - len(texts)} more {what} are not shown; ask with first={following}")
    if any("[... " in text for text in texts):
        note.append(f"texts are shown up to {clip} characters; ask for fewer {what} with first and last to see more")
    return answer(
        context,
        said,
        "\n".join([*([head] if head else []), *texts]),
        f"[{'; '.join(note)}]" if note else "",
        instead=f"ask for fewer {what} with first and last",
    )


def _messages(context: ToolContext, trace_id: str, asked: ShowArguments) -> list[dict[str, Any]]:
    rows = context.store.records(
        "SELECT position AS step, role, content FROM messages WHERE trace_id = ? ORDER BY position", [trace_id]
    )
    return [row for row in rows if asked.first <= row["step"] and (asked.last is None or row["step"] <= asked.last)]


def _message_text(message: dict[str, Any], clip: int) -> str:
    return f"message {message['step']} {message['role']}: {middle(visible(message['content'] or ''), clip)}"


TOOL = Tool("show", "one attempt step by step: what it saw, said, did and got", ShowArguments, run)
