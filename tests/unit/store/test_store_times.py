"""Times of every form become the same UTC time, in every format and on both ways of reading spans."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.experiment.contract import _span_issues
from halo_opt.store import Options, Store, build_store, values

CASE = Path(__file__).parents[2] / "data" / "cases" / "epoch_seconds_become_1970"
TEN = "2025-03-01 10:00:00"
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2099, 1, 1))


def span(start: object, end: object = None) -> str:
    record = {"trace_id": "t", "span_id": "s", "parent_span_id": "", "name": "n", "start_time": start, "end_time": end}
    return json.dumps({**record, "attributes": {"openinference.span.kind": "AGENT"}}) + "\n"


@pytest.mark.parametrize(
    "form",
    [
        "2025-03-01T10:00:00Z",
        "2025-03-01T10:00:00z",
        "2025-03-01 10:00:00",
        "2025-03-01T10:00:00+00:00",
        "2025-03-01T15:30:00+0530",
        "2025-03-01T05:00:00-05",
        "20250301T100000Z",
        "2025-W09-6T10:00:00Z",
        "2025-03-01T10:00Z",
        "2025-03-01 10:00:00 UTC",
        "2025-03-01 10:00:00 +0000 UTC",
        "2025/03/01 10:00:00",
        " 2025-03-01T10:00:00Z ",
        1740823200,
        1740823200.0,
        1740823200000,
        1740823200000.0,
        1740823200000000,
        1740823200000000000,
        "1740823200",
        "1740823200.0",
        "1740823200000",
        "1740823200000000000",
        "1.7408232e9",
    ],
)
def test_forms_of_one_time_are_the_same_time(form):
    assert values.time(form) == TEN


@pytest.mark.parametrize(
    ("form", "fraction"),
    [
        ("2025-03-01T10:00:00,5Z", ".500000"),
        ("2025-03-01T10:00:00.123456789Z", ".123456"),
        (1740823200.25, ".250000"),
        (1740823200123456789, ".123456"),
        ("1740823200123456", ".123456"),
    ],
)
def test_fractions_are_kept_to_the_microsecond(form, fraction):
    assert values.time(form) == TEN + fraction


@pytest.mark.parametrize("form", [None, "", 0, 0.0, "0", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_what_stands_for_an_unknown_time_is_none(form):
    assert values.time(form) is None


@pytest.mark.parametrize(
    "form",
    [
        12.5,
        -1,
        86_400,
        "soon",
        True,
        float("nan"),
        float("inf"),
        10**400,
        pytest.param(10**5000, id="huge"),
        [1],
        {},
        "2025-13-01",
    ],
)
def test_what_is_no_time_is_an_unread_time_and_false(form):
    assert isinstance(values.time(form), values.UnreadTime)
    assert not values.time(form)


@given(MOMENTS)
def test_counts_of_every_unit_and_iso_text_give_one_time(moment):
    aware = moment.replace(tzinfo=UTC)
    microseconds = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    expected = moment.isoformat(" ")
    assert values.time(microseconds) == expected
    assert values.time(str(microseconds * 1000)) == expected
    assert values.time(aware.isoformat()) == expected
    assert values.time(microseconds // 10**6) == moment.replace(microsecond=0).isoformat(" ")
    assert values.time(microseconds // 10**3)[:23] == moment.isoformat(" ", "milliseconds")[:23].removesuffix(".000")


@pytest.mark.parametrize("contents", [False, True], ids=["index", "contents"])
def test_counts_of_every_unit_start_at_ten_and_last_50_seconds(tmp_path, contents):
    summary = build_store([CASE], tmp_path / "s.duckdb", options=Options(contents=contents))
    with Store.open(tmp_path / "s.duckdb") as store:
        found = store.rows(
            "SELECT DISTINCT strftime(started_at, '%Y-%m-%d %H:%M:%S'), date_diff('second', started_at, ended_at)"
            " FROM attempts"
        )
    assert found == [(TEN, 50)]
    assert summary.rejected_values == {}


@pytest.mark.parametrize("name", ["t.jsonl", "t.jsonl.gz"])
@pytest.mark.parametrize("start", [12.5, "soon", "2025-13-45T10:00:00Z", True])
def test_a_time_that_cannot_be_read_is_unknown_and_listed_with_its_value(tmp_path, name, start):
    import gzip

    data = span(start, "2025-03-01T10:00:00Z").encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    build_store([tmp_path / name], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT started_at FROM attempts") == [(None,)]
        [(line, field, head, reason)] = store.rows("SELECT line, field, head, reason FROM rejects")
    assert (line, field, head) == (1, "spans.started_at", json.dumps(start).strip('"'))
    assert reason.startswith("not a time: write ISO 8601")


def test_an_unread_time_is_listed_once_also_when_contents_are_read_later(tmp_path):
    (tmp_path / "t.jsonl").write_text(span("soon"))
    build_store([tmp_path / "t.jsonl"], tmp_path / "s.duckdb", options=Options(contents=False))
    summary = build_store([tmp_path / "t.jsonl"], tmp_path / "s.duckdb")
    assert summary.rejected_values == {"spans.started_at": 1}


STARTS = st.one_of(st.floats(), st.integers(), st.text(max_size=30), MOMENTS.map(str), st.booleans())


@examples(everyday=6, fresh=20)
@given(st.lists(STARTS, min_size=10, max_size=40))
def test_index_and_whole_read_agree_on_any_times(tmp_path_factory, starts):
    import gzip

    folder = tmp_path_factory.mktemp("times")
    data = "".join(span(start).replace('"s"', f'"s{n}"') for n, start in enumerate(starts)) + span(TEN)
    (folder / "a.jsonl").write_text(data)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(data.encode()))
    found = []
    for name in ("a.jsonl", "b.jsonl.gz"):
        build_store([folder / name], folder / f"{name}.duckdb", options=Options(contents=False))
        with Store.open(folder / f"{name}.duckdb") as store:
            spans = store.rows("SELECT span_id, started_at FROM spans ORDER BY span_id")
            found.append((spans, store.rows("SELECT line, field, head FROM rejects ORDER BY line")))
    assert found[0] == found[1]


def run_folder(folder: Path, started_at: object) -> Path:
    result = {"task_id": "k", "seed": 0, "attempt": 0, "trace_id": "t", "outcome": "success"}
    line = json.dumps({**result, "started_at": started_at, "ended_at": "2025-03-01T10:00:50Z"})
    (folder / "results.jsonl").write_text(line + "\n")
    (folder / "spans.jsonl").write_text(span("2025-03-01T10:00:10Z"))
    return folder


@pytest.mark.parametrize("form", [1740823200, 1740823200.0, "1740823200000", "2025-03-01T11:00:00+01:00"])
def test_result_lines_may_have_times_of_every_form(tmp_path, form):
    build_store([run_folder(tmp_path, form)], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT CAST(started_at AS VARCHAR) FROM attempts") == [(TEN,)]


def test_time_of_a_result_line_that_cannot_be_read_is_listed_and_that_of_the_spans_counts(tmp_path):
    build_store([run_folder(tmp_path, "soon")], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT CAST(started_at AS VARCHAR) FROM attempts") == [("2025-03-01 10:00:10",)]
        assert store.rows("SELECT line, field, head FROM rejects") == [(1, "attempts.started_at", "soon")]


def test_check_names_the_times_that_cannot_be_read(tmp_path):
    run = run_folder(tmp_path, TEN)
    (run / "spans.jsonl").write_text(span(12.5))
    [issue, *_] = _span_issues(run, tmp_path / "check.duckdb")
    assert issue.required
    assert issue.message.startswith("line 1, spans.started_at '12.5': not a time: write ISO 8601")


@pytest.mark.parametrize(
    "form",
    [
        "2024-02-29T10:00:00Z",
        "2025-02-29T10:00:00Z",
        "2025-04-31T10:00:00Z",
        "2025-03-01T24:00:00Z",
        "2025-03-01T10:00:00.123456Z",
        "2025-03-01T10:00:00Z\n2025-03-01T10:00:00Z",
    ],
)
def test_index_reads_times_as_readers_do(form, tmp_path):
    (tmp_path / "spans.jsonl").write_text(span(TEN.replace(" ", "T") + "Z", form))
    build_store([tmp_path / "spans.jsonl"], tmp_path / "store.duckdb", options=Options(contents=False))
    with Store.open(tmp_path / "store.duckdb") as store:
        assert store.rows("SELECT ended_at::VARCHAR FROM spans") == [(values.time(form) or None,)]
