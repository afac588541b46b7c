"""What a page shows of a trace. Frozen records that the caller fills from the store; nothing here reads one."""

from pydantic import Field

from halo_opt.core.records import Outcome, Record


class StepView(Record):
    """One observe-decide-act turn in words; `index` counts from 0 as in the store."""

    index: int
    observation: str | None = None
    action: str | None = None
    target: str | None = None
    result: str | None = None
    error: str | None = None


class TraceView(Record):
    """One attempt as the page's appendix shows it; exemplars of that trace link to its steps."""

    trace_id: str
    task_id: str
    seed: int | None = None
    outcome: Outcome | None = None
    goal: str | None = None
    steps: list[StepView] = Field(default_factory=list)
