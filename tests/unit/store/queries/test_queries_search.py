"""Search finds what a person reads, exactly where a plain reading of every line finds it."""

import contextlib
import json
import os
from pathlib import Path

import duckdb
import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st
from query_samples import failed, root, span, stored, tool, trace

from halo_opt.errors import InputError
from halo_opt.store import Options, Store, build_store
from halo_opt.store.queries import TraceFilter, search, search_places
from halo_opt.store.queries.search import checked_pattern
from halo_opt.store.queries.search_plan import plan
from halo_opt.store.queries.search_worker import Searcher, Task

LETTERS = 'aAkKsSeE0 .-_"\\/\n\t\r<&\u00f6\u20ac\U0001f600\u017f\u212a\x7f\x1b'
SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
texts = st.text(LETTERS, max_size=12)


def spelled(draw: st.DrawFn, text: str) -> str:
    """One of the ways in which JSON may write a text."""
    made = []
    for character in text:
        units = character.encode("utf-16-be")
        escape = "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
        ways = [escape, escape.upper().replace("\\U", "\\u")]
        if character in SHORT:
            ways.append(SHORT[character])
        if character not in '"\\' and ord(character) >= 32:
            ways += [character] * 3
        made.append(draw(st.sampled_from(ways)))
    return f'"{"".join(made)}"'


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A span's line whose attributes are texts, some of them nested, spelled as it comes."""
    parts = [f'"key{n}": {spelled(draw, draw(texts))}' for n in range(draw(st.integers(0, 4)))]
    if draw(st.booleans()):
        parts.append(f'"deep": {{"list": [1, {spelled(draw, draw(texts))}, null]}}')
    name, message = spelled(draw, draw(texts)), spelled(draw, draw(texts))
    told = f'{{"trace_id": "t", "span_id": "s", "name": {name}, "status": {{"message": {message}}}, '
    return (told + f'"attributes": {{{", ".join(parts)}}}}}').encode()


atoms = st.one_of(
    texts.filter(bool).map(re2.escape),
    st.text("abcs k", min_size=3, max_size=5).map(re2.escape),
    st.sampled_from(
        [".", r"\w", r"\d", r"\s", r"\b", "^", "$", r"\A", r"\z", "[^a]", "[]k]", "[a-s]", r"[\]\\]", "(?i)"]
    ),
    st.sampled_from([r"\n", r"\t", r"\x6b", r"\x{1F600}", r"\pL", r"\p{Greek}", "(?i:k)", "[[:alpha:]]", "(?s)."]),
)
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        inner.map(lambda part: f"({part})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        st.tuples(st.sampled_from("aks\u00f6"), st.sampled_from(["*", "+", "?", "{2}", "{0}"])).map("".join),
    ),
    max_leaves=6,
)


def accepted(pattern: str, ignore_case: bool):
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def every_text(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in every_text(one)]


def plain_counts(pattern, raw: bytes) -> int:
    line = json.loads(raw)
    all_texts = [line["name"], line["status"]["message"], *every_text(line["attributes"])]
    return sum(len({match.span() for match in pattern.finditer(text)}) for text in all_texts)


@settings(max_examples=80)
@given(pattern=patterns, ignore_case=st.booleans(), made=st.lists(lines(), min_size=1, max_size=4))
def test_search_agrees_with_reading_every_line(tmp_path_factory, pattern, ignore_case, made):
    known = accepted(pattern, ignore_case)
    if known is None:
        return
    path = tmp_path_factory.getbasetemp() / f"lines-{os.getpid()}.jsonl"
    path.write_bytes(b"\n".join(made))
    expected = [plain_counts(known, raw) for raw in made]
    searcher = Searcher(checked_pattern(pattern, ignore_case=ignore_case))
    found = searcher.run(Task(str(path), 0, path.stat().st_size, 10, 5))
    assert found.problem is None
    assert (found.matches, found.spans) == (sum(expected), sum(map(bool, expected)))
    starts = [sum(len(raw) + 1 for raw in made[:n]) for n in range(len(made))]
    assert [hit.offset for hit in found.hits] == [start for start, n in zip(starts, expected, strict=True) if n]
    without_excerpts = searcher.run(Task(str(path), 0, path.stat().st_size, 0, 5))
    assert without_excerpts.matches == found.matches


@pytest.mark.parametrize(
    ("pattern", "ignore_case", "needle"),
    [
        ("Connection refused", False, r"Connection refused"),
        ("(?i)connection", False, "(?i)connection"),
        ("timeout", True, "(?i)timeout"),
        (r"error.*timeouts?", False, "timeout"),
        (r"(abc|abd)+xyz_\d", False, "xyz_"),
        (r"(?:first|second) \w", False, "first"),
        ("[Ee]rror", False, "rror"),
        (r"say \"hello", False, r"say\ \\\"hello"),
    ],
)
def test_literal_parts_decide_which_lines_are_decoded(pattern, ignore_case, needle):
    needles = plan(pattern, ignore_case=ignore_case).needles
    assert needles is not None
    assert needles[0][0].replace(r"\ ", " ") == needle.replace(r"\ ", " ")


@pytest.mark.parametrize("pattern", [r"\d+", "ab", "(abc)?", "abc|d", r"\Qabc\E", "[abc]{5}"])
def test_patterns_without_a_certain_literal_have_every_line_decoded(pattern):
    assert plan(pattern, ignore_case=False).needles is None


def test_quotes_newlines_and_unicode_match_as_people_read_them(tmp_path):
    said = span("t1", "x", {"note": 'he said "stop"\nGr\u00f6\u00dfe \u20ac\\n'})
    for ascii_only in (True, False):
        with stored(tmp_path, [root("t1"), said], ascii_only=ascii_only) as store:
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
    told = span("t1", "x", {"a": "nothing", "b": ["one fish", "two fish"]}, name="fishing")
    with stored(tmp_path, [root("t1", 1.0), told, *trace("t2", 0.0, "fish")]) as store:
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
        told: list[tuple[int, int]] = []
        alone = search(store, "look", ignore_case=True, workers=0)
        spread = search(
            store, "look", ignore_case=True, workers=2, progress=lambda done, total: told.append((done, total))
        )
        assert spread == alone
        assert told[-1][0] == told[-1][1] == alone.searched_bytes


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


@settings(max_examples=20)
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
    told = tool("t1", 1, "look", 'a needle "x"', **failed("lost needle"))
    stored(tmp_path, [root("t1"), told, span("t1", "y", {"own": {"deep": 'needle "x"'}})]).close()
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
