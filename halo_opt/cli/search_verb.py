"""The verb search: find a regular expression in the texts of spans."""

import time
from collections.abc import Callable
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
    TracesOption,
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
from halo_opt.store.queries.search import CONTEXT, search
from halo_opt.store.queries.show import trace_id_of

PROGRESS_SECONDS = 5.0


def search_verb(
    *,
    regex: Annotated[str, typer.Argument(help="A regular expression in the syntax of RE2, which has no lookaround.")],
    traces: TracesOption = None,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    trace: Annotated[
        str | None, typer.Option("--trace", help="Search only the trace with this id. The first characters are enough.")
    ] = None,
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="Ignore the difference between upper and lower case.")
    ] = False,
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
    context: Annotated[
        int, typer.Option(help="The number of characters to show on each side of a match.", min=0)
    ] = CONTEXT,
    count: Annotated[bool, typer.Option("--count", help="Print only the number of matches, spans and traces.")] = False,
    limit: Limit = 50,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search the texts of all spans with a regular expression.

    The expression is applied to the decoded texts: a line break in a message is a line break, not a backslash and n.
    """
    console = Console(quiet=quiet)
    chosen = filter_of(locals())
    with open_store(traces, store, console, contents=False, names=map_, success_at=success_at) as found:
        need_agent(found, chosen)
        if trace is not None:
            chosen = chosen.model_copy(update={"trace": trace_id_of(found, trace)})
        with console.working("searching"):
            answer = search(
                found,
                regex,
                chosen,
                ignore_case=ignore_case,
                context=context,
                limit=0 if count else limit,
                progress=_progress(console),
            )
    wanted = rows_format(format_, json_)
    if count:
        console.table(["matches", "spans", "traces"], [[answer.matches, answer.spans, answer.traces]], wanted)
    else:
        print_answer(answer, console, wanted, max_bytes)


def _progress(console: Console) -> Callable[[int, int], None]:
    """A function that reports the progress of a long search every few seconds."""
    last = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal last
        if done < total and time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            console.say(f"searched {done / 1e6:.0f} of {total / 1e6:.0f} MB")

    return say
