"""The loop: phase order, keep or revert, resume.

Every phase is an entry of the journal, done once: running the loop again replays what is there and goes on with what
is not. Nothing here measures, mines, edits or judges; it says in which order, and who may see which split.
"""

from dataclasses import dataclass
from functools import partial
from time import monotonic

import numpy as np

from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.journal import Journal
from halo_opt.core.loop_records import (
    BestOfK,
    CandidateSummary,
    IterationSummary,
    LoopSummary,
    NoiseFloor,
    SealedResult,
)
from halo_opt.core.paths import LoopPaths
from halo_opt.core.records import AttemptKey, AttemptResult, Patch, ScoreDiff, Verdict
from halo_opt.experiment.bench import Bench
from halo_opt.experiment.diff import compare
from halo_opt.experiment.gate import broken_guards, decide, hopeless
from halo_opt.experiment.scores import best_of_k, estimate, tries_for_spend
from halo_opt.experiment.splits import Split, repeat
from halo_opt.experiment.start import Start, start_of
from halo_opt.llm.endpoint import Endpoint
from halo_opt.loop.summary import note_look, summarize
from halo_opt.loop.workshop import Workshop


def run_loop(config: LoopConfig, *, endpoint: Endpoint | None, console: Console) -> LoopSummary:
    """Run or resume the loop of `config` and return its summary, which is also written to `reports/<loop_id>/`.

    `endpoint` answers for the worker's model, None when the harness brings its own. Interrupted at any moment, the
    same call goes on where it was.
    """
    began = monotonic()
    with Journal(LoopPaths(config.resolve(config.reports) / config.loop_id).journal) as journal:
        start = start_of(config, journal=journal, console=console)
        bench = Bench(config=config, endpoint=endpoint, journal=journal, console=console)
        cycle = Cycle(config, start, bench, Workshop(config, start, bench))
        over = journal.done("finished")
        try:
            cycle.turn()
            journal.once("finished", lambda: cycle.stopped_because)
        finally:
            if not over:
                journal.append("session_ended", seconds=monotonic() - began)
        seconds = sum(event.data["seconds"] for event in journal.events if event.kind == "session_ended")
        return summarize(cycle, seconds=seconds)


