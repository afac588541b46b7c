"""The tool `python`: cells in a sandbox, with variables that last, and the other tools as functions. Never unconfined.

What a cell prints was chosen by code that a trace may have steered, so all of it is data.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import Field

from halo_opt.analysis.tools.answers import answer, fitted, middle, room
from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.contrast import contrasted
from halo_opt.analysis.tools.querying import query
from halo_opt.analysis.tools.search import SearchArguments
from halo_opt.analysis.tools.search import run as search
from halo_opt.analysis.tools.show import ShowArguments
from halo_opt.analysis.tools.show import run as show
from halo_opt.confinement.python import CellResult, Limits, Sandbox, SandboxMissing
from halo_opt.core.text import visible

# A cell computes with rows that no model has to read.
MAX_ROWS, MAX_BYTES = 20_000, 3_500_000
_TEXT_BYTES = 100_000


class PythonArguments(Arguments):
    """A cell."""

    code: str = Field(
        max_length=20_000,
        description="Python; print() what you want to see. Functions: sql(query) -> list of dicts, contrast(title,"
        " predicate_sql) -> dict, llm(prompt) -> str, llm_map(question, sql, labels=None) -> list of dicts,"
        " show(trace_id, first=0, last=None) -> str, search(pattern) -> str",
    )


class PythonSession:
    """One agent's sandbox, started by its first cell. Give it back with `close`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._sandbox: Sandbox | None = None
        self._desk: ToolContext | None = None
        self._one_at_a_time = threading.Lock()
        self._closed = False

    def run(self, code: str, context: ToolContext) -> str:
        """What one cell printed and gave. Raises ToolRefused where no sandbox starts, or after `close`."""
        with self._one_at_a_time:
            if self._closed:
                raise ToolRefused("the Python session of this agent has ended; use the other tools")
            self._desk = context
            try:
                if self._sandbox is None:
                    self._sandbox = Sandbox.start(self._host(), self._limits)
                return _said(self._sandbox.run(code), context)
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
        """What cells may call. The sandbox lives longer than one context, so the context is looked up at each call."""

        def now() -> ToolContext:
            assert self._desk is not None
            return self._desk

        def ask_sql(query: str) -> list[dict[str, Any]]:
            return rows_of(now(), query)

        def ask_contrast(title: str, predicate_sql: str) -> dict[str, Any]:
            return contrasted(now(), title, predicate_sql).model_dump(mode="json")

        def ask_llm(prompt: str) -> str:
            return now().required_models().llm(prompt)

        def ask_llm_map(question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
            return now().required_models().llm_map(question, sql, labels)

        def ask_show(trace_id: str, first: int = 0, last: int | None = None) -> str:
            return show(ShowArguments(trace_id=trace_id, first=first, last=last), _roomy(now()))

        def ask_search(pattern: str) -> str:
            return search(SearchArguments(pattern=pattern, limit=100), _roomy(now()))

        return {
            "sql": ask_sql,
            "contrast": ask_contrast,
            "llm": ask_llm,
            "llm_map": ask_llm_map,
            "show": ask_show,
            "search": ask_search,
        }


def python_tool(limits: Limits | None = None) -> tuple[Tool | None, str]:
    """The tool and what confines it on this machine, or None and why there is none. Starts a sandbox once to know."""
    try:
        with Sandbox.start({}, limits) as sandbox:
            return TOOL, sandbox.explain()
    except SandboxMissing as error:
        return None, str(error)


def rows_of(context: ToolContext, sql: str) -> list[dict[str, Any]]:
    """Rows of a query by their columns' names. Raises ToolRefused where there are too many to give all."""
    table = query(context, sql, max_rows=MAX_ROWS, max_bytes=MAX_BYTES)
    if table.truncated:
        raise ToolRefused(
            f"the query gives more than {len(table.rows)} rows, which are all that a cell can be given; aggregate in"
            " SQL, select fewer columns, or page with ORDER BY, LIMIT and OFFSET"
        )
    if len(set(table.columns)) < len(table.columns):
        raise ToolRefused("two columns have the same name; name each by AS")
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def run(asked: PythonArguments, context: ToolContext) -> str:
    """Run one cell in the session of the context's agent."""
    if context.python is None:
        raise ToolRefused("there is no Python here; use 'sql' and 'contrast' instead")
    return context.python.run(asked.code, context)


def _roomy(context: ToolContext) -> ToolContext:
    other = replace(context, answer_bytes=_TEXT_BYTES)
    other.__dict__["guarded"] = context.guarded
    return other


def _said(result: CellResult, context: ToolContext) -> str:
    parts = [
        part
        for part in (
            visible(result.stdout).rstrip("\n"),
            None if result.value is None else f"value: {visible(result.value)}",
            None if result.error is None else f"error: {visible(result.error)}",
        )
        if part
    ]
    said = "the cell failed" if result.error is not None else "the cell ran"
    if result.state_lost:
        said += "; STATE WAS LOST: all variables are gone, define again what you need"
    if not parts:
        return f"{said} and printed nothing; print() what you want to see"
    texts, clip = fitted(parts, middle, room(context, said) - 120)
    cut = any(len(part) > clip for part in parts) or len(texts) < len(parts)
    return answer(
        context, said, "\n".join(texts), "[the middle was cut; print less]" if cut else "", instead="print less"
    )


TOOL = Tool(
    "python",
    "run Python in a sandbox whose variables last: for statistics and for what SQL cannot say",
    PythonArguments,
    run,
    in_order=True,
)
