"""`.env`: what is read, what is refused, and that no value ever shows."""

from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.settings.env_file import VARIABLES, read_env_file, with_env_file

ROOT = Path(__file__).parents[3]


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / ".env"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_names_and_values_are_read(tmp_path: Path) -> None:
    text = """
# a comment
PLAIN=a b
export EXPORTED = c
DOUBLE="d # e $HOME"   # quoted
SINGLE='f "g"'
HASH=h#i
COMMENTED=j # k
EMPTY=
NOTHING= # nothing
URL=http://127.0.0.1:8000/v1?a=b
PLAIN=last
"""
    assert read_env_file(written(tmp_path, text)) == {
        "PLAIN": "last",
        "EXPORTED": "c",
        "DOUBLE": "d # e $HOME",
        "SINGLE": 'f "g"',
        "HASH": "h#i",
        "COMMENTED": "j",
        "EMPTY": "",
        "NOTHING": "",
        "URL": "http://127.0.0.1:8000/v1?a=b",
    }


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    assert read_env_file(written(tmp_path, b"\xef\xbb\xbfA=1\r\nB=2\r\n")) == {"A": "1", "B": "2"}


def test_no_file_is_no_variables(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


MALFORMED = ["sesame", "K: sesame", "1A=sesame", "A B=sesame", "=sesame", 'A="sesame', "A='sesame' x", 'A="', "A=s\0"]


@pytest.mark.parametrize("line", MALFORMED)
def test_a_malformed_line_is_placed_and_not_shown(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f"A=1\n\n{line}\n")
    with pytest.raises(UsageError) as caught:
        read_env_file(path)
    said = str(caught.value)
    assert said.startswith(f"{path}, line 3: ")
    assert "sesame" not in said
    assert "\n" not in said


@pytest.mark.parametrize(("data", "words"), [(b"A=\xff", "is not UTF-8 text"), (b"x" * 200_000, "at most 100000")])
def test_a_file_that_cannot_be_one_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_env_file(written(tmp_path, data))


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        read_env_file(tmp_path / ".env")


def test_the_real_environment_counts_first_unless_it_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path, "A=file\nB=file\nC=file\n")
    assert with_env_file({"A": "real", "B": ""}, path) == {"A": "real", "B": "file", "C": "file"}


def test_the_example_explains_every_variable_and_sets_none(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert read_env_file(ROOT / ".env.example") == {}
    turned_on = [line[1:] for line in text.splitlines() if line.startswith("#") and not line.startswith("# ")]
    assert sorted(read_env_file(written(tmp_path, "\n".join(turned_on)))) == sorted(VARIABLES)


def test_git_never_takes_the_file() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
