"""Every tool, in the order in which a model reads of them."""

from halo_opt.analysis.tools import contrast, diverge, findings, overview, search, show, sql, traces
from halo_opt.analysis.tools.base import Tool

# Those that need no model.
READING: tuple[Tool, ...] = (
    overview.TOOL,
    findings.TOOL,
    sql.TOOL,
    traces.TOOL,
    show.TOOL,
    search.TOOL,
    contrast.TOOL,
    diverge.TOOL,
)
ALL: tuple[Tool, ...] = READING
