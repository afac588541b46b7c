"""What it costs to start `halo-opt`: CPU seconds of whole processes, as ratios to `python -c "import typer"`.

    python -m benchmarks.startup [--repeats 7] [--json FILE]

Every command runs in a fresh process; rounds go through all commands in turn, so that a busy machine slows all of them
alike. A ratio is the median over rounds of a command's CPU divided by that round's CPU of `import typer`. CPU is user
and system time of the process and of the children it waited for, so the figures do not depend on how busy the machine
is as wall time would. The store is built from the traces in `tests/data` before anything is measured.

The exit code is 1 when a bound is exceeded: 1.5 times `import typer` for help, version and completion, and
0.7 CPU seconds for overview, show, search and diff.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parents[1] / "tests" / "data"
BASE = "import typer"
MOST_TIMES = 1.5
MOST_SECONDS = 0.7


class Command(NamedTuple):
    """A process to measure, and its bound: times the base, or CPU seconds."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = {}
    most_times: float | None = None
    most_seconds: float | None = None


class Row(NamedTuple):
    """The figures of one command: median CPU seconds, median ratio to the base with its lowest and highest."""

    name: str
    seconds: float
    times: float
    lowest: float
    highest: float
    within: bool


def commands() -> dict[str, Command]:
    """Everything that is measured, the base first."""
    program = (sys.executable, "-m", "halo_opt")
    completing = {"COMP_WORDS": "halo-opt s", "COMP_CWORD": "1", "_HALO_OPT_COMPLETE": "complete_bash"}
    completing_zsh = {"_TYPER_COMPLETE_ARGS": "halo-opt s", "_HALO_OPT_COMPLETE": "complete_zsh"}
    store = ("--store", "store.duckdb")
    quick = {
        "--version": Command((*program, "--version")),
        "--help": Command((*program, "--help")),
        "--show-completion bash": Command((*program, "--show-completion", "bash")),
        "completion of a verb in bash": Command(program, completing),
        "completion of a verb in zsh": Command(program, completing_zsh),
    }
    queries = {
        "overview": Command((*program, "overview", *store)),
        "traces": Command((*program, "traces", *store)),
        "show": Command((*program, "show", "a1a1", *store)),
        "search": Command((*program, "search", "submit", *store)),
        "diff": Command((*program, "diff", str(DATA / "run-folder"), str(DATA / "run-folder"))),
    }
    others = {f"{verb} --help": Command((*program, verb, "--help")) for verb in ("analyze", "ask", "propose", "run")}
    return (
        {BASE: Command((sys.executable, "-c", BASE))}
        | {name: command._replace(most_times=MOST_TIMES) for name, command in quick.items()}
        | {name: command._replace(most_seconds=MOST_SECONDS) for name, command in queries.items()}
        | others
    )


def cpu_of(command: Command, folder: Path) -> float:
    """CPU seconds, user and system, of one process and its children. Raises SystemExit when it fails."""
    environment = {**os.environ, **command.environment}
    with subprocess.Popen(
        command.arguments, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command.arguments)} ended with exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def measured(repeats: int, folder: Path) -> list[Row]:
    """The figures of all commands, from `repeats` rounds after one that is not counted."""
    chosen = commands()
    build = [sys.executable, "-m", "halo_opt", "import", str(DATA), "--store", "store.duckdb", "--quiet"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    for command in chosen.values():
        cpu_of(command, folder)
    rounds = [_round(chosen, folder) for _ in range(repeats)]
    return [_row(name, command, rounds) for name, command in chosen.items()]


def _round(chosen: Mapping[str, Command], folder: Path) -> dict[str, float]:
    return {name: cpu_of(command, folder) for name, command in chosen.items()}


def _row(name: str, command: Command, rounds: Sequence[Mapping[str, float]]) -> Row:
    seconds = statistics.median(found[name] for found in rounds)
    ratios = [found[name] / found[BASE] for found in rounds]
    times = statistics.median(ratios)
    within = (command.most_times is None or times <= command.most_times) and (
        command.most_seconds is None or seconds <= command.most_seconds
    )
    return Row(name, seconds, times, min(ratios), max(ratios), within)


def main() -> int:
    """Measure, print the table, and say with the exit code whether all bounds hold."""
    options = argparse.ArgumentParser(description="What it costs to start halo-opt.")
    options.add_argument("--repeats", type=int, default=7, help="rounds through all commands (default: 7)")
    options.add_argument("--json", type=Path, help="also write the figures to this file", metavar="FILE")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="halo-opt-startup-") as folder:
        rows = measured(given.repeats, Path(folder))
    print(f"{'command':<30} {'CPU s':>7} {'ratio':>7}  {'lowest to highest':<18}")
    for row in rows:
        note = "" if row.within else "  exceeds its bound"
        print(f"{row.name:<30} {row.seconds:>7.3f} {row.times:>7.2f}  {row.lowest:.2f} to {row.highest:.2f}{note}")
    if given.json:
        given.json.write_text(json.dumps([row._asdict() for row in rows], indent=2) + "\n", encoding="utf-8")
    return 0 if all(row.within for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
