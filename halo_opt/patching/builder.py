"""From a proposal to a patch: edits in memory, the guard, the harness's own check in a worktree, then one commit.

All or nothing: if any part fails there is no branch, no commit and no worktree. The commit is made from the bytes that
were guarded, not from what the check command left in the worktree.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import InputError
from halo_opt.core.harness_commands import describe, harness_check, list_tasks
from halo_opt.core.paths import CachePaths
from halo_opt.core.playbook import playbook_of
from halo_opt.core.records import Patch, Proposal
from halo_opt.core.report_records import Report
from halo_opt.git import commits as gitrepo
from halo_opt.git import reading as gitread
from halo_opt.patching.edits import Limits, apply_edits
from halo_opt.patching.guard import Forbidden, replace_hidden
from halo_opt.patching.patchfile import MAX_BYTES, read_patch_file, unified_diff
from halo_opt.patching.propose import ProposalList, Trial, propose, with_levels
from halo_opt.patching.surface import HarnessDescription, Surface, parse_description, resolve_surface

Check = Callable[[Path], None]
_SUBJECT_CHARACTERS = 72


@dataclass(frozen=True)
class PatchBuilder:
    """Proposes and builds patches of one revision of a harness."""

    config: LoopConfig
    surface: Surface
    description: HarnessDescription
    forbidden: Forbidden

    @classmethod
    def open(cls, config: LoopConfig, revision: str = "HEAD", *, forbidden: Forbidden | None = None) -> Self:
        """A builder for the harness of a loop file at a revision of its repository.

        `forbidden` is what no edit may copy; by default the ids of the loop file's tasks.
        """
        surface = resolve_surface(config.harness_root, revision, config.harness.editable)
        if forbidden is None:
            forbidden = Forbidden(task_ids=frozenset(list_tasks(config)))
        forbidden = forbidden.model_copy(update={"conditions_on": frozenset(config.harness.conditions_on)})
        return cls(config, surface, _describe(config, surface), forbidden)

    @property
    def check(self) -> Check | None:
        """The harness's own check as a function of a checkout; None when it has none."""
        command = self.config.harness.check
        return harness_check(command) if command else None

    def propose(self, report: Report, history: Sequence[Trial] = ()) -> ProposalList:
        """The playbook's proposals against a report's findings; `history` is what was tried before, oldest first."""
        playbook = playbook_of(self.config)
        limit = self.config.loop.max_parts
        return propose(
            report, self.description, self.surface.files, history=history, max_parts=limit, playbook=playbook
        )

    def read(self, path: Path) -> Proposal:
        """The proposal in a patch file."""
        return load_patch_file(path, self.surface, self.description)

    def preview(self, proposal: Proposal) -> str:
        """The diff that a proposal would make; guarded, nothing written."""
        return preview(proposal, self.surface, self.description, forbidden=self.forbidden)

    def build(self, proposal: Proposal, branch: str, *, evidence: str = "") -> Patch:
        """The proposal as a commit on `branch`; `evidence` goes into the commit message."""
        return build_patch(
            self.surface,
            proposal,
            self.description,
            branch=branch,
            check=self.check,
            message_evidence=evidence,
            forbidden=self.forbidden,
        )


def _describe(config: LoopConfig, surface: Surface) -> HarnessDescription:
    """What the harness at the surface's revision says of itself; empty when it has no describe command."""
    if config.harness.describe is None:
        return HarnessDescription()
    folder = CachePaths(config.base / ".halo_opt").worktrees / f"{config.loop_id}-describe"
    with gitrepo.worktree(surface.repo, surface.revision, folder) as checkout:
        return parse_description(describe(config.harness.describe, checkout / surface.inside))


