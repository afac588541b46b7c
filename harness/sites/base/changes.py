"""What changed between two states, in the two shapes that graders read. The arguments stay unchanged.

A state is JSON: objects with string keys; anything else, a list too, counts as one value. So a collection whose
entries change independently is an object keyed by id, not a list.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Tree = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """Entries that graders look up by name in `differences`: an object by id at `path` in the state.

    Graders of one site want lists, those of another objects by id; `as_list` says which.
    """

    name: str
    path: tuple[str, ...]
    as_list: bool = True


def _same(a: Any, b: Any) -> bool:
    """Equal as JSON. Python would take true for 1, and a grader that asks `is True` would not."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(v, b[k]) for k, v in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def changes(initial: Tree, final: Tree) -> Tree:
    """`{"added", "updated", "deleted"}`, each a tree that holds only what changed.

    Added and updated hold the final values, deleted holds null where something was: its old value would not tell
    "emptied" from "gone".
    """
    added: Tree = {k: deepcopy(v) for k, v in final.items() if k not in initial}
    deleted: Tree = {k: None for k in initial if k not in final}
    updated: Tree = {}
    for key in initial.keys() & final.keys():
        before, after = initial[key], final[key]
        if isinstance(before, dict) and isinstance(after, dict):
            below = changes(before, after)
            for whole, part in ((added, "added"), (updated, "updated"), (deleted, "deleted")):
                if below[part]:
                    whole[key] = below[part]
        elif not _same(before, after):
            updated[key] = deepcopy(after)
    return {"added": added, "updated": updated, "deleted": deleted}


def _at(state: Tree, path: tuple[str, ...]) -> Tree:
    for key in path:
        state = state.get(key, {})
    return state


def differences(initial: Tree, final: Tree, collections: tuple[Collection, ...]) -> Tree:
    """Per collection: entries added (whole), updated (their id and the fields that changed), deleted (as they were)."""
    out: Tree = {}
    for collection in collections:
        before, after = _at(initial, collection.path), _at(final, collection.path)
        change = changes(before, after)
        touched = {**change["updated"], **change["added"]}
        kept = [i for i in before if i in after and i in touched]
        parts = {
            "added": {i: deepcopy(e) for i, e in after.items() if i not in before},
            "updated": {i: {"id": i, **change["updated"].get(i, {}), **change["added"].get(i, {})} for i in kept},
            "deleted": {i: deepcopy(e) for i, e in before.items() if i not in after},
        }
        out[collection.name] = {k: list(v.values()) for k, v in parts.items()} if collection.as_list else parts
    return out
