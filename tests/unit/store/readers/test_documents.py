"""Files of any layout: how they begin is enough to know them, and no record of them is lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reader_tools import few

from halo_opt.store import values
from halo_opt.store.readers.base import SNIFF_BYTES
from halo_opt.store.readers.documents import is_document, leading_objects, records

plain = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
objects = st.dictionaries(
    st.text(max_size=4),
    st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)),
    min_size=1,
    max_size=4,
)


@few
@given(objects, st.integers(1, 400))
def test_document_cut_off_anywhere_shows_whole_members_only(tmp_path_factory, record, cut):
    path = tmp_path_factory.mktemp("cut") / "x.json"
    path.write_text("\n" + json.dumps(record, indent=1)[:cut], encoding="utf-8")
    for found in leading_objects(path):
        assert found.keys() <= record.keys()
        assert all(type(found[name]) is type(record[name]) for name in found)


@few
@given(st.lists(objects, min_size=1, max_size=4), st.sampled_from(["lines", "array", "array of lines", "one line"]))
def test_records_come_out_of_every_layout(tmp_path_factory, listed, layout):
    path = tmp_path_factory.mktemp("layout") / "x.json"
    lines = [json.dumps(record) for record in listed]
    text = {
        "lines": "\n".join(lines),
        "array": json.dumps(listed, indent=2),
        "array of lines": "[" + ",\n".join(lines) + "]",
        "one line": json.dumps(listed),
    }[layout]
    path.write_text(text, encoding="utf-8")
    assert is_document(path) == (layout != "lines")
    assert [line.value for line in records(path)] == listed
    assert next(leading_objects(path)) == listed[0]


def test_lines_longer_than_what_is_sniffed_hide_nothing_behind_them(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("[" * (2 * SNIFF_BYTES) + "\n" + json.dumps({"a": 1, "b": "x" * SNIFF_BYTES}) + '\n{"c": 2}\n')
    assert list(leading_objects(path)) == [{"a": 1}, {"c": 2}]


@pytest.mark.parametrize(
    "value", [1_777_888_800, 1_777_888_800_000, "1777888800000000000", 1_777_888_800.0, "2026-05-04T10:00:00Z"]
)
def test_time_is_read_in_any_unit(value):
    assert values.time(value) == "2026-05-04 10:00:00"


@pytest.mark.parametrize("value", [0, -1, "0", None, "soon", [], {}, True, 10**400, float("inf")])
def test_what_is_no_time_is_not_known(value):
    assert not values.time(value)
