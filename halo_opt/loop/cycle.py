"""The loop: the order of its phases, which split each may see, keep or drop, resume.

Every phase is an entry of the journal, done once: running the loop again replays what is there and goes on with what
is not.
"""

from dataclasses import dataclass
from functools import partial
from time import monotonic

import numpy as np

from halo_opt.core.config import LoopConfig
from halo_opt.core.console import Console
from halo_opt.core.journal import Journal
from halo_opt.core.loop_records import CandidateSummary, IterationSummary, LoopSummary, NoiseFloor, SealedResult
from halo_opt.core.paths import LoopPaths
from halo_opt.core.records import AttemptKey, AttemptResult, Patch, ScoreDiff, Verdict
from halo_opt.experiment.diff import compare
from halo_opt.experiment.gate import broken_guards, decide, shows_no_gain
from halo_opt.experiment.loop_start import LoopStart, start_loop
from halo_opt.experiment.runner import AttemptRunner
from halo_opt.experiment.scores import best_of_k, estimate, tries_for_spend
from halo_opt.experiment.splits import Split, repeat
from halo_opt.llm.endpoint import Endpoint
from halo_opt.loop.patch_maker import PatchMaker
from halo_opt.loop.summary import LoopState, record_sealed_look, summarize


def run_loop(config: LoopConfig, *, endpoint: Endpoint | None, console: Console) -> LoopSummary:
    """Run the loop of a loop file, or continue it where it was interrupted.

    Args:
        config: The loop file.
        endpoint: Answers for the worker's model; None when the harness brings its own.
        console: Progress and warnings.

    Returns:
        What the loop did and found.

    Raises:
        ConfigError: When the loop was started before with other settings.
        BudgetSpent: When `budget` of the loop file is used up.

    Example:
        >>> summary = run_loop(load_config(Path("loop.yaml")), endpoint=None, console=Console())
        >>> print(summary.stopped_because)
    """
    began = monotonic()
    with Journal(LoopPaths(config.loop_folder).journal) as journal:
        start = start_loop(config, journal=journal, console=console)
        runner = AttemptRunner(config=config, endpoint=endpoint, journal=journal, console=console)
        maker = PatchMaker(config, start, runner)
        cycle = Cycle(config, start, runner, maker)
        finished_before = journal.done("finished")
        try:
            cycle.run()
            journal.once("finished", lambda: cycle.state.stopped_because)
        finally:
            if not finished_before:
                journal.append("session_ended", seconds=monotonic() - began)
        seconds = sum(event.data["seconds"] for event in journal.events if event.kind == "session_ended")
        return summarize(
            config.loop_id,
            cycle.state,
            spent=runner.spent,
            model=runner.model,
            branch=maker.branch,
            seconds=seconds,
        )


