"""What the verbs that list attempts and spans share: filter options, and how an answer is printed."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from halo_opt.core.console import Console, Format
from halo_opt.core.errors import InputError
from halo_opt.store.queries.answers import MAX_BYTES, Answer
from halo_opt.store.queries.filters import OutcomeName, TraceFilter

WILDCARDS = "* and ? are wildcards."

Outcome = Annotated[OutcomeName | None, typer.Option("--outcome", help="Only attempts with this outcome.")]
Task = Annotated[str | None, typer.Option("--task", help=f"Only attempts at this task; {WILDCARDS}")]
Run = Annotated[str | None, typer.Option("--run", help=f"Only attempts of this run; {WILDCARDS}")]
Model = Annotated[str | None, typer.Option("--model", help=f"Only attempts made with this model; {WILDCARDS}")]
Tool = Annotated[str | None, typer.Option("--tool", help=f"Only attempts that called this tool; {WILDCARDS}")]
HasError = Annotated[
    bool | None,
    typer.Option("--has-error/--no-error", help="Only attempts with a span that failed, or only those without one."),
]
Agent = Annotated[
    str | None, typer.Option("--agent", help="Only attempts in which this agent took part; * and ? are wildcards.")
]
MinSteps = Annotated[int | None, typer.Option("--min-steps", help="Only attempts with at least this many steps.")]
MaxSteps = Annotated[int | None, typer.Option("--max-steps", help="Only attempts with at most this many steps.")]
Since = Annotated[
    str | None,
    typer.Option("--since", help="Only attempts that started at this time or later: 2026-05-04 or 2026-05-04T10:00Z."),
]
Until = Annotated[str | None, typer.Option("--until", help="Only attempts that started before this time.")]
MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes",
        help="The largest answer to print, in bytes; 0 means no limit. A longer table is cut, longer JSON or CSV is an "
        f"error. Default: {MAX_BYTES} for tables that go to a pipe or a file, no limit otherwise.",
    ),
]
Limit = Annotated[
    int, typer.Option("--limit", help="The largest number of rows. What is not listed is counted.", min=0)
]


def filter_of(options: Mapping[str, object]) -> TraceFilter:
    """The filter that a verb's options ask for; the options have the names of the filter's fields."""
    return TraceFilter.model_validate({name: options[name] for name in TraceFilter.model_fields if name in options})


def print_answer(answer: Answer, console: Console, format_: Format, max_bytes: int | None) -> None:
    """Print an answer to stdout and its remarks to stderr.

    Raises:
        InputError: The answer is longer than `max_bytes` and its format is JSON or CSV, which cannot be cut.
    """
    if format_ == "table":
        _print_text(answer, console, max_bytes)
    else:
        size = len(answer.model_dump_json())
        if max_bytes and size > max_bytes:
            raise InputError(
                f"the answer has about {size} bytes, more than --max-bytes {max_bytes}; {answer.narrower()}"
            )
        if format_ == "json":
            console.document(answer)
        else:
            section = answer.sections()[0]
            console.table(section.columns, section.rows, "csv")
    for remark in answer.remarks():
        console.say(remark)


def _print_text(answer: Answer, console: Console, max_bytes: int | None) -> None:
    limit = MAX_BYTES if max_bytes is None and not sys.stdout.isatty() else max_bytes
    rendered = answer.render(limit or None, remarks=False)
    console.text(rendered.text)
    if rendered.cut:
        console.warn(f"the whole answer has {rendered.size} bytes; {answer.narrower()}, or raise --max-bytes")
