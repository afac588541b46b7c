"""The guard: what text an edit may bring in. No hidden characters, addresses or credentials, nothing copied from tasks.

The text may come from a model that has read the open web, so every check assumes an attacker. Text that fails is
refused as a whole, because an attack that was cleaned up is still an attack.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property

from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.patching.normalize import canonical, decodings, mixed_alphabets
from halo_opt.patching.task_names import Spellings, TaskName, names_of

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
    words of a goal or text, or a whole shorter goal of five words or more, may not be copied. `conditions_on` are the
    variables of prompts that a condition may test although they tell tasks apart.
    """

    task_ids: frozenset[str] = frozenset()
    conditions_on: frozenset[str] = frozenset()
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
    def names(self) -> tuple[TaskName, ...]:
        """What to look for so that no task is named."""
        return names_of(self.task_ids)


def words_of(text: str) -> list[str]:
    """The words of a text as copying is judged by: canonical letters, no punctuation."""
    return _WORD.findall(canonical(text))


def word_runs(text: str, length: int) -> Iterable[tuple[str, ...]]:
    """Every run of `length` consecutive words."""
    words = words_of(text)
    return (tuple(words[i : i + length]) for i in range(len(words) - length + 1))


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
    if (word := mixed_alphabets(added)) and word not in before:
        return f"it contains a word with letters of several alphabets ({word!a}), which reads as another word"
    for text in decodings(unicodedata.normalize("NFKC", added)):
        for form in (text, canonical(text)):
            if found := _new(_ADDRESS, form, before):
                return f"it adds an address ({_quote(found)}); edits may not add addresses"
            if found := _new(_CREDENTIAL, form, before):
                return f"it mentions credentials ({_quote(found)}); edits may not"
    if task := named_task([added], before, forbidden):
        return f"it names the task {task}; a patch must hold for any task, so edits may name none"
    return _first_copied(added, before, forbidden)


def problem_together(texts: Sequence[str], *, before: str, forbidden: Forbidden) -> str | None:
    """Why the edits of a patch may not be made together, although each may; None when they may.

    Args:
        texts: What each edit adds, and each changed place with what stands around it.
        before: What the edited files contained.
        forbidden: What no edit may contain.
    """
    if task := named_task([*texts, "".join(text.strip() for text in texts)], before, forbidden, halves=True):
        return f"together they name the task {task}; a patch must hold for any task, so edits may name none"
    return next((problem for text in texts if (problem := _first_copied(text, before, forbidden))), None)


def named_task(texts: Sequence[str], before: str, forbidden: Forbidden, *, halves: bool = False) -> str | None:
    """The first task that the texts name and `before` does not; with `halves`, also one whose id they hold in two."""
    joined = Spellings("\n".join(texts))
    known: Spellings | None = None
    for name in forbidden.names:
        whole = joined.holds(name)
        if whole or (halves and joined.holds_halves(name)):
            known = known or Spellings(before)
            if not (known.holds(name) if whole else known.holds_halves(name)):
                return name.task
    return None


def _first_copied(added: str, before: str, forbidden: Forbidden) -> str | None:
    return next((problem for text in decodings(added) if (problem := _copied(text, before, forbidden))), None)


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
