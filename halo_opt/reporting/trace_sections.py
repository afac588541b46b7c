"""The appendix of a report: the attempts that exemplars cite, with the cited steps open and the rest folded."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from halo_opt.core.records import Outcome, Record
from halo_opt.core.report_records import Exemplar, Quoted
from halo_opt.reporting.formatting import slug

AROUND = 1  # steps shown on both sides of a cited one: a step is read with what led to it and what came of it


class StepView(Record):
    """One step as text; `index` counts from 0, as in the store."""

    index: int
    observation: str | None = None
    action: str | None = None
    target: str | None = None
    result: str | None = None
    error: str | None = None


class TraceView(Record):
    """One attempt as the appendix shows it. The caller fills it from the store."""

    trace_id: str
    task_id: str
    seed: int | None = None
    outcome: Outcome | None = None
    goal: str | None = None
    steps: list[StepView] = Field(default_factory=list)


class Stretch(NamedTuple):
    """Consecutive steps, all folded or all shown."""

    folded: bool
    steps: list[StepView]


class TraceSection(NamedTuple):
    """One attempt of the appendix."""

    view: TraceView
    anchor: str
    cited: frozenset[int]
    stretches: list[Stretch]


def trace_sections(traces: Sequence[TraceView], exemplars: Iterable[Exemplar | Quoted]) -> list[TraceSection]:
    """Sections in the order given, each trace once. Cited steps, their neighbours and the last step are shown."""
    cited: dict[str, set[int]] = {}
    for exemplar in exemplars:
        steps = cited.setdefault(exemplar.trace_id, set())
        if exemplar.step is not None:
            steps.add(exemplar.step)
    unique = {view.trace_id: view for view in traces}
    return [_section(view, frozenset(cited.get(view.trace_id, ()))) for view in unique.values()]


def _section(view: TraceView, cited: frozenset[int]) -> TraceSection:
    steps = sorted(view.steps, key=lambda step: step.index)
    last = steps[-1].index if steps else None
    stretches: list[Stretch] = []
    for step in steps:
        near = step.index == last or any(abs(step.index - at) <= AROUND for at in cited)
        if not stretches or stretches[-1].folded == near:
            stretches.append(Stretch(folded=not near, steps=[]))
        stretches[-1].steps.append(step)
    # A fold around a single step hides nothing worth a click.
    opened = [s._replace(folded=s.folded and len(s.steps) > 1) for s in stretches]
    return TraceSection(view, f"trace-{slug(view.trace_id)}", cited, opened)


def anchors(sections: Sequence[TraceSection]) -> Mapping[str, str]:
    """Where an exemplar may link to: `<trace_id>` and `<trace_id> <step>` to the ids that are on the page."""
    found: dict[str, str] = {}
    for section in sections:
        found[section.view.trace_id] = section.anchor
        for step in section.view.steps:
            found[f"{section.view.trace_id} {step.index}"] = f"{section.anchor}-step-{step.index}"
    return found
