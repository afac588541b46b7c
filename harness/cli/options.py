"""Options that mean the same in several verbs, declared once."""

from pathlib import Path
from typing import Annotated

import typer

from harness.settings.schema import SCORE_STEPS, SPEED_STEPS

MAX_STEPS = 100

Tasks = Annotated[
    str | None, typer.Option("--tasks", help="Ids of the tasks to run, separated by commas.", metavar="A,B")
]
TaskType = Annotated[
    str | None,
    typer.Option(
        "--task-type", help="A subset of tasks: one of the config, a family, short, single or all.", metavar="NAME"
    ),
]
Site = Annotated[
    str | None, typer.Option("--site", help="Only tasks on these sites, separated by commas.", metavar="A,B")
]
SampleSize = Annotated[
    int | None,
    typer.Option("--sample-size", min=1, help="Run N of the chosen tasks, drawn at random with --seed.", metavar="N"),
]
SampleSeed = Annotated[int, typer.Option("--seed", help="Seed of the sample: the same seed draws the same tasks.")]
TaskSeeds = Annotated[
    str, typer.Option("--seeds", help="Task seeds, separated by commas. Each task runs with each seed.")
]
TaskSeed = Annotated[int, typer.Option("--task-seed", help="The seed that every task starts with.")]
Mode = Annotated[str | None, typer.Option("--mode", help="A mode of the config; without it, the config's default.")]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", min=1, max=MAX_STEPS, help="Step limit, instead of the mode's.")
]
Score = Annotated[
    bool | None,
    typer.Option(
        "--score/--speed", help=f"REAL Bench's step limit for scores ({SCORE_STEPS}) or for quick runs ({SPEED_STEPS})."
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option("--max-seconds", min=2, max=1800, help="Time limit of an attempt in seconds, instead of the mode's."),
]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", min=0, max=2, help="Sampling temperature, instead of the config's."),
]
Workers = Annotated[
    int, typer.Option("--workers", min=1, max=64, help="Attempts that run at a time, each in its own browser.")
]
Headless = Annotated[
    bool, typer.Option("--headless/--no-headless", help="Run the browser without a window, or with one.")
]
Sites = Annotated[
    str,
    typer.Option(
        "--sites",
        help="Where REAL Bench's sites are: real (on the internet), local (stand-ins on this machine), or SITE=URL, "
        "separated by commas.",
    ),
]
TaskRegistry = Annotated[
    Path | None, typer.Option("--task-registry", help="Task snapshot, made by 'tasks snapshot'.", metavar="FILE")
]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder of the action cache; without it, the run's own.", metavar="DIR")
]
IncludeBroken = Annotated[
    bool, typer.Option("--include-broken", help="Also run REAL Bench tasks whose grader is known to be broken.")
]
Skills = Annotated[
    Path | None, typer.Option("--skills", help="File of macro skills, made by 'skills mine'.", metavar="FILE")
]
Config = Annotated[Path, typer.Option("--config", help="Config file.", metavar="FILE")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Run folder. Not needed with --dry-run.", metavar="DIR"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run. No model is called, no site opened.")]
Debug = Annotated[bool, typer.Option("--debug", help="Also print every step, and the traceback of every error.")]
