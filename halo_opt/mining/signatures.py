"""Signatures: error messages and calls as templates, with names and numbers masked, that many attempts show.

Templates are chosen by how many attempts show them alone: a choice by outcome would prove them by itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import Condition
from halo_opt.mining.facts import FACTS
from halo_opt.mining.materialized import MaterializedStore
from halo_opt.mining.measure import literal
from halo_opt.store.masking import masked_sql

# Fewer attempts than this, or this share of them, cannot tell anything after correction for all that is tested.
MIN_ATTEMPTS = 10
MIN_SHARE = 0.01
# What nearly all attempts show separates nothing.
MOST_SHARE = 0.95
MOST_OFFERED = 20
# Kinds of templates that are tested within runs.
OFFERED = ("error", "call")
GROUPS_ONLY = "it was looked for in whole groups of attempts only"
# Programs of a pipeline beyond these no longer say what kind of command it is.
_PROGRAMS = 4
_NO_WORD = re.compile("[^a-z0-9]+")
_NAME_CHARS = 40
# An error without the shell's own name and place before it, such as `/bin/bash: line 3: `.
_MESSAGE = r"regexp_replace(left(coalesce(error, error_type), 600), '^/\S+: (line \d+: )?', '')"
# What an error is about: the program that was not found, the first part of a path, or a name in quotes.
_SUBJECT = (
    "coalesce("
    rf"nullif(regexp_extract({_MESSAGE}, '([\w./+-]+): (?:command )?not found', 1), ''),"
    rf" nullif(regexp_extract({_MESSAGE}, '(?:^|[\s''\"`(=:])(/[\w.@+-]+)', 1), ''),"
    rf" nullif(regexp_extract({_MESSAGE}, '[''\"`]([^''\"`\n]{{2,60}})[''\"`]', 1), ''))"
)
_LAST = masked_sql(rf"regexp_extract({_MESSAGE}, '([^:\n]+)\s*$', 1)", longest=120)
_FIRST = masked_sql(rf"regexp_extract({_MESSAGE}, '^([^:\n]+)', 1)", longest=120)
# What happened: the last words of the message, or its first where the last are nothing but the subject.
_WHAT = f"CASE WHEN regexp_full_match({_LAST}, '(<\\w+>)?') THEN {_FIRST} ELSE {_LAST} END"
_UNQUOTED = r"regexp_replace(left(command, 2000), '''[^'']*''|\"[^\"]*\"|\\.', 'Q', 'g')"

TEMPLATES: Mapping[str, str] = {
    "error_shape": f"CASE WHEN failed THEN {masked_sql('coalesce(error, error_type)', longest=200)} END",
    # The same with the name of what it is about, where there is one: a missing folder, program or key.
    "error_about": f"CASE WHEN failed THEN {_SUBJECT} || ': ' || {_WHAT} END",
    # A command with its values masked, or a tool with the names of its arguments.
    "call_shape": (
        f"CASE WHEN NOT acting THEN NULL WHEN shell THEN {masked_sql('command', longest=100)}"
        " WHEN left(ltrim(arguments), 1) = '{' AND json_valid(arguments)"
        " THEN tool || '(' || array_to_string(list_sort(json_keys(arguments))[:8], ', ') || ')' ELSE tool END"
    ),
    # The programs of a command, or a tool with the kind of its target; whether it failed belongs to what happened.
    "action_word": (
        "CASE WHEN tool IS NULL THEN CASE WHEN failed THEN 'unreadable reply' END ELSE concat("
        "CASE WHEN shell THEN coalesce(nullif(array_to_string(regexp_extract_all("
        f"{_UNQUOTED}, '(?:^|[|;&]+)\\s*(?:sudo )?([\\w./+-]+)', 1)[:{_PROGRAMS}], ' | '), ''), tool)"
        f" ELSE concat_ws(' ', tool, {masked_sql('target', longest=40)}) END,"
        " CASE WHEN failed THEN ' (fails)' ELSE '' END) END"
    ),
}
KNOWN: Mapping[str, str] = {**FACTS, **TEMPLATES}


@dataclass(frozen=True, slots=True)
class Signature:
    """One template: how many steps and attempts show it."""

    kind: str
    template: str
    steps: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Offered:
    """Behaviours found in the traces themselves, and a sentence for the method: how many there were and are tested."""

    behaviours: tuple[Behaviour, ...]
    method: str


_KINDS = {
    "about": ("error_about", "Gets errors about {}", "A call failed with an error about this: {}"),
    "error": ("error_shape", "Gets the error: {}", "A call failed with this message (names and numbers masked): {}"),
    "call": ("call_shape", "Calls: {}", "A call of this shape was made (names and numbers masked): {}"),
}


def least_attempts(store: MaterializedStore) -> tuple[int, int]:
    """How many attempts must show a template for it to be offered, and how many at most."""
    [(attempts,)] = store.rows("SELECT count(*) FROM attempts WHERE outcome IS DISTINCT FROM 'error'")
    return max(MIN_ATTEMPTS, round(MIN_SHARE * attempts)), int(MOST_SHARE * attempts)


def signatures(
    store: MaterializedStore, kinds: Sequence[str] = OFFERED, among: str = "SELECT trace_id FROM attempts"
) -> list[Signature]:
    """Every template of some kinds, the commonest first.

    Args:
        store: The attempts.
        kinds: Which kinds of templates.
        among: SQL of the trace ids of the attempts that count.
    """
    table = store.steps_with(list(TEMPLATES), KNOWN)
    found = []
    for kind in kinds:
        fact, _, _ = _KINDS[kind]
        rows = store.rows(
            f"SELECT {fact}, count(*), count(DISTINCT trace_id) FROM {table} WHERE {fact} IS NOT NULL AND trace_id IN"
            f" ({among}) GROUP BY {fact} ORDER BY 3 DESC, 2 DESC, {fact}"
        )
        found += [Signature(kind, str(template), steps, attempts) for template, steps, attempts in rows]
    return found


def shared(store: MaterializedStore, among: str, least: float) -> list[Behaviour]:
    """The templates that a share of some attempts shows, the commonest of each kind first.

    Args:
        store: The attempts.
        among: SQL of the trace ids of these attempts.
        least: The share of them that must show a template, 0 to 1.
    """
    [(attempts,)] = store.rows(f"SELECT count(*) FROM ({among})")
    found = []
    for kind in _KINDS:
        common = [one for one in signatures(store, [kind], among) if one.attempts >= max(1, least * attempts)]
        found += [signature_behaviour(one) for one in common[:MOST_OFFERED]]
    return found


def offered(store: MaterializedStore) -> Offered:
    """The templates that enough attempts show, as behaviours to be tested like any other."""
    least, most = least_attempts(store)
    found = signatures(store)
    common = [one for one in found if least <= one.attempts <= most]
    chosen: list[Signature] = []
    for kind in OFFERED:
        chosen += [one for one in common if one.kind == kind][:MOST_OFFERED]
    method = (
        f"Error messages and calls were reduced to {len(found)} templates by masking names and numbers. {len(common)}"
        f" of them occur in at least {least} attempts and not in nearly all; {len(chosen)} of these (the most common,"
        f" at most {MOST_OFFERED} of each kind) were tested."
    )
    return Offered(tuple(signature_behaviour(one) for one in chosen), method)


def never_called(store: MaterializedStore, among: str, least: float) -> list[Behaviour]:
    """For each tool that a share of some attempts calls: that an attempt never calls it. Arguments as in `shared`."""
    rows = store.rows(
        f"SELECT tool FROM steps WHERE tool IS NOT NULL AND trace_id IN ({among}) GROUP BY tool HAVING"
        f" count(DISTINCT trace_id) >= greatest(1, {least} * (SELECT count(*) FROM ({among})))"
        f" ORDER BY count(DISTINCT trace_id) DESC, tool LIMIT {MOST_OFFERED}"
    )
    return [
        Behaviour(
            name=name_of("without", tool),
            title=f"Never calls {tool}",
            meaning=f"No step calls {tool}.",
            condition=Condition(having=f"NOT coalesce(bool_or(tool = {literal(tool)}), false)"),
            from_traces=True,
        )
        for (tool,) in rows
    ]


def signature_behaviour(one: Signature) -> Behaviour:
    """The behaviour of showing a template."""
    fact, title, meaning = _KINDS[one.kind]
    short = one.template if len(one.template) <= 80 else f"{one.template[:79]}…"
    return Behaviour(
        name=name_of(one.kind, one.template),
        title=title.format(short),
        meaning=meaning.format(one.template),
        condition=Condition(facts={fact: KNOWN[fact]}, where=f"{fact} = {literal(one.template)}"),
        from_traces=True,
    )


def name_of(kind: str, *parts: object) -> str:
    """A readable behaviour name for a template, with a hash: the same in every report that finds the same."""
    texts = (_NO_WORD.sub("_", part.lower()).strip("_") for part in parts if isinstance(part, str))
    words = "_then_".join(filter(None, texts))[:_NAME_CHARS].strip("_")
    digest = blake2b(chr(31).join(map(str, parts)).encode("utf-8", "replace"), digest_size=4).hexdigest()
    return "_".join(filter(None, (kind, words, digest)))
