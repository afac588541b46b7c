"""What each span of a trace counts for, so that tokens, cost, calls and errors are counted once.

Tracers write one event on several levels: a framework's model call around the provider's, a chain that repeats the
usage of its children, a tool call and its transport below it, an exception on every span that it passes through.
"""

import re
from collections.abc import Sequence
from typing import Any

from halo_opt.store.rows import SpanRow
from halo_opt.store.values import call_hash

# The kind of a span that only encloses others.
_ENCLOSING = "CHAIN"
_USAGE = ("tokens_in", "tokens_out", "cost_usd")
# An exception rarely passes more levels; chains of spans may be much longer.
_HIGHEST = 200
# Names of spans around several tool calls.
_BATCHES = {"tool", "tools", "toolnode", "toolcalls", "runningtools", "executetools", "toolexecutor"}


def counted_once(rows: Sequence[SpanRow]) -> list[SpanRow]:
    """The spans of one trace, each with only what no other span of it states too.

    - Tokens and cost stay at the innermost spans that state them, each quantity by itself.
    - A model call that encloses another becomes a CHAIN.
    - A tool call within a tool call is a part of it, unless the outer one runs a model or is only a wrapper.
    - An error stays at the innermost span, where those above it have the same message or none.

    What a span loses so is kept in its `uncounted`.

    Args:
        rows: all spans of one trace, each id once.

    Returns:
        The spans in the same order; those that did not change are the same objects.
    """
    tree = _Tree(rows)
    if not tree.parents:
        return list(rows)
    lost: dict[str, dict[str, Any]] = {}
    for name in _USAGE:
        for span_id in tree.enclosing({row.span_id for row in rows if getattr(row, name)}):
            if getattr(tree.rows[span_id], name) is not None:
                lost.setdefault(span_id, {})[name] = None
    models = {row.span_id for row in rows if row.kind == "LLM"}
    for span_id in tree.enclosing(models) & models:
        lost.setdefault(span_id, {})["kind"] = _ENCLOSING
    for span_id in _parts_of_calls(tree):
        lost.setdefault(span_id, {}).update(kind=_ENCLOSING, tool=None, call_hash=None)
    for span_id in _passed_on_errors(tree):
        lost.setdefault(span_id, {})["error_type"] = None
    return [_without(row, lost.get(row.span_id, {})) for row in rows]


def stated(row: SpanRow) -> SpanRow:
    """The span as it was before `counted_once`."""
    return row._replace(**row.uncounted, uncounted=None) if row.uncounted else row


def parts_of_calls(rows: Sequence[SpanRow]) -> dict[str, list[str]]:
    """The ids of the spans that belong to each call, beside its own, among spans from `counted_once`."""
    others = [row for row in rows if row.uncounted and row.uncounted.get("kind") == "TOOL"]
    if not others:
        return {}
    tree = _Tree([stated(row) for row in rows])
    calls = {row.span_id for row in rows if row.kind == "TOOL"}
    found: dict[str, list[str]] = {}
    for row in others:
        above = next((outer.span_id for outer in tree.above(row.span_id) if outer.span_id in calls), None)
        below = [call for call in calls if any(outer.span_id == row.span_id for outer in tree.above(call))]
        call = above or (below[0] if len(below) == 1 else None)
        if call is not None:
            found.setdefault(call, []).append(row.span_id)
    return found


def _without(row: SpanRow, new: dict[str, Any]) -> SpanRow:
    if not new:
        return row
    return row._replace(**new, uncounted={name: getattr(row, name) for name in new})


