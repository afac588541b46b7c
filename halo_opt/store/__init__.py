"""The trace store: readers for each trace format, one DuckDB index over all of them, and guarded SQL.

The trace files are the truth; a store can be deleted and built again at any time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from halo_opt.store.guarded.queries import Refused, Table, guarded_queries, guarded_query
    from halo_opt.store.index.ingest import Options, build_store, fresh, options_of
    from halo_opt.store.index.location import default_store_path, expanded
    from halo_opt.store.index.summary import ImportSummary, NotRecognised
    from halo_opt.store.store import Store

__all__ = [
    "ImportSummary",
    "NotRecognised",
    "Options",
    "Refused",
    "Store",
    "Table",
    "build_store",
    "default_store_path",
    "expanded",
    "fresh",
    "guarded_queries",
    "guarded_query",
    "options_of",
]

_MODULES = {
    "guarded.queries": ("Refused", "Table", "guarded_queries", "guarded_query"),
    "index.ingest": ("Options", "build_store", "fresh", "options_of"),
    "index.location": ("default_store_path", "expanded"),
    "index.summary": ("ImportSummary", "NotRecognised"),
    "store": ("Store",),
}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is first asked for: reading a store needs no reader of any trace format."""
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
