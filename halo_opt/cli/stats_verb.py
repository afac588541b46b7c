"""The verb stats: what is counted against the outcomes of attempts."""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from halo_opt.cli.options import FormatName, FormatOption, Json, Quiet, Store, TracesArgument, rows_format
from halo_opt.cli.query_options import (
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
from halo_opt.store import queries
from halo_opt.store.queries.ngrams import AT_LEAST
from halo_opt.store.store import Store as TraceStore


class What(StrEnum):
    """The questions of `stats`."""

    FIRST_ACTIONS = "first-actions"
    NGRAMS = "ngrams"
    STEPS = "steps"
    REPEATS = "repeats"
    COST = "cost"
    LATENCY = "latency"


def stats_verb(
    *,
    what: Annotated[What, typer.Argument(help="What to count against how attempts end.")],
    traces: TracesArgument = None,
    store: Store = None,
    n: Annotated[int, typer.Option("--n", help="Actions in a row, for ngrams.", min=2, max=5)] = 3,
    at_least: Annotated[int, typer.Option(help="Attempts that must have it, for ngrams.", min=1)] = AT_LEAST,
    outcome: Outcome = None,
    task: Task = None,
    run: Run = None,
    model: Model = None,
    tool: Tool = None,
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
    """Count first actions, actions in a row, steps, repeats, cost or latency against how attempts end."""
    console = Console(quiet=quiet)
    chosen = filter_of(locals())
    asked: dict[What, Callable[[TraceStore], queries.Answer]] = {
        What.FIRST_ACTIONS: lambda found: queries.first_actions(found, chosen, limit=limit),
        What.NGRAMS: lambda found: queries.ngrams(found, chosen, n=n, at_least=at_least, limit=limit),
        What.STEPS: lambda found: queries.steps_histogram(found, chosen, limit=limit),
        What.REPEATS: lambda found: queries.repeats(found, chosen, limit=limit),
        What.COST: lambda found: queries.cost(found, chosen),
        What.LATENCY: lambda found: queries.latency(found, chosen),
    }
    with open_store(traces, store, console, contents=False) as found:
        answer = asked[what](found)
    print_answer(answer, console, rows_format(format_, json_), max_bytes)
