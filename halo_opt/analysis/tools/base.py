"""What a tool is, and what it is given. A tool reads; its answer is text within a byte limit, safe to show a model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict

from halo_opt.analysis.claims.hypotheses import ROOT, Hypotheses
from halo_opt.analysis.tools.scope import EVERYTHING, Scope
from halo_opt.core.errors import InputError
from halo_opt.core.report_records import Report
from halo_opt.store import Store
from halo_opt.store.guarded.rows import GuardedRows


class ToolRefused(InputError):
    """A tool cannot do what it was asked; the words say what to do instead."""


class Arguments(BaseModel):
    """Base of every tool's arguments. Field descriptions are read by the model: short, with the unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asking(Protocol):
    """The models that a tool may ask: given by the engine, which holds every call against the budget."""

    def llm(self, prompt: str) -> str:
        """One answer of the `map` model. Raises BudgetSpent, ModelError."""
        ...

    def llm_map(self, question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
        """One answer for each row of a query: the row's columns and `answer`, one of `labels` where these are given.

        `sql` is the model's own, over what its agent sees; `querying.query(desk, sql)` reads it so.
        """
        ...

    def delegate(self, question: str, scope: Scope) -> str:
        """The report of a sub-agent on a question within a scope. Raises ToolRefused at the depth limit."""
        ...


class Cells(Protocol):
    """Where an agent's Python runs, cell after cell; given by `python.PythonSession`."""

    def run(self, code: str, desk: "Desk") -> str:
        """What one cell printed and gave, as text within the desk's bytes."""
        ...

    def close(self) -> None:
        """End it; safe to call twice."""
        ...


@dataclass(frozen=True)
class Desk:
    """What one agent's tools work with. `report` is what mining knows, `harness` the folder of the harness."""

    store: Store
    report: Report
    hypotheses: Hypotheses
    scope: Scope = EVERYTHING
    harness: Path | None = None
    answer_bytes: int = 6_000
    asking: Asking | None = None
    agent: str = ROOT
    python: Cells | None = None

    @cached_property
    def guarded(self) -> GuardedRows:
        """The whole store, for SQL that a model wrote; the desks made from this one share it."""
        return GuardedRows(self.store)

    def within(self, scope: Scope, *, agent: str | None = None) -> Self:
        """The same desk for an agent that looks at a part of the attempts. It has no Python session yet."""
        other = replace(self, scope=scope, agent=agent or self.agent, python=None)
        other.__dict__["guarded"] = self.guarded
        return other


@dataclass(frozen=True)
class Tool:
    """One tool: its name, what it is for in one line that the model reads, its arguments, and what it does.

    `run` gives text for the model and raises ToolRefused (or any HaloError) with words on what to do instead.
    `in_order` says that calls of it in one turn must run one after the other, as they stand: it remembers.
    """

    name: str
    purpose: str
    arguments: type[Arguments]
    run: Callable[[Any, Desk], str]
    in_order: bool = False
