"""Outcomes from a separate file of ids and scores, written into the attempts that they belong to."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.store import values
from halo_opt.store.files.lines import decode_json, head_of, read_objects
from halo_opt.store.readers.base import whole
from halo_opt.store.readers.conventions import outcome_of
from halo_opt.store.rows import ScoreRow
from halo_opt.store.sink import Sink

_IDS = ("trace_id", "id", "attempt_id", "instance_id", "session_id", "task_id")
_SCORES = ("score", "reward", "value")
_LABELS = ("outcome", "label", "success", "passed", "resolved")


def add_scores(connection: duckdb.DuckDBPyConnection, path: Path, sink: Sink) -> None:
    """Lay the scores of a JSONL, JSON or CSV file over the attempts: by trace id, else by task (and seed where given).

    Each line needs an id (`trace_id`, `id`, `task_id`, ...) and a `score` from 0 to 1 or a label (`outcome`, `success`,
    `resolved`, ...). A line that fits no attempt, or says neither, is rejected. Raises InputError when none fits.
    """
    if not path.is_file():
        raise InputError(
            f"{path} is not there; give a file of scores: JSONL or CSV with an id and a score or an outcome"
        )
    used = 0
    for number, record in _records(path):
        problem = _apply(connection, record, sink, path.name) if isinstance(record, Mapping) else "not an object"
        used += problem is None
        if problem is not None:
            sink.reject(str(path), number, problem, str(record)[:200])
    if not used:
        sink.flush()
        raise InputError(
            f"{path}: no line of it gives a score to an attempt of these traces; ids must be trace or task ids"
        )


def _apply(connection: duckdb.DuckDBPyConnection, record: Mapping[str, Any], sink: Sink, source: str) -> str | None:
    """Lay one record over the attempts that it means; why it cannot be used, or None."""
    score = values.finite(next((record[name] for name in _SCORES if record.get(name) not in (None, "")), None))
    label = values.text(next((record[name] for name in _LABELS if record.get(name) not in (None, "")), None))
    outcome, score = outcome_of({"score": score, "outcome": label})
    if outcome is None:
        return "neither a score nor an outcome"
    found = _attempts(connection, record, sink)
    for (trace_id,) in found:
        connection.execute("UPDATE attempts SET outcome = ?, score = ? WHERE trace_id = ?", [outcome, score, trace_id])
        sink.score(ScoreRow(trace_id, "reward", score, outcome, source))
    return None if found else "no attempt of that id"


def _attempts(connection: duckdb.DuckDBPyConnection, record: Mapping[str, Any], sink: Sink) -> list[tuple[Any, ...]]:
    for name in _IDS:
        wanted = values.text(record.get(name))
        if not wanted:
            continue
        wanted = sink.key(wanted)
        found = connection.execute("SELECT trace_id FROM attempts WHERE trace_id = ?", [wanted]).fetchall()
        if not found:
            seed = values.bigint(record.get("seed"))
            found = connection.execute(
                "SELECT trace_id FROM attempts WHERE task_id = ? AND (?::BIGINT IS NULL OR seed = ?)",
                [wanted, seed, seed],
            ).fetchall()
        if found:
            return found
    return []


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """(number from 1, record) of a JSONL, JSON or CSV file, recognised by its content."""
    raw = whole(path)
    start = raw.lstrip()[:1]
    if start == b"[":
        records, reason = decode_json(raw)
        if reason is not None:
            raise InputError(f"{path} is not JSON ({reason}); it begins {head_of(raw)[:60]!r}")
        yield from enumerate(records, start=1)
    elif start == b"{":
        for line in read_objects(path):
            yield line.number, line.value if line.value is not None else line.head
    else:
        rows = csv.DictReader(io.StringIO(raw.decode("utf-8-sig", "replace")))
        yield from enumerate(rows, start=2)
