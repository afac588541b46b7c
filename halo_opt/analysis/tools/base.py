"""What a tool is and what it works with. Tools only read; an answer is text within a byte limit, safe for a prompt."""

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
from halo_opt.store.guarded.guarded_rows import GuardedRows


class ToolRefused(InputError):
    """A tool cannot do what it was asked; the message says what to do instead."""


class Arguments(BaseModel):
    """Base of every tool's arguments. The model reads the fields' descriptions: keep them short, with the unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelAccess(Protocol):
    """The models that a tool may ask. Every call counts against the budget of the analysis."""

    def llm(self, prompt: str) -> str:
        """One answer of the `map` model. Raises BudgetSpent, ModelError."""
        ...

    def llm_map(self, question: str, sql: str, labels: list[str] | None = None) -> list[dict[str, Any]]:
        """One answer for each row of a query over the agent's scope.

        Args:
            question: what is asked about each row.
            sql: the query, written by a model.
            labels: the answers to choose from; None for free text.

        Returns:
            The rows by column, each with its `answer`.
        """
        ...

    def delegate(self, question: str, scope: Scope) -> str:
        """The report of a sub-agent on a question within a scope. Raises ToolRefused where none may be started."""
        ...


class CellRunner(Protocol):
    """Runs an agent's Python cells in one session (see `tools.python.PythonSession`)."""

    def run(self, code: str, context: "ToolContext") -> str:
        """Run one cell and return what it printed and its value as text, within the context's bytes."""
        ...

    def close(self) -> None:
        """End the session; safe to call twice."""
        ...


@dataclass(frozen=True)
class ToolContext:
    """What the tools of one agent work with.

    Attributes:
        store: the traces.
        report: mining's report about them.
        hypotheses: collects every predicate that is tested.
        scope: the attempts that the agent sees.
        harness: the harness's folder; None where it is not known.
        answer_bytes: the longest answer.
        models: the models that tools may ask; None where there are none.
        agent: the agent's name.
        python: the agent's Python session; None where there is none.
        earlier: what earlier analyses of a loop found and what was tried, in words.
    """

    store: Store
    report: Report
    hypotheses: Hypotheses
    scope: Scope = EVERYTHING
    harness: Path | None = None
    answer_bytes: int = 6_000
    models: ModelAccess | None = None
    agent: str = ROOT
    python: CellRunner | None = None
    earlier: str = ""

    @cached_property
    def guarded(self) -> GuardedRows:
        """The whole store for a model's SQL, with the answers so far; contexts made from this one share it."""
        return GuardedRows(self.store)

    def replaced(self, **changes: Any) -> Self:
        """The same context with other values."""
        other = replace(self, **changes)
        other.__dict__["guarded"] = self.guarded
        return other

    def within(self, scope: Scope, *, agent: str | None = None) -> Self:
        """The context of an agent that sees a part of the attempts, without a Python session."""
        return self.replaced(scope=scope, agent=agent or self.agent, python=None)

    def required_models(self) -> ModelAccess:
        """The models. Raises ToolRefused where there are none."""
        if self.models is None:
            raise ToolRefused("no model can be asked here; use 'sql', 'search' and 'contrast' instead")
        return self.models


@dataclass(frozen=True)
class Tool:
    """A tool.

    Attributes:
        name: as a model calls it.
        purpose: what it is for, in one line that the model reads.
        arguments: the model of its arguments.
        run: gives the answer as text; raises ToolRefused (or any HaloError) with what to do instead.
        in_order: whether it has state that lasts, so that its calls in one turn must run one after the other.
    """

    name: str
    purpose: str
    arguments: type[Arguments]
    run: Callable[[Any, ToolContext], str]
    in_order: bool = False
