"""Writes an attempt as flat OpenTelemetry spans, one JSON object a line.

Every span is on disk before the attempt's result line, so an attempt that has a result has all its spans.
"""

import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from halo_common.files import append_json_line
from harness.record.results import Job

Kind = Literal["SPAN_KIND_INTERNAL", "SPAN_KIND_CLIENT"]
SCOPE = {"name": "halo-harness", "version": "1"}
MAX_TEXT = 20_000


def now() -> str:
    """The time as ISO 8601 in UTC with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_trace_id() -> str:
    """32 random hex digits."""
    return secrets.token_hex(16)


def root_span_id(trace_id: str) -> str:
    """The id of the attempt's own span, derived so that the supervisor can write it when the process is gone."""
    return trace_id[:16]


def span_file(out: Path, mode: str, job: Job) -> Path:
    """The span file of an attempt. Characters that do not belong in a file name become underscores."""
    task = re.sub(r"[^A-Za-z0-9._-]", "_", job.task_id)
    return out / mode / f"{task}__seed_{job.seed}__attempt_{job.attempt}.jsonl"


def artifact_folder(out: Path, mode: str, job: Job) -> Path:
    """The folder of an attempt's screenshots: `artifacts/<mode>/<name of its span file>/`."""
    return out / "artifacts" / mode / span_file(out, mode, job).stem


def _capped(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[:MAX_TEXT] + f"... ({len(value) - MAX_TEXT} more characters)"
    return value


class Tracer:
    """Appends the spans of one attempt to one file."""

    def __init__(self, path: Path, trace_id: str, resource: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._trace_id = trace_id
        self._resource = resource
        self.root_id = root_span_id(trace_id)

    def write(
        self,
        name: str,
        attributes: dict[str, Any],
        *,
        start: str,
        end: str,
        parent: str,
        span_id: str | None = None,
        kind: Kind = "SPAN_KIND_INTERNAL",
        error: str | None = None,
        unset: bool = False,
    ) -> str:
        """Append one span and return its id.

        Args:
            name: The span's name.
            attributes: Its attributes; those that are None are left out.
            start: ISO 8601 time.
            end: ISO 8601 time.
            parent: The parent's id; empty for the attempt's own span.
            span_id: Its id; a random one where not given.
            kind: The OpenTelemetry kind.
            error: The status message of a failed span.
            unset: Whether the status is left unset rather than OK.
        """
        span_id = span_id or secrets.token_hex(8)
        code = "STATUS_CODE_UNSET" if unset else "STATUS_CODE_OK"
        if error is not None:
            code = "STATUS_CODE_ERROR"
        append_json_line(
            self._path,
            {
                "trace_id": self._trace_id,
                "span_id": span_id,
                "parent_span_id": parent,
                "name": name,
                "kind": kind,
                "start_time": start,
                "end_time": end,
                "status": {"code": code, "message": error or ""},
                "resource": {"attributes": self._resource},
                "scope": SCOPE,
                "attributes": {k: _capped(v) for k, v in attributes.items() if v is not None},
            },
        )
        return span_id


def resource_of(job: Job, *, mode: str, model: str, revision: str, run_id: str) -> dict[str, Any]:
    """Resource attributes of every span of an attempt."""
    return {
        "service.name": "halo-harness",
        "halo.task_id": job.task_id,
        "halo.seed": job.seed,
        "halo.attempt": job.attempt,
        "halo.mode": mode,
        "halo.model": model,
        "halo.harness_revision": revision,
        "halo.run_id": run_id,
    }


def root_attributes(
    *,
    goal: str,
    outcome: str,
    score: float | None,
    cause: str | None,
    end_reason: str,
    step_limit: int,
    text: str,
    totals: Mapping[str, Any],
) -> dict[str, Any]:
    """Attributes of the attempt's own span. `text` is its last step or error, `totals` count who decided its steps."""
    return {
        "openinference.span.kind": "AGENT",
        "gen_ai.operation.name": "invoke_agent",
        "input.value": goal,
        "output.value": text,
        "halo.goal": goal,
        "halo.outcome": outcome,
        "halo.score": score,
        "halo.cause": cause,
        "halo.end_reason": end_reason,
        "halo.step_limit": step_limit,
        **totals,
    }


def llm_attributes(
    model: str, messages: list[dict[str, str]], reply: str | None, tokens_in: int | None, tokens_out: int | None
) -> dict[str, Any]:
    """Attributes of one model call."""
    out: dict[str, Any] = {
        "openinference.span.kind": "LLM",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": tokens_in,
        "gen_ai.usage.output_tokens": tokens_out,
        "llm.model_name": model,
        "llm.token_count.prompt": tokens_in,
        "llm.token_count.completion": tokens_out,
        "output.value": reply,
    }
    for n, message in enumerate(messages):
        out[f"llm.input_messages.{n}.message.role"] = message["role"]
        out[f"llm.input_messages.{n}.message.content"] = message["content"]
    if reply is not None:
        out["llm.output_messages.0.message.role"] = "assistant"
        out["llm.output_messages.0.message.content"] = reply
    return out


def tool_attributes(
    name: str, parameters: dict[str, Any], target: str, result: str, error_type: str | None
) -> dict[str, Any]:
    """Attributes of one action on the page."""
    arguments = json.dumps(parameters, ensure_ascii=False)
    return {
        "openinference.span.kind": "TOOL",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "tool.name": name,
        "tool.parameters": arguments,
        "gen_ai.tool.call.arguments": arguments,
        "input.value": arguments,
        "halo.action.target": target,
        "output.value": result,
        "error.type": error_type,
    }
