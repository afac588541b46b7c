"""The verb traces: list attempts, filtered and sorted."""

from enum import StrEnum
from typing import Annotated

import typer

from halo_opt.cli.options import (
    FormatName,
    FormatOption,
    Json,
    NameMapFile,
    Quiet,
    Store,
    SuccessAt,
    TracesArgument,
    rows_format,
)
from halo_opt.cli.query_options import (
    Agent,
    HasError,
    Limit,
    MaxBytes,
    MaxSteps,
    MinSteps,
    Model,
    Outcome,
    Run,
    Since,
    Task,
    Tool,
    Until,
    filter_of,
    print_answer,
)
from halo_opt.cli.stores import open_store
from halo_opt.core.console import Console
from halo_opt.store.queries.filters import need_agent
from halo_opt.store.queries.traces import SORTS
from halo_opt.store.queries.traces import traces as list_traces

Sort = StrEnum("Sort", [(name.upper(), name) for name in SORTS])  # type: ignore[misc]


def traces_verb(
    *,
    traces: TracesArgument = None,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    outcome: Outcome = None,
    task: Task = None,
    run: Run = None,
    model: Model = None,
    tool: Tool = None,
    agent: Agent = None,
    has_error: HasError = None,
    min_steps: MinSteps = None,
    max_steps: MaxSteps = None,
    since: Since = None,
    until: Until = None,
    sort: Annotated[Sort, typer.Option(help="The column to sort by.")] = Sort("started_at"),  # noqa: B008
    descending: Annotated[bool, typer.Option("--desc", help="Sort in descending order.")] = False,
    limit: Limit = 50,
    offset: Annotated[int, typer.Option(help="The number of rows to skip.", min=0)] = 0,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """List attempts, filtered and sorted."""
    console = Console(quiet=quiet)
    chosen = filter_of(locals())
    with open_store(traces, store, console, contents=False, names=map_, success_at=success_at) as found:
        need_agent(found, chosen)
        answer = list_traces(found, chosen, sort=sort.value, descending=descending, limit=limit, offset=offset)
    print_answer(answer, console, rows_format(format_, json_), max_bytes)
