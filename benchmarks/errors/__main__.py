"""Precision and recall of the recognition of errors, on results that were labelled by hand.

    python -m benchmarks.errors [--wrong] [--no-flags]

`--wrong` lists the results that were judged wrongly; `--no-flags` hides what the formats say of a call (InterCode's
exit status), so that the words alone decide. The exit code is 1 when precision or recall of a part is below 95%.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from halo_opt.stats.intervals import wilson
from halo_opt.store.readers.call_errors import CallError, call_error

LABELLED = Path(__file__).with_name("labelled.jsonl")
LEAST = 0.95
Row = dict[str, Any]


def main() -> int:
    """Print the tables and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wrong", action="store_true", help="list the results that were judged wrongly")
    parser.add_argument("--no-flags", action="store_true", help="hide what the formats say of a call")
    options = parser.parse_args()
    rows = [json.loads(line) for line in LABELLED.read_text(encoding="utf-8").splitlines()]
    if options.no_flags:
        rows = [row | {"failed": None} for row in rows]
    enough = True
    for part in dict.fromkeys(row["part"] for row in rows):
        mine = [row for row in rows if row["part"] == part]
        print(f"{part}: {len(mine)} results, {sum(row['error'] for row in mine)} of them errors\n")
        enough &= table(mine)
        if options.wrong:
            wrong(mine)
    return 0 if enough else 1


def judged(row: Row) -> CallError | None:
    """What the recogniser says of a result."""
    return call_error(row["tool"], row["arguments"], row["result"], failed=row["failed"])


def table(rows: Sequence[Row]) -> bool:
    """Print the shares by format and overall; returns whether overall precision and recall are high enough."""
    print("| format | results | precision | recall | type | words |\n| --- | --- | --- | --- | --- | --- |")
    for name in sorted({row["format"] for row in rows}):
        line(name, [row for row in rows if row["format"] == name])
    return line("all", rows)


def line(name: str, rows: Sequence[Row]) -> bool:
    """Print one row of the table; returns whether precision and recall are high enough."""
    found = [(row, error) for row in rows if (error := judged(row)) is not None]
    right = [(row, error) for row, error in found if row["error"]]
    typed = sum(error.error_type == row["type"] for row, error in right)
    worded = [(row, error) for row, error in right if row["words"]]
    quoted = sum(error.message.startswith(tuple(row["words"])) for row, error in worded)
    errors = sum(row["error"] for row in rows)
    cells = [
        share(len(right), len(found)),
        share(len(right), errors),
        share(typed, len(right)),
        share(quoted, len(worded)),
    ]
    print(f"| {name} | {len(rows)} | {' | '.join(cells)} |")
    return len(right) >= LEAST * len(found) and len(right) >= LEAST * errors


def share(count: int, of: int) -> str:
    """A share with its Wilson interval."""
    found = wilson(successes=count, n=of)
    return "none" if found is None else f"{count}/{of} = {count / of:.1%} ({found[0]:.1%} to {found[1]:.1%})"


def wrong(rows: Sequence[Row]) -> None:
    """Print the results whose error, type or words were not recognised as labelled."""
    for row in rows:
        error = judged(row)
        words = tuple(row["words"])
        same_words = error is None or not words or error.message.startswith(words)
        if (
            (error is not None) != row["error"]
            or (error is not None and error.error_type != row["type"])
            or not same_words
        ):
            print(f"\n{row['source']} {row['tool']} {row['arguments'][:200]!r}\n  result: {row['result'][:300]!r}")
            print(f"  label: {row['type']} {row['words']}\n  found: {error}")


if __name__ == "__main__":
    sys.exit(main())
