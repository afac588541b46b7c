"""Small stores for the tests of queries: spans written as people write them, and the formats in tests/data."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from halo_opt.store import Store, build_store

SAMPLES = [Path(__file__).parents[3] / "data" / name for name in ("intercode", "run-folder", "tau-bench")]


def span(trace_id: str, span_id: str, attributes: dict[str, Any], *, second: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": "root",
        "name": "work",
        "start_time": f"2026-05-04T10:00:{second:02}Z",
        "end_time": f"2026-05-04T10:00:{second + 1:02}Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {}},
        "attributes": attributes,
        **changes,
    }


def root(trace_id: str, reward: float | None = None, **changes: Any) -> dict[str, Any]:
    attributes = {"openinference.span.kind": "AGENT", "task_id": f"task-{trace_id[0]}", "agent": f"agent of {trace_id}"}
    attributes |= {} if reward is None else {"reward": reward}
    return span(trace_id, "root", attributes, parent_span_id="", name="agent", **changes)


def tool(trace_id: str, number: int, name: str, given: str = "{}", **changes: Any) -> dict[str, Any]:
    attributes = {"openinference.span.kind": "TOOL", "tool.name": name, "input.value": given, "output.value": "done"}
    return span(trace_id, f"call-{number}", attributes, second=number, **changes)


def failed(message: str) -> dict[str, Any]:
    return {"status": {"code": "STATUS_CODE_ERROR", "message": message}}


def written(path: Path, spans: Sequence[dict[str, Any]], *, ascii_only: bool = True) -> Path:
    path.write_text("".join(json.dumps(s, ensure_ascii=ascii_only) + "\n" for s in spans), encoding="utf-8")
    return path


def stored(folder: Path, spans: Sequence[dict[str, Any]], **how: Any) -> Store:
    built = folder / "s.duckdb"
    build_store([written(folder / "spans.jsonl", spans, **how)], built)
    return Store.open(built)


def trace(trace_id: str, reward: float | None, *tools: str) -> list[dict[str, Any]]:
    return [root(trace_id, reward), *(tool(trace_id, n, name) for n, name in enumerate(tools, start=1))]
