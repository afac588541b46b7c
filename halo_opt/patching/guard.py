"""The guard: what text an edit may bring in. No hidden characters, addresses or credentials, nothing copied from tasks.

The text may come from a model that has read the open web, so every check assumes an attacker. Text that fails is
refused as a whole, because an attack that was cleaned up is still an attack.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property

from halo_opt.core.errors import InputError
from halo_opt.core.records import Record

# Invisible, yet not of a category that is refused as a whole: fillers and blank braille.
_INVISIBLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
_CATEGORIES = {"Cc": "control", "Cf": "invisible", "Cs": "surrogate", "Co": "private", "Cn": "unassigned"}
_CATEGORIES |= {"Zl": "line separator", "Zp": "paragraph separator"}

_ADDRESS = re.compile(
    r"""[a-z][a-z0-9+.-]{1,20}://            # any scheme
      | \b(?:javascript|vbscript|mailto|data)\s*:[\w/]
      | \bwww\.
      | [\w.+-]+@[\w-]+\.\w                  # mail
      | \b(?:\d{1,3}\.){3}\d{1,3}\b          # IPv4
      | \b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{1,4}\b
      | \b[\w-]+\.(?:com|net|org|io|dev|ai|co|biz|xyz|ru|cn|tk|sh)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CREDENTIAL = re.compile(
    r"""\bapi[\s_-]*keys?\b | \b(?:secret|private|access|encryption|ssh)[\s_-]*keys?\b | \bsecrets?\b
      | \bpass(?:word|phrase|wd|code)s?\b | \bcredentials?\b
      | \b(?:access|auth|authori[sz]ation|bearer|session|refresh|security|api)[\s_-]*tokens?\b
      | \bbearer\b | \bauthorization\s*: | \b(?:sk|ghp|gho|xox[bp]|akia)[-_]?[a-z0-9]{16,}
      | (?-i:\b[A-Z][A-Z0-9_]*_(?:KEY|TOKEN|SECRET|PASSWORD)\b) | \benviron(?:ment)?\s+variables?\b
      | -----BEGIN
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019.:/-][^\W_]+)*")
_COPIED_WORDS = 8
_SHORTEST_GOAL = 5


class EditRefused(InputError):
    """An edit that may not be made; the message names the edit, its file and the rule that it breaks."""


class Forbidden(Record):
    """What an edit may not contain, because the patch would then help the tasks that it was made from and no others.

    `task_ids` are ids of tasks, `goals` are goals as they were given, `texts` are excerpts of traces. Eight consecutive
    words of a goal or text, or a whole shorter goal of five words or more, may not be copied.
    """

    task_ids: frozenset[str] = frozenset()
    goals: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @cached_property
    def runs(self) -> frozenset[tuple[str, ...]]:
        """Every run of words that counts as copied."""
        found = {run for text in (*self.texts, *self.goals) for run in word_runs(text, _COPIED_WORDS)}
        for goal in self.goals:
            words = words_of(goal)
            if _SHORTEST_GOAL <= len(words) < _COPIED_WORDS:
                found.add(tuple(words))
        return frozenset(found)

    @cached_property
    def names(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """(task id, what finds it) for every id, and for the last part of an id when that part is distinctive."""
        found = []
        for task in sorted(self.task_ids):
            found.append((task, _name_pattern(task)))
            last = re.split(r"[./:]", task)[-1]
            if last != task and re.search(r"[\d_-]", last) and len(last) > 3:
                found.append((task, _name_pattern(last)))
        return tuple(found)


def words_of(text: str) -> list[str]:
    """The words of a text as copying is judged by: folded case, no punctuation."""
    return [w.casefold() for w in _WORD.findall(unicodedata.normalize("NFKC", text))]


def word_runs(text: str, length: int) -> Iterable[tuple[str, ...]]:
    """Every run of `length` consecutive words."""
    words = words_of(text)
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


def _name_pattern(name: str) -> re.Pattern[str]:
    literal = "[_-]".join(re.escape(part) for part in re.split("[_-]", name))
    if name.isalpha():
        # One ordinary word ("search") is a task's name only where the text treats it as one.
        return re.compile(rf"(?:\btask\W{{0,3}}|[\"'`]){literal}\b", re.IGNORECASE)
    return re.compile(rf"(?<![\w]){literal}(?![\w])", re.IGNORECASE)


def hidden_character(text: str) -> str | None:
    """A description of the first character that a reader would not see as itself, or None."""
    for character in text:
        code = ord(character)
        if character in "\n\t":
            continue
        kind = _CATEGORIES.get(unicodedata.category(character))
        if kind is None and (code in _INVISIBLE or 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF):
            kind = "invisible"
        if kind is not None:
            return f"a character that a reader cannot see (U+{code:04X}, {kind})"
    return None


def replace_hidden(text: str) -> str:
    """Text with a question mark for every character that a reader would not see as itself."""
    return "".join(c if hidden_character(c) is None else "?" for c in text)


def problem_with(added: str, *, before: str, forbidden: Forbidden) -> str | None:
    """Why `added` may not be brought into a file that contained `before`; None when it may.

    What the file contains already is not new: moving a sentence of the prompt is not copying it from a trace, even
    though the traces quote the prompt.
    """
    plain = unicodedata.normalize("NFKC", added)
    if _new(_ADDRESS, plain, before):
        return f"it adds an address ({_quote(_new(_ADDRESS, plain, before))}); edits may not add addresses"
    if _new(_CREDENTIAL, plain, before):
        return f"it mentions credentials ({_quote(_new(_CREDENTIAL, plain, before))}); edits may not"
    for task, pattern in forbidden.names:
        if _new(pattern, plain, before):
            return f"it names the task {task}; a patch must hold for any task, so edits may name none"
    return _copied(added, before, forbidden)


def _copied(added: str, before: str, forbidden: Forbidden) -> str | None:
    words = words_of(added)
    lengths = {len(run) for run in forbidden.runs}
    for length in sorted(lengths, reverse=True):
        known = set(word_runs(before, length))
        for start in range(len(words) - length + 1):
            run = tuple(words[start : start + length])
            if run in forbidden.runs and run not in known:
                return f"it copies words of a trace or goal ({_quote(' '.join(run))}); edits must be general"
    return None


def _new(pattern: re.Pattern[str], added: str, before: str) -> str | None:
    """The first match in `added` whose very words are not in `before`."""
    folded = before.casefold()
    return next((m.group() for m in pattern.finditer(added) if m.group().casefold() not in folded), None)


def _quote(text: str | None) -> str:
    text = text or ""
    return repr(text if len(text) <= 60 else text[:57] + "...")
