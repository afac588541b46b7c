"""What an optimizer asks a harness: tasks list, describe, check."""

import json
from typing import Annotated

import typer

from harness.cli import options as o
from harness.cli.words import out, say
from harness.config_load import DEFAULT_CONFIG
from harness.describe import description
from harness.envs.base import TaskInfo
from harness.envs.miniwob import tasks as task_table
from harness.jobs import chosen

tasks_app = typer.Typer(no_args_is_help=True, help="The tasks of the benchmark.")


@tasks_app.command("list")
def tasks_list(
    subset: Annotated[str | None, typer.Option(help="all, short, single, stated, short-stated, or a family.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
    ids_only: Annotated[bool, typer.Option(help="One id a line.")] = False,
) -> None:
    """List tasks: id, family, horizon (least number of actions), usable or why not."""
    picked = chosen(task_table(), subset)
    if as_json:
        out(json.dumps([t.model_dump() for t in picked], indent=1))
    elif ids_only:
        for task in picked:
            out(task.id)
    else:
        _print_table(picked)


def _print_table(picked: list[TaskInfo]) -> None:
    out(f"{'task':40} {'family':10} {'horizon':>7}  usable")
    for t in picked:
        horizon = "" if t.horizon is None else t.horizon
        out(f"{t.id:40} {t.family:10} {horizon:>7}  {'yes' if t.usable else 'no: ' + t.why_not}")
    say(f"{sum(t.usable for t in picked)} of {len(picked)} usable")


def describe() -> None:
    """Print config schema, prompts and remedies as JSON, for an optimizer."""
    out(json.dumps(description(), indent=1))


def check(*, config: o.Config = DEFAULT_CONFIG) -> None:
    """Exit 0 when the config validates and every prompt renders."""
    from harness.check import check as check_harness  # brings the model's client, which is slow to import

    check_harness(config)
    say("the config validates and every prompt renders")
