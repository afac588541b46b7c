"""Statements and lies made from recorded claims of a large model: each sentence as it is, and with a number changed.

    python -m benchmarks.rlm.strong_claims [--example DIR] [--out DIR]

A statement must keep its words, with the numbers that plain SQL gives in its placeholders. A lie writes another number
in the place of one placeholder; it must not stand above `suspected`.
Exit code 1 when a lie got through or a statement was changed.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.rlm.lies import judged, write_planted_report
from benchmarks.rlm.planted import Planted, mark
from halo_opt.analysis.claims.hypotheses import Hypotheses, behaviour_sql
from halo_opt.analysis.session.session_journal import Recording
from halo_opt.core.text import counted
from halo_opt.stats.intervals import wilson
from halo_opt.store import build_store

EXAMPLE = Path("examples/analysis/intercode")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_SENTENCE = re.compile(r"(?<=[.;])\s+(?=[A-Z{])")
# What a lie adds to a number.
_OFF = (1, 7)


def recorded_claims(replies: Path) -> list[dict[str, Any]]:
    """The claims of a recording in their order, each with its predicate as SQL."""
    actions = [
        action
        for reply in Recording.read(replies).replies
        for action in json.loads(reply["completion"]["text"])["actions"]
    ]
    named = {
        Hypotheses().add("", action["predicate_sql"]).name: action["predicate_sql"]
        for action in actions
        if action["tool"] == "contrast"
    }
    claims = [
        {name: part for name, part in action.items() if name != "tool"} for action in actions if "claim" in action
    ]
    return [claim | {"predicate_sql": named.get(claim["predicate_sql"], claim["predicate_sql"])} for claim in claims]


def planted_of(store: Path, claims: list[dict[str, Any]]) -> tuple[list[Planted], list[Planted]]:
    """(statements, lies): each sentence of each claim, and each of its placeholders with other numbers."""
    true: list[Planted] = []
    false: list[Planted] = []
    with duckdb.connect(str(store), read_only=True) as db:
        for claim in claims:
            values = dict(_values(db, claim))
            texts = [
                *_SENTENCE.split(claim["claim"]),
                claim["claim"],
                claim["title"],
                claim.get("counter_evidence", ""),
            ]
            for text in filter(None, dict.fromkeys(texts)):
                kept = _PLACEHOLDER.sub(lambda found, values=values: f"{values[found[1]]:,}", text)
                true.append(_planted("true", claim, text, len(true), kept=kept))
                for found in _PLACEHOLDER.finditer(text):
                    for off in _OFF:
                        lie = f"{text[: found.start()]}{values[found[1]] + off}{text[found.end() :]}"
                        said = _PLACEHOLDER.sub(lambda other, values=values: f"{values[other[1]]:,}", lie)
                        false.append(_planted("another number", claim, lie, 500 + len(false), never=(said,)))
    return true, false


def _values(db: duckdb.DuckDBPyConnection, claim: dict[str, Any]) -> Iterator[tuple[str, int | float]]:
    """The numbers that the claim's placeholders name, counted by plain SQL."""
    shown = f"SELECT trace_id FROM ({behaviour_sql(claim['predicate_sql'])}) AS b WHERE value"
    for outcome, name in (("failure", "failures"), ("success", "successes")):
        of = f"SELECT count(*) FROM attempts WHERE outcome = '{outcome}'"
        [(whole,)], [(part,)] = db.execute(of).fetchall(), db.execute(f"{of} AND trace_id IN ({shown})").fetchall()
        yield name, whole
        yield f"{name}_with", part
    for number in claim.get("numbers", []):
        [(value,)] = db.execute(number["sql"]).fetchall()
        yield number["name"], value


def _planted(kind: str, claim: dict[str, Any], words: str, place: int, **more: Any) -> Planted:
    """One claim about the same attempts by other SQL, as a predicate is claimed once."""
    predicate = f"SELECT trace_id FROM ({claim['predicate_sql']}) AS p WHERE length(trace_id) < {1_000 + place}"
    told = {
        **{name: claim[name] for name in ("numbers", "quotes", "category") if name in claim},
        "title": f"Fails like this {mark(place)}",
        "claim": words,
        "predicate_sql": predicate,
    }
    return Planted(kind, mark(place), told, **more)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--example", type=Path, default=EXAMPLE, help="a folder with traces/ and replies.jsonl")
    parser.add_argument("--out", type=Path, help="keep the reports here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store, out = Path(folder) / "s.duckdb", given.out or Path(folder)
        build_store([given.example / "traces"], store)
        true, false = planted_of(store, recorded_claims(given.example / "replies.jsonl"))
        write_planted_report(store, out / "true", true, "Done.")
        write_planted_report(store, out / "false", false, "Done.")
        changed = judged(store, out / "true", true, ())[1]
        through = judged(store, out / "false", false, ())[0]
    kept = wilson(successes=len(true) - len(changed), n=len(true))
    print(
        f"{counted(len(true), 'statement')}, changed: {len(changed)} (95% interval of the share that is kept: {kept})"
    )
    print(f"{counted(len(false), 'lie')}, above suspected: {len(through)}")
    for line in (*changed, *through):
        print(f"- {line}")
    return 1 if changed or through else 0


if __name__ == "__main__":
    sys.exit(main())
