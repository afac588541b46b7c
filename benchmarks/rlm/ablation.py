"""`python -m benchmarks.rlm.ablation --model SPEC [--budget 1usd] [--cases N]`: mining, RLM, both, raw traces.

The datasets are those of benchmarks/mining: real attempts with planted failures, so that the truth is known. Each case
of each arm is written to --out when it is done, and each call when it was paid; started again with the same --out, it
goes on from there.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from benchmarks.mining import planted
from benchmarks.mining.attempts import EXCERPT, Made, real_attempts
from benchmarks.rlm.arms import ARMS, MINING, Case, look
from halo_opt.analysis.records import AnalysisLimits, AnalysisResult
from halo_opt.analysis.session.options import AnalysisOptions, models_of, parse_budget, parse_contexts, parse_time
from halo_opt.core.errors import HaloError, InputError
from halo_opt.store import Store
from halo_opt.store.guarded.guarded_rows import GuardedRows

# With fewer detectable modes than these, the interval of recall is wider than most differences.
ENOUGH = 30
REPLAYED = "replayed"
_DRAWN, _POWER, _SAMPLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Done:
    """The result of one arm on one case: modes (name, power, found), findings (title, true), and what it used."""

    arm: str
    case: int
    tests: int
    modes: list[tuple[str, float, bool]]
    findings: list[tuple[str, bool]]
    seconds: float
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = 0.0
    ended: str = "submitted"
    reason: str = ""
    faults: dict[str, int] = field(default_factory=dict)


def run(given: argparse.Namespace, asked: AnalysisOptions) -> Iterator[Done]:
    """Run all arms on all cases; results that are written already are read."""
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    real = real_attempts(given.runs)
    settings = {"model": asked.models.get("root", REPLAYED), "attempts": given.attempts, "seed": given.seed}
    known = _read(out / "results.jsonl", settings)
    for number in range(given.cases):
        drawn = planted.case(real, given.attempts, _rng(given, number, _DRAWN))
        tests = known[MINING, number].tests if (MINING, number) in known else 0
        for arm in (MINING, *(arm for arm in ARMS if arm in given.arms and arm != MINING)):
            done = known.get((arm, number))
            if done is None:
                done = _one(arm, drawn, given, asked, number=number, tests=tests)
                _write(out / "results.jsonl", settings, done)
                _tell(f"case {number + 1} of {given.cases}, {arm}: {len(done.findings)} findings, {done.seconds:.0f} s")
            tests = done.tests if arm == MINING else tests
            if arm in given.arms:
                yield done


def _rng(given: argparse.Namespace, number: int, use: int) -> np.random.Generator:
    return np.random.default_rng([given.seed, given.attempts, number, use])


def _one(
    arm: str, drawn: planted.Case, given: argparse.Namespace, asked: AnalysisOptions, *, number: int, tests: int
) -> Done:
    folder = given.out / f"case-{number:02d}"
    folder.mkdir(exist_ok=True)
    identity = {"case": number, "attempts": given.attempts, "seed": given.seed}
    with ExitStack() as stack:
        store, bare = (
            stack.enter_context(_stored(attempts, folder / f"{name}.duckdb"))
            for name, attempts in (("planted", drawn.attempts), ("bare", drawn.bare))
        )
        began = time.monotonic()
        budget = parse_budget(given.budget)
        assert budget is not None
        report, result = look(arm, Case(store, folder, identity, _rng(given, number, _SAMPLE)), asked, budget)
        seconds = time.monotonic() - began
        called = planted.called_by(report)
        # All arms are compared with what a perfect test would find at the level that mining's number of tests leaves.
        called = called if arm == MINING else replace(called, tests=tests)
        outcome = planted.judge(
            drawn, called, planted=GuardedRows(store), bare=GuardedRows(bare), rng=_rng(given, number, _POWER)
        )
    modes = [(mode.mode, mode.power, mode.found) for mode in outcome.planted]
    return Done(arm, number, called.tests, modes, outcome.findings, seconds, **_used(result))


def _stored(attempts: Sequence[Any], file: Path) -> Store:
    """The attempts as a store on disk, made anew: what a model writes is asked in a process of its own."""
    file.unlink(missing_ok=True)
    Made(attempts, file=file).close()
    return Store.open(file)


def _used(result: AnalysisResult | None) -> dict[str, Any]:
    if result is None:
        return {}
    same = ("calls", "tokens_in", "tokens_out", "cost_usd", "reason", "faults")
    return {name: getattr(result, name) for name in same} | {"ended": result.ended.value}


def _read(path: Path, settings: dict[str, Any]) -> dict[tuple[str, int], Done]:
    """What is done already. Raises InputError where it was done with other settings."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.endswith("}")]
    found = {}
    for line in lines:
        if line["settings"] != settings:
            raise InputError(f"{path} was made with {line['settings']}, not {settings}; give another --out")
        done = line["done"]
        pairs = {name: [tuple(one) for one in done[name]] for name in ("modes", "findings")}
        found[done["arm"], done["case"]] = Done(**done | pairs)
    return found


