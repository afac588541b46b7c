"""What a behaviour is. Text only: never touches a store.

A behaviour is a yes/no fact about each measured attempt, read from its trace alone. It must never look at outcome or
score: a behaviour that is defined by failing would explain every failure and teach nothing.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from halo_opt.core.report_records import Category
from halo_opt.mining.shape import Shape, alone_sql


class Behaviour(BaseModel):
    """One detector, said as a `shape` (its SQL follows) or as `sql` itself.

    `sql` is one self-contained SELECT of (trace_id, value BOOLEAN, step INTEGER or NULL) for every measured attempt to
    which the behaviour applies; `step` is the first that shows it. `needs` names columns as `table.column`: where one
    is NULL throughout, the traces cannot tell and the behaviour is not applicable (which is not the same as never
    seen). `remedies` are words of the playbook. A `consequence` is how failing looks, never why: it is not ranked as a
    cause. `fault` says whose it is where that is plain. `source` is the file that declares it, None for our own; SQL of
    a file is run guarded. `actions` are the actions that a sequence is made of, `within` how far the last may stand
    from the first; `mined` says that it was found in these traces rather than thought of, so that only a proof makes it
    worth a line. `asked_by` names who else wants it tested (a model): a test like any other, and none of mining's own.
    `untested` says why it may not be tested whatever the counts, '' where it may.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    meaning: str
    sql: str = ""
    shape: Shape | None = None
    needs: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    category: Category = "unexplained"
    consequence: bool = False
    experimental: bool = False
    source: str | None = None
    actions: tuple[str, ...] = ()
    within: int | None = None
    mined: bool = False
    asked_by: str | None = None
    untested: str = ""

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.shape is not None:
            made = alone_sql(self.shape, self.needs)
            if self.sql not in ("", made):
                raise ValueError("give a shape or sql, not both")
            # The one place where a frozen record is filled: its SQL follows from the rest.
            object.__setattr__(self, "sql", made)
        elif not self.sql:
            raise ValueError("give a shape or sql")
        return self
