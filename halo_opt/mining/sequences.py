"""Sequences: actions in a row, and pairs of actions with steps between them, that many attempts show.

Candidates are chosen by how many attempts show them, whatever their outcome, and are then tested with everything else.
Every attempt that shows a pattern also shows the patterns that it contains, so the overlap of two is the ratio of their
counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import Condition
from halo_opt.mining.materialized import MaterializedStore
from halo_opt.mining.measure import Measured, literal
from halo_opt.mining.signatures import KNOWN, TEMPLATES, Offered, least_attempts, name_of

LONGEST = 4
# A pair may have this many steps between.
MOST_BETWEEN = 3
MOST_OFFERED = 40
# Rarer actions are in no pattern that enough attempts show; more kinds than this make no number of 40 bits.
_MOST_WORDS = 1023
# Of two patterns with this share of attempts in common, the one that the other contains is left out.
SAME = 0.8
# After the test: two findings, one within the other, with this share of failures in common are reported as one.
SHARED_FAILURES = 0.5


@dataclass(frozen=True, slots=True)
class Pattern:
    """Actions in a row, or (`within`) two of which the second comes at most so many steps after the first."""

    actions: tuple[str, ...]
    within: int | None
    attempts: int


def sequences(store: MaterializedStore) -> Offered:
    """The patterns that enough attempts show, without those that nearly always come as part of a longer one."""
    least, most = least_attempts(store)
    found = [pattern for pattern in _patterns(store, least) if pattern.attempts <= most]
    closed = closed_patterns(found)
    [(attempts,)] = store.rows("SELECT count(*) FROM attempts WHERE outcome IS DISTINCT FROM 'error'")
    # Those that about half of the attempts show can tell most.
    closed.sort(key=lambda p: (abs(2 * p.attempts - attempts), len(p.actions), p.actions, p.within or 0))
    chosen = closed[:MOST_OFFERED]
    method = (
        f"{len(found)} sequences of actions (2 to {LONGEST} in a row, or two with at most {MOST_BETWEEN} steps between)"
        f" occur in at least {least} attempts and not in nearly all. {len(closed)} of them are not mostly part of"
        f" a longer one; {len(chosen)} of these (at most {MOST_OFFERED}, chosen by how many attempts show them,"
        " regardless of outcome) were tested."
    )
    return Offered(tuple(_behaviour(pattern) for pattern in chosen), method)


def _patterns(store: MaterializedStore, least: int) -> list[Pattern]:
    """Every pattern that at least so many attempts show."""
    table = store.steps_with(list(TEMPLATES), KNOWN)
    rows = store.rows(
        f"SELECT action_word FROM {table} WHERE action_word IS NOT NULL GROUP BY action_word HAVING count(DISTINCT"
        f" trace_id) >= {least} ORDER BY count(DISTINCT trace_id) DESC, action_word LIMIT {_MOST_WORDS}"
    )
    words = [str(word) for (word,) in rows]
    if not words:
        return []
    numbered = ", ".join(f"({literal(word)}, {number})" for number, word in enumerate(words))
    coded = store.keep(
        "words",
        f"SELECT trace_id, step, n.number AS word FROM {table} LEFT JOIN (VALUES {numbered}) AS n(word, number) ON"
        " action_word = n.word",
    )
    found = []
    for length in range(2, LONGEST + 1):
        code = " + ".join(f"lead(word, {n}) OVER w * {1024**n}::BIGINT" if n else "word" for n in range(length))
        grams = f"SELECT trace_id, {code} AS code FROM {coded} WINDOW w AS (PARTITION BY trace_id ORDER BY step)"
        found += [
            Pattern(_decoded(code, length, words), None, attempts)
            for code, attempts in store.rows(_counted(grams, least))
        ]
    pairs = " UNION ALL ".join(
        f"SELECT trace_id, word + lead(word, {n}) OVER (PARTITION BY trace_id ORDER BY step) * 1024::BIGINT AS code"
        f" FROM {coded}"
        for n in range(1, MOST_BETWEEN + 2)
    )
    within = MOST_BETWEEN + 1
    found += [
        Pattern((words[code % 1024], words[code // 1024]), within, attempts)
        for code, attempts in store.rows(_counted(pairs, least))
    ]
    return found


def _decoded(code: int, length: int, words: Sequence[str]) -> tuple[str, ...]:
    """The actions of a pattern from its code: 10 bits an action, the first in the lowest bits."""
    return tuple(words[code // 1024**n % 1024] for n in range(length))


def _counted(grams: str, least: int) -> str:
    """The query for rows (code, attempts) of the codes that at least `least` measured attempts show."""
    return (
        f"SELECT code, count(*) FROM (SELECT DISTINCT trace_id, code FROM ({grams}) WHERE code IS NOT NULL AND trace_id"
        " IN (SELECT trace_id FROM attempts WHERE outcome IS DISTINCT FROM 'error')) GROUP BY code HAVING count(*) >="
        f" {least} ORDER BY code"
    )


def contains(whole: Pattern | Behaviour, part: Pattern | Behaviour) -> bool:
    """Whether every attempt that shows `whole` shows `part`, by the patterns alone; no pattern contains itself."""
    longer, shorter = whole.actions, part.actions
    if (longer, whole.within) == (shorter, part.within) or not longer or not shorter:
        return False
    if whole.within is not None:
        # Two actions with anything between are within each other no more narrowly than that.
        return part.within is not None and longer == shorter and whole.within <= part.within
    if part.within is None:
        return any(longer[n : n + len(shorter)] == shorter for n in range(len(longer) - len(shorter) + 1))
    first, second = shorter
    return any(longer[n] == first and second in longer[n + 1 : n + 1 + part.within] for n in range(len(longer)))


def closed_patterns(patterns: Iterable[Pattern]) -> list[Pattern]:
    """The patterns without those whose attempts nearly all (`SAME`) show a longer pattern that contains them.

    These are closed sequential patterns with a tolerance. Source: Yan, Han and Afshar 2003, "CloSpan: mining closed
    sequential patterns in large datasets".
    """
    # In a row before with a gap, long before short: the more specific pattern is kept.
    ordered = sorted(patterns, key=lambda p: (p.within is not None, -len(p.actions), p.actions))
    kept: list[Pattern] = []
    for pattern in ordered:
        if not any(contains(k, pattern) and k.attempts >= SAME * pattern.attempts for k in kept):
            kept.append(pattern)
    return kept


def without_contained(ranked: Sequence[Measured]) -> list[Measured]:
    """The measured behaviours without sequences that overlap with an earlier one.

    Two sequences overlap when one contains the other and they share most of their failures.
    """
    kept: list[Measured] = []
    for m in ranked:
        if not any(_overlap(m, other) for other in kept):
            kept.append(m)
    return kept


def _overlap(one: Measured, other: Measured) -> bool:
    if not (contains(one.behaviour, other.behaviour) or contains(other.behaviour, one.behaviour)):
        return False
    few, many = sorted((one.failures_with, other.failures_with))
    return few >= SHARED_FAILURES * many


def _behaviour(pattern: Pattern) -> Behaviour:
    short = [action if len(action) <= 40 else f"{action[:39]}…" for action in pattern.actions]
    last = literal(pattern.actions[-1])
    if pattern.within is None:
        backs = {f"word_before{n}": action for n, action in enumerate(reversed(pattern.actions[:-1]), start=1)}
        where = " AND ".join([f"action_word = {last}", *(f"{b} = {literal(action)}" for b, action in backs.items())])
        title = f"Does {', then '.join(short)}"
        meaning = f"{len(short)} steps in a row: {', then '.join(pattern.actions)}."
    else:
        backs = {f"word_before{n}": "" for n in range(1, pattern.within + 1)}
        where = f"action_word = {last} AND {literal(pattern.actions[0])} IN ({', '.join(backs)})"
        title = f"Does {short[0]} and soon after {short[1]}"
        meaning = f"{pattern.actions[0]}, and at most {pattern.within} steps later {pattern.actions[1]}."
    return Behaviour(
        name=name_of("sequence", pattern.within, *pattern.actions),
        title=title,
        meaning=meaning,
        condition=Condition(
            facts={"action_word": KNOWN["action_word"]},
            windows={back: f"lag(action_word, {n}) OVER w" for n, back in enumerate(backs, start=1)},
            where=where,
        ),
        actions=pattern.actions,
        within=pattern.within,
        from_traces=True,
    )
