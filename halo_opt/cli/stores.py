"""How a verb gets its store: built from the traces that the user names, or opened as it is."""

import re
from dataclasses import replace
from pathlib import Path

from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.input_paths import path_problem, shown
from halo_opt.core.text import counted, listed
from halo_opt.redaction import RedactionRules
from halo_opt.store import ImportSummary, Options, build_store, default_store_path, expanded, fresh, options_of
from halo_opt.store import Store as TraceStore
from halo_opt.store.index.summary import notes_on_files
from halo_opt.store.outcomes import REMEDY, SCORE_FIELD, checked_threshold

# Of scores that cannot be used, so many values are named.
SCORES_NAMED = 6
# The tables and columns that an index without contents lacks.
_CONTENTS = re.compile(r"\b(messages|steps|tool_calls|attributes|resource)\b", re.IGNORECASE)


def built_store(
    traces: list[Path],
    store: Path | None,
    console: Console,
    *,
    options: Options | None = None,
    names: Path | None = None,
    success_at: float | None = None,
    contents: bool = True,
) -> tuple[Path, ImportSummary]:
    """Build the store of some traces, or bring it up to date.

    Args:
        traces: Trace files, folders and patterns.
        store: The store's file; by default one under .halo_opt/ that belongs to these traces.
        console: Where progress is shown.
        options: How the traces are read; by default as the store that is there was read.
        names: A mapping file, instead of the one that `options` or the store name.
        success_at: The score from which on an attempt is a success, instead of what `options` or the store say.
        contents: Whether message texts are needed too, and not only the index.

    Returns:
        The store's file, and the summary of its import.
    """
    traces = expanded(traces)
    path = store or default_store_path(traces)
    chosen = replace(options or options_of(path) or Options(), contents=contents)
    if names is not None:
        chosen = replace(chosen, names=names)
    if success_at is not None:
        chosen = replace(chosen, success_at=checked_threshold(success_at))
    if fresh(path, traces, options=chosen):
        with TraceStore.open(path) as found:
            summary = found.summary()
    else:
        with console.working(f"indexing {listed([str(path) for path in traces], most=2)}"):
            summary = build_store(traces, path, options=chosen)
    _warn_of_scores(summary, console)
    return path, summary


def _warn_of_scores(summary: ImportSummary, console: Console) -> None:
    """Say which scores gave no outcome, and what to do about it."""
    if summary.unusable_scores:
        count = summary.rejected_values.get(SCORE_FIELD, 0)
        listed = list(summary.unusable_scores)
        more = ", ..." if len(listed) > SCORES_NAMED else ""
        console.warn(
            f"{counted(count, 'score')} could not be used, because they are not on a scale from 0 to 1:"
            f" {', '.join(listed[:SCORES_NAMED])}{more}. Attempts that state no verdict either have no outcome. The"
            f" table rejects lists the scores. Remedy: {REMEDY}"
        )
    if summary.kept_errors:
        console.say(
            f"the outcome of {counted(summary.kept_errors, 'attempt')} stays error, because the scores file states no"
            " success there"
        )


def import_options(
    trace_format: str | None,
    scores: Path | None,
    *,
    names: Path | None = None,
    success_at: float | None = None,
    redact: bool,
    personal: bool,
) -> Options:
    """The options of an import from the options of a verb. Raises InputError where they contradict each other."""
    if personal and not redact:
        raise InputError("--redact-personal and --no-redact contradict each other; leave one out")
    rules = RedactionRules(personal=personal) if redact else None
    threshold = checked_threshold(success_at)
    return Options(format=trace_format, scores=scores, names=names, success_at=threshold, redact=rules)


def open_store(
    traces: list[Path] | None,
    store: Path | None,
    console: Console,
    *,
    contents: bool,
    names: Path | None = None,
    success_at: float | None = None,
) -> TraceStore:
    """Open the store of these traces, or the one that is named. Raises InputError when neither is given.

    With `names` or `success_at` the traces are read with that mapping file or threshold, whatever the store that is
    there was read with.
    """
    if traces:
        built = built_store(traces, store, console, names=names, success_at=success_at, contents=contents)
        return TraceStore.open(built[0])
    if store is None:
        raise InputError(
            "no traces were named; give trace files or folders, or --store FILE for an index from 'halo-opt import'"
        )
    found = TraceStore.open(store)
    lacks_contents = contents and found.summary().without_contents
    if names is None and success_at is None and not lacks_contents:
        return found
    inputs = [Path(path) for (path,) in found.rows("SELECT path FROM inputs")]
    found.close()
    for path in inputs:
        if problem := path_problem(path):
            raise InputError(
                f"{store} must be read again from {shown(path)}, which {problem}, for"
                f" {'its message texts' if lacks_contents else 'this option'}; restore it"
            )
    built = built_store(inputs, store, console, names=names, success_at=success_at, contents=contents)
    return TraceStore.open(built[0])


def needs_contents(query: str) -> bool:
    """Whether a query may need tables or columns that an index without contents lacks."""
    return _CONTENTS.search(query) is not None


def report_import(summary: ImportSummary, console: Console) -> None:
    """Print what was read, rejected and left out."""
    formats = ", ".join(f"{count} from {name}" for name, count in summary.by_format.items())
    console.say(f"{counted(summary.attempts, 'attempt')} ({formats}), {counted(summary.spans, 'span')}")
    if summary.found_again:
        console.say(
            f"{counted(summary.found_again, 'copy of an attempt was', 'copies of attempts were')} left out,"
            " because each attempt counts once; the table duplicates lists them"
        )
    if summary.tasks_told_apart:
        console.warn(
            f"{counted(summary.tasks_told_apart, 'task id')} had attempts with different goals; each goal counts as a"
            " task of its own, with a hash of the goal in its id (#goal-...)"
        )
    for reason, count in summary.reject_reasons.items():
        console.warn(f"{counted(count, 'line')} could not be used: {reason}; the table rejects lists them")
    others = {name: count for name, count in summary.rejected_values.items() if name != SCORE_FIELD}
    for column, count in others.items():
        console.warn(
            f"{counted(count, 'value')} did not fit {column}, which is NULL instead; the table rejects lists them"
        )
    if summary.wrong_types or summary.duplicate_keys:
        console.warn(
            f"{counted(summary.wrong_types, 'line')} had values of a wrong type, which count as not known, and JSON"
            f" objects had {counted(summary.duplicate_keys, 'repeated key')}"
        )
    if summary.vanished:
        console.warn(f"{counted(summary.vanished, 'span')} had disappeared from their files when their texts were read")
    if summary.totals_differ:
        console.warn(
            f"in {counted(summary.totals_differ, 'attempt')} the result file states other tokens or costs than the"
            " trajectory or the run; those of the result file are used"
        )
    if summary.redacted:
        kinds = ", ".join(f"{count} {kind}" for kind, count in summary.redacted.items())
        console.say(f"redacted before storing: {kinds}; best effort, so keep traces secret all the same")
    if summary.unfinished:
        console.say(f"{counted(summary.unfinished, 'attempt')} did not finish and were left out")
    for warning in [*summary.warnings, *notes_on_files(summary)]:
        console.warn(warning)
