"""The setup of a run and the closing of an attempt, shared by the supervisor and its children.

An attempt's outcome follows from the task's final state and the error that ended the attempt, from nothing else.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.attempt.records import SUCCESS, AttemptEnd, Progress
from harness.core.errors import AttemptError
from harness.models.costs import total
from harness.record.results import Job, Result
from harness.record.tracing import Tracer, now, resource_of, root_attributes, span_file
from harness.settings.schema import HarnessSettings


class Setup(BaseModel):
    """What a child process runs attempts with; the first message that it gets.

    Attributes:
        settings: The settings of the mode.
        out: The run folder.
        mode: The mode's name.
        headless: Whether the browser has no window.
        revision: The harness revision, for the spans.
        run_id: The run's id, for the spans.
        sites: Where REAL Bench's sites are: `real`, `local`, or addresses.
        cache: The folder of the action cache; None for one in `out`.
        skills: A file of mined macro skills.
        pause: Whether the child waits after each step until the supervisor lets it go on.
        one_seed: The task seed that all attempts share, where they do; span file names then leave it out.
    """

    model_config = ConfigDict(frozen=True)

    settings: HarnessSettings
    out: str
    mode: str
    headless: bool
    revision: str
    run_id: str
    sites: str = "real"
    cache: str | None = None
    skills: str | None = None
    pause: bool = False
    one_seed: int | None = None


def spans_of(setup: Setup, job: Job) -> Path:
    """The span file of an attempt."""
    path = span_file(Path(setup.out), setup.mode, job)
    return (
        path.with_name(path.name.replace(f"__seed_{job.seed}__attempt_", "__attempt_"))
        if setup.one_seed == job.seed
        else path
    )


def resource_for(setup: Setup, job: Job) -> dict[str, Any]:
    """Resource attributes of an attempt's spans."""
    rules = setup.settings.worker == "rules"
    model = "rules" if rules else setup.settings.model.name
    return resource_of(job, mode=setup.mode, model=model, revision=setup.revision, run_id=setup.run_id)


def cost_of(settings: HarnessSettings, progress: Progress) -> float | None:
    """The attempt's cost in US dollars over all models; None where it is unknown.

    It is unknown where a price or a token count is, and where no model has answered: a request that was cut off may
    still be billed.
    """
    if settings.worker == "rules":
        return 0.0
    return total(progress.usage) if progress.usage else None


def finish(
    setup: Setup,
    job: Job,
    tracer: Tracer,
    trace_id: str,
    *,
    started: str,
    progress: Progress,
    end: AttemptEnd | None,
    problem: AttemptError | None,
) -> Result:
    """Write the attempt's own span and return its result.

    Exactly one of `end` and `problem` says how the attempt ended. With a problem it is an error, without a score.
    """
    score = None
    outcome = "error"
    if end is not None and problem is None:
        score = end.state.score if end.state.score is not None else 0.0
        outcome = "success" if score > SUCCESS else "failure"
    cause = problem.cause.value if problem else None
    text = end.last_step if end else ""
    if problem is not None:
        text = str(problem)
    tracer.write(
        "attempt",
        root_attributes(
            goal=progress.goal,
            outcome=outcome,
            score=score,
            cause=cause,
            end_reason=end.reason if end and problem is None else "error",
            step_limit=setup.settings.limits.steps,
            text=text,
            totals=progress.totals(),
        ),
        start=started,
        end=now(),
        parent="",
        span_id=tracer.root_id,
        error=text if problem else None,
    )
    return Result(
        **job.model_dump(),
        trace_id=trace_id,
        outcome=outcome,
        score=score,
        cause=cause,
        steps=progress.steps,
        tokens_in=progress.tokens_in,
        tokens_out=progress.tokens_out,
        cost_usd=cost_of(setup.settings, progress),
        started_at=started,
        ended_at=now(),
    )
