"""The verb stats: counts of what attempts did, by how they ended."""

from collections.abc import Callable
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
from halo_opt.store.queries.answers import Answer
from halo_opt.store.queries.filters import need_agent
from halo_opt.store.queries.first_actions import first_actions
from halo_opt.store.queries.ngrams import AT_LEAST, ngrams
from halo_opt.store.queries.quantiles import cost, latency
from halo_opt.store.queries.repeats import repeats
from halo_opt.store.queries.steps import steps_histogram
from halo_opt.store.store import Store as TraceStore


class What(StrEnum):
    """What `stats` can count."""

    FIRST_ACTIONS = "first-actions"
    NGRAMS = "ngrams"
    STEPS = "steps"
    REPEATS = "repeats"
    COST = "cost"
    LATENCY = "latency"


def stats_verb(
    *,
    what: Annotated[What, typer.Argument(help="What to count.")],
    traces: TracesArgument = None,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    n: Annotated[int, typer.Option("--n", help="ngrams: the number of actions in a row.", min=2, max=5)] = 3,
    at_least: Annotated[
        int, typer.Option(help="ngrams: list only what occurs in at least this many attempts.", min=1)
    ] = AT_LEAST,
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
    limit: Limit = 30,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Count actions, steps, repeats, cost or latency by outcome.

    first-actions: the first action of each attempt. ngrams: actions in a row. steps: how many steps attempts take.
    repeats: calls that an attempt makes again with the same arguments. cost and latency: quantiles.
    """
    console = Console(quiet=quiet)
    chosen = filter_of(locals())
    queries: dict[What, Callable[[TraceStore], Answer]] = {
        What.FIRST_ACTIONS: lambda opened: first_actions(opened, chosen, limit=limit),
        What.NGRAMS: lambda opened: ngrams(opened, chosen, n=n, at_least=at_least, limit=limit),
        What.STEPS: lambda opened: steps_histogram(opened, chosen, limit=limit),
        What.REPEATS: lambda opened: repeats(opened, chosen, limit=limit),
        What.COST: lambda opened: cost(opened, chosen),
        What.LATENCY: lambda opened: latency(opened, chosen),
    }
    with open_store(traces, store, console, contents=False, names=map_, success_at=success_at) as opened:
        need_agent(opened, chosen)
        answer = queries[what](opened)
    print_answer(answer, console, rows_format(format_, json_), max_bytes)
