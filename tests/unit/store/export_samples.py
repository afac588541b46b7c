"""Stores to export, and what of a store an export keeps."""

import json
from pathlib import Path
from typing import Any

from halo_opt.store import Store, build_store

DATA = Path(__file__).parents[2] / "data"


SOURCES = ["tau-bench/gpt-4o-airline.jsonl", "intercode", "run-folder"]


# What no export keeps: places in the file it came from, and the made-up span that holds a message.
KEPT = {
    "attempts": "* EXCLUDE (source, line, source_id)",
    "steps": "*",
    "tool_calls": "*",
    "messages": "* EXCLUDE (span_id)",
}


# OTLP wants ids of hex digits, so made-up ids of spans become hashes there.
KEPT_BY_OTLP = {**KEPT, "steps": "* EXCLUDE (span_id)", "tool_calls": "* EXCLUDE (span_id)"}


ORDER = {"attempts": "trace_id", "steps": "trace_id, step"}


def tables(path: Path, kept: dict[str, str] = KEPT) -> dict[str, list[tuple[Any, ...]]]:
    with Store.open(path) as store:
        return {
            name: store.rows(f"SELECT {columns} FROM {name} ORDER BY {ORDER.get(name, 'trace_id, position')}")
            for name, columns in kept.items()
        }


def stored(folder: Path, *lines: dict[str, Any] | str, name: str = "theirs") -> Path:
    """A store over a span file of these lines."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    build_store([path], folder / f"{name}.duckdb")
    return folder / f"{name}.duckdb"


def span(span_id: str = "root", parent: str = "", trace_id: str = "t1", **changes: Any) -> dict[str, Any]:
    return {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": parent,
        "name": "work",
        "kind": "SPAN_KIND_INTERNAL",
        "start_time": "2026-05-04T10:00:00Z",
        "end_time": "2026-05-04T10:00:01Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {"service.name": "theirs"}},
        "scope": {"name": "x"},
        "attributes": {},
        **changes,
    }
