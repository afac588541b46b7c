"""A behaviour: a yes/no fact about each measured attempt, read from its trace alone.

It must not look at outcome or score: a behaviour that is defined by failing would explain every failure.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from halo_opt.core.report_records import Category
from halo_opt.mining.condition import Condition, self_contained_sql


class Behaviour(BaseModel):
    """One detector, declared as a `condition` (its SQL follows) or as `sql` itself.

    `sql` is one self-contained SELECT of (trace_id, value BOOLEAN, step INTEGER or NULL) for every measured attempt to
    which the behaviour applies; `step` is the first that shows it.

    Attributes:
        needs: What the traces must record: columns as `table.column`, or names of `RECORDED`. Where one is missing
            throughout, the behaviour is "not applicable", which is not the same as "not seen".
        remedies: Words of the playbook that whoever declared the behaviour adds to the playbook's own.
        category: Where the fault seems to lie before anybody has read the attempts.
        consequence: It is a symptom of failing, not a cause, and is not ranked.
        general: Many different faults bring it about, so it says little about which one it is.
        experimental: It is used only when asked for.
        source: The file or model that declares it, None for built-in ones; SQL of others runs guarded.
        actions: The actions that a sequence is made of.
        within: How many steps the last action may come after the first, None for actions in a row.
        from_traces: It was found in these traces, so it is reported only when it is proven.
        asked_by: Who else wants it tested (a model): tested like any other, and none of mining's own.
        untestable: Why it may not be tested whatever the counts, '' where it may.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    meaning: str
    sql: str = ""
    condition: Condition | None = None
    needs: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    category: Category = "unexplained"
    consequence: bool = False
    general: bool = False
    experimental: bool = False
    source: str | None = None
    actions: tuple[str, ...] = ()
    within: int | None = None
    from_traces: bool = False
    asked_by: str | None = None
    untestable: str = ""

    @model_validator(mode="after")
    def _declared_once(self) -> Self:
        if self.condition is not None:
            made = self_contained_sql(self.condition, self.needs)
            if self.sql not in ("", made):
                raise ValueError("give a condition or sql, not both")
            # The one place where a frozen record is filled: its SQL follows from the rest.
            object.__setattr__(self, "sql", made)
        elif not self.sql:
            raise ValueError("give a condition or sql")
        return self
