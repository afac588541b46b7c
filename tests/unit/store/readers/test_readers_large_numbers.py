"""A number that a column cannot hold is one rejected value, in every format and every field; all else is kept."""

import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from samples import SAMPLES
from samples_platforms import SAMPLES as PLATFORM_SAMPLES

from halo_opt.store import Store, build_store

ALL = {name: write for name, write in {**SAMPLES, **PLATFORM_SAMPLES}.items() if name != "inspect archive"}
# As JSON spells them: beyond an INTEGER, a BIGINT and a DOUBLE, and more digits than any number has.
NUMBERS = [str(2**31), str(2**63), "1e999", "9" * 400, f'"{"9" * 400}"']
MARK = "the number stands here"


def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all numbers, also those that OTLP spells as text, inside a JSON value."""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, inner in pairs:
        yield from numbers_in(inner, (*path, key))
    digits = isinstance(value, str) and value.isdigit() and path[-1:] == ("intValue",)
    if digits or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield path


def with_number(document: Any, paths: list[tuple[Any, ...]], number: str) -> str:
    """The document as JSON with this number at some paths."""
    changed = json.loads(json.dumps(document))
    for path in paths:
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = MARK
    return json.dumps(changed).replace(f'"{MARK}"', number)


def documents(file: Path) -> list[Any]:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines() if file.suffix == ".jsonl" else [text]
    return [json.loads(line) for line in lines if line.strip()]


def fields_of(sample: Path) -> list[tuple[Path, int, tuple[Any, ...]]]:
    """(file, line, path) of one number for each name that a number has in a file."""
    files = [sample] if sample.is_file() else [file for file in sorted(sample.rglob("*")) if ".json" in file.name]
    found: dict[Any, tuple[Path, int, tuple[Any, ...]]] = {}
    for file in files:
        for line, document in enumerate(documents(file)):
            for path in numbers_in(document):
                name = tuple(key for key in path if isinstance(key, str))[-2:]
                found.setdefault((file.name, name), (file, line, path))
    return list(found.values())


def one_changed(sample: Path, folder: Path) -> list[Path]:
    """Copies of a sample with one number changed in each; every field is changed once, and each number is used."""
    made = []
    for place, (file, line, path) in enumerate(fields_of(sample)):
        copy = folder / str(place) / sample.name
        copy.parent.mkdir(parents=True)
        shutil.copytree(sample, copy) if sample.is_dir() else shutil.copy(sample, copy)
        target = copy / file.relative_to(sample) if sample.is_dir() else copy
        texts = [json.dumps(document) for document in documents(file)]
        texts[line] = with_number(documents(file)[line], [path], NUMBERS[place % len(NUMBERS)])
        target.write_text("\n".join(texts) + "\n", encoding="utf-8")
        made.append(copy)
    return made


@pytest.mark.parametrize("sample", ALL)
def test_no_number_in_any_field_stops_an_import(tmp_path, sample):
    good = ALL[sample](tmp_path)
    build_store([good, *one_changed(good, tmp_path / "changed")], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT count(*) > 0 FROM attempts WHERE starts_with(source, ?)", [str(good)]) == [(True,)]


def spoiled(sample: Path, number: str) -> None:
    """Put this number into every field of a number, in place."""
    for file in {file for file, _, _ in fields_of(sample)}:
        texts = [with_number(document, list(numbers_in(document)), number) for document in documents(file)]
        file.write_text("\n".join(texts) + "\n", encoding="utf-8")


TOKENS = {"attempts.tokens_in", "attempts.tokens_out"}
SPAN_TOKENS = {"spans.tokens_in", "spans.tokens_out"}
SCORES = {"attempts.score", "scores.value"}
# The columns of a sample's numbers: all of them are rejected when all numbers are too large.
COLUMNS = {
    "tau-bench": {"attempts.seed", *SCORES},
    "intercode": {"attempts.step_limit", *SCORES},
    "otlp": {*SPAN_TOKENS, "attempts.score", "scores.value"},
    "tau2-bench": {"attempts.seed", "attempts.step_limit", "attempts.cost_usd", *TOKENS, *SCORES},
    "atif": {"attempts.cost_usd", *TOKENS},
    "atif, a trial of Harbor": {"attempts.cost_usd", *TOKENS, *SCORES},
    "swe-agent": {"attempts.cost_usd", *TOKENS},
    "swe-agent, mini": {"attempts.cost_usd", "attempts.step_limit", *TOKENS},
    "terminal-bench": TOKENS,
    "browsergym": {"attempts.steps", *TOKENS, *SCORES},
    "chat": {"attempts.seed", *TOKENS, *SCORES},
    "claude-code": TOKENS,
    "codex": TOKENS,
    "langfuse": {"attempts.seed", "spans.cost_usd", *SPAN_TOKENS},
    "langfuse traces": {"spans.cost_usd", "scores.value", *SPAN_TOKENS},
    "langsmith": {"attempts.seed", "scores.value", *SPAN_TOKENS},
    "phoenix": {"scores.value", *SPAN_TOKENS},
    "mlflow": {"scores.value", "spans.started_at", "spans.ended_at"},
}


@pytest.mark.parametrize("sample", COLUMNS)
def test_numbers_that_no_column_holds_are_rejected_by_column_and_the_attempts_are_kept(tmp_path, sample):
    path = ALL[sample](tmp_path)
    spoiled(path, "1e999")
    summary = build_store([path], tmp_path / "s.duckdb")
    assert summary.attempts >= 1
    assert set(summary.rejected_values) == COLUMNS[sample]
