"""Reads what an attempt did, step by step, from its span file.

An attribute that a span does not have is None, and shown as a dash.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

MAX_SHOWN = 200


class Step(BaseModel):
    """One step. `actions` holds its action, whether it ran or was refused; it is empty for an unusable reply."""

    model_config = ConfigDict(frozen=True)

    index: int
    url: str | None = None
    page_type: str | None = None
    actions: tuple[str, ...] = ()
    result: str = ""
    decided_by: str | None = None
    cache_hit: bool | None = None
    manager_called: bool | None = None
    manager_reason: str | None = None
    macro: str | None = None
    verdict: str | None = None
    error_type: str | None = None
    error: str | None = None

    def action_text(self) -> str:
        """The actions in one line."""
        return ", then ".join(self.actions) if self.actions else "no action (unusable reply)"


class Root(BaseModel):
    """The attempt's own span."""

    model_config = ConfigDict(frozen=True)

    goal: str | None = None
    outcome: str | None = None
    end_reason: str | None = None
    cache_hits: int | None = None
    macro_steps: int | None = None
    worker_calls: int | None = None
    manager_calls: int | None = None


def plain(value: Any, limit: int = MAX_SHOWN) -> str:
    """A text from a page or model, shortened and without control characters; a dash for None."""
    if value is None or value == "":
        return "-"
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text if len(text) <= limit else text[: limit - 3] + "..."


def yes_no(value: bool | None) -> str:
    """`yes`, `no`, or a dash for None."""
    if value is None:
        return "-"
    return "yes" if value else "no"


def _action(attributes: dict[str, Any]) -> str:
    """An action as text, with its target by role and label rather than by number."""
    try:
        given = json.loads(attributes.get("tool.parameters") or "{}")
    except ValueError:
        given = {}
    text = given.get("text") if isinstance(given, dict) else None
    target = attributes.get("halo.action.target") or ""
    parts = [str(attributes.get("tool.name"))]
    if text is not None:
        parts.append(json.dumps(text, ensure_ascii=False))
    if target:
        parts.append(f"on {target}")
    return " ".join(parts)


def _known(attributes: dict[str, Any], key: str, kind: type) -> Any:
    value = attributes.get(key)
    return value if isinstance(value, kind) else None


def _step(attributes: dict[str, Any], actions: Sequence[str]) -> Step:
    return Step(
        index=_known(attributes, "halo.step.index", int) or 0,
        url=_known(attributes, "halo.page.url", str),
        page_type=_known(attributes, "halo.page.type", str),
        actions=tuple(actions),
        result=_known(attributes, "output.value", str) or "",
        decided_by=_known(attributes, "halo.decided_by", str),
        cache_hit=_known(attributes, "halo.cache.hit", bool),
        manager_called=_known(attributes, "halo.manager.called", bool),
        manager_reason=_known(attributes, "halo.manager.reason", str),
        macro=_known(attributes, "halo.macro.name", str),
        verdict=_known(attributes, "halo.verifier.verdict", str),
        error_type=_known(attributes, "halo.action.error_type", str),
        error=_known(attributes, "halo.action.error", str),
    )


def _root(attributes: dict[str, Any]) -> Root:
    return Root(
        goal=_known(attributes, "halo.goal", str),
        outcome=_known(attributes, "halo.outcome", str),
        end_reason=_known(attributes, "halo.end_reason", str),
        cache_hits=_known(attributes, "halo.cache.hits", int),
        macro_steps=_known(attributes, "halo.macro.steps", int),
        worker_calls=_known(attributes, "halo.worker.calls", int),
        manager_calls=_known(attributes, "halo.manager.calls", int),
    )


def _object(line: bytes) -> dict[str, Any]:
    """A line as an object; an empty one for a line that was not written whole."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _kind(span: dict[str, Any]) -> Any:
    return (span.get("attributes") or {}).get("openinference.span.kind")


class SpanReader:
    """Reads a span file while it grows. A file may hold several traces, where an attempt was run again."""

    def __init__(self, path: Path, trace_id: str) -> None:
        self._path, self._trace_id = path, trace_id
        self._read = 0
        self._actions: dict[str, list[str]] = {}
        self.root: Root | None = None

    def new_steps(self) -> list[Step]:
        """The steps that were written since the last call. An unfinished last line is read next time."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._read += whole
        return list(self._steps(data[:whole].splitlines()))

    def _steps(self, lines: Iterable[bytes]) -> Iterable[Step]:
        for line in lines:
            span = _object(line)
            if span.get("trace_id") != self._trace_id:
                continue
            kind, attributes = _kind(span), span.get("attributes") or {}
            if kind == "TOOL":
                self._actions.setdefault(str(span.get("parent_span_id")), []).append(_action(attributes))
            elif kind == "CHAIN":
                yield _step(attributes, self._actions.pop(str(span.get("span_id")), []))
            elif kind == "AGENT":
                self.root = _root(attributes)


def read_root(path: Path, trace_id: str) -> Root:
    """The attempt's own span, without decoding the others."""
    if path.is_file():
        wanted = trace_id.encode()
        with path.open("rb") as file:
            for line in file:
                if wanted in line and b'"AGENT"' in line:
                    span = _object(line)
                    if span.get("trace_id") == trace_id and _kind(span) == "AGENT":
                        return _root(span["attributes"])
    return Root()


def read(path: Path, trace_id: str) -> tuple[Root, list[Step]]:
    """(root, steps) of a finished attempt; without its file, an empty root and no steps."""
    spans = SpanReader(path, trace_id)
    steps = spans.new_steps()
    return spans.root or Root(), steps
