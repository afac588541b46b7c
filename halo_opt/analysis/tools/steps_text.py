"""Steps of an attempt as text. The words are the trace's, so they must be fenced."""

from typing import Any

from halo_opt.analysis.tools.base import ToolContext
from halo_opt.analysis.tools.formatting import shorten_middle
from halo_opt.core.text import visible

FIELDS = ("observation", "reply", "tool", "arguments", "target", "result", "error", "error_type", "page_changed")
Step = dict[str, Any]


def steps_of(context: ToolContext, trace_id: str, first: int = 0, last: int | None = None) -> list[Step]:
    """Steps `first` to `last` (None for the end), in order. An observation that repeats the last result is left out."""
    rows = context.store.records(
        f"SELECT step, {', '.join(FIELDS)}, lag(result) OVER (ORDER BY step) AS before FROM steps WHERE trace_id = ?"
        " ORDER BY step",
        [trace_id],
    )
    steps = [row for row in rows if first <= row["step"] and (last is None or row["step"] <= last)]
    for step in steps:
        if step["observation"] == step["before"]:
            step["observation"] = None
    return steps


def step_text(step: Step, clip: int) -> str:
    """One step as text, each part of it with at most `clip` characters."""
    kind = f" [{step['error_type']}]" if step["error_type"] else ""
    lines = [f"step {step['step']}{visible(kind)}"]
    done = " ".join(str(part) for part in (step["tool"], step["arguments"]) if part is not None)
    error, result = (str(step[name] or "").strip() for name in ("error", "result"))
    parts = (
        ("observation", step["observation"]),
        # A reply often holds nothing but the action.
        ("reply", step["reply"] if step["reply"] not in (step["arguments"], done) else None),
        ("action", done or None),
        ("target", step["target"]),
        # An error is often what came back, or the beginning of it.
        ("error", step["error"] if error == result or not result.startswith(error) else None),
        ("result", step["result"] if error != result or not error else None),
    )
    lines += [f"  {name}: {shorten_middle(visible(str(text)), clip)}" for name, text in parts if text is not None]
    if step["page_changed"] is not None:
        lines.append(f"  the page {'changed' if step['page_changed'] else 'did not change'}")
    return "\n".join(lines)
