"""Tasks of one id with different goals, told apart: data sets that number their tasks from 0 share their ids.

Goals that fill a template, with numbers, names or dates, are one task's; so are goals that vary with the seed.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from operator import eq
from typing import NamedTuple

import duckdb

from halo_opt.store.schema import TOLD_APART

_SUFFIX = "#goal-"
# The key in `meta` of the tasks whose goals were found to be of one kind.
_TOGETHER = "tasks_left_together"
# Shares of the words, from which on two goals are taken for one template: in order, and of the shorter one.
_ALIKE, _CONTAINED = 0.5, 0.7
# Below this share of common words no order of them makes two goals alike.
_IN_COMMON = 0.3
# So many words in a row are the text of one task within different instructions.
_IN_A_ROW = 8
_MOST_WORDS = 300
# More goals than these are the nature of what the id names, and comparing them would take long.
_MOST_GOALS = 500
_QUOTED = re.compile(r'"[^"]*"|`[^`]*`|(?<!\w)\'[^\']*\'(?!\w)')
# Letters of scripts that put no spaces between words count as words.
_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+")
_Words = tuple[str, ...]


class _Goal(NamedTuple):
    """A goal of a task, its words, and the seeds of its attempts."""

    text: str
    words: _Words
    seeds: frozenset[int | None]


def join_tasks(connection: duckdb.DuckDBPyConnection) -> None:
    """Give tasks that were told apart their common id again, as it is decided anew when attempts were added."""
    connection.execute(
        f"UPDATE attempts SET task_id = regexp_replace(task_id, '{TOLD_APART}', '')"
        f" WHERE regexp_matches(task_id, '{TOLD_APART}')"
    )


def tell_tasks_apart(connection: duckdb.DuckDBPyConnection) -> None:
    """Add a hash of the goal to the id of every task whose attempts have goals of different kinds.

    Run folders are left alone: there the loop's configuration names the tasks.
    """
    rows = connection.execute(
        "SELECT task_id, goal, list(DISTINCT coalesce(seed::VARCHAR, '')) FROM attempts WHERE goal IS NOT NULL"
        " AND run_id NOT IN (SELECT run_id FROM runs WHERE format = 'run-folder') GROUP BY task_id, goal"
        " QUALIFY count(*) OVER (PARTITION BY task_id) BETWEEN 2 AND ? ORDER BY task_id, goal",
        [_MOST_GOALS],
    ).fetchall()
    if not rows:
        return
    frame = _frame(connection)
    texts: dict[str, list[tuple[str, frozenset[int | None]]]] = defaultdict(list)
    for task_id, text, seeds in rows:
        texts[task_id].append((text, frozenset(int(seed) if seed else None for seed in seeds)))
    known = _known_tasks(connection)
    changes: list[tuple[str, str, str]] = []
    together: list[str] = []
    for task_id, found in texts.items():
        digest = _digest(frame, task_id, found)
        goals = [_Goal(text, _words_of(text, frame), seeds) for text, seeds in found] if digest not in known else []
        changed = _changes(task_id, goals)
        changes += changed
        together += [digest] if not changed else []
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_TOGETHER, json.dumps(together)])
    if changes:
        connection.execute("CREATE OR REPLACE TEMP TABLE goals (old VARCHAR, text VARCHAR, new VARCHAR)")
        connection.executemany("INSERT INTO goals VALUES (?, ?, ?)", changes)
        connection.execute(
            "UPDATE attempts SET task_id = new FROM goals WHERE task_id = old AND goal = text"
            " AND run_id NOT IN (SELECT run_id FROM runs WHERE format = 'run-folder')"
        )


def _known_tasks(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The digests of the tasks that an earlier build left together, so that their goals need not be compared again."""
    rows = connection.execute("SELECT value FROM meta WHERE key = ?", [_TOGETHER]).fetchall()
    return frozenset(digest for (text,) in rows for digest in json.loads(text))


