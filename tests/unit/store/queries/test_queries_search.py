"""Search finds what a person reads, says where it stands, and leaves nothing behind."""

import contextlib
import json
import os
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples
from query_samples import failed, root, span, stored, tool, trace

from halo_opt.core.errors import InputError
from halo_opt.store import Options, Store, build_store
from halo_opt.store.queries import search_places
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.queries.search import search


def test_quotes_newlines_and_unicode_match_as_people_read_them(tmp_path):
    quoted = span("t1", "x", {"note": 'he said "stop"\nGr\u00f6\u00dfe \u20ac\\n'})
    for ascii_only in (True, False):
        with stored(tmp_path, [root("t1"), quoted], ascii_only=ascii_only) as store:
            for pattern in (
                r'"stop"$'.replace("$", r"\nGr"),
                "Gr\u00f6\u00dfe",
                "\u20ac",
                r"\\n",
                r"(?m)^Gr",
                "\u00df",
            ):
                answer = search(store, pattern)
                assert [hit.span_id for hit in answer.hits] == ["x"], pattern
            assert search(store, "note").matches == 0


def test_hits_tell_field_surroundings_and_counts(tmp_path):
    fishing = span("t1", "x", {"a": "nothing", "b": ["one fish", "two fish"]}, name="fishing")
    with stored(tmp_path, [root("t1", 1.0), fishing, *trace("t2", 0.0, "fish")]) as store:
        answer = search(store, "fish", context=4)
        [first, second] = answer.hits
        assert (first.trace_id, first.task_id, first.outcome, first.matches) == ("t1", "task-t", "success", 3)
        assert (first.field, first.before, first.match, first.after) == ("name", "", "fish", "ing")
        assert (second.span_id, second.field) == ("call-1", "tool.name")
        assert (answer.matches, answer.spans, answer.traces) == (4, 2, 2)
        only = search(store, "two fish", context=2).hits[0]
        assert (only.field, only.before, only.match) == ("b.1", "", "two fish")


def test_what_is_beyond_the_limit_is_counted_and_said(tmp_path):
    spans = [one for n in range(20) for one in trace(f"t{n:02}", None, "look", "look")]
    with stored(tmp_path, spans) as store:
        answer = search(store, "look", limit=3)
        assert (len(answer.hits), answer.spans, answer.traces) == (3, 40, 20)
        assert "37 more spans match and are not shown" in answer.render().text
        assert search(store, "look", limit=0).hits == []


def test_filters_and_one_trace_narrow_a_search(tmp_path):
    spans = [*trace("t1", 1.0, "look"), *trace("t2", 0.0, "look"), *trace("t3", 0.0, "buy")]
    interleaved = [one for place in zip(spans[:2], spans[2:4], spans[4:], strict=True) for one in place]
    with stored(tmp_path, interleaved) as store:
        assert search(store, "look").traces == 2
        assert [hit.trace_id for hit in search(store, "look", TraceFilter(outcome="failure")).hits] == ["t2"]
        assert [hit.trace_id for hit in search(store, "agent of", TraceFilter(trace="t3")).hits] == ["t3"]
        assert search(store, "look", TraceFilter(tool="buy")).matches == 0


def test_worker_processes_find_the_same_and_report_progress(tmp_path):
    spans = [one for n in range(30) for one in trace(f"t{n:02}", None, "look", "Look")]
    with stored(tmp_path, spans) as store:
        progress_calls: list[tuple[int, int]] = []
        alone = search(store, "look", ignore_case=True, workers=0)
        spread = search(
            store,
            "look",
            ignore_case=True,
            workers=2,
            progress=lambda done, total: progress_calls.append((done, total)),
        )
        assert spread == alone
        assert progress_calls[-1][0] == progress_calls[-1][1] == alone.searched_bytes


def test_many_pieces_in_threads_give_the_same_hits_in_the_same_order(tmp_path, monkeypatch):
    spans = [one for n in range(40) for one in trace(f"t{n:02}", None, "look", "see")]
    with stored(tmp_path, spans) as store:
        whole = search(store, "look", limit=7)
        monkeypatch.setattr(search_places, "PIECE_BYTES", 700)
        monkeypatch.setattr("os.cpu_count", lambda: 3)
        threads, alone = search(store, "look", limit=7), search(store, "look", limit=7, workers=0)
        assert threads == alone
        # Line ends between two pieces are in neither.
        assert threads.model_copy(update={"searched_bytes": whole.searched_bytes}) == whole
        assert len(whole.hits) == 7


