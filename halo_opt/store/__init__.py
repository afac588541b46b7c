"""The trace store: readers for each trace format, one DuckDB index over all of them, and guarded SQL.

The trace files are the truth; a store can be deleted and built again at any time.
"""

from halo_opt.store.guarded.queries import Refused, Table, guarded_queries, guarded_query
from halo_opt.store.index.discovery import expanded
from halo_opt.store.index.ingest import Options, build_store, fresh, options_of
from halo_opt.store.index.location import default_store_path
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
