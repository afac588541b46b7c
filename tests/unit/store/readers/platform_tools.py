"""What the tests of platform and session readers share: writing samples, reading stores, and junk."""

import copy
import gzip
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.core.errors import InputError
from halo_opt.store import Store, build_store

few = examples(4, fresh=50)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "2026-01-01T00:00:00Z", "9" * 30, "\ud800", '{"a": [1]}', "[", 2**63 - 1, -1])
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def lines(path: Path, *records: object) -> Path:
    """Write JSONL."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def document(path: Path, value: object, indent: int | None = 2) -> Path:
    """Write one JSON document."""
    path.write_text(json.dumps(value, indent=indent))
    return path


def stored(*paths: Path) -> Store:
    """A store of these files, opened."""
    place = paths[0].with_name(paths[0].name + ".duckdb")
    build_store(list(paths), place)
    return Store.open(place)


def packed(path: Path) -> Path:
    """The file's gzip twin in a folder of its own."""
    folder = path.parent / "packed"
    folder.mkdir(exist_ok=True)
    twin = folder / f"{path.name}.gz"
    twin.write_bytes(gzip.compress(path.read_bytes()))
    return twin


def all_rows(path: Path) -> list[list[tuple[Any, ...]]]:
    """The rows of every table without the columns that tell where they came from, to compare two imports."""
    with stored(path) as store:
        return [
            store.rows(f"SELECT * EXCLUDE ({places}) FROM {table} ORDER BY ALL")
            for table, places in {
                "attempts": "source",
                "spans": "source, byte_offset, byte_length",
                "messages": "span_id",
                "steps": "span_id",
                "tool_calls": "span_id",
                "scores": "source",
            }.items()
        ]


def _spots(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        found += _spots(inner, (*path, key))
    return found


@st.composite
def with_junk(draw: st.DrawFn, records: Any) -> Any:
    """A copy of some JSON value in which up to eight places hold random JSON instead."""
    changed = copy.deepcopy(records)
    for _ in range(draw(st.integers(1, 8))):
        spots = _spots(changed)
        spot = draw(st.sampled_from(spots))
        holder = changed
        for key in spot[:-1]:
            holder = holder[key]
        if draw(st.booleans()) or not isinstance(holder, dict):
            holder[spot[-1]] = draw(json_values)
        else:
            del holder[spot[-1]]
        if not _spots(changed):
            break
    return changed


def survives(text: str, name: str) -> None:
    """Import a text; whatever it holds, a refusal in words is the worst that may happen."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(text, "utf-8", "replace")
        try:
            build_store([path], Path(folder, "s.duckdb"))
        except InputError:
            return
        with Store.open(Path(folder, "s.duckdb")) as store:
            store.rows("SELECT * FROM attempts, spans LIMIT 1")


def as_lines(records: list[Any]) -> str:
    """JSONL text."""
    return "".join(json.dumps(record) + "\n" for record in records)
