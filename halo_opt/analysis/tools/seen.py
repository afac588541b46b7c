"""Our own SQL over the attempts that an agent sees. The scope's SQL is a model's, so it is run under guard first."""

from typing import Any

from halo_opt.analysis.tools.base import Desk, ToolRefused
from halo_opt.analysis.tools.querying import refused
from halo_opt.analysis.tools.scope import Scope
from halo_opt.core.errors import InputError
from halo_opt.store.queries.show import trace_id_of


def seen(desk: Desk, column: str = "trace_id") -> tuple[str, list[Any]]:
    """A condition on a column of trace ids, and its parameters: true for the attempts of the desk's scope."""
    ids = ids_of(desk, desk.scope)
    return ("true", []) if ids is None else (f"{column} IN (SELECT unnest(?::VARCHAR[]))", [ids])


def seen_trace(desk: Desk, trace: str) -> str:
    """The whole id of an attempt from its beginning. Raises ToolRefused where the agent sees none or several such."""
    try:
        trace_id = trace_id_of(desk.store, trace)
    except InputError as error:
        if "is not one trace" in str(error):
            raise ToolRefused(f"{trace[:80]!r} is the beginning of several trace ids; give more of it") from error
        raise ToolRefused(f"there is no attempt {trace[:80]!r}; 'traces' lists their ids") from error
    ids = ids_of(desk, desk.scope)
    if ids is not None and trace_id not in ids:
        raise ToolRefused(
            f"attempt {trace[:80]!r} is not one of yours ({desk.scope.words[:120]}); 'traces' lists those"
        )
    return trace_id


def ids_of(desk: Desk, scope: Scope) -> list[str] | None:
    """The trace ids of a scope that there are, in order; None for all attempts."""
    sql = scope.trace_ids()
    if sql is None:
        return None
    try:
        return [str(trace) for (trace,) in desk.guarded.rows(sql)]
    except InputError as error:
        raise refused(str(error), sql) from error
