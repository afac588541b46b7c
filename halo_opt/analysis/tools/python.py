"""The tool `python`: cells in a sandbox, with variables that last, and some of the other tools as functions.

A trace may have steered the code of a cell, so all that it prints is data.
"""

import threading
from collections.abc import Callable
from typing import Any

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.contrast import contrast_predicate
from halo_opt.analysis.tools.formatting import bytes_left, fit_texts, format_answer, shorten_middle
from halo_opt.analysis.tools.querying import query
from halo_opt.analysis.tools.search import SearchArguments
from halo_opt.analysis.tools.search import run as search
from halo_opt.analysis.tools.show import ShowArguments
from halo_opt.analysis.tools.show import run as show
from halo_opt.confinement.python import CellResult, Limits, Sandbox, SandboxMissing
from halo_opt.core.text import visible

# Larger than for `sql`: a cell computes with rows that no model has to read.
MAX_ROWS, MAX_BYTES = 20_000, 3_500_000
_TEXT_BYTES = 100_000


class PythonArguments(Arguments):
    """A cell."""

    code: str = Field(
        max_length=20_000,
        description="Python; print() what you want to see. Functions: sql(query) -> list of dicts, contrast(title,"
        " predicate_sql) -> dict, llm(prompt) -> str, llm_map(question, sql, labels=None) -> list of dicts,"
        " show(trace_id, first=0, last=None, part='steps') -> str, search(pattern) -> str",
    )


class PythonSession:
    """The sandbox of one agent, started by its first cell and ended by `close`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._sandbox: Sandbox | None = None
        self._context: ToolContext | None = None
        self._one_at_a_time = threading.Lock()
        self._closed = False

    def run(self, code: str, context: ToolContext) -> str:
        """Run one cell and return its output as text. Raises ToolRefused where no sandbox starts, and after `close`."""
        with self._one_at_a_time:
            if self._closed:
                raise ToolRefused("the Python session of this agent has ended; use the other tools")
            self._context = context
            try:
                if self._sandbox is None:
                    self._sandbox = Sandbox.start(self._host(), self._limits)
                return _result_text(self._sandbox.run(code), context)
            except SandboxMissing as error:
                raise ToolRefused(f"{error}; use 'sql' and 'contrast' instead") from error

    def close(self) -> None:
        """End it; safe to call twice."""
        with self._one_at_a_time:
            self._closed = True
            if self._sandbox is not None:
                self._sandbox.close()
                self._sandbox = None

    def _host(self) -> dict[str, Callable[..., Any]]:
        """The functions that cells may call. The context differs from cell to cell, so each call looks it up."""

        def current() -> ToolContext:
            assert self._context is not None
            return self._context

        def ask_sql(query: str) -> list[dict[str, Any]]:
            return rows_of(current(), query)

        def ask_contrast(title: str, predicate_sql: str) -> dict[str, Any]:
            return contrast_predicate(current(), title, predicate_sql).model_dump(mode="json")

        def ask_llm(prompt: str) -> str:
            return current().required_models().llm(prompt)

        def ask_llm_map(question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
            return current().required_models().llm_map(question, sql, labels)

        def ask_show(trace_id: str, first: int = 0, last: int | None = None, part: str = "steps") -> str:
            asked = ShowArguments.model_validate({"trace_id": trace_id, "first": first, "last": last, "part": part})
            return show(asked, _with_long_answers(current()))

        def ask_search(pattern: str) -> str:
            return search(SearchArguments(pattern=pattern, limit=100), _with_long_answers(current()))

        return {
            "sql": ask_sql,
            "contrast": ask_contrast,
            "llm": ask_llm,
            "llm_map": ask_llm_map,
            "show": ask_show,
            "search": ask_search,
        }


def python_tool(limits: Limits | None = None) -> tuple[Tool | None, str]:
    """The tool and what confines it on this machine, or None and why there is none. It starts a sandbox to find out."""
    try:
        with Sandbox.start({}, limits) as sandbox:
            return TOOL, sandbox.explain()
    except SandboxMissing as error:
        return None, str(error)


def rows_of(context: ToolContext, sql: str) -> list[dict[str, Any]]:
    """Rows of a query as dicts by column. Raises ToolRefused where there are too many."""
    table = query(context, sql, max_rows=MAX_ROWS, max_bytes=MAX_BYTES)
    if table.truncated:
        raise ToolRefused(
            f"the query gives more than {len(table.rows)} rows, the most that a cell can be given; aggregate in"
            " SQL, select fewer columns, or page with ORDER BY, LIMIT and OFFSET"
        )
    if len(set(table.columns)) < len(table.columns):
        raise ToolRefused("two columns have the same name; name each by AS")
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def run(arguments: PythonArguments, context: ToolContext) -> str:
    """Run one cell in the agent's session."""
    if context.python is None:
        raise ToolRefused("there is no Python here; use 'sql' and 'contrast' instead")
    return context.python.run(arguments.code, context)


def _with_long_answers(context: ToolContext) -> ToolContext:
    return context.replaced(answer_bytes=_TEXT_BYTES)


def _result_text(result: CellResult, context: ToolContext) -> str:
    printed = visible(result.stdout).rstrip("\n")
    parts = [printed] if printed else []
    if result.value is not None:
        parts.append(f"value: {visible(result.value)}")
    if result.error is not None:
        parts.append(f"error: {visible(result.error)}")
    summary = "the cell failed" if result.error is not None else "the cell ran"
    if result.state_lost:
        summary += "; ALL VARIABLES ARE LOST: define again what you need"
    if not parts:
        return f"{summary} and printed nothing; print() what you want to see"
    texts, clip = fit_texts(parts, shorten_middle, bytes_left(context, summary) - 120)
    cut = any(len(part) > clip for part in parts) or len(texts) < len(parts)
    return format_answer(
        context, summary, "\n".join(texts), "[the middle was cut; print less]" if cut else "", remedy="print less"
    )


TOOL = Tool(
    "python",
    "run Python in a sandbox whose variables last: for statistics and for what SQL cannot express",
    PythonArguments,
    run,
    in_order=True,
)
