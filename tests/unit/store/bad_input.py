"""Formats of lines, and stores built from files in them: shared by the tests of bad input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.store import ImportSummary, Store, build_store

BOM = b"\xef\xbb\xbf"


TRACE = "{:032x}"


def span(number: int, **more: Any) -> dict[str, Any]:
    fields = {"trace_id": TRACE.format(number), "span_id": f"s{number}", "parent_span_id": "", "name": "step"}
    return {**fields, "start_time": "2026-05-04T10:00:00Z", "end_time": "2026-05-04T10:00:01Z", **more}


def result(number: int, **more: Any) -> dict[str, Any]:
    fields = {"task_id": "t", "seed": number, "attempt": 0, "trace_id": TRACE.format(number), "outcome": "success"}
    return {**fields, "score": 1.0, "cause": None, "steps": 1, "tokens_in": None, "tokens_out": None, **ENDS, **more}


ENDS = {"cost_usd": None, "started_at": "2026-05-04T10:00:00Z", "ended_at": "2026-05-04T10:00:01Z"}


def record(number: int, **more: Any) -> dict[str, Any]:
    talk = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": f"answer {number}"}]
    return {"task_id": number, "trial": 0, "reward": 1.0, "info": {"task": {}}, "traj": talk, **more}


class Form(NamedTuple):
    """A format of lines: the file that they stand in, a good one, what is missing or wrong in bad ones."""

    file: str
    good: Callable[..., dict[str, Any]]
    needed: str
    wrong: dict[str, Any]
    rows: str


FORMS = {
    "spans": Form("in/x.jsonl", span, "span_id", {"trace_id": 7}, "SELECT count(*) FROM spans"),
    "run folder": Form("in/results.jsonl", result, "outcome", {"score": "high"}, "SELECT count(*) FROM attempts"),
    "run folder's spans": Form(
        "in/local/a.jsonl", span, "trace_id", {"span_id": None}, "SELECT count(*) FROM spans WHERE line IS NOT NULL"
    ),
    "tau-bench": Form("in/gpt-4o-airline.jsonl", record, "traj", {"traj": "talk"}, "SELECT count(*) FROM attempts"),
}


def write(folder: Path, form: Form, lines: list[bytes], end: bytes = b"\n") -> Path:
    path = folder / form.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + end)
    if form.file.startswith("in/local"):
        results = b"".join(json.dumps(result(n)).encode() + b"\n" for n in range(50))
        (folder / "in" / "results.jsonl").write_bytes(results)
    return path


def lines_of(form: Form, count: int) -> list[bytes]:
    return [json.dumps(form.good(n)).encode() for n in range(count)]


def built(folder: Path, form: Form | None = None) -> tuple[ImportSummary, Any, list[tuple[Any, ...]]]:
    summary = build_store([folder / "in"], folder / "s.duckdb")
    with Store.open(folder / "s.duckdb") as store:
        kept = store.rows(form.rows)[0][0] if form else None
        return summary, kept, store.rows("SELECT source, line, reason FROM rejects WHERE field IS NULL ORDER BY line")
