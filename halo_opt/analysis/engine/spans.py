"""The log of an analysis as a trace in our own span format, so that halo-opt can analyze its own runs.

Spans are written as they end, so a crash loses only open ones. Their ids and times must not reach a prompt.
"""

import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from halo_common.files import append_line
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import AttemptResult, Run
from halo_opt.llm.model import Completion, Message
from halo_opt.redaction import redact

Kind = Literal["AGENT", "CHAIN", "LLM", "TOOL"]
MODE = "analysis"
MAX_TEXT = 20_000
_OPERATION = {"AGENT": "invoke_agent", "LLM": "chat", "TOOL": "execute_tool"}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Span:
    """An open span; its attributes can be set until its block ends."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.attributes: dict[str, Any] = {}
        self.error: str | None = None

    def set(self, **attributes: Any) -> None:
        """Set attributes, with `__` for each dot of their names; values of None are not written."""
        self.attributes |= {name.replace("__", "."): value for name, value in attributes.items()}

    def fail(self, kind: str, message: str) -> None:
        """Mark the span as an error."""
        self.error = message or kind
        self.attributes["error.type"] = kind

    def set_request(self, model: str, messages: Sequence[Message]) -> None:
        """Set the attributes of a prompt that was sent to a model."""
        self.attributes |= {"gen_ai.request.model": model, "llm.model_name": model}
        for number, message in enumerate(messages):
            self.attributes[f"llm.input_messages.{number}.message.role"] = message.role
            self.attributes[f"llm.input_messages.{number}.message.content"] = message.sent

    def set_response(self, completion: Completion) -> None:
        """Set the attributes of a model's reply and its usage."""
        self.attributes |= {
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": completion.text,
            "output.value": completion.text,
            "gen_ai.usage.input_tokens": completion.tokens_in,
            "gen_ai.usage.output_tokens": completion.tokens_out,
            "llm.token_count.prompt": completion.tokens_in,
            "llm.token_count.completion": completion.tokens_out,
            "llm.token_count.prompt_details.cache_read": completion.tokens_cached,
            "llm.cost.total": completion.cost_usd,
        }


class SpanSink:
    """A run folder in which an analysis is logged as one attempt.

    `task_id` names what was analyzed; `revision` is halo-opt's version.
    """

    def __init__(
        self, folder: Path, *, run_id: str, task_id: str, revision: str, seed: int = 0, attempt: int = 0
    ) -> None:
        self.paths = RunPaths(folder)
        self.run_id, self.task_id, self.revision = run_id, task_id, revision
        self.seed, self.attempt = seed, attempt

    @property
    def file(self) -> Path:
        """The file of the spans."""
        task = re.sub(r"[^A-Za-z0-9._-]", "_", self.task_id)
        return self.paths.folder / MODE / f"{task}__seed_{self.seed}__attempt_{self.attempt}.jsonl"

    def begin(self, model: str) -> "Trace":
        """Start the trace of an analysis, and write run.json where there is none."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        if not self.paths.run.exists():
            run = Run(
                run_id=self.run_id,
                purpose="halo-opt's own analysis",
                harness_revision=self.revision,
                model=model,
                mode=MODE,
                command=["halo-opt"],
                made_at=_now(),
            )
            self.paths.run.write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return Trace(self, model)

    def resource(self, model: str) -> dict[str, Any]:
        """The resource attributes of every span."""
        return {
            "service.name": "halo-opt",
            "halo.task_id": self.task_id,
            "halo.seed": self.seed,
            "halo.attempt": self.attempt,
            "halo.mode": MODE,
            "halo.model": model,
            "halo.harness_revision": self.revision,
            "halo.run_id": self.run_id,
        }


class Trace:
    """The spans of one analysis; without a sink nothing is written. Thread-safe."""

    def __init__(self, sink: SpanSink | None = None, model: str = "") -> None:
        self.id = secrets.token_hex(16)
        self.started_at = _now()
        self._sink = sink
        self._resource = {} if sink is None else sink.resource(model)
        self._steps = 0
        self._lock = threading.Lock()

    def step(self) -> int:
        """Number the next turn among the turns of all agents, from 0."""
        with self._lock:
            self._steps += 1
            return self._steps - 1

    @contextmanager
    def span(self, name: str, kind: Kind, parent: Span | None) -> Iterator[Span]:
        """Open a span for the block; an error that leaves the block marks the span."""
        span, start = Span(), _now()
        try:
            yield span
        except BaseException as error:
            span.fail(type(error).__name__, str(error))
            raise
        finally:
            self._write(name, kind, span, parent, start)

    def finish(self, result: AttemptResult) -> None:
        """Append the line of results.jsonl, after all spans are written."""
        if self._sink is not None:
            _append(self._sink.paths.results, result.model_dump(mode="json"))

    def _write(self, name: str, kind: Kind, span: Span, parent: Span | None, start: str) -> None:
        if self._sink is None:
            return
        attributes = {"openinference.span.kind": kind, "gen_ai.operation.name": _OPERATION.get(kind), **span.attributes}
        record = {
            "trace_id": self.id,
            "span_id": span.id,
            "parent_span_id": parent.id if parent else "",
            "name": name,
            "kind": "SPAN_KIND_CLIENT" if kind == "LLM" else "SPAN_KIND_INTERNAL",
            "start_time": start,
            "end_time": _now(),
            "status": {
                "code": "STATUS_CODE_OK" if span.error is None else "STATUS_CODE_ERROR",
                "message": _clean(span.error or ""),
            },
            "resource": {"attributes": self._resource},
            "scope": {"name": "halo-opt", "version": self._resource.get("halo.harness_revision", "")},
            "attributes": {key: _clean(value) for key, value in attributes.items() if value is not None},
        }
        with self._lock:
            _append(self._sink.file, record)


def _clean(value: Any) -> Any:
    """Redact a text and bound its length; other values stay."""
    if not isinstance(value, str):
        return value
    text = redact(value)[0]
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}... ({len(text) - MAX_TEXT} more characters)"


def _append(path: Path, record: Mapping[str, Any]) -> None:
    """Append one line in a single write, as another process may append to the same file."""
    append_line(path, json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "replace"))
