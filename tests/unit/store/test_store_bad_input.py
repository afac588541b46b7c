"""Trace files as they are after crashes, full disks and other people's programs: nothing raises for what a file holds,
every good line is kept, and every bad one is counted and placed.
"""

import gzip
import json

import pytest
import zstandard
from bad_input import BOM, FORMS, Form, built, lines_of, record, span, write

from halo_opt.core.errors import InputError
from halo_opt.store import build_store

BAD = {
    "null": b"null",
    "a bare string": b'"words"',
    "a number": b"12",
    "an array": b"[1, 2]",
    "no JSON": b"Traceback (most recent call last):",
    "half a line": b'{"trace_id": "t1", "span_',
    "invalid UTF-8": b'{"trace_id": "t\xff", "span_id": "s", "task_id": "\xc3\x28", "traj": [], "outcome": "success"}',
    "NUL bytes": b"\0" * 512,
    "too deep": b"[" * 100_000,
    "a huge number": b'{"a": ' + b"9" * 5000 + b"}",
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    return FORMS[request.param]


@pytest.mark.parametrize("bad", [*BAD, "a missing field", "a wrong type"])
def test_bad_line_is_placed_and_the_good_ones_are_kept(tmp_path, form, bad):
    missing = {name: value for name, value in form.good(9).items() if name != form.needed}
    made = {"a missing field": missing, "a wrong type": {**form.good(9), **form.wrong}}
    line = BAD[bad] if bad in BAD else json.dumps(made[bad]).encode()
    good = lines_of(form, 4)
    path = write(tmp_path, form, [*good[:2], line, *good[2:]])
    summary, kept, rejects = built(tmp_path, form)
    assert kept == 4
    assert summary.rejects == 1
    [(source, number, reason)] = rejects
    assert (source, number) == (str(path), 3)
    assert reason
    assert sum(summary.reject_reasons.values()) == 1


def test_oddities_that_do_no_harm_are_read(tmp_path, form):
    good = lines_of(form, 5)
    twice = good[1][:-1] + b', "name": "other", "name": "last"}'
    lone = json.dumps(form.good(2, attributes={"input.value": "a\ud800b"}, note="\udfff")).encode()
    nan = good[3][:-1] + b', "extra": NaN, "more": -Infinity}'
    nul = json.dumps(form.good(4, note="a\0b", attributes={"input.value": "a\0b"})).encode()
    write(tmp_path, form, [BOM + good[0] + b"\r", b"", twice, b"  \t", lone, nan, nul])
    summary, kept, rejects = built(tmp_path, form)
    assert (kept, rejects) == (5, [])
    assert summary.attempts == (50 if "local" in form.file else 5)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.98])
def test_tail_that_was_cut_off_costs_one_line(tmp_path, form, part):
    good = lines_of(form, 4)
    write(tmp_path, form, [*good[:3], good[3][: int(len(good[3]) * part)]], end=b"")
    _, kept, rejects = built(tmp_path, form)
    assert kept == 3
    assert [(number, reason) for _, number, reason in rejects] == [(4, "last line is cut off")]


def test_last_line_without_an_end_is_a_line(tmp_path, form):
    write(tmp_path, form, lines_of(form, 3), end=b"")
    _, kept, rejects = built(tmp_path, form)
    assert (kept, rejects) == (3, [])


# Enough for several blocks of a packed file.
LINES = 1000