def _digest(frame: tuple[int, int], task_id: str, goals: Sequence[tuple[str, frozenset[int | None]]]) -> str:
    """A hash of all that decides whether the goals of a task are of one kind."""
    parts = [(text, sorted(map(str, seeds))) for text, seeds in goals]
    return hashlib.sha256(repr((frame, task_id, parts)).encode("utf-8", "replace")).hexdigest()[:24]


def _changes(task_id: str, goals: Sequence[_Goal]) -> list[tuple[str, str, str]]:
    """(id, goal, new id) for the goals of a task, none where they are of one kind."""
    kinds = _kinds(goals)
    if len(kinds) < 2 or _vary_with_seed(kinds):
        return []
    changes = []
    for kind in kinds:
        first = min(" ".join(goal.words) for goal in kind)
        suffix = hashlib.sha256(first.encode("utf-8", "replace")).hexdigest()[:4]
        changes += [(task_id, goal.text, f"{task_id}{_SUFFIX}{suffix}") for goal in kind]
    return changes


def _kinds(goals: Sequence[_Goal]) -> list[list[_Goal]]:
    """The goals in groups of which no two have goals that are alike."""
    kinds: list[list[_Goal]] = []
    for goal in goals:
        # The last first: goals come in order, and the nearest ones mostly begin alike.
        same = [kind for kind in kinds if any(_alike(goal.words, other.words) for other in reversed(kind))]
        kinds = [kind for kind in kinds if kind not in same]
        kinds.append([*(other for kind in same for other in kind), goal])
    return kinds


def _vary_with_seed(kinds: Sequence[Sequence[_Goal]]) -> bool:
    """Whether each seed has goals of one kind only. Attempts without a seed have the same one."""
    seeds = [frozenset().union(*(goal.seeds for goal in kind)) for kind in kinds]
    return len(frozenset().union(*seeds)) == sum(map(len, seeds))


def _alike(one: _Words, other: _Words) -> bool:
    """Whether two goals fill one template, or one is the other within more instructions."""
    if one == other or not one or not other:
        return one == other
    # Goals of one template mostly begin or end alike, and to compare them further takes a thousand times as long.
    ends = (one[:_IN_A_ROW], one[-_IN_A_ROW:]), (other[:_IN_A_ROW], other[-_IN_A_ROW:])
    if min(len(one), len(other)) >= _IN_A_ROW and any(map(eq, *ends)):
        return True
    fewer = min(len(set(one)), len(set(other)))
    if len(set(one) & set(other)) < _IN_COMMON * fewer:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    blocks = matcher.get_matching_blocks()
    matched, longest = sum(block.size for block in blocks), max(block.size for block in blocks)
    shorter = min(len(one), len(other))
    enough = matched >= _CONTAINED * shorter or matched * 2 >= _ALIKE * (len(one) + len(other))
    return enough or longest >= _IN_A_ROW


def _words_of(text: str, frame: tuple[int, int] = (0, 0)) -> _Words:
    """The words of a goal without numbers and quoted texts, and without the frame around all goals."""
    words = _WORD.findall(_QUOTED.sub(" ", text.lower()))
    first, last = frame
    return tuple(words[first : len(words) - last][:_MOST_WORDS])


def _frame(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many words all goals begin and end with, where these are instructions around the goals of different tasks."""
    rows = connection.execute(
        "SELECT min(goal) FROM attempts WHERE goal IS NOT NULL GROUP BY task_id ORDER BY task_id LIMIT 200"
    ).fetchall()
    if len(rows) < 3:
        return 0, 0
    texts = [_WORD.findall(_QUOTED.sub(" ", goal.lower())) for (goal,) in rows]
    before, after = _common(texts), _common(text[::-1] for text in texts)
    shortest = min(map(len, texts))
    return (before, after) if _IN_A_ROW <= before + after < shortest else (0, 0)


def _common(texts: Iterable[Sequence[str]]) -> int:
    """How many first words some texts share."""
    count = 0
    for words in zip(*texts, strict=False):
        if len(set(words)) > 1:
            return count
        count += 1
    return count
