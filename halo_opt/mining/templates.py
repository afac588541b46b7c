"""Facts of a step as templates: what an error says and what an action is, with names and numbers masked. Text only."""

from collections.abc import Mapping
from hashlib import blake2b

from halo_opt.mining.facts import FACTS
from halo_opt.store.masking import masked_sql

# Programs of a pipeline beyond these no longer say what kind of command it is.
_PROGRAMS = 4
_UNQUOTED = r"regexp_replace(left(command, 2000), '''[^'']*''|\"[^\"]*\"|\\.', 'Q', 'g')"

TEMPLATES: Mapping[str, str] = {
    "error_shape": f"CASE WHEN failed THEN {masked_sql('coalesce(error, error_type)', longest=200)} END",
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


def name_of(kind: str, *parts: object) -> str:
    """A behaviour name for a template: the same in every report that finds the same."""
    return f"{kind}_{blake2b(chr(31).join(map(str, parts)).encode('utf-8', 'replace'), digest_size=5).hexdigest()}"
