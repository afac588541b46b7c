"""How verbs come by a store: built from the traces that the user names, or opened as it is. Prints only words."""

import re
from dataclasses import replace
from pathlib import Path

from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.core.text import counted
from halo_opt.redaction import RedactionRules
from halo_opt.store import ImportSummary, Options, build_store, default_store_path, expanded, fresh, options_of
from halo_opt.store import Store as TraceStore

# What is not in the index alone: see the schema.
_CONTENTS = re.compile(r"\b(messages|steps|tool_calls|attributes|resource)\b", re.IGNORECASE)


def built_store(
    traces: list[Path],
    store: Path | None,
    console: Console,
    *,
    options: Options | None = None,
    contents: bool = True,
) -> tuple[Path, ImportSummary]:
    """The store over these traces, brought up to date where it does not fit them, and what its import said.

    Without `options` a store that is there is kept up in the way it was made. Without `contents` the index is enough.
    """
    traces = expanded(traces)
    path = store or default_store_path(traces)
    chosen = replace(options or options_of(path) or Options(), contents=contents)
    if fresh(path, traces, options=chosen):
        with TraceStore.open(path) as found:
            return path, found.summary()
    with console.working(f"indexing {', '.join(map(str, traces))}"):
        return path, build_store(traces, path, options=chosen)


def reading(trace_format: str | None, scores: Path | None, *, redact: bool, personal: bool) -> Options:
    """How traces are to be read, from the options of a verb. Raises InputError where they contradict each other."""
    if personal and not redact:
        raise InputError("--redact-personal and --no-redact contradict each other; leave one out")
    return Options(format=trace_format, scores=scores, redact=RedactionRules(personal=personal) if redact else None)


def open_store(traces: list[Path] | None, store: Path | None, console: Console, *, contents: bool) -> TraceStore:
    """The store to ask: over these traces, or an existing one. Raises InputError when neither is named."""
    if traces:
        return TraceStore.open(built_store(traces, store, console, contents=contents)[0])
    if store is None:
        raise InputError("say which traces to ask: name them, as --traces PATH or PATH, or --store FILE from 'import'")
    found = TraceStore.open(store)
    if not contents or not found.summary().without_contents:
        return found
    inputs = [Path(path) for (path,) in found.rows("SELECT path FROM inputs")]
    found.close()
    gone = [path for path in inputs if not path.exists()]
    if gone:
        raise InputError(f"{store} is an index alone, and {gone[0]}, which has the contents, is gone; put it back")
    return TraceStore.open(built_store(inputs, store, console)[0])


def needs_contents(query: str) -> bool:
    """Whether SQL asks for what an index alone does not hold; rather yes than no."""
    return _CONTENTS.search(query) is not None


def say_import(summary: ImportSummary, console: Console) -> None:
    """What was read, rejected and left out."""
    formats = ", ".join(f"{count} from {name}" for name, count in summary.by_format.items())
    console.say(
        f"{summary.attempts} {'attempt' if summary.attempts == 1 else 'attempts'} ({formats}), {summary.spans} spans"
    )
    for reason, count in summary.reject_reasons.items():
        console.warn(f"{counted(count, 'line')} could not be used: {reason}; see the table rejects")
    for column, count in summary.rejected_values.items():
        console.warn(f"{counted(count, 'value')} did not fit {column}, which is NULL instead; see the table rejects")
    if summary.wrong_types or summary.duplicate_keys:
        console.warn(f"{summary.wrong_types} lines with values of a wrong type, {summary.duplicate_keys} repeated keys")
    if summary.vanished:
        console.warn(f"{summary.vanished} spans were gone from their files when their contents were read")
    if summary.redacted:
        kinds = ", ".join(f"{count} {kind}" for kind, count in summary.redacted.items())
        console.say(f"redacted before storing: {kinds}; best effort, so treat traces as secret all the same")
    if summary.unfinished:
        console.say(f"{summary.unfinished} attempts were killed in flight and are left out")
    for path in summary.not_recognised:
        console.warn(f"{path.path} was left out: {path.reason}")
