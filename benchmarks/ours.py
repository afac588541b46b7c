"""Our store, driven through its Python API, and the floors below any store: one operation a process.

Every name of the package that is measured stands in this file; the rest of the benchmark knows only operations.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import floors
from benchmarks.child import Answer, NotThere, arguments, report
from halo_opt.store import Options, Store, build_store

STORE = "store.duckdb"
_QUERIES = "halo_opt.store.queries"
_MODULES = {"overview": "overview", "traces": "traces", "search": "search", "show": "show", "TraceFilter": "filters"}

Work = Callable[[Store], Answer]


def _built(traces: Path, work: Path, *, contents: bool) -> Answer:
    summary = build_store([traces], work / STORE, options=Options(contents=contents))
    return {"traces": summary.attempts, "spans": summary.spans, "bytes": (work / STORE).stat().st_size}


class _Queries:
    """The package's queries by name; one that is not there says so when it is used."""

    def __getattr__(self, name: str) -> Any:
        module = f"{_QUERIES}.{_MODULES[name]}"
        try:
            return getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as missing:
            # A package that a query imports and that is not installed is another matter.
            if missing.name not in (module, _QUERIES):
                raise
        raise NotThere(f"{module} is not there")


def _works(operation: str, pattern: str, ids: list[str]) -> list[Work]:
    """The pieces of work of an operation on an opened store."""
    queries = _Queries()
    match operation:
        case "overview":
            return [_overview(queries.overview)]
        case "errors":
            return [_errors(queries.traces, queries.TraceFilter(has_error=True))]
        case "regex":
            return [_search(queries.search, pattern, None)]
        case "search_one":
            return [_search(queries.search, pattern, queries.TraceFilter(trace=trace)) for trace in ids]
        case "show":
            return [_show(queries.show, trace) for trace in ids]
    raise SystemExit(f"there is no operation {operation}")


def _overview(overview: Any) -> Work:
    def work(store: Store) -> Answer:
        seen = overview(store)
        return {"traces": seen.attempts, "errors": seen.errors.error_spans}

    return work


def _errors(traces: Any, chosen: Any) -> Work:
    return lambda store: {"traces": traces(store, chosen, limit=50).total}


def _search(search: Any, pattern: str, chosen: Any) -> Work:
    def work(store: Store) -> Answer:
        found = search(store, pattern, chosen)
        return {"matches": found.matches} if chosen else {"traces": found.traces}

    return work


def _show(show: Any, trace_id: str) -> Work:
    return lambda store: {"bytes": len(show(store, trace_id).render().text)}


def main() -> None:
    """Do one operation and print what it cost."""
    options = arguments()
    if options.operation in ("ingest", "append"):
        report(lambda: None, [lambda _: _built(options.traces, options.work, contents=False)])
    if options.operation == "contents":
        report(lambda: None, [lambda _: _built(options.traces, options.work, contents=True)])
    if options.operation in floors.FLOORS:
        report(lambda: None, [lambda _: floors.FLOORS[options.operation](options.traces)])
    works: list[Work] | NotThere
    try:
        works = _works(options.operation, options.pattern, options.ids)
    except NotThere as missing:
        works = missing
    report(lambda: Store.open(options.work / STORE), works)


if __name__ == "__main__":
    main()