def _write(path: Path, settings: dict[str, Any], done: Done) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"settings": settings, "done": asdict(done)}) + "\n")


def table(results: Sequence[Done]) -> list[str]:
    """A row an arm: recall of detectable modes, precision of findings, what it cost."""
    heads = "arm | detectable modes | found | recall | findings | true | precision | calls | tokens in | tokens out"
    lines = [f"| {heads} | dollars | seconds |", "| --- |" + " ---: |" * 11]
    for arm in _arms(results):
        mine = [done for done in results if done.arm == arm]
        able = [found for done in mine for _, found in _able(done)]
        calls = [true for done in mine for _, true in done.findings]
        costs = [done.cost_usd for done in mine]
        known = [cost for cost in costs if cost is not None]
        dollars = f"{sum(known):.2f}" if len(known) == len(costs) else "not known"
        sums = [sum(getattr(done, name) for done in mine) for name in ("calls", "tokens_in", "tokens_out")]
        lines.append(
            f"| {arm} | {len(able)} | {sum(able)} | {planted.rate(able)} | {len(calls)} | {sum(calls)} |"
            f" {planted.rate(calls)} | " + " | ".join(f"{one:,}" for one in sums) + f" | {dollars} |"
            f" {sum(done.seconds for done in mine):,.0f} |"
        )
    return lines


def _arms(results: Sequence[Done]) -> list[str]:
    return [arm for arm in ARMS if any(done.arm == arm for done in results)]


def _able(done: Done) -> list[tuple[tuple[int, str], bool]]:
    """The detectable modes of a case, and whether each was found."""
    return [((done.case, mode), found) for mode, power, found in done.modes if power >= planted.POWER]


def notes(results: Sequence[Done]) -> list[str]:
    """Notes below the table: arms compared on the same modes, too few cases, analyses that ended at a limit."""
    lines = []
    found = {arm: dict(one for done in results if done.arm == arm for one in _able(done)) for arm in _arms(results)}
    for arm in _arms(results)[1:]:
        both = found[arm].keys() & found[MINING].keys() if MINING in found else set()
        more = sum(found[arm][mode] and not found[MINING][mode] for mode in both)
        fewer = sum(found[MINING][mode] and not found[arm][mode] for mode in both)
        if both:
            p = binomtest(more, more + fewer).pvalue if more + fewer else 1.0
            words = f"{arm} against {MINING} on the same {len(both)} modes"
            lines.append(f"{words}: {more} found by it alone, {fewer} missed by it alone (sign test p = {p:.2g}).")
    most = max((len(modes) for modes in found.values()), default=0)
    if most < ENOUGH:
        lines.append(
            f"Too few: {most} detectable modes, of {ENOUGH} that it takes to tell arms apart; raise --cases or"
            " --attempts."
        )
    cut = [done for done in results if done.ended != "submitted"]
    return [
        *lines,
        *(f"Case {d.case + 1}, {d.arm}: it ended by {d.ended} ({d.reason}); what it had counts." for d in cut),
    ]


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is not done yet, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rlm.ablation", description=__doc__)
    parser.add_argument("--model", help="a model spec, such as anthropic:NAME, openai:NAME or FILE.gguf")
    parser.add_argument("--role", action="append", default=[], metavar="NAME=SPEC", help="another model for a role")
    parser.add_argument("--budget", default="1usd", help="of one arm on one case, such as 1usd or 200ktokens")
    parser.add_argument("--time", help="of one arm on one case, such as 30min")
    parser.add_argument("--turns", type=int, default=40, help="of the root agent")
    parser.add_argument("--context", action="append", help="tokens that the model can read and write together")
    parser.add_argument("--prices", type=Path, help="a file of prices")
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--attempts", type=int, default=1000, help="of each case")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--runs", type=Path, default=EXCERPT, help="tau-bench runs that the attempts are made of")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("reports/ablation"))
    parser.add_argument("--replay", type=Path, metavar="DIR", help="an --out of an earlier run; no model is asked")
    given = parser.parse_args(arguments)
    if given.model is None and given.replay is None and set(given.arms) != {MINING}:
        parser.error("name a model with --model, or an earlier run with --replay, or only --arms mining")
    try:
        limits = AnalysisLimits(turns=given.turns, seconds=parse_time(given.time))
        asked = AnalysisOptions(
            models=models_of(given.model, given.role),
            limits=limits,
            context_tokens=parse_contexts(given.context or []),
            prices=given.prices,
            replay=given.replay,
        )
        results = list(run(given, asked))
    except HaloError as error:
        _tell(str(error))
        return int(error.exit_code)
    print(f"\n## Ablation: {given.cases} cases of {given.attempts:,} attempts, {given.model or REPLAYED}\n")
    print("\n".join([*table(results), "", *notes(results)]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
