"""The verbs tasks list and tasks snapshot."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from halo_common.text import did_you_mean
from harness.cli.output import log, out
from harness.core.errors import EnvironmentMissing, UsageError
from harness.envs.base import TaskInfo
from harness.envs.miniwob import tasks as miniwob_tasks
from harness.envs.registry import INSTALL, SNAPSHOT, RealTask, Registry, load_registry, sdk_registry, write_snapshot
from harness.evaluation.jobs import in_subset

BENCHMARKS = ("real", "miniwob", "all")
STDOUT = "-"

tasks_app = typer.Typer(no_args_is_help=True, help="The benchmarks' tasks: list them, or pin them in a snapshot.")


def spread(args: Sequence[str]) -> list[str]:
    """Rewrite `--site a b` as `--site a --site b`, and `--json` without a file as `--json -`, for the option parser."""
    out: list[str] = []
    taking = False
    for at, word in enumerate(args):
        if word.startswith("-") and word != STDOUT:
            taking = word == "--site"
            out.append(word)
            if word == "--json" and (at + 1 == len(args) or args[at + 1].startswith("--")):
                out.append(STDOUT)
        elif taking and out[-1] != "--site":
            out += ["--site", word]
        else:
            out.append(word)
    return out


class ListCommand(TyperCommand):
    """A command whose `--site` takes several values and whose `--json` may have none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments after `spread`."""
        return super().parse_args(ctx, spread(args))


RegistryFile = Annotated[
    Path | None,
    typer.Option(
        "--task-registry",
        help=f"Snapshot of REAL Bench's tasks; without it, {SNAPSHOT} in this folder, else the SDK's tasks.",
    ),
]


@tasks_app.command("list", cls=ListCommand)
def tasks_list(  # noqa: PLR0917  options of a command line are named by whoever gives them
    benchmark: Annotated[
        str | None, typer.Option(help="real, miniwob or all. The default is real, or miniwob with --subset.")
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option(help="REAL Bench: only tasks on these sites (one or several names).")
    ] = None,
    subset: Annotated[
        str | None, typer.Option(help="MiniWoB++: all, short, single, stated, short-stated, or a family.")
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", help="Write JSON to FILE; without FILE, to stdout.")
    ] = None,
    ids_only: Annotated[bool, typer.Option(help="Print only ids, one a line.")] = False,
    usable: Annotated[
        bool,
        typer.Option(
            "--usable", help="Only tasks that can run and have a working grader; `eval` leaves out the others."
        ),
    ] = False,
    task_registry: RegistryFile = None,
) -> None:
    """List tasks. REAL Bench: id, site, difficulty, goal, counts by site. MiniWoB++: id, family, horizon, usable."""
    name = benchmark or ("miniwob" if subset is not None else "real")
    if name not in BENCHMARKS:
        raise UsageError(f"there is no benchmark '{name}'; {did_you_mean(name, BENCHMARKS)}")
    if site and (name == "miniwob" or subset is not None):
        raise UsageError("--site selects REAL Bench tasks and --subset selects MiniWoB++ tasks; give one of them")
    real = _real_tasks(task_registry, site, usable=usable) if name != "miniwob" else None
    mini = in_subset(miniwob_tasks(), subset) if name != "real" and not site else []
    mini = [t for t in mini if t.usable or not usable]
    if json_file is not None:
        _write_json(json_file, real, mini)
    if ids_only:
        for task_id in [*(t.id for t in (real.tasks if real else ())), *(t.id for t in mini)]:
            out(task_id)
    elif json_file is None:
        if real:
            _print_real(real)
        if mini:
            _print_miniwob(mini)
    if real:
        log(f"source: {real.source}")


def _real_tasks(path: Path | None, sites: list[str] | None, *, usable: bool) -> Registry:
    registry, notes = load_registry(path)
    for line in notes:
        log(line)
    known = registry.counts()
    for site in sites or ():
        if site not in known:
            raise UsageError(f"there is no site '{site}'; {did_you_mean(site, known)}")
    picked = tuple(t for t in registry.tasks if (not sites or t.site in sites) and not (usable and t.broken))
    return registry.model_copy(update={"tasks": picked})


def _as_dict(task: RealTask) -> dict[str, Any]:
    return {**task.model_dump(), "usable": not task.broken, "note": task.note}


def _write_json(where: str, real: Registry | None, mini: list[TaskInfo]) -> None:
    tasks = [*(_as_dict(t) for t in (real.tasks if real else ())), *(t.model_dump() for t in mini)]
    # MiniWoB++'s tasks alone are an array; REAL Bench's come with their source and counts.
    data: Any = {"source": real.source, "counts": real.counts(), "tasks": tasks} if real else tasks
    text = json.dumps(data, indent=1, ensure_ascii=False)
    if where == STDOUT:
        out(text)
        return
    try:
        Path(where).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--json {where} cannot be written: {error}") from None
    log(f"{len(tasks)} tasks in {where}")


def _print_real(registry: Registry) -> None:
    out(f"{'task':20} {'site':11} {'level':7} goal")
    for t in registry.tasks:
        note = f"broken: {t.note}" if t.broken else t.note
        flag = f"  [{note}]" if note else ""
        out(f"{t.id:20} {t.site:11} {t.difficulty:7} {t.goal[:90]}{flag}")
    counts = registry.counts()
    out(f"\n{len(registry.tasks)} tasks on {len(counts)} sites")
    for site, count in counts.items():
        out(f"{site:20} {count:3}")


def _print_miniwob(picked: list[TaskInfo]) -> None:
    out(f"{'task':40} {'family':10} {'horizon':>7}  usable")
    for t in picked:
        horizon = "" if t.horizon is None else t.horizon
        out(f"{t.id:40} {t.family:10} {horizon:>7}  {'yes' if t.usable else 'no: ' + t.why_not}")
    log(f"{sum(t.usable for t in picked)} of {len(picked)} usable")


@tasks_app.command("snapshot")
def tasks_snapshot(
    out: Annotated[Path, typer.Option(help="File to write.")] = Path(SNAPSHOT),
) -> None:
    """Pin REAL Bench's tasks in a file: id, goal, hash of the grader, site, points, difficulty, SDK version."""
    registry = sdk_registry()
    if registry is None:
        raise EnvironmentMissing(f"a snapshot is taken from REAL Bench's SDK, which is not installed; run '{INSTALL}'")
    write_snapshot(registry, out)
    log(f"{len(registry.tasks)} tasks of {registry.source} in {out}")
    if out != Path(SNAPSHOT):
        log(f"use it with --task-registry {out}; a file named {SNAPSHOT} in the working directory needs no option")
