"""Whatever the order, splitting or repetition of files, lines and spans: the same attempts and the same sums."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.store import Store, build_store

few = examples(2, fresh=40)
Record = dict[str, Any]
SUMS = (
    "SELECT count(*), count(*) FILTER (outcome = 'success'), count(*) FILTER (outcome = 'failure'),"
    " sum(tokens_in)::INT, sum(tokens_out)::INT, round(sum(cost_usd), 6), sum(steps)::INT FROM attempts"
)
ROWS = "SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM messages), (SELECT count(*) FROM tool_calls)"


def _span(trace: int, number: int) -> Record:
    kinds = {0: "AGENT", 1: "LLM", 2: "TOOL", 3: "LLM"}
    usage = {"llm.token_count.prompt": 7, "llm.token_count.completion": 3, "gen_ai.usage.cost": 0.25}
    words = {"llm.output_messages.0.message.content": f"reply {trace} {number}"}
    tool = {"tool.name": "look", "input.value": f"{trace}"}
    root = {"input.value": f"Do task {trace}.", "halo.outcome": "success" if trace % 2 else "failure"}
    own = {"AGENT": root, "LLM": {**usage, **words}, "TOOL": tool}[kinds[number]]
    return {
        "trace_id": f"{trace:032x}",
        "span_id": f"{trace:08x}{number:08x}",
        "parent_span_id": f"{trace:08x}{0:08x}" if number else "",
        "name": f"span {number}",
        "start_time": f"2026-01-01T0{trace}:00:0{number}Z",
        "end_time": f"2026-01-01T0{trace}:00:{50 if number == 0 else number + 10}Z",
        "attributes": {"openinference.span.kind": kinds[number], **own},
        "resource": {"attributes": {"halo.task_id": f"t{trace}"}},
    }


def _otlp(span: Record) -> Record:
    def attributes(found: Record) -> list[Record]:
        kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
        return [{"key": name, "value": {kinds[type(value)]: value}} for name, value in found.items()]

    made = {
        "traceId": span["trace_id"],
        "spanId": span["span_id"],
        "parentSpanId": span["parent_span_id"],
        "name": span["name"],
        "startTime": span["start_time"],
        "endTime": span["end_time"],
        "attributes": attributes(span["attributes"]),
    }
    resource = {"attributes": attributes(span["resource"]["attributes"])}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": [made]}]}]}


def _chat(number: int) -> Record:
    asked = {"role": "user", "content": f"Do task {number}."}
    return {
        "task_id": f"t{number}",
        "messages": [asked, {"role": "assistant", "content": f"reply {number}"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        "cost_usd": 0.5,
        "reward": number % 2,
    }


def _claude(session: int, number: int) -> Record:
    role = "assistant" if number % 2 else "user"
    said: Record = {"role": role, "content": f"words {session} {number}"}
    if role == "assistant":
        usage = {"input_tokens": 9, "output_tokens": 4}
        said |= {"id": f"m{session}-{number}", "model": "m", "usage": usage, "content": [{"type": "text", "text": "x"}]}
    return {
        "type": role,
        "uuid": f"u{session}-{number}",
        "parentUuid": f"u{session}-{number - 1}" if number else None,
        "sessionId": f"s{session}",
        "timestamp": f"2026-01-01T0{session}:00:0{number}Z",
        "message": said,
    }


FLAT = [_span(trace, number) for trace in range(4) for number in range(4)]
LINES: dict[str, list[Record]] = {
    "spans": FLAT,
    "otlp": [_otlp(span) for span in FLAT],
    "chat": [_chat(number) for number in range(6)],
    "claude": [_claude(session, number) for session in range(3) for number in range(4)],
}


def _sums(folder: Path) -> list[tuple[Any, ...]]:
    place = folder.parent / "s.duckdb"
    build_store([folder], place)
    with Store.open(place) as store:
        return [*store.rows(SUMS), *store.rows(ROWS)]


def _written(folder: Path, files: list[list[Record]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, lines in enumerate(files):
        if lines:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (folder / f"f{number}.jsonl").write_text(text, encoding="utf-8")


@st.composite
def _files(draw: Callable[..., Any], kind: str) -> list[list[Record]]:
    """The lines of a kind in files: in some order, split somehow, some of them repeated, and some files copied."""
    lines = LINES[kind]
    order = lines if kind == "claude" else draw(st.permutations(lines))
    files: list[list[Record]] = [[] for _ in range(draw(st.integers(1, 4)))]
    for line in order:
        files[draw(st.integers(0, len(files) - 1))] += [line] * draw(st.sampled_from([1, 1, 1, 2]))
    copied = [file for file in files if draw(st.booleans())]
    return draw(st.permutations([*files, *copied]))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for kind, lines in LINES.items():
        folder = tmp_path_factory.mktemp(kind) / "in"
        _written(folder, [lines])
        found[kind] = _sums(folder)
    return found


@pytest.mark.parametrize("kind", ["spans", "otlp", "chat", "claude"])
def test_lines_in_one_file_give_these_sums(kind, expected):
    attempts = {"spans": 4, "otlp": 4, "chat": 6, "claude": 3}
    assert expected[kind][0][0] == attempts[kind]


@few
@given(st.data())
@pytest.mark.parametrize("kind", ["spans", "otlp", "chat", "claude"])
def test_any_order_splitting_and_repetition_gives_the_same_sums(kind, expected, data):
    files = data.draw(_files(kind))
    with tempfile.TemporaryDirectory() as folder:
        _written(Path(folder) / "in", files)
        assert _sums(Path(folder) / "in") == expected[kind]


@few
@given(st.data())
@pytest.mark.parametrize("kind", ["spans", "otlp", "chat", "claude"])
def test_files_that_come_later_give_what_a_fresh_import_gives(kind, data):
    files = data.draw(_files(kind))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _written(place / "all", files)
        (place / "in").mkdir()
        made = data.draw(st.permutations(sorted((place / "all").iterdir())))
        for some in (made[:1], made[1:]):
            for file in some:
                shutil.move(file, place / "in" / file.name)
            build_store([place / "in"], place / "step.duckdb")
        build_store([place / "in"], place / "fresh.duckdb")
        assert _everything(place / "step.duckdb") == _everything(place / "fresh.duckdb")


def _everything(place: Path) -> dict[str, list[tuple[Any, ...]]]:
    with Store.open(place) as store:
        return {
            table: sorted(store.rows(f"SELECT * FROM {table}"), key=repr)
            for table in ("runs", "attempts", "spans", "messages", "steps", "tool_calls", "scores", "duplicates")
        }
