"""Typed edits applied to file contents in memory, each one guarded; all of them, or none.

Files are a dict of path to bytes, and only its keys can be edited: this is how the editable surface is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from halo_opt.core.records import AppendText, Edit, Record, ReplaceText, SetValue
from halo_opt.patching import schema as json_schema
from halo_opt.patching import settings
from halo_opt.patching.guard import EditRefused, Forbidden, hidden_character, problem_together, problem_with
from halo_opt.patching.templates import SUFFIXES, constant_text, tag_problem, template_problem

Files = Mapping[str, bytes]
_YAML = (".yaml", ".yml")
_AROUND = 60


class Limits(Record):
    """Sizes in characters (one edit) and bytes (a file) above which an edit is no longer a small, readable change."""

    edits: int = 40
    added_per_edit: int = 6_000
    added: int = 20_000
    removed_share: float = 0.5
    file_bytes: int = 200_000


class SettingsFile(Record):
    """The YAML file that holds the harness's settings: its path, its JSON Schema, and what of it patches may set.

    `editable` maps keys of settings and of groups to narrower bounds as JSON Schema; None is every setting.
    """

    path: str
    json_schema: dict[str, Any]
    editable: dict[str, dict[str, Any]] | None = None

    def bounds_for_patches(self, key: str) -> dict[str, Any] | None:
        """The narrower bounds of a setting, often none; None when patches may not set it."""
        if self.editable is None:
            return {}
        parts = key.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.editable[prefix] for prefix in prefixes if prefix in self.editable), None)


def apply_edits(
    files: Files,
    edits: Sequence[Edit],
    *,
    config: SettingsFile | None,
    forbidden: Forbidden | None = None,
    limits: Limits | None = None,
) -> dict[str, bytes]:
    """Make the edits in order and return all files; `files` stays as it is.

    Args:
        files: The editable files: path to content.
        edits: What to change.
        config: The settings file; None for a harness without typed settings.
        forbidden: What no edit may copy.
        limits: Sizes above which edits are refused.

    Raises:
        EditRefused: Names the edit and the rule that it breaks.
    """
    limits = limits or Limits()
    forbidden = forbidden or Forbidden()
    if not edits:
        raise EditRefused("the proposal has no edits, so it changes nothing")
    if len(edits) > limits.edits:
        raise EditRefused(f"the proposal has {len(edits)} edits; at most {limits.edits} are allowed")
    if sum(len(_added(e)) for e in edits) > limits.added:
        raise EditRefused(f"the edits together add more than {limits.added} characters, the most that is allowed")
    out = dict(files)
    for number, edit in enumerate(edits, 1):
        try:
            out[edit.path] = _apply(out, edit, config, forbidden, limits)
        except (settings.SettingsError, json_schema.SchemaMismatch) as error:
            raise EditRefused(f"edit {number} ({_name(edit)}): {error}") from error
        except _Refusal as error:
            raise EditRefused(f"edit {number} ({_name(edit)}): {error}") from None
    for path in {e.path for e in edits}:
        if out[path] == files[path]:
            raise EditRefused(f"the edits of {path} undo each other, so nothing changes")
        _check_whole(path, files[path], out[path], forbidden, limits)
    _check_together(files, out, edits, forbidden)
    return out


def in_force(files: Files, edit: Edit, *, config: SettingsFile | None) -> bool:
    """Whether the files are already as the edit would make them."""
    content = files.get(edit.path)
    if content is None:
        return False
    if isinstance(edit, SetValue):
        return _holds(content, edit, config)
    text = content.decode("utf-8", errors="replace")
    if isinstance(edit, AppendText):
        return edit.text.strip() in text
    return edit.old not in text and edit.new in text


class _Refusal(ValueError):
    """Why one edit is refused; becomes an EditRefused that names the edit."""


def _apply(files: Files, edit: Edit, config: SettingsFile | None, forbidden: Forbidden, limits: Limits) -> bytes:
    _check_characters(edit)
    if edit.path not in files:
        raise _Refusal(f"{edit.path} is not an editable file; editable are: {', '.join(sorted(files)) or 'none'}")
    before = files[edit.path]
    added = _added(edit)
    if len(added) > limits.added_per_edit:
        raise _Refusal(f"it adds {len(added)} characters; at most {limits.added_per_edit} are allowed")
    old_text = _text(before)
    if problem := problem_with(added, before=old_text, forbidden=forbidden):
        raise _Refusal(problem)
    if isinstance(edit, SetValue):
        return _set(before, edit, config)
    if config is not None and edit.path == config.path:
        raise _Refusal("this is the settings file, which only typed edits (type set) can change, not edits of its text")
    after = _replace(old_text, edit, limits) if isinstance(edit, ReplaceText) else _append(old_text, edit)
    return after.encode("utf-8")


def _check_characters(edit: Edit) -> None:
    for name, value in edit.model_dump().items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and (problem := hidden_character(text)):
                raise _Refusal(f"its {name} contains {problem}")


def _set(before: bytes, edit: SetValue, config: SettingsFile | None) -> bytes:
    if config is None:
        raise _Refusal("this harness declares no settings (harness.describe names no config)")
    if edit.path != config.path:
        raise _Refusal(f"{edit.path} is not the settings file: settings are in {config.path}")
    part = json_schema.find(config.json_schema, edit.key)
    bounds = config.bounds_for_patches(edit.key)
    if bounds is None:
        raise _Refusal(f"patches may not set {edit.key}; this harness lets them set {', '.join(config.editable or {})}")
    try:
        json_schema.check(edit.value, part, config.json_schema)
        if bounds:
            json_schema.check(edit.value, {**part, **bounds}, config.json_schema)
    except json_schema.SchemaMismatch as error:
        raise _Refusal(f"{edit.key} {error}") from None
    if _holds(before, edit, config):
        raise _Refusal(f"{edit.key} is {settings.scalar(edit.value)} already, so nothing changes")
    return settings.set_value(before, edit.key, edit.value)


def _holds(content: bytes, edit: SetValue, config: SettingsFile | None) -> bool:
    """Whether the file, or the declared default where the file is silent, has this value."""
    try:
        there, value = settings.get(settings.load(content), edit.key)
        if not there and config is not None:
            part = json_schema.find(config.json_schema, edit.key)
            there, value = "default" in part, part.get("default")
    except (settings.SettingsError, json_schema.SchemaMismatch):
        return False
    return there and value == edit.value and isinstance(value, bool) == isinstance(edit.value, bool)


def _replace(text: str, edit: ReplaceText, limits: Limits) -> str:
    if not edit.old.strip():
        raise _Refusal("the text to replace is empty")
    count = text.count(edit.old)
    if count != 1:
        where = "is not in the file" if count == 0 else f"occurs {count} times, so its place is not clear"
        raise _Refusal(f"the text to replace {where}: {edit.old[:60]!r}")
    if edit.old == edit.new:
        raise _Refusal("the new text is the old one, so nothing changes")
    if len(edit.old) - len(edit.new) > max(200, limits.removed_share * len(text)):
        raise _Refusal(f"it removes more than {limits.removed_share:.0%} of the file")
    return text.replace(edit.old, edit.new)


def _append(text: str, edit: AppendText) -> str:
    if not edit.text.strip():
        raise _Refusal("the text to add is empty")
    if edit.text.strip() in text:
        raise _Refusal("the file contains this text already, so nothing changes")
    start = text if not text or text.endswith("\n") else text + "\n"
    return start + edit.text.rstrip("\n") + "\n"


def _check_whole(path: str, before: bytes, after: bytes, forbidden: Forbidden, limits: Limits) -> None:
    """Check what must hold of a whole file after all of its edits."""
    if len(after) > limits.file_bytes:
        raise EditRefused(f"{path} would be {len(after)} bytes; at most {limits.file_bytes} are allowed")
    problem = None
    if path.endswith(SUFFIXES):
        problem = template_problem(_text(before), _text(after), conditions_on=forbidden.conditions_on)
    else:
        problem = tag_problem(_text(before), _text(after), conditions_on=forbidden.conditions_on)
    if problem is None and path.endswith(_YAML):
        try:
            settings.check_plain(_text(after))
        except settings.SettingsError as error:
            problem = str(error)
    if problem:
        raise EditRefused(f"the edits of {path}: {problem}")


def _check_together(files: Files, after: Files, edits: Sequence[Edit], forbidden: Forbidden) -> None:
    """Check that the edits do not name a task or copy words in pieces of which each edit adds one."""
    texts = [_added(edit) for edit in edits]
    known = []
    for path in dict.fromkeys(edit.path for edit in edits):
        old, new = _text(files[path]), _text(after[path])
        texts.append(_changed(old, new))
        known.append(old)
        if path.endswith(SUFFIXES):
            texts.append(_changed(constant_text(old), constant_text(new)))
            known.append(constant_text(old))
    if problem := problem_together(texts, before="\n".join(known), forbidden=forbidden):
        raise EditRefused(f"the edits: {problem}")


def _changed(before: str, after: str) -> str:
    """The part of `after` between its first and last change, with some characters around it."""
    start = _same_beginning(before, after)
    end = _same_beginning(before[start:][::-1], after[start:][::-1])
    return after[max(0, start - _AROUND) : len(after) - end + _AROUND]


def _same_beginning(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise _Refusal("the file is not UTF-8 text") from None
    if "\0" in text:
        raise _Refusal("the file is not text")
    return text


def _added(edit: Edit) -> str:
    """The text that an edit brings in."""
    if isinstance(edit, SetValue):
        return f"{edit.key} {edit.value}" if isinstance(edit.value, str) else edit.key
    return edit.new if isinstance(edit, ReplaceText) else edit.text


def _name(edit: Edit) -> str:
    key = f" {edit.key}" if isinstance(edit, SetValue) else ""
    words = f"{edit.path}{key}"[:160]
    return f"{edit.type} {words if words.isprintable() else ascii(words)}"