@pytest.mark.parametrize("pack", [gzip.compress, lambda raw: zstandard.ZstdCompressor().compress(raw)])
@pytest.mark.parametrize("form", [FORMS["spans"], FORMS["tau-bench"]])
def test_packed_file_that_was_cut_off_gives_what_can_be_unpacked(tmp_path, form, pack):
    good = [json.dumps(form.good(n, note=str(hash(str(n))) * 20)).encode() for n in range(LINES)]
    path = write(tmp_path, form, good)
    packed = pack(path.read_bytes())
    path.unlink()
    for name, raw in (("whole", packed), ("cut", packed[: len(packed) * 2 // 3])):
        (path.parent / f"{name}.jsonl.gz").write_bytes(raw)
        summary, kept, rejects = built(tmp_path, form)
        if name == "whole":
            assert (kept, rejects) == (LINES, [])
            (path.parent / f"{name}.jsonl.gz").unlink()
    assert 0 < kept < LINES
    assert [(source, number) for source, number, _ in rejects] == [(str(path.parent / "cut.jsonl.gz"), kept + 1)]
    assert "damaged" in rejects[0][2] or "cut off" in rejects[0][2]
    assert summary.rejects == 1


@pytest.mark.parametrize(
    "content", [b"", b"\n\n\n", b"\0" * 10_000, bytes(range(256)) * 400, b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]
)
def test_file_that_holds_no_traces_is_listed_beside_the_good_ones(tmp_path, content):
    write(tmp_path, FORMS["spans"], lines_of(FORMS["spans"], 2))
    (tmp_path / "in" / "odd.jsonl").write_bytes(content)
    summary, kept, rejects = built(tmp_path, FORMS["spans"])
    assert (kept, rejects) == (2, [])
    [odd] = summary.not_recognised
    assert odd.path.endswith("odd.jsonl")
    assert odd.reason


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"\x1f\x8b\x08\x00junk", b"\x28\xb5\x2f\xfdjunk", b"null\n"])
def test_file_that_holds_no_traces_is_refused_in_words_when_it_is_alone(tmp_path, content):
    (tmp_path / "odd.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"odd\.jsonl"):
        build_store([tmp_path / "odd.jsonl"], tmp_path / "s.duckdb")
    assert [path.name for path in tmp_path.iterdir()] == ["odd.jsonl"]


def test_trace_id_that_two_files_use_is_one_attempt_and_loses_no_line_silently(tmp_path):
    form = FORMS["spans"]
    path = write(tmp_path, form, lines_of(form, 2))
    path.with_name("y.jsonl").write_bytes(json.dumps(span(1, span_id="other")).encode() + b"\n")
    summary, kept, rejects = built(tmp_path, form)
    assert summary.attempts == 2
    assert kept + len(rejects) == 3


def test_clock_that_goes_backwards_and_times_that_are_none_lose_nothing(tmp_path):
    form = FORMS["spans"]
    times = [
        ("2026-05-04T10:00:05Z", "2026-05-04T10:00:01Z"),
        ("2026-05-04T09:00:00Z", "yesterday"),
        (None, 12),
        ("0000-00-00", {"a": 1}),
        ("9999-12-31T23:59:59.999999999+23:59", "0001-01-01T00:00:00Z"),
        (1e308, -5),
    ]
    made = [span(1, span_id=f"s{n}", start_time=a, end_time=b) for n, (a, b) in enumerate(times)]
    write(tmp_path, form, [json.dumps(one).encode() for one in made])
    _, kept, rejects = built(tmp_path, form)
    assert (kept, rejects) == (len(times), [])


@pytest.mark.parametrize(
    "parents",
    [
        {"a": "b", "b": "c", "c": "a"},
        {"a": "a"},
        {"a": "gone", "b": "gone too"},
        {"a": "", "b": "c", "c": "b"},
        {"a": 7, "b": None},
    ],
)
def test_parents_that_are_missing_or_in_a_circle_lose_nothing(tmp_path, parents):
    form = FORMS["spans"]
    kinds = ["LLM", "TOOL", "AGENT"]
    made = [
        span(1, span_id=name, parent_span_id=above, attributes={"openinference.span.kind": kinds[n % 3]})
        for n, (name, above) in enumerate(parents.items())
    ]
    write(tmp_path, form, [json.dumps(one).encode() for one in made])
    summary, kept, rejects = built(tmp_path, form)
    assert (summary.attempts, kept, rejects) == (1, len(parents), [])


@pytest.mark.parametrize("value", [None, True, 7, -1.5, "x", [], [None], {}, {"a": {"b": [1]}}, "9" * 400, 10**30])
def test_values_of_any_type_in_any_field_lose_nothing(tmp_path, value):
    form = FORMS["spans"]
    names = ["name", "start_time", "end_time", "status", "resource", "scope", "attributes", "parent_span_id"]
    inner = [
        "input.value",
        "llm.token_count.prompt",
        "halo.step.index",
        "halo.score",
        "tool.name",
        "halo.task_id",
        "llm.model_name",
    ]
    made = [span(n, **{name: value}) for n, name in enumerate(names)]
    made += [span(100 + n, attributes={name: value}) for n, name in enumerate(inner)]
    made += [span(200, resource={"attributes": value}), span(201, status={"code": value, "message": value})]
    write(tmp_path, form, [json.dumps(one).encode() for one in made])
    _, kept, rejects = built(tmp_path, form)
    assert (kept, rejects) == (len(made), [])


@pytest.mark.parametrize("value", [None, True, 7, -1.5, "x", [], [None], {}, {"a": {"b": [1]}}, "9" * 400, 10**30])
def test_values_of_any_type_in_tau_bench_records_lose_nothing(tmp_path, value):
    form = FORMS["tau-bench"]
    turns = [{"role": "user", "content": value}, {"role": value, "content": "a", "tool_calls": value, "name": value}]
    calls = [
        {"role": "assistant", "tool_calls": [value, {"id": value, "function": {"name": value, "arguments": value}}]}
    ]
    made = [record(n, **{name: value}) for n, name in enumerate(["trial", "reward", "info", "task_id"])]
    made += [record(11, info={"task": value, "error": None, "reward_info": value}), record(12, traj=[*turns, *calls])]
    write(tmp_path, form, [json.dumps(one).encode() for one in made])
    _, kept, rejects = built(tmp_path, form)
    assert (kept, rejects) == (len(made), [])


INTERCODE = {"task_id": 1, "query": "q", "turn_history": {"actions": ["ls"], "observations": ["a"], "rewards": [1]}}


@pytest.mark.parametrize(
    "bad", [None, "x", 7, [], {}, {"turn_history": None}, {"turn_history": {"actions": "ls"}}, {"turn_history": []}]
)
def test_bad_intercode_record_is_placed_and_the_good_ones_are_kept(tmp_path, bad):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ic.json").write_text(json.dumps({"1": INTERCODE, "2": bad, "3": {**INTERCODE, "task_id": 3}}))
    summary, _, rejects = built(tmp_path)
    assert summary.attempts == 2
    assert [number for _, number, _ in rejects] == [2]


VALUES = [None, True, -1.5, "x", [None], {"a": 1}, ["x", 7, None], 10**30]


@pytest.mark.parametrize("name", ["thoughts", "observations", "rewards", "valid_action", "query", "task_id", "summary"])
def test_values_of_any_type_in_intercode_records_lose_nothing(tmp_path, name):
    records = {}
    for place, value in enumerate(VALUES):
        # Records that say the same would count once.
        own = {"task_id": place, "query": f"q{place}"}
        history = {**INTERCODE["turn_history"], "actions": [f"ls {place}", None, 7], name: value}
        records[str(place)] = {**INTERCODE, **own, "turn_history": history, name: value}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ic.json").write_text(json.dumps(records))
    summary, _, rejects = built(tmp_path)
    assert (summary.attempts, rejects) == (len(VALUES), [])


@pytest.mark.parametrize(
    "harm", [lambda raw: raw[:-40], lambda raw: raw.replace(b"ls", b"\xff"), lambda raw: BOM + b"{" + raw]
)
def test_intercode_file_that_is_no_json_is_one_reject(tmp_path, harm):
    write(tmp_path, FORMS["spans"], lines_of(FORMS["spans"], 2))
    (tmp_path / "in" / "ic.json").write_bytes(harm(json.dumps({"1": INTERCODE}).encode()))
    summary, kept, rejects = built(tmp_path, FORMS["spans"])
    assert kept == 2
    assert [source for source, _, _ in rejects] == [str(tmp_path / "in" / "ic.json")]
    assert summary.rejects == 1


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"run_id": 7, "model": {}, "mode": [1]}'])
def test_run_without_a_usable_description_is_still_a_run(tmp_path, raw):
    form = FORMS["run folder"]
    write(tmp_path, form, lines_of(form, 3))
    (tmp_path / "in" / "run.json").write_bytes(raw)
    summary, kept, _ = built(tmp_path, form)
    assert (summary.attempts, kept) == (3, 3)


@pytest.mark.slow
def test_line_of_50_megabytes_is_a_line(tmp_path, form):
    good = lines_of(form, 3)
    long = json.dumps(form.good(3, attributes={"input.value": "x y " * 12_500_000}, goal="x" * 100)).encode()
    write(tmp_path, form, [*good, long, json.dumps(form.good(4)).encode()])
    _, kept, rejects = built(tmp_path, form)
    assert (kept, rejects) == (5, [])


@pytest.mark.slow
def test_line_of_50_megabytes_that_is_no_json_costs_itself_alone(tmp_path, form):
    write(tmp_path, form, [*lines_of(form, 3), b"x" * 50_000_000, json.dumps(form.good(4)).encode()])
    _, kept, rejects = built(tmp_path, form)
    assert kept == 4
    assert [number for _, number, _ in rejects] == [4]
