"""What an eval is set up with, and how an attempt is closed: shared by the supervisor and its children.

Never decides an outcome from anything but the task's own state and the error that ended the attempt.
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
    """What a child process is told first.

    `sites` says where REAL Bench's sites are; `cache` is the folder of proven actions (None: the run's own, in `out`),
    `skills` a file of mined macro skills. With `pause` a child waits after each step until it is told to go on.
    `one_seed` is the task seed that all attempts share, where they do: their file names then need not tell it.
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
    """The file that an attempt's spans are appended to."""
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
    """US dollars of all models, or None where a price or a count is not known.

    Where a model was to be asked and none has answered, a request that was cut off may still be billed: not known.
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
    ending: AttemptEnd | None,
    problem: AttemptError | None,
) -> Result:
    """Write the attempt's own span and make its result. Without an ending there is a problem, and no score."""
    score = None
    if ending is not None and problem is None:
        score = ending.state.score if ending.state.score is not None else 0.0
    outcome = "error" if score is None else "success" if score > SUCCESS else "failure"
    cause = problem.cause.value if problem else None
    words = str(problem) if problem else ending.last_step if ending else ""
    tracer.write(
        "attempt",
        root_attributes(
            goal=progress.goal,
            outcome=outcome,
            score=score,
            cause=cause,
            end_reason=ending.reason if ending and problem is None else "error",
            step_limit=setup.settings.limits.steps,
            words=words,
            totals=progress.totals(),
        ),
        start=started,
        end=now(),
        parent="",
        span_id=tracer.root_id,
        error=words if problem else None,
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
