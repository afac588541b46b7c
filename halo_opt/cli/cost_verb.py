"""The verb cost: what model calls have cost, summed from the journals of analyses and loops."""

from pathlib import Path
from typing import Annotated

import typer

from halo_opt.analysis.session.spend_table import SpendRow, journals_in, spend_rows, total
from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, rows_format
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.paths import CACHE, CachePaths
from halo_opt.core.text import counted

# Where journals are by default: those of loops, of analyze, and of ask.
PLACES = (Path("reports"), Path("report"), CachePaths(CACHE).asked)
COLUMNS = [
    "journal",
    "purpose",
    "model",
    "calls",
    "tokens in",
    "tokens out",
    "cached",
    "dollars",
    "unpriced",
    "open",
    "replayed",
]


def cost_verb(
    *,
    where: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders of reports or loops, or journal files. Default: all in reports/, report/ and .halo_opt/.",
            metavar="WHERE",
        ),
    ] = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what calls of models have cost.

    Lists calls, tokens and dollars for each journal, purpose and model, and notes what the sums leave out.
    """
    console = Console(quiet=quiet)
    rows = [row for journal in _journals(where) for row in spend_rows(journal)]
    chosen = rows_format(format_, json_)
    everything = total(rows)
    if chosen == "json":
        console.document({"rows": rows, "total": everything})
    else:
        shown = rows if chosen == "csv" or len(rows) < 2 else [*rows, everything]
        console.table(COLUMNS, [_cells(row) for row in shown], chosen)
    for words in _notes(everything):
        console.say(f"note: {words}")


def _journals(where: list[Path] | None) -> list[Path]:
    if where:
        for place in where:
            if not place.exists():
                raise InputError(f"{place} does not exist; name the folder of a report or a loop, or a journal")
        return list(dict.fromkeys(found for place in where for found in journals_in(place)))
    there = [place for place in PLACES if place.exists()]
    found = [journal for place in there for journal in journals_in(place, needed=False)]
    if not found:
        raise InputError(
            f"there is no journal in {', '.join(map(str, PLACES))}, so nothing was spent from here; name the folder of "
            "a report or a loop if it is elsewhere"
        )
    return found


def _cells(row: SpendRow) -> list[object]:
    return [
        row.journal,
        row.purpose,
        row.model,
        row.calls,
        row.tokens_in,
        row.tokens_out,
        row.tokens_cached,
        row.cost_usd,
        row.unpriced,
        row.open_calls,
        row.replayed,
    ]


def _notes(everything: SpendRow) -> list[str]:
    """What the sums leave out, and what in them is uncertain."""
    notes = [] if everything.calls or everything.replayed else ["no call is recorded there, so nothing was spent"]
    if everything.unpriced:
        notes.append(f"{counted(everything.unpriced, 'call')} had no known price, so the true cost is higher")
    if everything.open_calls:
        notes.append(
            f"{counted(everything.open_calls, 'call')} did not end, because the program was stopped: their whole "
            "reserved budget is counted, although they may not have been billed"
        )
    return notes
