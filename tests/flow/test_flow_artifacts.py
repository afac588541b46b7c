"""`halo-opt show --artifacts`: the images of an attempt as files."""

import base64
import json
from pathlib import Path

import pytest

from halo_opt.cli.app import run
from halo_opt.store import Store

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(200))
URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def traces(tmp_path, monkeypatch):
    """A store of one attempt with an image in its first message."""
    monkeypatch.chdir(tmp_path)
    blocks = [{"type": "image_url", "image_url": {"url": URL}}]
    messages = [{"role": "user", "content": blocks}, {"role": "assistant", "content": "A cat."}]
    Path("chat.jsonl").write_text(json.dumps({"messages": messages, "task_id": "cat"}) + "\n")
    assert run(["import", "chat.jsonl", "--store", "s.duckdb", "-q"]) == 0


def trace() -> str:
    with Store.open(Path("s.duckdb")) as store:
        return str(store.rows("SELECT trace_id FROM attempts")[0][0])


def show(capsys, *options, code=0):
    assert run(["show", trace(), "--store", "s.duckdb", *options]) == code
    return capsys.readouterr()


def test_images_are_written_and_their_paths_printed(traces, capsys):
    out = show(capsys, "--artifacts", "out").out
    [image] = list(Path("out").iterdir())
    assert image.read_bytes() == PNG
    assert image.name in out


def test_text_has_a_placeholder_for_the_image(traces, capsys):
    assert f"[image/png {len(PNG)} bytes, sha256" in show(capsys).out


def test_folder_that_cannot_be_written_is_told(traces, capsys):
    Path("file").write_text("")
    assert "file cannot be written" in show(capsys, "--artifacts", "file", code=2).err
