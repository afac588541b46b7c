"""What the tests of readers share: writing samples, building a store of them, and spoiling them."""

import copy
import gzip
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.store import Store, build_store

few = examples(4, fresh=50)

_DEEP: list[Any] = []
for _ in range(200):
    _DEEP = [_DEEP]
# What stands where something else should: every JSON type, and the sizes that break what is careless.
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(
        [10**400, -1, 2**63, 1e308, "", "NaN", "\x00", "\ud800", "2026-13-45", [], {}, [[]], [None], {"": 1}]
    ),
    st.text(max_size=5),
    st.just(_DEEP),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
)


def as_lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def as_document(path: Path, value: Any, indent: int | None = 2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent), encoding="utf-8")
    return path


def stored(*paths: Path) -> Store:
    """An open store of some traces, built beside the first."""
    place = paths[0].with_name("s.duckdb")
    build_store(list(paths), place)
    return Store.open(place)


def packed(path: Path) -> Path:
    """The same file, compressed, in a folder of its own."""
    beside = path.parent / "packed" / f"{path.name}.gz"
    beside.parent.mkdir()
    beside.write_bytes(gzip.compress(path.read_bytes()))
    return beside


def same_when_packed(path: Path) -> bool:
    """Whether a packed file gives the attempts, calls and messages that the plain one gives."""
    with stored(path) as plain, stored(packed(path)) as unpacked:
        columns = "task_id, seed, attempt, outcome, score, steps, tokens_in"
        return all(
            plain.rows(sql) == unpacked.rows(sql)
            for sql in (
                f"SELECT {columns} FROM attempts ORDER BY ALL",
                "SELECT step, position, tool, result FROM tool_calls ORDER BY ALL",
                "SELECT position, role, content FROM messages ORDER BY ALL",
            )
        )


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values inside a JSON value."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(place for key, inner in items for place in places_in(inner, (*path, key)))]


@st.composite
def spoiled(draw: Callable[..., Any], value: Any) -> Any:
    """A JSON value with junk in place of one to three of its parts."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places_in(value)[1:] or [()]))
        if not place:
            break
        inner = value
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = json.loads(json.dumps(draw(JUNK)))
    return value


def survives(write: Callable[[Path], Path], good: Callable[[Path], Path]) -> None:
    """Read something spoiled beside something good of the same format: whatever happens to one, the other counts."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "bad")
        other = Path(folder, "good")
        place.mkdir()
        other.mkdir()
        assert build_store([good(other), write(place)], Path(folder, "s.duckdb")).attempts >= 1
