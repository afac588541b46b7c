"""Where a loop's patches are made: train traces in, commits out. It never sees the gate's or the sealed traces' words.

Of the gate it gets verdicts, and rates of behaviours by name to judge by; nothing else.
"""

from dataclasses import dataclass, field
from pathlib import Path

from halo_opt.analysis.session.write_report import indexed, rates, write_analysis
from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import ConfigError, InputError
from halo_opt.core.paths import CachePaths, LoopPaths, RunPaths
from halo_opt.core.playbook import load_playbook
from halo_opt.core.records import Patch, Proposal, Run, Verdict
from halo_opt.core.report_records import Report
from halo_opt.experiment.bench import Bench
from halo_opt.experiment.start import Start, loop_folder
from halo_opt.git.commits import delete_branch, fast_forward
from halo_opt.llm.ledger import SpendEvent
from halo_opt.loop.analyst import asked_of, question
from halo_opt.mining.detector_files import load_detectors
from halo_opt.patching.coder import Drafted, draft
from halo_opt.patching.guard import EditRefused, Forbidden
from halo_opt.patching.patcher import build_patch
from halo_opt.patching.patchfile import format_patch_file
from halo_opt.patching.propose import Tried, propose
from halo_opt.patching.surface import HarnessDescription, Surface, resolve_surface
from halo_opt.patching.workbench import check_of, describe_at
from halo_opt.patching.writer import patch_writer
from halo_opt.reporting.report_files import read_report
from halo_opt.store import Store


