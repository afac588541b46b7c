"""`python -m benchmarks.mining [PARTS] [--runs PATH]`: what mining finds of what was planted, and what it makes up.

Prints Markdown tables; the same seed gives the same tables, save for the times.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.mining import classes, nothing, planted, speed, whole_runs
from benchmarks.mining.attempts import EXCERPT, real_attempts
from halo_opt.stats.intervals import wilson

PARTS = ("planted", "runs", "failed", "ids", "nothing", "shown", "hard", "triage", "speed")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _share(name: str, found: int, of: int) -> str:
    low, high = wilson(successes=found, n=of) or (0.0, 1.0)
    return (
        f"{name}: a false finding in {found} of {of} ({100 * found / of:.1f}%, 95% interval {100 * low:.1f} to"
        f" {100 * high:.1f})."
    )


def _rate(name: str, found: nothing.Rate) -> list[str]:
    low, high = wilson(successes=found.ours, n=found.of) or (0.0, 1.0)
    return [
        f"{name}: at least one false finding in {found.ours} of {found.of} ({100 * found.ours / found.of:.1f}%,"
        f" 95% interval {100 * low:.1f} to {100 * high:.1f}); a comparison that knows no tasks and corrects nothing: in"
        f" {found.naive} of {found.of}."
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mining", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without any")
    parser.add_argument("--runs", type=Path, default=EXCERPT, help="tau-bench runs that the attempts are made of")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shuffles", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=100, help="of runs, failed, ids and hard")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000], help="of the speed part")
    given = parser.parse_args(arguments)
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]} is not a part; parts are {', '.join(PARTS)}")
    real = real_attempts(given.runs)
    wanted = given.parts or PARTS
    if "planted" in wanted:
        _show("Planted failures", planted.table(planted.run(real, planted.SIZES, seed=given.seed, tell=_tell)))
    if "runs" in wanted:
        made = whole_runs.whole_runs(real, draws=given.draws, seed=given.seed, tell=_tell)
        _show("Faults of a whole run", whole_runs.table("a fault of a whole run", made))
    if "failed" in wanted:
        made = whole_runs.all_failed(real, draws=given.draws, seed=given.seed, tell=_tell)
        _show("No success", whole_runs.table("a fault of nearly all attempts, all failed", made))
    if "ids" in wanted:
        ours, naive = whole_runs.collisions(real, draws=given.draws, seed=given.seed, tell=_tell)
        shares = [_share("goals told apart", ours, given.draws), _share("by ids alone", naive, given.draws)]
        _show("Ids that two data sets share", shares)
    if "shown" in wanted:
        chance = whole_runs.shown_by_chance(real, shuffles=given.shuffles, seed=given.seed, tell=_tell)
        _show("Shown by chance", [_share(name, found, given.shuffles) for name, found in chance.items()])
    if "nothing" in wanted:
        found = nothing.shuffled(real, shuffles=given.shuffles, seed=given.seed, tell=_tell)
        _show("Nothing there", _rate("Outcomes shuffled within tasks", found))
    if "hard" in wanted:
        found = nothing.hard_tasks(real, draws=given.draws, seed=given.seed, tell=_tell)
        _show("Hard tasks", _rate("Behaviours that come with hard tasks", found))
    if "triage" in wanted:
        _show("Triage", classes.table(classes.confusion(real, seed=given.seed)))
    if "speed" in wanted:
        _show("Speed", speed.table(speed.measure(given.sizes, given.runs)))


def _show(title: str, lines: Sequence[str]) -> None:
    print(f"\n## {title}\n\n" + "\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
