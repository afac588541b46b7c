"""Paths that a command is given: files stay, pipes are copied, devices are refused."""

import os
import socket
import threading
from pathlib import Path

import pytest

from halo_opt.core import input_paths
from halo_opt.core.errors import InputError
from halo_opt.core.input_paths import as_file, path_problem, shown


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fed(data: bytes, name: str = "ff") -> Path:
    """A named pipe that gets these bytes from a thread."""
    os.mkfifo(name)
    threading.Thread(target=lambda: Path(name).write_bytes(data), daemon=True).start()
    return Path(name)


def test_files_folders_and_missing_paths_stay_as_they_are(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("{}")
    assert [as_file(path) for path in (file, tmp_path, Path("nowhere"))] == [file, tmp_path, Path("nowhere")]


def test_a_pipe_is_read_into_a_file_of_the_cache():
    copy = as_file(fed(b"some\nlines\n"))
    assert copy.read_bytes() == b"some\nlines\n"
    assert (copy.parts[:2], copy.name) == ((".halo_opt", "streams"), "pipe")


def test_the_same_stream_is_the_same_file():
    first = as_file(fed(b"x", "one"))
    changed = first.stat().st_mtime_ns
    assert as_file(fed(b"x", "two")) == first
    assert first.stat().st_mtime_ns == changed
    assert len(list(Path(".halo_opt/streams").iterdir())) == 1


def test_an_open_file_below_dev_is_the_file_itself(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("{}")
    with file.open() as opened:
        assert as_file(Path(f"/dev/fd/{opened.fileno()}")) == file.resolve()


def test_an_open_file_that_was_deleted_is_copied(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("{}")
    with file.open() as opened:
        file.unlink()
        assert as_file(Path(f"/dev/fd/{opened.fileno()}")).read_text() == "{}"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(path):
    with pytest.raises(InputError, match=f"{path} is a device, not a file or a folder; name a file or a folder"):
        as_file(Path(path))


def test_a_socket_is_refused():
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock")
        with pytest.raises(InputError, match="sock is a socket"):
            as_file(Path("sock"))


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (Path("a" * 5000), "cannot be read (File name too long)"),
        (Path("a/" * 2500), "cannot be read (File name too long)"),
        (Path("a\0b"), "is no path: it holds a NUL character"),
        (Path("nowhere"), "is not there"),
        (Path("/dev/zero"), "is a device, not a file or a folder"),
        (Path(), None),
    ],
)
def test_a_path_says_what_is_wrong_with_it(path, problem):
    assert path_problem(path) == problem


def test_a_long_path_is_shortened_in_a_message():
    assert shown(Path("a" * 5000)) == "a" * 100 + "..." + "a" * 100


def test_an_empty_stream_is_refused():
    with pytest.raises(InputError, match="ff was empty; check the command that writes to it"):
        as_file(fed(b""))


def test_a_stream_beyond_the_limit_is_refused_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr(input_paths, "STREAM_BYTES", 10)
    with pytest.raises(InputError, match="write it to a file and name the file"):
        as_file(fed(b"x" * 11))
    assert list(Path(".halo_opt/streams").iterdir()) == []