@dataclass
class Workshop:
    """The patches of one loop."""

    config: LoopConfig
    start: Start
    bench: Bench
    history: list[Tried] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paths = LoopPaths(loop_folder(self.config))
        self.cache = CachePaths(self.config.base / ".halo_opt")
        self.branch = f"halo/{self.config.loop_id}"
        self._forbidden = Forbidden(task_ids=frozenset(self.start.task_ids()))
        self._asked = asked_of(self.config)
        mining = self.config.mining
        files = [self.config.resolve(path) for path in mining.detectors]
        book = self.config.playbook
        self.playbook = load_playbook(self.config.resolve(book)) if book else None
        self.detectors = load_detectors(files, experimental=mining.experimental, playbook=self.playbook)

    def analyze(self, number: int, run_folder: Path) -> tuple[Report, str]:
        """The report of an iteration's train traces, and its page relative to the loop's folder."""
        folder = self.paths.iteration(number)
        page = f"{folder.name}/report.html"

        def work() -> str:
            store = indexed([run_folder], self.cache.stores / f"{run_folder.name}.duckdb")
            title = f"{self.config.loop_id}, iteration {number}"
            report = self._report(store, folder, run_folder, title)
            for finding in report.findings:
                self.bench.journal.append("finding", iteration=number, id=finding.id, claim=finding.claim)
            return page

        self.bench.journal.once(f"analyze:{number}", work)
        self._forbid_goals(run_folder)
        return read_report(folder), page

    def _report(self, store: Path, folder: Path, run_folder: Path, title: str) -> Report:
        if self._asked is None:
            return write_analysis(store, folder, title=title, detectors=self.detectors)[0]
        revision = Run.model_validate_json(RunPaths(run_folder).run.read_bytes()).harness_revision
        return question(
            self.config,
            self._asked,
            store,
            folder,
            revision=revision,
            title=title,
            detectors=self.detectors,
            console=self.bench.console,
        )

    def next_patch(self, number: int, turn: int, report: Report, revision: str) -> Patch | None:
        """The next thing to try on the harness at `revision`, as a commit; None when nothing is left."""
        found = self.bench.journal.once(f"patch:{number}.{turn}", lambda: self._make(report, revision))
        return None if found is None else Patch.model_validate(found)

    def _make(self, report: Report, revision: str) -> object:
        surface = resolve_surface(self.config.harness_root, revision, self.config.harness.editable)
        description = describe_at(self.config, revision)
        tried = list(self.history)
        while (proposal := self._propose(report, surface, description, tried)) is not None:
            self.bench.journal.append("proposal", **proposal.model_dump(mode="json"))
            try:
                patch = build_patch(
                    surface,
                    proposal,
                    description,
                    branch=f"{self.branch}.tried/{proposal.id}",
                    check=check_of(self.config),
                    message_evidence=self._evidence(report, proposal),
                    forbidden=self._forbidden,
                )
            except (EditRefused, InputError) as error:
                # A patch that may not or cannot be made costs no attempt: said, remembered, and the next one is taken.
                self.bench.console.warn(f"{proposal.id} was not built: {error}")
                tried.append((proposal, refused(proposal, str(error))))
                continue
            self.bench.journal.append("patch", proposal=proposal.id, commit=patch.commit, parent=patch.parent)
            return patch.model_dump(mode="json")
        return None

    def _propose(
        self, report: Report, surface: Surface, description: HarnessDescription, tried: list[Tried]
    ) -> Proposal | None:
        """The model's proposal where one is configured and writes one that passes the guard; else the playbook's."""
        if self.config.proposer == "model":
            drafted = self._draft(report, surface, description, tried)
            for reason in drafted.refusals:
                self.bench.console.warn(f"the model's edit was refused: {reason}")
            if drafted.proposal is not None:
                return drafted.proposal
            self.bench.console.say("the model wrote no usable patch; the playbook goes on")
        limit = self.config.loop.max_parts
        found = propose(report, description, surface.files, history=tried, max_parts=limit, playbook=self.playbook)
        return found[0] if found else None

    def _draft(self, report: Report, surface: Surface, description: HarnessDescription, tried: list[Tried]) -> Drafted:
        journal = self.bench.journal

        def note(event: SpendEvent) -> None:
            journal.append("spend", **event.model_dump(mode="json"))

        past = [event.data for event in journal.events if event.kind == "spend"]
        with patch_writer(
            self.config,
            self.config.proposer_model,
            self.bench.endpoint,
            past=past,
            on_event=note,
        ) as model:
            return draft(report, description, surface.files, model=model, forbidden=self._forbidden, history=tried)

    def _evidence(self, report: Report, proposal: Proposal) -> str:
        claims = [finding.claim for finding in report.findings if finding.id in proposal.findings]
        return "\n".join(f"- {claim}" for claim in claims)

    def _forbid_goals(self, run_folder: Path) -> None:
        """No patch may copy a goal that its author has seen."""
        with Store.open(indexed([run_folder], self.cache.stores / f"{run_folder.name}.duckdb")) as store:
            goals = {str(goal) for (goal,) in store.rows("SELECT DISTINCT goal FROM attempts WHERE goal IS NOT NULL")}
        known = set(self._forbidden.goals)
        self._forbidden = self._forbidden.model_copy(update={"goals": tuple(sorted(known | goals))})

    def behaviours(self, folders: tuple[Path, Path]) -> tuple[dict[str, float | None], dict[str, float | None]]:
        """Rates of behaviours in two run folders, by name."""
        before, after = rates(folders, self.cache.stores, self.detectors)
        return before, after

    def keep_record(self, number: int, patch: Patch, verdict: Verdict) -> None:
        """Remember what came of a patch, and write it beside the iteration's report."""
        self.history.append((patch.proposal, verdict))
        folder = self.paths.iteration(number) / patch.proposal.id
        folder.mkdir(parents=True, exist_ok=True)
        text = format_patch_file(patch.proposal, base=patch.parent, diff=patch.diff)
        (folder / "patch.diff").write_text(text, encoding="utf-8")
        (folder / "diff.json").write_text(verdict.model_dump_json(indent=2) + "\n", encoding="utf-8")
        done = {event.data["commit"] for event in self.bench.journal.events if event.kind == "verdict"}
        if patch.commit not in done:
            self.bench.journal.append(
                "verdict",
                commit=patch.commit,
                proposal=patch.proposal.id,
                accepted=verdict.accepted,
                reason=verdict.reason,
            )
            self.bench.console.say(f"{patch.proposal.id} {'kept' if verdict.accepted else 'dropped'}: {verdict.reason}")
        if not verdict.accepted:
            delete_branch(self.config.harness_root, patch.branch, expected=patch.commit)

    def accept(self, patch: Patch) -> None:
        """Move the loop's own branch to the patch. The user's branch is never touched."""
        try:
            fast_forward(self.config.harness_root, self.branch, patch.commit)
        except InputError as error:
            raise ConfigError(f"{error}; or give this loop another loop_id") from None
        delete_branch(self.config.harness_root, patch.branch, expected=patch.commit)


def refused(proposal: Proposal, reason: str) -> Verdict:
    """The verdict on a proposal that could not become a patch."""
    return Verdict(
        proposal_id=proposal.id, accepted=False, reason=reason, diff=None, broken_guards=[], mechanism_fired=None
    )
