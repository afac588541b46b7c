"""A proposal becomes a patch: edits in memory, guard, the harness's own check in a worktree, then one commit.

All or nothing: if any part fails there is no branch, no commit and no worktree. The commit is made from the bytes that
were guarded, never from what the check command left in the worktree.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from halo_opt.core.errors import InputError
from halo_opt.core.records import Patch, Proposal
from halo_opt.git import commits as gitrepo
from halo_opt.patching.edits import Limits, apply_edits
from halo_opt.patching.guard import Forbidden, hidden_character
from halo_opt.patching.patchfile import read_patch_file, unified_diff
from halo_opt.patching.surface import HarnessDescription, Surface

Check = Callable[[Path], None]


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

    `check` gets the harness's folder in a worktree with the edits and raises InputError when it does not pass;
    `message_evidence` goes into the commit message; `worktrees` is where the worktree is made (default: the system's
    temporary folder).
    """
    edited = apply_edits(
        surface.files, proposal.edits, config=description.settings, forbidden=forbidden, limits=limits
    )  # fmt: skip
    if check is not None:
        check_edited(surface, edited, check, worktrees=worktrees)
    message = commit_message(proposal, message_evidence)
    commit = gitrepo.commit_edits(
        surface.repo, parent=surface.revision, branch=branch, files=surface.in_repo(edited), message=message
    )  # fmt: skip
    diff = gitrepo.diff_text(surface.repo, surface.revision, commit)
    return Patch(proposal=proposal, branch=branch, commit=commit, parent=surface.revision, diff=diff)


def check_edited(surface: Surface, files: dict[str, bytes], check: Check, *, worktrees: Path | None = None) -> None:
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


def apply_patch_file(
    path: Path,
    surface: Surface,
    description: HarnessDescription,
    *,
    branch: str,
    check: Check | None,
    forbidden: Forbidden | None = None,
) -> Patch:
    """Commit the change of a patch file (ours, or a plain unified diff) on `branch`, guarded like any proposal."""
    proposal = load_patch_file(path, surface, description)
    return build_patch(surface, proposal, description, branch=branch, check=check, forbidden=forbidden)


def load_patch_file(path: Path, surface: Surface, description: HarnessDescription) -> Proposal:
    """The proposal in a patch file; raises InputError that names the file and the reason when there is none."""
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a patch: {error}") from error
    try:
        return read_patch_file(text, surface.files, config=description.settings, inside=surface.inside)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def commit_message(proposal: Proposal, evidence: str = "") -> str:
    """A commit's words: what is tried, why it is believed, and where it came from."""
    first, _, rest = proposal.hypothesis.strip().partition("\n")
    subject, more = (first, "") if len(first) <= 72 else (f"{_shortened(first)} ...", first)
    predicted = ", ".join(f"{p.behaviour} {p.direction}" for p in proposal.predictions)
    trailers = [
        f"Halo-Proposal: {proposal.id}",
        f"Halo-Findings: {', '.join(proposal.findings) or 'none'}",
        f"Halo-Predicts: {predicted or 'nothing'}",
        f"Halo-Source: {proposal.source}",
    ]
    body = [part.strip() for part in (more, rest, evidence) if part.strip()]
    text = "\n\n".join([f"{proposal.id}: {subject}", *body, "\n".join(trailers)]) + "\n"
    # A model may have written the words, and a terminal will print them.
    return "".join(c if hidden_character(c) is None else "?" for c in text)


def _shortened(words: str) -> str:
    return words[:68].rsplit(" ", 1)[0]
