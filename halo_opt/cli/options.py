"""Options that mean the same in every verb, declared once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, overload

import typer

from halo_opt.core.config import LoopConfig, load_config
from halo_opt.core.console import Format


class FormatName(StrEnum):
    """How rows are written to stdout."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class SqlFormat(StrEnum):
    """The same, and a file that other tools read fast."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


Config = Annotated[Path, typer.Option("--config", help="The loop file.", metavar="FILE")]
Store = Annotated[Path | None, typer.Option("--store", help="The DuckDB index (default: under .halo_opt/).")]
FormatOption = Annotated[FormatName, typer.Option("--format", help="How rows are written.")]
Json = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No words but warnings and errors.")]
Model = Annotated[str | None, typer.Option("--model", help="Instead of the loop file's: local, FILE.gguf, openai:...")]
Traces = Annotated[
    list[Path], typer.Argument(help="Trace files and folders, of any known format.", metavar="TRACES...")
]

TraceFormat = Annotated[
    str | None, typer.Option("--trace-format", help="The traces' format, instead of finding it by their content.")
]
Scores = Annotated[
    Path | None, typer.Option("--scores", help="Outcomes from outside: JSONL or CSV with an id and a score or outcome.")
]
Redact = Annotated[bool, typer.Option("--redact/--no-redact", help="Take secrets out before anything is stored.")]
RedactPersonal = Annotated[
    bool, typer.Option("--redact-personal", help="Take out e-mail addresses and card numbers as well.")
]

LOOP_FILE = Path("loop.yaml")


@overload
def rows_format(chosen: FormatName, json: bool) -> Format: ...
@overload
def rows_format(chosen: SqlFormat, json: bool) -> Format | Literal["parquet"]: ...
def rows_format(chosen: FormatName | SqlFormat, json: bool) -> Format | Literal["parquet"]:
    """The format that two options ask for."""
    if json:
        return "json"
    return "parquet" if chosen is SqlFormat.PARQUET else FormatName(chosen.value).value


def configured(path: Path, model: str | None, **overrides: object) -> LoopConfig:
    """The loop file with what the command line puts over it; options that were not given are left out."""
    given = {key.replace("__", "."): value for key, value in overrides.items() if value is not None}
    if model is not None:
        given["model"] = model
    return load_config(path, given)
