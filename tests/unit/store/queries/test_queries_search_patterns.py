"""Whatever the pattern and however a line is spelled, search finds what a plain reading of every line finds."""

import json
import os

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_examples import examples

from halo_opt.store.queries.scanning.searcher import Searcher
from halo_opt.store.queries.scanning.tasks import Task
from halo_opt.store.queries.search import checked_pattern
from halo_opt.store.queries.search_plan import plan

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
    start = f'{{"trace_id": "t", "span_id": "s", "name": {name}, "status": {{"message": {message}}}, '
    return (start + f'"attributes": {{{", ".join(parts)}}}}}').encode()


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
    inner = list(value.values()) if isinstance(value, dict) else value
    inner = inner if isinstance(inner, list) else []
    return [text for one in inner for text in every_text(one)]


def plain_counts(pattern, raw: bytes) -> int:
    line = json.loads(raw)
    all_texts = [line["name"], line["status"]["message"], *every_text(line["attributes"])]
    return sum(len({match.span() for match in pattern.finditer(text)}) for text in all_texts)


@examples(40, fresh=200)
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
    lengths = [len(raw) + 1 for raw in made]
    starts = [sum(lengths[:n]) for n in range(len(made))]
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
