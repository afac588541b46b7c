"""Options that mean the same in every verb, declared once."""

from pathlib import Path
from typing import Annotated

import typer

from harness.settings.schema import SCORE_STEPS, SPEED_STEPS

MAX_STEPS = 100

Tasks = Annotated[str | None, typer.Option("--tasks", help="Task ids between commas.", metavar="A,B")]
TaskType = Annotated[
    str | None,
    typer.Option("--task-type", help="A subset: of the config, a family, short, single, all.", metavar="NAME"),
]
Site = Annotated[str | None, typer.Option("--site", help="Only tasks on these sites, between commas.", metavar="A,B")]
SampleSize = Annotated[
    int | None, typer.Option("--sample-size", min=1, help="So many of these tasks, drawn by --seed.", metavar="N")
]
SampleSeed = Annotated[int, typer.Option("--seed", help="Draws the sample: the same seed, the same tasks, always.")]
TaskSeeds = Annotated[str, typer.Option("--seeds", help="Task seeds between commas; each task runs with each.")]
TaskSeed = Annotated[int, typer.Option("--task-seed", help="The seed that each task is started with.")]
Mode = Annotated[str | None, typer.Option("--mode", help="A mode of the config; without it, the config's own.")]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", min=1, max=MAX_STEPS, help="Instead of the mode's step limit.")
]
Score = Annotated[
    bool | None,
    typer.Option("--score/--speed", help=f"The step limit of score ({SCORE_STEPS}) or speed ({SPEED_STEPS}) mode."),
]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", min=2, max=1800, help="Instead of the mode's wall-clock limit.")
]
Temperature = Annotated[
    float | None, typer.Option("--temperature", min=0, max=2, help="Instead of the model's temperature in the config.")
]
Workers = Annotated[int, typer.Option("--workers", min=1, max=64, help="Attempts at once, each with its own browser.")]
Headless = Annotated[bool, typer.Option("--headless/--no-headless", help="Without or with a window.")]
Sites = Annotated[
    str, typer.Option("--sites", help="REAL Bench's own sites (real), or the stand-ins that ship with this (local).")
]
TaskRegistry = Annotated[
    Path | None, typer.Option("--task-registry", help="Tasks as pinned by 'tasks snapshot'.", metavar="FILE")
]
Cache = Annotated[
    Path | None, typer.Option("--cache", help="Folder of proven actions; without it, the run's own.", metavar="DIR")
]
IncludeBroken = Annotated[
    bool, typer.Option("--include-broken", help="Run REAL tasks whose grader is known to be broken.")
]
Skills = Annotated[Path | None, typer.Option("--skills", help="File of mined macro skills.", metavar="FILE")]
Config = Annotated[Path, typer.Option("--config", help="Config file.", metavar="FILE")]
Out = Annotated[Path, typer.Option("--out", help="Run folder. What it holds already is not run again.", metavar="DIR")]
OptionalOut = Annotated[
    Path | None, typer.Option("--out", help="Run folder; not needed with --dry-run.", metavar="DIR")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run, and call no model and no site.")]
Debug = Annotated[bool, typer.Option("--debug", help="More words: every step, and where errors arose.")]
