"""patch.diff: a unified diff, with the proposal in its head so that its typed edits can be made again.

The edits in the head are used only when they make exactly what the diff under them shows. A diff without our head is
read into typed edits where that can be done without guessing, and refused with the reason where it cannot. No diff is
handed to `git apply`, which would also take links, modes, deletions and prose.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from halo_opt.core.errors import InputError
from halo_opt.core.records import Edit, Proposal, ReplaceText, SetValue
from halo_opt.core.validation import first_problem
from halo_opt.patching import settings
from halo_opt.patching.edits import Files, SettingsFile, apply_edits

_HEAD = "# halo-opt patch 1"
_BASE, _PROPOSAL = "# base: ", "# proposal: "
_HUNK = re.compile(r"@@ -\d+(?:,(\d{1,9}))? \+\d+(?:,(\d{1,9}))? @@")
_HARMLESS = re.compile(r"index [0-9a-f]+\.\.[0-9a-f]+ 100644$|diff --git a/\S+ b/\S+$")
# The longest patch file that is read.
MAX_BYTES = 2_000_000
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,99}")


@dataclass
class FileDiff:
    """The hunks of one file as (old text, new text) with their context."""

    path: str
    hunks: list[tuple[str, str]] = field(default_factory=list)


def format_patch_file(proposal: Proposal, *, base: str, diff: str) -> str:
    """The text of a patch.diff."""
    line = json.dumps(proposal.model_dump(mode="json"), ensure_ascii=True)
    return f"{_HEAD}\n{_BASE}{base}\n{_PROPOSAL}{line}\n{diff}"


def unified_diff(before: Files, after: Files) -> str:
    """What changes between two states of the same files, in git's form."""
    out = []
    for path in sorted(after):
        if before.get(path) != after[path]:
            old, new = (_lines(files.get(path, b"").decode("utf-8")) for files in (before, after))
            out.append(f"diff --git a/{path} b/{path}\n")
            lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
            out.extend(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
    return "".join(out)


def read_patch_file(text: str, files: Files, *, config: SettingsFile | None, inside: str = "") -> Proposal:
    """The proposal in a patch file, for the harness whose editable files are `files`.

    `inside` is the harness's folder in the repository, which a diff made by git names in its paths.
    """
    if len(text) > MAX_BYTES:
        raise InputError(f"the patch file is {len(text)} characters long; at most {MAX_BYTES} are read")
    ours = _read_head(text)
    if ours is None:
        diffs = _parse(text, inside)
        edits = [e for d in diffs for e in _edits_of(d, files, config)]
        name = hashlib.sha256(text.encode()).hexdigest()[:8]
        return Proposal(id=f"D-{name}", findings=[], hypothesis="A patch from a diff that a person gave.",
                        edits=edits, predictions=[], source="diff")  # fmt: skip
    proposal, body = ours
    made = apply_edits(files, proposal.edits, config=config)
    shown = {d.path: _patched(d, files) for d in _parse(body, inside)}
    for path in files.keys() | shown.keys():
        if (shown[path] if path in shown else files.get(path)) != made.get(path):
            raise InputError(
                f"the patch file shows another change of {path} than its edits make; the harness or the file was "
                "changed since the patch was written; run propose again"
            )
    return proposal


def _read_head(text: str) -> tuple[Proposal, str] | None:
    lines = text.split("\n", 3)
    if lines[0] != _HEAD:
        return None
    if len(lines) < 4 or not lines[1].startswith(_BASE) or not lines[2].startswith(_PROPOSAL):
        raise InputError(
            "the patch file's head is cut off: after its first line it needs a '# base: ' and a '# proposal: ' line"
        )
    try:
        proposal = Proposal.model_validate_json(lines[2].removeprefix(_PROPOSAL))
    except ValidationError as error:
        raise InputError(f"the patch file's proposal cannot be used: {first_problem(error)}") from error
    if not _ID.fullmatch(proposal.id):
        raise InputError(
            f"the patch file's proposal has the id {proposal.id[:60]!a}; an id is up to 100 letters, digits and"
            " the characters . _ + -, because a branch is named after it"
        )
    return proposal, lines[3]


def _parse(text: str, inside: str) -> list[FileDiff]:
    """The changed files of a unified diff; anything but changes of existing text files is refused by its line."""
    found: list[FileDiff] = []
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            found.append(FileDiff(_path(line, lines[at + 1], inside)))
            at += 2
        elif (hunk := _HUNK.match(line)) and found:
            at, old, new = _hunk(lines, at + 1, int(hunk[1] or 1), int(hunk[2] or 1))
            found[-1].hunks.append((old, new))
        elif _HARMLESS.match(line):
            at += 1
        else:
            raise InputError(f"line {at + 1} of the diff is not part of a plain change of a text file: {line[:60]!r}")
    if not found or any(not f.hunks for f in found):
        raise InputError("the patch file contains no change of a text file")
    return found


def _path(minus: str, plus: str, inside: str) -> str:
    old, new = (line[4:].split("\t")[0] for line in (minus, plus))
    if not old.startswith("a/") or not new.startswith("b/") or old[2:] != new[2:]:
        raise InputError(
            f"the diff adds, removes or renames a file ({old} to {new}); patches only change existing files"
        )
    return old[2:].removeprefix(inside)


def _hunk(lines: list[str], at: int, old_left: int, new_left: int) -> tuple[int, str, str]:
    old, new = "", ""
    while old_left > 0 or new_left > 0 or (at < len(lines) and lines[at].startswith("\\")):
        if at >= len(lines):
            raise InputError("the diff is cut off inside a hunk")
        mark, words = lines[at][:1] or " ", lines[at][1:]
        ends = "" if at + 1 < len(lines) and lines[at + 1].startswith("\\") else "\n"
        if mark in " -":
            old, old_left = old + words + ends, old_left - 1
        if mark in " +":
            new, new_left = new + words + ends, new_left - 1
        if mark not in " +-\\":
            raise InputError(f"line {at + 1} of the diff is not part of a hunk: {lines[at][:60]!r}")
        at += 1
    if old_left < 0 or new_left < 0:
        raise InputError(f"the hunk that ends at line {at} of the diff has more lines than its @@ line says")
    return at, old, new


def _patched(diff: FileDiff, files: Files) -> bytes:
    """The file with the hunks made, each found by its words and not by its line number."""
    if diff.path not in files:
        raise InputError(f"{diff.path} is not an editable file; editable are: {', '.join(sorted(files)) or 'none'}")
    try:
        text = files[diff.path].decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{diff.path} is not UTF-8 text, so no diff of it can be used") from None
    for old, new in diff.hunks:
        count = text.count(old) if old.strip() else 0
        if count != 1:
            why = "do not fit the file" if count == 0 else f"fit the file in {count} places"
            raise InputError(
                f"the lines {old.strip()[:60]!r} of the diff {why} {diff.path}; make the diff again from this revision"
            )
        text = text.replace(old, new)
    return text.encode("utf-8")


def _edits_of(diff: FileDiff, files: Files, config: SettingsFile | None) -> list[Edit]:
    after = _patched(diff, files)
    if config is not None and diff.path == config.path:
        return _settings_of(diff.path, files[diff.path], after)
    return [ReplaceText(path=diff.path, old=old, new=new) for old, new in diff.hunks]


def _settings_of(path: str, before: bytes, after: bytes) -> list[Edit]:
    """The settings that a change of the settings file changes. Comments that it changes are not carried over."""
    try:
        old, new = _flat(settings.load(before)), _flat(settings.load(after))
    except settings.SettingsError as error:
        raise InputError(f"the diff leaves {path} unusable: it {error}") from error
    except (ValueError, RecursionError) as error:  # a key of more digits than Python writes, or deep nesting
        raise InputError(f"the diff leaves {path} unusable: it has a key that cannot be written") from error
    if gone := sorted(old.keys() - new.keys()):
        raise InputError(
            f"the diff takes the setting {gone[0]} out of {path}, which patches cannot; set it to its default instead"
        )
    try:
        edits: list[Edit] = [
            SetValue(path=path, key=key, value=value)
            for key, value in new.items()
            if key not in old or old[key] != value or type(old[key]) is not type(value)
        ]
    except ValidationError as error:
        raise InputError(
            f"the diff gives a setting of {path} a value that is no number, text, yes or no, or list of numbers"
        ) from error
    if not edits:
        raise InputError(f"the diff changes only comments or layout of {path}, which patches cannot")
    return edits


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            out.update(_flat(value, f"{name}."))
        else:
            out[name] = value
    return out


def _lines(text: str) -> list[str]:
    """Lines with their ends, split at line feeds only, as git does."""
    return [line for line in re.split(r"(?<=\n)", text) if line]