class _Tree:
    """The spans of a trace by id, and of each the id of the span that it lies in; spans in a circle lie in none."""

    def __init__(self, rows: Sequence[SpanRow]) -> None:
        self.rows = {row.span_id: row for row in rows}
        self.parents = {row.span_id: row.parent_span_id for row in rows if self._is_inside(row)}
        for span_id in _in_circles(self.parents):
            del self.parents[span_id]

    def _is_inside(self, row: SpanRow) -> bool:
        """Whether a span lies in its parent.

        Some tracers make a tool call the child of the model call that asked for it: it begins after that has ended.
        """
        parent = self.rows.get(row.parent_span_id)
        if parent is None or parent is row:
            return False
        if parent.kind != "LLM" or not (parent.started_at and parent.ended_at and row.started_at):
            return True
        return parent.ended_at <= parent.started_at or row.started_at <= parent.ended_at

    def enclosing(self, inner: set[str]) -> set[str]:
        """The ids of all spans that enclose any of some spans."""
        found: set[str] = set()
        for span_id in inner:
            above = self.parents.get(span_id)
            while above is not None and above not in found:
                found.add(above)
                above = self.parents.get(above)
        return found

    def above(self, span_id: str) -> list[SpanRow]:
        """The spans around a span, from the inside out."""
        found: list[SpanRow] = []
        above = self.parents.get(span_id)
        while above is not None and len(found) < _HIGHEST:
            found.append(self.rows[above])
            above = self.parents.get(above)
        return found


def _in_circles(parents: dict[str, str]) -> set[str]:
    """The ids that are their own ancestors."""
    found: set[str] = set()
    done: set[str] = set()
    for start in parents:
        path: dict[str, int] = {}
        here: str | None = start
        while here is not None and here not in done and here not in path:
            path[here] = len(path)
            here = parents.get(here)
        if here is not None and here in path:
            found.update(span_id for span_id, place in path.items() if place >= path[here])
        done.update(path)
    return found


def _parts_of_calls(tree: _Tree) -> set[str]:
    """The ids of TOOL spans that are no calls: parts of another call, or wrappers of some."""
    calls = {span_id: row for span_id, row in tree.rows.items() if row.kind == "TOOL"}
    within: dict[str, list[SpanRow]] = {}
    for span_id, row in calls.items():
        around = _call_around(tree, span_id)
        if around is not None:
            within.setdefault(around, []).append(row)
    if not within:
        return set()
    running = tree.enclosing({span_id for span_id, row in tree.rows.items() if row.kind in ("LLM", "AGENT")})
    found: set[str] = set()
    # From the outside in: all that lies in a part of a call is a part of it too.
    for span_id in sorted(within.keys() - running, key=lambda span_id: len(tree.above(span_id))):
        if span_id not in found and _is_wrapper(calls[span_id], within[span_id]):
            found.add(span_id)
        else:
            found.update(row.span_id for row in within[span_id])
    return found


def _call_around(tree: _Tree, span_id: str) -> str | None:
    """The tool call that a span lies in, with no model call or agent between."""
    for row in tree.above(span_id):
        if row.kind == "TOOL":
            return row.span_id
        if row.kind in ("LLM", "AGENT"):
            return None
    return None


def _is_wrapper(call: SpanRow, inner: Sequence[SpanRow]) -> bool:
    """Whether a TOOL span encloses calls and is none itself: a batch of them, or a shell around one."""
    if not _is_bare(call):
        return False
    if _key(call) in map(_key, inner):
        return len(inner) == 1 and not _is_bare(inner[0])
    return len(inner) > 1 or _key(call) in _BATCHES


def _key(row: SpanRow) -> str:
    return re.sub(r"[\W_]+", "", row.tool or "").lower()


def _is_bare(row: SpanRow) -> bool:
    return row.tool is None or row.call_hash == call_hash(row.tool, None)


def _passed_on_errors(tree: _Tree) -> set[str]:
    """The ids of error spans whose error is that of a span in them."""
    found: set[str] = set()
    for span_id, row in tree.rows.items():
        if row.error_type is None:
            continue
        found.update(above.span_id for above in tree.above(span_id) if _is_same_error(above, row))
    return found


def _is_same_error(above: SpanRow, row: SpanRow) -> bool:
    if above.error_type is None:
        return False
    outer, inner = above.status_message, row.status_message
    if not outer:
        return True
    return inner in outer or outer in inner if inner else above.error_type == row.error_type
