"""The HALO engine's trace index and store, driven through its Python API without any model: one operation a process.

Runs in an environment of its own, made by `installed`, because the engine pins other versions than ours. Nothing but
the standard library and the engine may be imported here.
"""

import asyncio
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.child import Answer, arguments, report

VERSION = "0.3.5"
# The engine's own pin. Its other dependencies serve its agent; neither index nor store imports them.
PYDANTIC = "2.13.3"
SIDE_FILES = ".engine-index.jsonl"


def installed(folder: Path) -> Path | None:
    """The Python of the peer's environment, made when missing; None when it cannot be installed."""
    python = folder / "bin" / "python"
    stamp = folder / f"halo-engine-{VERSION}"
    if stamp.is_file():
        return python
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for packages in ([f"pydantic=={PYDANTIC}"], ["--no-deps", f"halo-engine=={VERSION}"]):
        if subprocess.run([*pip, *packages], check=False, stdout=sys.stderr).returncode != 0:
            return None
    stamp.touch()
    return python


def _index(traces: Path, work: Path) -> Path:
    from engine.traces.models.trace_index_config import TraceIndexConfig
    from engine.traces.trace_index_builder import TraceIndexBuilder

    return asyncio.run(TraceIndexBuilder.ensure_index_exists(traces, TraceIndexConfig(index_dir=work)))


def _indexed(traces: Path, work: Path) -> Answer:
    index = _index(traces, work)
    with index.open("rb") as lines:
        return {"traces": sum(1 for _ in lines), "bytes": index.stat().st_size}


def _store(traces: Path, work: Path) -> Any:
    from engine.traces.trace_store import TraceStore

    [index] = work.glob(f"*{SIDE_FILES}")
    return TraceStore.load(trace_path=traces, index_path=index)


def _filters(**named: object) -> Any:
    from engine.traces.models.trace_query_models import TraceFilters

    return TraceFilters(**named)


def _overview(store: Any) -> Answer:
    seen = store.get_overview(_filters())
    grouped = sum(group.error_span_count for group in seen.error_taxonomy)
    return {"traces": seen.total_traces, "errors": seen.otel_error_span_count, "errors in groups": grouped}


def _errors(store: Any) -> Answer:
    return {"traces": store.query_traces(_filters(has_errors=True), limit=50).total}


def _matching(pattern: str) -> Callable[[Any], Answer]:
    return lambda store: {"traces": store.count_traces(_filters(regex_pattern=pattern)).total}


def _shown(trace_id: str) -> Callable[[Any], Answer]:
    def show(store: Any) -> Answer:
        view = store.view_trace(trace_id)
        return {"spans": view.oversized.span_count if view.oversized else len(view.spans)}

    return show


def _found(trace_id: str, pattern: str) -> Callable[[Any], Answer]:
    return lambda store: {"matches": store.search_trace(trace_id, pattern).match_count}


def main() -> None:
    """Do one operation and print what it cost."""
    options = arguments()
    if options.operation in ("ingest", "append"):
        from engine.traces import trace_index_builder  # noqa: F401 - imports are not part of the work

        report(lambda: None, [lambda _: _indexed(options.traces, options.work)])
    from engine.traces import trace_store  # noqa: F401
    from engine.traces.models import trace_query_models  # noqa: F401

    works: dict[str, list[Callable[[Any], Answer]]] = {
        "overview": [_overview],
        "errors": [_errors],
        "regex": [_matching(options.pattern)],
        "show": [_shown(trace) for trace in options.ids],
        "search_one": [_found(trace, options.pattern) for trace in options.ids],
    }
    report(lambda: _store(options.traces, options.work), works[options.operation])


if __name__ == "__main__":
    main()
