"""Where a loop's patches are made: train traces in, commits out.

Of the gate split it sees verdicts and rates of behaviours by name, not the traces.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from halo_opt.analysis.session.write_report import guarded_rows, indexed, write_analysis
from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import ConfigError, InputError
from halo_opt.core.paths import CachePaths, LoopPaths, RunPaths
from halo_opt.core.playbook import playbook_of
from halo_opt.core.records import Patch, Proposal, Run, Verdict
from halo_opt.core.report_records import Finding, Report
from halo_opt.experiment.loop_start import LoopStart
from halo_opt.experiment.runner import AttemptRunner
from halo_opt.git.commits import delete_branch, fast_forward
from halo_opt.llm.ledger import SpendEvent
from halo_opt.llm.model import ModelError
from halo_opt.loop.analyst import analyze_with_model, analyzer_options
from halo_opt.loop.claimed_behaviours import claimed_behaviours, without_unseen
from halo_opt.loop.memory import earlier_findings, memory_text
from halo_opt.mining.detector_files import load_detectors
from halo_opt.mining.rates import Rates, rates
from halo_opt.patching.builder import PatchBuilder
from halo_opt.patching.guard import EditRefused, Forbidden
from halo_opt.patching.model_proposer import DraftResult, draft_proposal, open_proposer
from halo_opt.patching.patchfile import format_patch_file
from halo_opt.patching.propose import Trial
from halo_opt.reporting.report_files import read_report
from halo_opt.store import Store


@dataclass
class PatchMaker:
    """Analyzes train runs of one loop and makes patches from what was found."""

    config: LoopConfig
    start: LoopStart
    runner: AttemptRunner
    history: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paths = LoopPaths(self.config.loop_folder)
        self.cache = CachePaths(self.config.base / ".halo_opt")
        self.branch = f"halo/{self.config.loop_id}"
        self._journal = self.runner.journal
        self._console = self.runner.console
        self._reports: list[tuple[int, Report]] = []
        self._forbidden = Forbidden(task_ids=frozenset(self.start.task_ids()))
        self._analyzer = analyzer_options(self.config)
        mining = self.config.mining
        files = [self.config.resolve(path) for path in mining.detectors]
        self.detectors = load_detectors(files, experimental=mining.experimental, playbook=playbook_of(self.config))

    def analyze(self, number: int, run_folder: Path) -> tuple[Report, str]:
        """The report of an iteration's train traces, and its page relative to the loop's folder."""
        folder = self.paths.iteration(number)
        page = f"{folder.name}/report.html"

        def work() -> str:
            title = f"{self.config.loop_id}, iteration {number}"
            report = self._write_report(self._index(run_folder), folder, run_folder, title)
            for finding in report.findings:
                self._journal.append("finding", iteration=number, **_finding_entry(finding))
            return page

        self._journal.once(f"analyze:{number}", work)
        self._forbid_goals(run_folder)
        report = read_report(folder)
        self._reports.append((number, report))
        return report, page

    def _index(self, run_folder: Path) -> Path:
        return indexed([run_folder], self.cache.stores / f"{run_folder.name}.duckdb")

    def _write_report(self, store: Path, folder: Path, run_folder: Path, title: str) -> Report:
        if self._analyzer is None:
            return write_analysis(store, folder, title=title, detectors=self.detectors)[0]
        revision = Run.model_validate_json(RunPaths(run_folder).run.read_bytes()).harness_revision
        try:
            report = analyze_with_model(
                self.config,
                self._analyzer,
                store,
                folder,
                revision=revision,
                title=title,
                detectors=self.detectors,
                console=self._console,
                earlier=memory_text(self._reports, self.history),
            )
        except ModelError as error:
            self._console.warn(f"the analyzer did not answer, so the report is without it: {error}")
            self._journal.append("analyzer_failed", reason=str(error))
            return write_analysis(store, folder, title=title, detectors=self.detectors)[0]
        if report.model_analysis is not None and report.model_analysis.ended == "model":
            self._journal.append("analyzer_failed", reason=report.model_analysis.reason)
        return report

    def _forbid_goals(self, run_folder: Path) -> None:
        """Let no patch copy a goal that its author has seen."""
        with Store.open(self._index(run_folder)) as store:
            goals = {str(goal) for (goal,) in store.rows("SELECT DISTINCT goal FROM attempts WHERE goal IS NOT NULL")}
        known = set(self._forbidden.goals)
        self._forbidden = self._forbidden.model_copy(update={"goals": tuple(sorted(known | goals))})

    def next_patch(self, number: int, turn: int, report: Report, revision: str) -> Patch | None:
        """The next thing to try on the harness at `revision`, as a commit; None when nothing is left."""
        found = self._journal.once(f"patch:{number}.{turn}", lambda: self._make(report, revision))
        return None if found is None else Patch.model_validate(found)

    def _make(self, report: Report, revision: str) -> object:
        builder = PatchBuilder.open(self.config, revision, forbidden=self._forbidden)
        tried = list(self.history)
        while (proposal := self._propose(report, builder, tried)) is not None:
            self._journal.append("proposal", **proposal.model_dump(mode="json"))
            branch = f"{self.branch}.tried/{proposal.id}"
            try:
                patch = builder.build(proposal, branch, evidence=_evidence(report, proposal))
            except (EditRefused, InputError) as error:
                # A patch that may not or cannot be made costs no attempt: the next one is taken.
                self._console.warn(f"no patch was made of proposal {proposal.id}: {error}")
                tried.append(Trial(proposal, _verdict_unbuilt(proposal, str(error))))
                continue
            self._journal.append(
                "patch", proposal=proposal.id, commit=patch.commit, parent=patch.parent, levels=proposal.levels
            )
            return patch.model_dump(mode="json")
        return None

    def _propose(self, report: Report, builder: PatchBuilder, tried: list[Trial]) -> Proposal | None:
        """The model's proposal where one is configured and writes one that passes the guard; else the playbook's."""
        if self.config.proposer == "model":
            result = self._draft(report, builder, tried)
            for reason in result.refusals:
                self._console.warn(f"a proposal of the model was refused: {reason}")
            if result.proposal is not None:
                return result.proposal
            self._console.say("the model wrote no proposal that could be used; taking one from the playbook")
        proposals = builder.propose(report, tried).proposals
        return proposals[0] if proposals else None

    def _draft(self, report: Report, builder: PatchBuilder, tried: list[Trial]) -> DraftResult:
        """What the model wrote; no proposal where it did not answer, so that the loop goes on without it."""

        def record(event: SpendEvent) -> None:
            self._journal.append("spend", **event.model_dump(mode="json"))

        past = [event.data for event in self._journal.events if event.kind == "spend"]
        spec, worker = self.config.proposer_model, self.runner.endpoint
        files = builder.surface.files
        try:
            with open_proposer(self.config, spec, worker, past=past, on_event=record) as model:
                return draft_proposal(
                    report,
                    builder.description,
                    files,
                    model=model,
                    forbidden=builder.forbidden,
                    history=tried,
                    earlier=earlier_findings(self._reports[:-1]),
                )
        except ModelError as error:
            self._console.warn(f"the model that writes patches did not answer: {error}")
            self._journal.append("proposer_failed", reason=str(error))
            return DraftResult(None)

    def behaviours(self, folders: tuple[Path, Path], *, claims: bool = False) -> tuple[Rates, Rates]:
        """Rates of behaviours in two run folders, by name; with those of the newest report's claims on request."""
        claimed = claimed_behaviours(self._reports[-1][1]) if claims and self._reports else ()
        detectors = replace(self.detectors, behaviours=(*self.detectors.behaviours, *claimed))
        before, after = rates(folders, self.cache.stores, detectors, guarded_rows)
        return without_unseen(before, after, claimed)

    def record_verdict(self, number: int, patch: Patch, verdict: Verdict) -> None:
        """Remember the verdict on a patch, write both beside the iteration's report, and drop a rejected branch."""
        self.history.append(Trial(patch.proposal, verdict))
        folder = self.paths.iteration(number) / patch.proposal.id
        folder.mkdir(parents=True, exist_ok=True)
        text = format_patch_file(patch.proposal, base=patch.parent, diff=patch.diff)
        (folder / "patch.diff").write_text(text, encoding="utf-8")
        (folder / "diff.json").write_text(verdict.model_dump_json(indent=2) + "\n", encoding="utf-8")
        done = {event.data["commit"] for event in self._journal.events if event.kind == "verdict"}
        if patch.commit not in done:
            self._journal.append(
                "verdict",
                commit=patch.commit,
                proposal=patch.proposal.id,
                accepted=verdict.accepted,
                reason=verdict.reason,
            )
            self._console.say(f"{patch.proposal.id} {'kept' if verdict.accepted else 'dropped'}: {verdict.reason}")
        if not verdict.accepted:
            delete_branch(self.config.harness_root, patch.branch, expected=patch.commit)

    def accept(self, patch: Patch) -> None:
        """Move the loop's own branch to the patch. The user's branch stays where it is."""
        try:
            fast_forward(self.config.harness_root, self.branch, patch.commit)
        except InputError as error:
            raise ConfigError(f"{error}; or give this loop another loop_id") from None
        delete_branch(self.config.harness_root, patch.branch, expected=patch.commit)


def _evidence(report: Report, proposal: Proposal) -> str:
    """The claims that a proposal answers, for its commit message."""
    answered = [finding for finding in report.findings if finding.id in proposal.findings]
    return "\n".join(f"- {finding.id} ({finding.level}): {finding.claim}" for finding in answered)


def _finding_entry(finding: Finding) -> dict[str, object]:
    """A finding as the journal keeps it: what is claimed, how well it is supported, and the suggested fixes."""
    fixes = [claim.fix.model_dump(mode="json") for claim in finding.model_claims if claim.fix is not None]
    fields = ("id", "behaviour", "title", "claim", "level", "scope", "predicate_sql")
    return {**{name: getattr(finding, name) for name in fields}, "fixes": fixes}


def _verdict_unbuilt(proposal: Proposal, reason: str) -> Verdict:
    """The verdict on a proposal that could not become a patch."""
    return Verdict(
        proposal_id=proposal.id, accepted=False, reason=reason, diff=None, broken_guards=[], mechanism_fired=None
    )
