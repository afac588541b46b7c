"""Junk under the names of a mapping file never stops an import: what is good beside it counts."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from reader_tools import as_lines, few, spoiled

from halo_opt.store import Options, build_store

MAP = """
task: {prefix}task
outcome: {{attribute: {prefix}verdict, success: [ok], failure: [bad]}}
tokens_in: {prefix}in
kind: {{{prefix}kind: {{exec: TOOL}}}}
tool: {prefix}tool
arguments: {prefix}args
result: {prefix}got
error: {prefix}problem
prompt: {prefix}seen
reply: {prefix}said
agent: {prefix}who
messages: {prefix}log
"""
FIELDS = {"task": "a", "verdict": "ok", "in": 3, "kind": "exec", "tool": "find", "args": {"id": 7}, "problem": "no"}
SPANS = [
    {"trace_id": "t", "span_id": name, "parent_span_id": parent, "name": "x", "attributes": {"my": FIELDS}}
    for name, parent in (("a", ""), ("b", "a"))
]
STEP = {"seen": "Where?", "said": "I look", "tool": "find", "args": {"id": 7}, "got": "x", "who": "clerk"}
RECORD = {"task": "a", "verdict": "ok", "in": 3, "log": [STEP, {"said": "Done"}]}


def survives_with_map(prefix: str, bad: list[Any], good: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "names.yaml").write_text(MAP.format(prefix=prefix))
        as_lines(place / "bad.jsonl", *bad)
        as_lines(place / "good.jsonl", good)
        options = Options(names=place / "names.yaml")
        assert build_store([place], place / "s.duckdb", options=options).attempts >= 1


@few
@given(spoiled({"spans": SPANS}))
def test_junk_in_mapped_spans(value):
    listed = value.get("spans")
    good = json.loads(json.dumps(SPANS[0]).replace('"t"', '"good"'))
    survives_with_map("my.", listed if isinstance(listed, list) else [value], good)


@few
@given(spoiled(RECORD))
def test_junk_in_mapped_records(value):
    survives_with_map("", [value], RECORD)
