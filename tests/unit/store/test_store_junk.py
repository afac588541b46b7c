"""Whatever junk lies between them, good lines are kept and bad ones are counted and placed."""

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.store import Store, build_store
from halo_opt.store.files.lines import read_objects

DATA = Path(__file__).parents[2] / "data"
BOM = b"\xef\xbb\xbf"

JUNK = [
    b"null",
    b"true",
    b"12",
    b'"words"',
    b"[1, 2]",
    b"{}",
    b"{'a': 1}",
    b'{"trace_id": "t1"',
    b'{"trace_id": 7, "span_id": "x"}',
    b'{"span_id": "x"}',
    b'{"trace_id": "", "span_id": "x"}',
    b"\xff\xfe\x00",
    b'{"trace_id": "\xc3\x28", "span_id": "x"}',
    b"[" * 8_000,
    b'{"a": ' + b"9" * 5000 + b"}",
]
# A format is told by how a file begins: its first 64 KiB must not be junk alone, nor look packed.
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
junk = st.sampled_from(JUNK) | st.binary(max_size=40).filter(
    lambda raw: b"\n" not in raw and raw.strip() != b"" and not raw.startswith(PACKED)
)
attributes = st.dictionaries(
    st.text(max_size=8), st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20), max_size=4
)
few = examples(6, fresh=50)


def good_span(number: int, extra: dict) -> bytes:
    span = {"trace_id": f"t{number % 3}", "span_id": f"s{number}", "parent_span_id": "", "attributes": extra}
    return json.dumps(span).encode()


def rows_of(raw: bytes, name: str, sql: str) -> list:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(raw)
        build_store([path], Path(folder, "s.duckdb"))
        with Store.open(Path(folder, "s.duckdb")) as store:
            return store.rows(sql)


@few
@given(st.lists(attributes | junk, min_size=1, max_size=25), st.booleans())
def test_junk_between_spans_never_loses_a_good_one(lines, bom):
    lines = [{}, *lines]
    spans = {n + 1: good_span(n, line) for n, line in enumerate(lines) if isinstance(line, dict)}
    raw = b"\n".join(spans.get(n, line) for n, line in enumerate(lines, start=1)) + b"\n"
    sql = "SELECT (SELECT list(line ORDER BY line) FROM spans), (SELECT list(line ORDER BY line) FROM rejects)"
    [(kept, rejected)] = rows_of(BOM * bom + raw, "x.jsonl", sql)
    assert kept == sorted(spans)
    assert sorted([*kept, *(rejected or [])]) == list(range(1, len(lines) + 1))


@few
@given(st.lists(junk, max_size=6), st.integers(0, 3))
def test_junk_between_tau_bench_records_never_loses_one(lines, place):
    good = (DATA / "tau-bench" / "gpt-4o-airline.jsonl").read_bytes().splitlines()
    raw = b"\n".join([*good[:place], *lines, *good[place:]]) + b"\n"
    [(kept, rejected)] = rows_of(
        raw, "gpt-4o-airline.jsonl", "SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM rejects)"
    )
    assert (kept, rejected) == (4, len(lines))


@few
@given(st.integers(1, 10_000))
def test_cut_off_file_keeps_every_whole_line(cut):
    raw = b"".join(good_span(n, {"word": "ä" * n}) + b"\n" for n in range(20))
    cut = min(cut, len(raw) - 1)
    raw = good_span(99, {}) + b"\n" + raw[:cut]
    whole = raw.count(b"\n") + (0 if raw.endswith(b"\n") else raw.endswith(b"}}"))
    [(kept, rejected)] = rows_of(raw, "x.jsonl", "SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM rejects)")
    assert kept == whole
    assert kept + rejected == len([line for line in raw.split(b"\n") if line])


@few
@given(st.text(max_size=50))
def test_any_text_comes_back_as_it_was(words):
    span = {"trace_id": "t", "span_id": "s", "attributes": {"input.value": words, "openinference.span.kind": "AGENT"}}
    raw = json.dumps(span).encode() + b"\n"
    expected = words.encode("utf-8", "replace").decode() or None
    [(goal,)] = rows_of(raw, "x.jsonl", "SELECT goal FROM attempts")
    assert goal == expected


def test_lone_surrogate_is_kept_as_a_question_mark():
    raw = b'{"trace_id": "t", "span_id": "s", "attributes": {"input.value": "a\\ud800b", "\\udfff": ["\\ud83d"]}}\n'
    assert rows_of(raw, "x.jsonl", "SELECT goal FROM attempts") == [("a?b",)]


def test_lines_know_their_number_offset_and_reason(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(BOM + b'{"a": 1}\r\n\n  \n{"a": NaN}\nnull\n{"a"')
    lines = list(read_objects(tmp_path / "x.jsonl"))
    assert [(line.number, line.offset, line.value, line.reason) for line in lines] == [
        (1, 0, {"a": 1}, None),
        (4, 17, {"a": None}, None),
        (5, 28, None, "not an object but null"),
        (6, 33, None, "last line is cut off"),
    ]


def test_head_of_a_reject_is_short_and_readable():
    raw = good_span(1, {}) + b"\n" + b"\xff" + b"x" * 10_000 + b"\n"
    [(head,)] = rows_of(raw, "x.jsonl", "SELECT head FROM rejects")
    assert head.startswith("�xxx")
    assert len(head) == 200