def preview(
    proposal: Proposal,
    surface: Surface,
    description: HarnessDescription,
    *,
    forbidden: Forbidden | None = None,
    limits: Limits | None = None,
) -> str:
    """The diff that a proposal would make, guarded but unchecked by the harness. Nothing is written."""
    edited = apply_edits(
        surface.files, proposal.edits, config=description.settings, forbidden=forbidden, limits=limits
    )  # fmt: skip
    before = {surface.inside + path: content for path, content in surface.files.items()}
    return unified_diff(before, before | surface.in_repo(edited))


def build_patch(
    surface: Surface,
    proposal: Proposal,
    description: HarnessDescription,
    *,
    branch: str,
    check: Check | None,
    message_evidence: str = "",
    forbidden: Forbidden | None = None,
    limits: Limits | None = None,
    worktrees: Path | None = None,
) -> Patch:
    """Commit a proposal on `branch`, onto the revision that `surface` was read from.

    Args:
        surface: The editable files.
        proposal: What to change.
        description: What the harness says of its settings.
        branch: The branch to make, or to move on from the surface's revision.
        check: Gets the harness's folder in a worktree with the edits; raises InputError when it does not pass.
        message_evidence: Text for the commit message.
        forbidden: What no edit may copy.
        limits: Sizes above which edits are refused.
        worktrees: Where the worktree is made (default: the system's temporary folder).

    Raises:
        EditRefused: When the guard refuses an edit.
        InputError: When the check fails or the branch cannot be moved.
    """
    edited = apply_edits(
        surface.files, proposal.edits, config=description.settings, forbidden=forbidden, limits=limits
    )  # fmt: skip
    if check is not None:
        _check_in_worktree(surface, edited, check, worktrees=worktrees)
    message = commit_message(proposal, message_evidence)
    commit = gitrepo.commit_edits(
        surface.repo, parent=surface.revision, branch=branch, files=surface.in_repo(edited), message=message
    )  # fmt: skip
    diff = gitread.diff_text(surface.repo, surface.revision, commit)
    return Patch(proposal=proposal, branch=branch, commit=commit, parent=surface.revision, diff=diff)


def _check_in_worktree(
    surface: Surface, files: dict[str, bytes], check: Check, *, worktrees: Path | None = None
) -> None:
    """Run `check` in a worktree of the surface's revision that has `files` written into it, then remove it."""
    if worktrees is not None:
        worktrees.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="halo-opt-check-", dir=worktrees) as folder,
        gitrepo.worktree(surface.repo, surface.revision, Path(folder) / "checkout") as checkout,
    ):
        for path, content in surface.in_repo(files).items():
            (checkout / path).write_bytes(content)
        check(checkout / surface.inside)


def load_patch_file(path: Path, surface: Surface, description: HarnessDescription) -> Proposal:
    """The proposal in a patch file; raises InputError that names the file and the reason when there is none."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a patch: {error}") from error
    try:
        return read_patch_file(text, surface.files, config=description.settings, inside=surface.inside)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def commit_message(proposal: Proposal, evidence: str = "") -> str:
    """The message of a patch's commit: hypothesis, evidence, and trailers that say where it came from."""
    first, _, rest = proposal.hypothesis.strip().partition("\n")
    subject, more = first, ""
    if len(first) > _SUBJECT_CHARACTERS:
        subject, more = first[: _SUBJECT_CHARACTERS - 4].rsplit(" ", 1)[0] + " ...", first
    predicted = ", ".join(f"{p.behaviour} {p.direction}" for p in proposal.predictions)
    trailers = [
        f"Halo-Proposal: {proposal.id}",
        f"Halo-Findings: {with_levels(proposal) or 'none'}",
        f"Halo-Predicts: {predicted or 'nothing'}",
        f"Halo-Source: {proposal.source}",
    ]
    body = [part.strip() for part in (more, rest, evidence) if part.strip()]
    text = "\n\n".join([f"{proposal.id}: {subject}", *body, "\n".join(trailers)]) + "\n"
    # A model may have written the text, and a terminal will print it.
    return replace_hidden(text)
