"""Options and arguments that several verbs share, each declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, overload

import typer

if TYPE_CHECKING:
    from halo_opt.core.console import Format


class FormatName(StrEnum):
    """How rows are written to stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class SqlFormat(StrEnum):
    """How the rows of `halo-opt sql` are written: to stdout, or as Parquet to a file."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


TRACES_HELP = "Trace files and folders. The format of each file is detected from its content."

Traces = Annotated[list[Path], typer.Argument(help=TRACES_HELP, metavar="TRACES")]
TracesArgument = Annotated[list[Path] | None, typer.Argument(help=TRACES_HELP, metavar="TRACES")]
TracesOption = Annotated[
    list[Path] | None, typer.Option("--traces", help="A trace file or folder to read. May be given several times.")
]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        help="The DuckDB file that holds the index of the traces. Default: a file under .halo_opt/ in this folder.",
    ),
]
TraceFormat = Annotated[
    str | None,
    typer.Option("--trace-format", help="Read all traces as this format instead of detecting it from their content."),
]
Scores = Annotated[
    Path | None,
    typer.Option(
        "--scores",
        help="A JSONL or CSV file with the outcomes of the attempts: an id column, and a column score or outcome.",
        metavar="FILE",
    ),
]
NameMapFile = Annotated[
    Path | None,
    typer.Option(
        "--map",
        help="A YAML file that names your own attributes and fields, such as {tool: my.tool}; 'halo-opt formats map' "
        "shows one. The store keeps it for later commands.",
        metavar="FILE",
    ),
]
SuccessAt = Annotated[
    float | None,
    typer.Option(
        "--success-at",
        help="The score from which on an attempt counts as a success, where the traces give scores and no verdicts, "
        "such as 0.8. Above 1 for scores on a larger scale, such as 4 for ratings of 1 to 5. Default: a full score, 1.",
        metavar="SCORE",
    ),
]
Redact = Annotated[
    bool, typer.Option("--redact/--no-redact", help="Replace keys and passwords before anything is stored.")
]
RedactPersonal = Annotated[
    bool, typer.Option("--redact-personal", help="Also replace e-mail addresses and card numbers.")
]

ReportArgument = Annotated[Path, typer.Argument(help="A report.json, or the folder that holds one.", metavar="REPORT")]

FormatOption = Annotated[FormatName, typer.Option("--format", help="How the rows are written to standard output.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON; the same as --format json.")]
JsonOnly = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no messages, only warnings and errors.")]


@overload
def rows_format(chosen: FormatName, json: bool) -> Format: ...
@overload
def rows_format(chosen: SqlFormat, json: bool) -> Format | Literal["parquet"]: ...
def rows_format(chosen: FormatName | SqlFormat, json: bool) -> Format | Literal["parquet"]:
    """The format that `--format` and `--json` ask for together."""
    if json:
        return "json"
    return "parquet" if chosen is SqlFormat.PARQUET else FormatName(chosen.value).value