@dataclass
class Cycle:
    """One loop's progress: the revision in force and what each iteration found."""

    config: LoopConfig
    start: Start
    bench: Bench
    workshop: Workshop

    def __post_init__(self) -> None:
        self.revision = self.start.revision
        self.iterations: list[IterationSummary] = []
        self.noise: NoiseFloor | None = None
        self.sealed: SealedResult | None = None
        self.best_of_k: BestOfK | None = None
        self.sealed_looks = 0
        self.stopped_because = f"all {self.config.loop.iterations} iterations done"

    def turn(self) -> None:
        """A/A noise, the iterations, then one look at the sealed split."""
        self.noise = self._measure_noise()
        for number in range(1, self.config.loop.iterations + 1):
            iteration = self._iterate(number)
            self.iterations.append(iteration)
            if not iteration.candidates:
                self.stopped_because = f"iteration {number} had nothing left to propose"
                break
        if self.revision == self.start.revision:
            self.stopped_because += "; no patch was kept, so the sealed split was left unopened"
        else:
            self._open_sealed()

    def gate_results(self, revision: str, *, words: str) -> list[AttemptResult]:
        """The gate split with the harness at `revision`."""
        keys = self.start.splits[Split.GATE]
        return self.bench.measure(f"gate.{revision[:12]}", revision=revision, keys=keys, words=words)

    def _measure_noise(self) -> NoiseFloor:
        """The unchanged harness twice on the gate split: what chance alone does to a difference."""
        first = self.gate_results(self.start.revision, words="gate, original harness")
        keys = repeat(self.start.splits[Split.GATE], attempt=1)
        name = f"gate.{self.start.revision[:12]}.again"
        again = self.bench.measure(name, revision=self.start.revision, keys=keys, words="gate, original again (A/A)")
        return NoiseFloor(diff=compare(first, again, names=("original", "original again"), rng=self._rng()))

    def _iterate(self, number: int) -> IterationSummary:
        """Read the train traces, then try patches until one is kept or the iteration's share of tries is used."""
        name = f"train.{self.revision[:12]}"
        words = f"iteration {number}: train"
        keys = self.start.splits[Split.TRAIN]
        train = self.bench.measure(name, revision=self.revision, keys=keys, words=words)
        report, place = self.workshop.analyze(number, self.bench.folder(name))
        candidates: list[CandidateSummary] = []
        for place_in_line in range(1, self.config.loop.candidates + 1):
            patch = self.workshop.next_patch(number, place_in_line, report, self.revision)
            if patch is None:
                break
            verdict = self._try(number, patch)
            self.workshop.keep_record(number, patch, verdict)
            candidates.append(
                CandidateSummary(proposal=patch.proposal, commit=patch.commit, diff_text=patch.diff, verdict=verdict)
            )
            if verdict.accepted:
                self.workshop.accept(patch)
                self.revision = patch.commit
                break
        gate = estimate(self.gate_results(self.revision, words="gate"))
        return IterationSummary(number=number, report=place, train=estimate(train), gate=gate, candidates=candidates)

    def _try(self, number: int, patch: Patch) -> Verdict:
        """The gate: the same tasks and seeds with the patch, compared with the harness in force."""
        found = self.bench.journal.once(
            f"verdict:{patch.commit}", lambda: self._judge(number, patch).model_dump(mode="json")
        )
        return Verdict.model_validate(found)

    def _judge(self, number: int, patch: Patch) -> Verdict:
        words = f"iteration {number}: gate, {patch.proposal.id}"
        before = self.gate_results(self.revision, words=words)
        keys, first = self.start.splits[Split.GATE], self.start.first_seed(Split.GATE)
        rule = partial(decide, patch.proposal, config=self.config.gate, candidates=self.config.loop.candidates)
        if self.config.gate.futility and len(first) < len(keys):
            early = self._gate_diff(patch, before, first, words)
            if hopeless(early):
                verdict = rule(early, broken=[])
                return verdict.model_copy(update={"reason": f"stopped after the first seed: {verdict.reason}"})
        diff = self._gate_diff(patch, before, keys, words)
        after = self.gate_results(patch.commit, words=words)
        return rule(diff, broken=broken_guards(before, after, self.config.gate.guards))

    def _gate_diff(self, patch: Patch, before: list[AttemptResult], keys: list[AttemptKey], words: str) -> ScoreDiff:
        name = f"gate.{patch.commit[:12]}"
        after = self.bench.measure(name, revision=patch.commit, keys=keys, words=words)
        wanted = set(keys)
        folders = (self.bench.folder(f"gate.{self.revision[:12]}"), self.bench.folder(name))
        return compare(
            [result for result in before if result.key in wanted],
            after,
            names=(self.revision[:12], patch.commit[:12]),
            rng=self._rng(),
            behaviours=self.workshop.behaviours(folders),
        )

    def _open_sealed(self) -> None:
        """The one look: final against original, and what the same spend buys with the original alone."""
        keys = self.start.splits[Split.SEALED]
        self.sealed_looks = note_look(self.config, keys, self.bench.journal)
        base, final = self.start.revision, self.revision
        name = f"sealed.{final[:12]}"
        after = self.bench.measure(name, revision=final, keys=keys, words="sealed, final harness")
        original = f"sealed.{base[:12]}"
        tries = [self.bench.measure(original, revision=base, keys=keys, words="sealed, original harness")]
        for attempt in range(1, tries_for_spend(tries[0], after)):
            again = repeat(keys, attempt)
            words = f"sealed, original harness, try {attempt + 1}"
            tries.append(self.bench.measure(f"{original}.{attempt}", revision=base, keys=again, words=words))
        folders = (self.bench.folder(original), self.bench.folder(name))
        diff = compare(
            tries[0],
            after,
            names=("original", "final"),
            rng=self._rng(),
            behaviours=self.workshop.behaviours(folders),
        )
        self.best_of_k = best_of_k(tries, after)
        self.sealed = SealedResult(
            tasks=diff.tasks,
            attempts=diff.pairs,
            original=estimate(tries[0]),
            final=estimate(after),
            difference=diff.difference,
            interval=diff.interval,
            p_value=diff.p_value,
            diff=diff,
        )

    def _rng(self) -> np.random.Generator:
        """Fresh each time, so that a replayed phase computes the same numbers."""
        return np.random.default_rng(0)