@dataclass
class Cycle:
    """Runs the phases of one loop; `state` is what they have found so far."""

    config: LoopConfig
    start: LoopStart
    runner: AttemptRunner
    maker: PatchMaker

    def __post_init__(self) -> None:
        self.state = LoopState(
            original_revision=self.start.revision,
            revision=self.start.revision,
            stopped_because=f"all {self.config.loop.iterations} iterations done",
        )

    def run(self) -> None:
        """Measure the A/A noise, run the iterations, then look at the sealed split once."""
        self._measure_noise()
        for number in range(1, self.config.loop.iterations + 1):
            iteration = self._iterate(number)
            self.state.iterations.append(iteration)
            if not iteration.candidates:
                self.state.stopped_because = f"iteration {number} had nothing left to propose"
                break
        if self.state.revision == self.start.revision:
            self.state.stopped_because += "; no patch was kept, so the sealed split was left unopened"
        else:
            self._open_sealed()

    def _run_gate(self, revision: str, *, label: str) -> list[AttemptResult]:
        """The gate split with the harness at `revision`."""
        keys = self.start.splits[Split.GATE]
        return self.runner.run(f"gate.{revision[:12]}", revision=revision, keys=keys, label=label)

    def _measure_noise(self) -> None:
        """Run the unchanged harness twice on the gate split: what chance alone does to a difference."""
        first = self._run_gate(self.start.revision, label="gate, original harness")
        keys = repeat(self.start.splits[Split.GATE], attempt=1)
        name = f"gate.{self.start.revision[:12]}.again"
        again = self.runner.run(name, revision=self.start.revision, keys=keys, label="gate, original again (A/A)")
        diff = compare(first, again, names=("original", "original again"), rng=_rng())
        self.state.original_gate = estimate(first)
        self.state.noise = NoiseFloor(diff=diff)

    def _iterate(self, number: int) -> IterationSummary:
        """Analyze the train split, then try patches until one is kept or the iteration's share of tries is used."""
        name = f"train.{self.state.revision[:12]}"
        keys = self.start.splits[Split.TRAIN]
        label = f"iteration {number}: train"
        train = self.runner.run(name, revision=self.state.revision, keys=keys, label=label)
        report, page = self.maker.analyze(number, self.runner.folder(name))
        candidates: list[CandidateSummary] = []
        for turn in range(1, self.config.loop.candidates + 1):
            patch = self.maker.next_patch(number, turn, report, self.state.revision)
            if patch is None:
                break
            verdict = self._verdict(number, patch)
            self.maker.record_verdict(number, patch, verdict)
            candidates.append(
                CandidateSummary(proposal=patch.proposal, commit=patch.commit, diff_text=patch.diff, verdict=verdict)
            )
            if verdict.accepted:
                self.maker.accept(patch)
                self.state.revision = patch.commit
                break
        gate = estimate(self._run_gate(self.state.revision, label="gate"))
        return IterationSummary(number=number, report=page, train=estimate(train), gate=gate, candidates=candidates)

    def _verdict(self, number: int, patch: Patch) -> Verdict:
        """The gate's verdict on a patch: from the journal, or by running the patch now."""
        found = self.runner.journal.once(
            f"verdict:{patch.commit}", lambda: self._judge(number, patch).model_dump(mode="json")
        )
        return Verdict.model_validate(found)

    def _judge(self, number: int, patch: Patch) -> Verdict:
        """Run the gate split with the patch and compare it with the harness in force, at the same tasks and seeds."""
        label = f"iteration {number}: gate, {patch.proposal.id}"
        before = self._run_gate(self.state.revision, label=label)
        keys, first = self.start.splits[Split.GATE], self.start.first_seed(Split.GATE)
        rule = partial(decide, patch.proposal, config=self.config.gate, candidates=self.config.loop.candidates)
        if self.config.gate.futility and len(first) < len(keys):
            early = self._gate_diff(patch, before, first, label)
            if shows_no_gain(early):
                verdict = rule(early, broken=[])
                return verdict.model_copy(update={"reason": f"stopped after the first seed: {verdict.reason}"})
        diff = self._gate_diff(patch, before, keys, label)
        after = self._run_gate(patch.commit, label=label)
        return rule(diff, broken=broken_guards(before, after, self.config.gate.guards))

    def _gate_diff(self, patch: Patch, before: list[AttemptResult], keys: list[AttemptKey], label: str) -> ScoreDiff:
        name = f"gate.{patch.commit[:12]}"
        after = self.runner.run(name, revision=patch.commit, keys=keys, label=label)
        wanted = set(keys)
        folders = (self.runner.folder(f"gate.{self.state.revision[:12]}"), self.runner.folder(name))
        return compare(
            [result for result in before if result.key in wanted],
            after,
            names=(self.state.revision[:12], patch.commit[:12]),
            rng=_rng(),
            behaviours=self.maker.behaviours(folders, claims=True),
        )

    def _open_sealed(self) -> None:
        """The one look: final against original, and what the same spend buys with the original alone."""
        keys = self.start.splits[Split.SEALED]
        self.state.earlier_sealed_looks = record_sealed_look(self.config, keys, self.runner.journal)
        base, final = self.start.revision, self.state.revision
        name = f"sealed.{final[:12]}"
        after = self.runner.run(name, revision=final, keys=keys, label="sealed, final harness")
        original = f"sealed.{base[:12]}"
        tries = [self.runner.run(original, revision=base, keys=keys, label="sealed, original harness")]
        for attempt in range(1, tries_for_spend(tries[0], after)):
            label = f"sealed, original harness, try {attempt + 1}"
            again = repeat(keys, attempt)
            tries.append(self.runner.run(f"{original}.{attempt}", revision=base, keys=again, label=label))
        folders = (self.runner.folder(original), self.runner.folder(name))
        diff = compare(
            tries[0],
            after,
            names=("original", "final"),
            rng=_rng(),
            behaviours=self.maker.behaviours(folders),
        )
        self.state.best_of_k = best_of_k(tries, after)
        self.state.sealed = SealedResult(
            tasks=diff.tasks,
            attempts=diff.pairs,
            original=estimate(tries[0]),
            final=estimate(after),
            difference=diff.difference,
            interval=diff.interval,
            p_value=diff.p_value,
            diff=diff,
        )


def _rng() -> np.random.Generator:
    """A fresh generator each time, so that a replayed phase computes the same numbers."""
    return np.random.default_rng(0)
