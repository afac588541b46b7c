r"""Texts as a person reads them: `\u` escapes of JSON in JSON are letters, images are placeholders and artifacts."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halo_opt.store import Options, Store, build_store
from halo_opt.store.queries.scanning.readable import readable, readable_values
from halo_opt.store.queries.search import search
from halo_opt.store.queries.show import images_of, show, show_span

WORD = "\u0441\u043b\u043e\u0432\u043e"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(200))
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(200))
GIF = b"GIF89a" + bytes(range(200))
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 " + bytes(range(200))
ENCODED = base64.b64encode(PNG).decode()
SECRET = "AKIAIOSFODNN7EXAMPLE"


def lines(folder: Path, result: str) -> Path:
    """A flat span file with one call that has this result."""
    span = {"trace_id": "t", "name": "x", "start_time": "2026-01-01T00:00:00Z", "end_time": "2026-01-01T00:00:01Z"}
    tool = {"openinference.span.kind": "TOOL", "tool.name": "look", "input.value": "{}", "output.value": result}
    root = {**span, "span_id": "a", "attributes": {"openinference.span.kind": "AGENT"}}
    records = [root, {**span, "span_id": "b", "parent_span_id": "a", "attributes": tool}]
    path = folder / "spans.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def chat(folder: Path, result: object) -> Path:
    """A conversation with one call that has this result."""
    call = {"id": "1", "function": {"name": "look", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": result},
        {"role": "assistant", "content": "done"},
    ]
    path = folder / "chat.jsonl"
    path.write_text(json.dumps({"messages": messages}) + "\n", encoding="utf-8")
    return path


def built(path: Path, *, contents: bool = True) -> Store:
    place = path.with_name("s.duckdb")
    build_store([path], place, options=Options(contents=contents))
    return Store.open(place)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps({"a": WORD}), f'{{"a": "{WORD}"}}'),
        (json.dumps([WORD, "\U0001f600"]), f'["{WORD}", "\U0001f600"]'),
        (json.dumps({"a": json.dumps({"b": WORD})}), f'{{"a": "{{\\"b\\": \\"{WORD}\\"}}"}}'),
        (f"Observation: {json.dumps([WORD])}", f'Observation: ["{WORD}"]'),
        (f"one\n{json.dumps([WORD])}\nthree", f'one\n["{WORD}"]\nthree'),
        ('{"a":   "\\u003cb\\u003e"}', '{"a":   "<b>"}'),
    ],
)
def test_escapes_of_json_are_letters(text, expected):
    assert readable(text) == expected


@pytest.mark.parametrize(
    "text",
    ['print("\\u0441")', '{"a": "\\ud800"}', "\\u0441", '{"a":  1, "b": "\\n"}', '{"broken": "\\u0441'],
    ids=repr,
)
def test_what_is_no_json_stays_as_it_is(text):
    assert readable(text) == text


@given(st.recursive(st.text(max_size=5) | st.integers(), lambda inner: st.dictionaries(st.text(max_size=3), inner)))
def test_json_means_the_same(value):
    assert json.loads(readable(json.dumps(value))) == value


@given(st.text(alphabet='\\u0441"{}[]:,n /9jiVBORw0KGgo+=;base64data:image', max_size=60))
def test_any_text_is_made_readable_once_for_all(text):
    once = readable(text)
    assert readable(once) == once


@pytest.mark.parametrize("data", [PNG, JPEG, GIF, WEBP], ids=["png", "jpeg", "gif", "webp"])
@pytest.mark.parametrize(
    "spelled",
    [
        "{}",
        "data:image/png;base64,{}",
        '{{"type": "image", "source": {{"type": "base64", "data": "{}"}}}}',
        "see {} there",
    ],
)
def test_image_becomes_a_placeholder(data, spelled):
    found = []
    text = readable(spelled.format(base64.b64encode(data).decode()), found.append)
    assert [image.data for image in found] == [data]
    assert f"{len(data)} bytes, sha256 {found[0].sha256[:8]}]" in text


def test_image_in_lines_is_one_image():
    found = []
    assert readable(base64.encodebytes(PNG).decode(), found.append).startswith("[image/png ")
    assert [image.data for image in found] == [PNG]


@pytest.mark.parametrize("text", [f"data:image/png;base64,{SECRET}", "/9j/ is a path", f"iVBORw0KGg {SECRET}"])
def test_what_is_no_image_stays_as_it_is(text):
    assert readable(text) == text


def test_values_deep_inside_are_readable():
    assert readable_values({"a": [{"b": json.dumps([WORD])}]}) == {"a": [{"b": f'["{WORD}"]'}]}


@pytest.mark.parametrize("contents", [True, False], ids=["contents", "index"])
@pytest.mark.parametrize("write", [lines, chat])
def test_search_finds_letters_that_the_file_escapes(tmp_path, write, contents):
    with built(write(tmp_path, json.dumps({"a": json.dumps({"b": WORD})})), contents=contents) as store:
        assert search(store, WORD, workers=0).matches == 1


@pytest.mark.parametrize("contents", [True, False], ids=["contents", "index"])
@pytest.mark.parametrize("write", [lines, chat])
def test_show_prints_letters_that_the_file_escapes(tmp_path, write, contents):
    with built(write(tmp_path, json.dumps({"a": WORD})), contents=contents) as store:
        [(trace,)] = store.rows("SELECT trace_id FROM attempts")
        assert WORD in str(show(store, trace).model_dump())


def test_span_in_full_prints_letters_that_the_file_escapes(tmp_path):
    with built(lines(tmp_path, json.dumps({"a": WORD})), contents=False) as store:
        assert show_span(store, "t", "b").attributes["output.value"] == f'{{"a": "{WORD}"}}'


@pytest.mark.parametrize("write", [lines, chat])
def test_stored_result_has_letters(tmp_path, write):
    with built(write(tmp_path, json.dumps({"a": WORD}))) as store:
        assert store.rows("SELECT result FROM tool_calls") == [(f'{{"a": "{WORD}"}}',)]


@pytest.mark.parametrize(
    "content",
    [
        ENCODED,
        f"data:image/png;base64,{ENCODED}",
        [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}}],
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ENCODED}}],
        [{"inline_data": {"mime_type": "image/png", "data": ENCODED}}],
        [{"type": "input_image", "image_url": f"data:image/png;base64,{ENCODED}"}],
    ],
    ids=["bare", "address", "openai", "anthropic", "gemini", "responses"],
)
def test_image_of_any_layout_is_an_artifact(tmp_path, content):
    with built(chat(tmp_path, content)) as store:
        [(media_type, size, data)] = store.rows("SELECT media_type, bytes, data FROM artifacts")
        assert (media_type, size, base64.b64decode(data)) == ("image/png", len(PNG), PNG)
        [(result,)] = store.rows("SELECT result FROM tool_calls")
        assert result.startswith(f"[image/png {len(PNG)} bytes, sha256 ")


@pytest.mark.parametrize("contents", [True, False], ids=["contents", "index"])
@pytest.mark.parametrize("write", [lines, chat])
def test_search_does_not_look_inside_images(tmp_path, write, contents):
    with built(write(tmp_path, ENCODED), contents=contents) as store:
        assert search(store, ENCODED[40:52], workers=0).matches == 0


@pytest.mark.parametrize("contents", [True, False], ids=["contents", "index"])
@pytest.mark.parametrize("write", [lines, chat])
def test_images_of_an_attempt_come_out_whole(tmp_path, write, contents):
    with built(write(tmp_path, f"data:image/png;base64,{ENCODED}"), contents=contents) as store:
        [(trace,)] = store.rows("SELECT trace_id FROM attempts")
        assert [(image.media_type, image.data) for image in images_of(store, trace)] == [("image/png", PNG)]


@pytest.mark.parametrize("contents", [True, False], ids=["contents", "index"])
def test_show_prints_a_placeholder(tmp_path, contents):
    with built(lines(tmp_path, ENCODED), contents=contents) as store:
        shown = str(show(store, "t").model_dump())
        assert "[image/png" in shown
        assert ENCODED not in shown


@pytest.mark.parametrize(
    "result",
    [
        f"data:image/png;base64,{SECRET}",
        f"data:image/png;base64,{ENCODED} {SECRET}",
        f"{ENCODED}=={SECRET}",
        base64.b64encode(PNG + SECRET.encode()).decode(),
    ],
    ids=["no image", "behind an image", "joined to an image", "inside an image"],
)
def test_image_hides_no_secret(tmp_path, result):
    with built(chat(tmp_path, result)) as store:
        kept = store.rows("SELECT result, (SELECT string_agg(data) FROM artifacts) FROM tool_calls")
        stored = " ".join(text for text in kept[0] if text)
        inside = [base64.b64decode(data) for (data,) in store.rows("SELECT data FROM artifacts WHERE data IS NOT NULL")]
        assert SECRET not in stored
        assert not any(SECRET.encode() in data for data in inside)


def test_artifacts_go_with_their_source(tmp_path):
    path = chat(tmp_path, ENCODED)
    built(path).close()
    chat(tmp_path, "no image any more")
    with built(path) as store:
        assert store.rows("SELECT count(*) FROM artifacts") == [(0,)]


def test_row_longer_than_the_readers_buffer_is_shortened_by_its_image(tmp_path):
    large = PNG + bytes(9_000_000)
    with built(chat(tmp_path, base64.b64encode(large).decode())) as store:
        assert store.rows("SELECT bytes FROM artifacts") == [(len(large),)]
        assert store.rows("SELECT length(result) < 100 FROM tool_calls") == [(True,)]
