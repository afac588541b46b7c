"""All tools, in the order in which a model reads about them."""

from halo_opt.analysis.tools import (
    contrast,
    delegate,
    diverge,
    findings,
    git_log,
    harness_files,
    llm_map,
    overview,
    python,
    search,
    show,
    sql,
    traces,
)
from halo_opt.analysis.tools.base import Tool

# Tools that ask no model; they are served to other programs, too.
READING: tuple[Tool, ...] = (
    overview.TOOL,
    findings.TOOL,
    sql.TOOL,
    traces.TOOL,
    show.TOOL,
    search.TOOL,
    contrast.TOOL,
    diverge.TOOL,
    harness_files.TOOL,
    git_log.TOOL,
)
ALL: tuple[Tool, ...] = (*READING, python.TOOL, llm_map.TOOL, delegate.TOOL)
# Tools that read the harness's folder; not offered where it is not known.
NEED_HARNESS = frozenset({harness_files.TOOL.name, git_log.TOOL.name})