@examples(10, fresh=50)
@given(
    between=st.lists(
        st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \n", b"\n1\n", b"\nlook\n"]), min_size=3, max_size=9
    )
)
def test_only_spans_are_searched_whatever_lies_between_them(tmp_path_factory, between):
    folder = tmp_path_factory.mktemp("between")
    made = [json.dumps(tool("t1", n, "look")).encode() for n in range(len(between))]
    path = folder / "spans.jsonl"
    path.write_bytes(b"".join(line + end for line, end in zip(made, between, strict=True)))
    build_store([path], folder / "s.duckdb", options=Options(contents=False))
    with Store.open(folder / "s.duckdb") as store:
        for pattern in ("look", "l.o?k"):
            for chosen in (None, TraceFilter(trace="t1"), TraceFilter(tool="look")):
                answer = search(store, pattern, chosen)
                assert [hit.span_id for hit in answer.hits] == [f"call-{n}" for n in range(len(between))]


def children() -> set[int]:
    """The processes that this one has started and that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, rest = stat.read_text().split(" ", 1)
            state, parent = rest.rsplit(") ", 1)[1].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(pid))
    return found


def test_an_interrupted_search_leaves_no_process_behind(tmp_path):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = children()
    with stored(tmp_path, trace("t1", None, "look")) as store, pytest.raises(KeyboardInterrupt):
        search(store, "look", workers=2, progress=interrupt)
    assert children() <= before


def test_lines_that_only_a_lenient_reader_takes_are_searched_too(tmp_path):
    path = tmp_path / "odd.jsonl"
    odd = [
        b'\xef\xbb\xbf{"trace_id": "t1", "span_id": "a", "name": "bom here"}',
        b'{"trace_id": "t1", "span_id": "b", "name": "nan here", "attributes": {"n": NaN}}',
        b'{"trace_id": "t1", "span_id": "c", "attributes": {"n": "half \\ud800 here"}}',
        b"not JSON, but here",
        b'{"trace_id": "t1", "span_id": "d", "name": 7, "attributes": {"big": 1e999, "s": "big here"}}',
    ]
    path.write_bytes(b"\r\r\n\n".join(odd))
    build_store([path], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        assert [hit.span_id for hit in search(store, "here").hits] == ["a", "b", "c", "d"]
        assert [hit.span_id for hit in search(store, r"half \? here").hits] == ["c"]


def test_lookaround_is_refused_with_the_reason(tmp_path):
    with stored(tmp_path, trace("t1", None)) as store:
        for pattern in ("(?=x)", r"(a)\1", "(", "\ud800"):
            with pytest.raises(InputError, match="without lookaround"):
                search(store, pattern)


@pytest.mark.parametrize("damage", ["shorter", "other", "gone"])
def test_a_trace_file_that_is_not_what_was_imported_is_one_clear_error(tmp_path, damage):
    with stored(tmp_path, [*trace("t1", None, "look", "look"), tool("t1", 9, "look")]) as store:
        path = tmp_path / "spans.jsonl"
        if damage == "shorter":
            path.write_bytes(path.read_bytes()[:-200])
        elif damage == "other":
            path.write_text(path.read_text().replace('"call-9"', '"call-8"'))
        else:
            path.unlink()
        with pytest.raises(InputError, match=r"spans\.jsonl.*(import|put it back)"):
            search(store, "look")


def test_formats_without_spans_of_their_own_are_searched_in_the_tables(mixed):
    answer = search(mixed, "your user id", ignore_case=True)
    assert answer.hits
    assert all("user id" in hit.match.lower() for hit in answer.hits)
    everywhere = search(mixed, r"cancel_reservation")
    assert "call-0" in {hit.span_id for hit in everywhere.hits}


def test_spans_without_a_place_in_a_file_are_searched_in_the_tables(tmp_path):
    call = tool("t1", 1, "look", 'a needle "x"', **failed("lost needle"))
    stored(tmp_path, [root("t1"), call, span("t1", "y", {"own": {"deep": 'needle "x"'}})]).close()
    with duckdb.connect(str(tmp_path / "s.duckdb")) as connection:
        connection.execute("UPDATE spans SET byte_offset = NULL, byte_length = NULL")
    (tmp_path / "spans.jsonl").unlink()
    with Store.open(tmp_path / "s.duckdb") as store:
        answer = search(store, 'needle "x"')
        found = [(hit.trace_id, hit.span_id, hit.matches, hit.field) for hit in answer.hits]
        assert found == [("t1", "call-1", 1, "input.value"), ("t1", "y", 1, "own.deep")]
        assert search(store, "lost needle").spans == 1


def test_nothing_to_search_gives_nothing(tmp_path: Path, mixed):
    assert search(mixed, "no such words anywhere").render().text.startswith("(none)")
