"""Patch files from strangers: whatever they hold, they are read, or refused with one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from patching_samples import CONFIG, FILES, SCHEMA

from halo_opt.core.errors import InputError
from halo_opt.patching.builder import load_patch_file
from halo_opt.patching.edits import SettingsFile, apply_edits
from halo_opt.patching.guard import Forbidden
from halo_opt.patching.patchfile import MAX_BYTES, read_patch_file
from halo_opt.patching.surface import HarnessDescription, Surface

C, P = "conf/config.yaml", "prompts/worker.j2"
SETTINGS = SettingsFile(path=C, json_schema=SCHEMA)
TASKS = Forbidden(task_ids=frozenset({"fake.task-07"}))


def tried(text: str) -> str | None:
    """Why a patch file is refused; None when it is taken."""
    try:
        proposal = read_patch_file(text, FILES, config=SETTINGS)
        apply_edits(FILES, proposal.edits, config=SETTINGS, forbidden=TASKS)
    except InputError as error:
        return str(error)
    return None


def headed(**changes: Any) -> str:
    """A patch file with a head of ours."""
    edit = {"type": "set", "path": C, "key": "defaults.steps", "value": 9, **changes.pop("edit", {})}
    proposal = {"id": "P1", "findings": [], "hypothesis": "h", "edits": [edit], "predictions": [], "source": "s"}
    body = f"--- a/{C}\n+++ b/{C}\n@@ -7 +7 @@\n-  steps: 7\n+  steps: 9\n"
    return f"# halo-opt patch 1\n# base: x\n# proposal: {json.dumps({**proposal, **changes})}\n{body}"


def with_line(line: str) -> str:
    """A diff that adds one line to the settings."""
    first, second = CONFIG.splitlines()[:2]
    return f"--- a/{C}\n+++ b/{C}\n@@ -1,2 +1,3 @@\n {first}\n {second}\n+{line}\n"


def test_a_patch_file_of_ours_is_taken() -> None:
    assert tried(headed()) is None


@pytest.mark.parametrize("id_", ["x\0y", "", "a b", "-x", "x\ny", "../x", "ä", "x" * 200, "a\u202eb"], ids=ascii)
def test_an_id_that_can_name_no_branch_is_refused(id_: str) -> None:
    assert "has the id" in (tried(headed(id=id_)) or "")


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**18, [10**400], [1e308, 10**19]], ids=lambda v: str(v)[:9])
def test_a_number_of_many_digits_is_refused(value: object) -> None:
    assert "\n" not in (tried(headed(edit={"value": value})) or "\n")


@pytest.mark.parametrize(
    "key", ["lists.\u00b2", "lists.\u0663", "lists.99999999999999999999", "..", "", "\0", "a" * 9000]
)
def test_an_odd_key_is_refused(key: str) -> None:
    assert tried(headed(edit={"key": key, "value": "x"}))


LINES = {
    "many digits": "steps: " + "9" * 5000,
    "many digits as a key": "0x" + "f" * 5000 + ": 1",
    "deep lists": "a: " + "[" * 1000,
    "deep maps": "a: " + "{a: " * 1500 + "1" + "}" * 1500,
    "no such date": "x: 2024-99-99",
    "list as a key": "? [a]: b",
    "nothing as a key": "~: 1",
    "merge key": "<<: {a: 1}",
    "value tag": "y: =",
    "infinite": "steps: 1e999",
    "not a number": "steps: .nan",
    "tag": "a: !!binary x",
    "anchor": "a: &b 1",
    "tab": "\tx: 1",
    "open quote": "'x: 1",
    "NUL": "x: \0",
    "surrogate pair": "x: \U0001f600",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_odd_yaml_is_refused_with_one_sentence(line: str) -> None:
    assert "\n" not in (tried(with_line(line)) or "\n")


@pytest.mark.parametrize(
    "counts", ["-" + "9" * 5000 + " +1", "-1," + "9" * 30 + " +1", "-1,99999999 +1,99999999", "-٣ +1"]
)
def test_odd_counts_of_a_hunk_are_refused(counts: str) -> None:
    assert tried(f"--- a/{P}\n+++ b/{P}\n@@ {counts} @@\n-x\n+y\n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([10**400, "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
FIELDS = ("id", "findings", "hypothesis", "edits", "predictions", "source")
EDITS = st.dictionaries(st.sampled_from(["type", "path", "key", "value", "old", "new", "text"]), VALUES)
HEADS = st.fixed_dictionaries({}, optional={**dict.fromkeys(FIELDS, VALUES), "edit": EDITS}).map(
    lambda changes: headed(**changes)
)
NAMES = [f"--- a/{C}", f"+++ b/{C}", f"--- a/{P}", f"+++ b/{P}", "@@ -1 +1 @@", "@@ -1,3 +1,4 @@", " defaults:"]
WORDS = ["-mode: fast   # how it works", "+mode: careful", "\\ No newline at end of file"]
PARTS = st.sampled_from([*NAMES, *WORDS, "# halo-opt patch 1", "# base: x", "# proposal: {}"])
DIFFS = st.lists(PARTS | st.text(max_size=10), max_size=12).map("\n".join)


@settings(deadline=None)
@given(HEADS | DIFFS | st.text(max_size=100))
@example("# halo-opt patch 1\n# base: \n# proposal: " + "[" * 5000 + "\n")
@example("\0")
@example("")
def test_any_patch_file_is_taken_or_refused_with_one_sentence(text: str) -> None:
    problem = tried(text)
    assert problem is None or (problem and "\n" not in problem)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"\0" * 10, b"", b"x" * (MAX_BYTES + 1), b"\xef\xbb\xbf--- a/x"], ids=len
)
def test_a_file_of_any_bytes_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.diff").write_bytes(content)
    surface = Surface(tmp_path, "", "0" * 40, dict(FILES), {})
    with pytest.raises(InputError):
        load_patch_file(tmp_path / "x.diff", surface, HarnessDescription())


def test_a_folder_is_no_patch_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as a patch"):
        load_patch_file(tmp_path, Surface(tmp_path, "", "0" * 40, dict(FILES), {}), HarnessDescription())


def test_an_editable_file_that_is_no_text_takes_no_diff() -> None:
    files = {**FILES, P: b"\xff\xfe"}
    with pytest.raises(InputError, match="not UTF-8"):
        read_patch_file(f"--- a/{P}\n+++ b/{P}\n@@ -1 +1 @@\n-x\n+y\n", files, config=SETTINGS)
