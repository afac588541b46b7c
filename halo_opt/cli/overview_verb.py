"""The verb overview: counts, outcomes, models and tools of the attempts in a store."""

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
    Limit,
    MaxBytes,
    print_answer,
)
from halo_opt.cli.stores import open_store, report_import
from halo_opt.core.console import Console
from halo_opt.store.index.summary import notes_on_files
from halo_opt.store.queries.overview import PARTIAL_SCORES, overview


def overview_verb(
    *,
    traces: TracesArgument = None,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    limit: Limit = 20,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Summarize traces: counts, outcomes, models, tools, kinds of errors."""
    console = Console(quiet=quiet)
    with open_store(traces, store, console, contents=False, names=map_, success_at=success_at) as found:
        if traces:
            report_import(found.summary(), console)
        else:
            for note in notes_on_files(found.summary()):
                console.warn(note)
        answer = overview(found, limit=limit)
        if answer.mean_score is not None:
            from halo_opt.stats.registry import rate_interval  # numpy takes long to import

            ends = rate_interval(found.rows(PARTIAL_SCORES))
            answer = answer.model_copy(update={"mean_score_interval": (ends[0], ends[1]) if ends else None})
    print_answer(answer, console, rows_format(format_, json_), max_bytes)
