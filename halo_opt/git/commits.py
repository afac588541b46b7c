"""Patches as commits, made by git plumbing: the user's files and index stay as they are.

A commit is made from bytes in memory through a temporary index, checked against the edits, and becomes visible only by
a compare-and-swap of its branch. No hook, filter or monitor runs. `fast_forward` and `revert` move the user's files
where the branch is checked out.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from halo_opt.core.errors import InputError
from halo_opt.git.command import GitFailed, git_result, run_git
from halo_opt.git.reading import (
    TreeEntry,
    blobs,
    branch_head,
    checked_out,
    resolve,
    tree,
    worktrees,
)

_NAME, _MAIL = "halo-opt", "halo-opt@localhost"
_NOTHING = "0" * 40


def commit_edits(repo: Path, *, parent: str, branch: str, files: Mapping[str, bytes], message: str) -> str:
    """Commit `files` (path -> new content of an existing plain file) onto `parent` and point `branch` at the commit.

    The branch must not exist yet, or be at `parent` and checked out nowhere; anything else raises InputError and
    leaves no ref changed. A branch that holds this very patch already (a crash came after it was made) is fine.
    """
    start = resolve(repo, parent)
    old = branch_head(repo, branch)
    _refuse_checked_out(repo, branch)
    commit = make_commit(repo, start, files, message)
    if old not in (None, start):
        if _content(repo, str(old)) == _content(repo, commit):
            return str(old)
        raise InputError(
            f"branch {branch} exists already and is at {str(old)[:10]}, not at {start[:10]}; choose another branch "
            "name, or delete the branch with git branch -D"
        )
    _move(repo, branch, commit, old or _NOTHING, "patch")
    return commit


def _content(repo: Path, commit: str) -> bytes:
    """What makes two commits the same patch: tree, parents and message, not time and author."""
    return run_git(repo, "log", "-1", "--no-show-signature", "--format=%T %P%n%B", commit)


def make_commit(repo: Path, parent: str, files: Mapping[str, bytes], message: str) -> str:
    """A commit object on no branch: `parent` with `files` changed, each an existing plain file that really changes."""
    modes = {e.path: e.mode for e in tree(repo, parent)}
    for path in files:
        if modes.get(path) != "100644":
            raise InputError(f"{path} is not a plain tracked file at {parent[:10]}; a patch can change only such files")
    with tempfile.TemporaryDirectory(prefix="halo-opt-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        run_git(repo, "read-tree", parent, environment=index)
        lines = b""
        for path, content in files.items():
            blob = run_git(repo, "hash-object", "-w", "--no-filters", "--stdin", stdin=content).strip()
            lines += b"100644 " + blob + b"\t" + path.encode() + b"\0"
        run_git(repo, "update-index", "-z", "--index-info", stdin=lines, environment=index)
        root = run_git(repo, "write-tree", environment=index).decode().strip()
    commit = run_git(
        repo, "commit-tree", root, "-p", parent, "-F", "-", stdin=message.encode(), environment=_identity(repo)
    )
    made = commit.decode().strip()
    _check_changed(repo, parent, made, set(files))
    return made


def _check_changed(repo: Path, parent: str, commit: str, paths: set[str]) -> None:
    """Ask git what the commit changed, and accept only modified plain files that were to be changed."""
    out = run_git(repo, "diff-tree", "-r", "-z", "--raw", "--no-renames", parent, commit).decode("utf-8", "replace")
    fields = out.split("\0")
    changed = dict(zip(fields[1::2], fields[0:-1:2], strict=True))
    for path, facts in changed.items():
        before, after, _, _, status = facts.lstrip(":").split()
        if path not in paths or status != "M" or (before, after) != ("100644", "100644"):
            raise InputError(f"the commit would change {path} ({status}), which the edits do not; nothing was written")
    if missing := paths - changed.keys():
        raise InputError(f"the edits change nothing in {', '.join(sorted(missing))}; nothing was written")


def _identity(repo: Path) -> dict[str, str]:
    """Who commits: the person's own git identity, or halo-opt's where none is configured."""
    name, mail = (git_result(repo, "config", "--get", key)[1].decode().strip() for key in ("user.name", "user.email"))
    name, mail = (name, mail) if name and mail else (_NAME, _MAIL)
    return {f"GIT_{who}_{what}": v for who in ("AUTHOR", "COMMITTER") for what, v in (("NAME", name), ("EMAIL", mail))}


def _move(repo: Path, branch: str, new: str, old: str, why: str) -> None:
    """Compare-and-swap of a branch; a branch that moved meanwhile is left as it is."""
    try:
        run_git(repo, "update-ref", "-m", f"halo-opt: {why}", f"refs/heads/{branch}", new, old)
    except GitFailed as error:
        now = branch_head(repo, branch)
        if now != (None if old == _NOTHING else old):
            raise InputError(
                f"branch {branch} moved to {str(now)[:10]} meanwhile; nothing was written, try again"
            ) from error
        raise


def _refuse_checked_out(repo: Path, branch: str) -> None:
    if place := checked_out(repo, branch):
        raise InputError(f"branch {branch} is checked out in {place}; choose a branch that is not checked out")


def fast_forward(repo: Path, branch: str, commit: str) -> None:
    """Move a branch forward to a descendant; a new branch starts there.

    Where the branch is checked out its files move too; git refuses when they have uncommitted changes.
    """
    target, old = resolve(repo, commit), branch_head(repo, branch)
    if old == target:
        return
    if old is not None and git_result(repo, "merge-base", "--is-ancestor", old, target)[0] != 0:
        raise InputError(
            f"branch {branch} ({old[:10]}) is not an ancestor of {target[:10]}; merge it by hand or rebase"
        )
    _advance(repo, branch, target, old, "fast-forward")


def _advance(repo: Path, branch: str, target: str, old: str | None, why: str) -> None:
    place = checked_out(repo, branch)
    if place is None:
        _move(repo, branch, target, old or _NOTHING, why)
        return
    try:
        run_git(place, "merge", "--ff-only", "--no-autostash", "--no-stat", "--quiet", target)
    except GitFailed as error:
        raise InputError(
            f"branch {branch} is checked out in {place} with changes in the way; commit them first ({error})"
        ) from error


def delete_branch(repo: Path, branch: str, *, expected: str) -> None:
    """Delete a branch that still points to `expected` and is checked out nowhere; gone already is fine."""
    if branch_head(repo, branch) is None:
        return
    _refuse_checked_out(repo, branch)
    try:
        run_git(repo, "update-ref", "-d", f"refs/heads/{branch}", resolve(repo, expected))
    except GitFailed as error:
        raise InputError(f"branch {branch} is no longer at {expected[:10]}; it was left as it is") from error


def revert(repo: Path, branch: str, commit: str, *, check: Callable[[Path], None] | None = None) -> str:
    """A commit on `branch` that takes a patch back; later changes stay. Returns its id.

    Raises InputError when the patch is not on the branch or a later change touches the same lines. `check` sees a
    worktree of the result first. Where the branch is checked out its files move too, as with fast_forward.
    """
    patch, head = resolve(repo, commit), branch_head(repo, branch)
    if head is None:
        raise InputError(f"there is no branch {branch} in {repo}; 'git branch' lists them")
    if git_result(repo, "merge-base", "--is-ancestor", patch, head)[0] != 0:
        raise InputError(f"{patch[:10]} is not on branch {branch}, so there is nothing to revert")
    parents = run_git(repo, "rev-list", "--parents", "-n", "1", patch).decode().split()[1:]
    if len(parents) != 1:
        raise InputError(f"{patch[:10]} has {len(parents)} parents; only a patch with one can be reverted")
    files = _taken_back(repo, before=parents[0], patch=patch, now=head)
    subject = run_git(repo, "log", "-1", "--format=%s", patch).decode().strip()
    made = make_commit(repo, head, files, f'Revert "{subject}"\n\nThis takes back {patch}.\n')
    if check is not None:
        with (
            tempfile.TemporaryDirectory(prefix="halo-opt-revert-") as folder,
            worktree(repo, made, Path(folder) / "checkout") as checkout,
        ):
            check(checkout)
    _advance(repo, branch, made, head, "revert")
    return made


def _taken_back(repo: Path, *, before: str, patch: str, now: str) -> dict[str, bytes]:
    """The files of `now` with what `patch` changed since `before` undone, merged three ways."""
    trees = [_by_path(repo, commit) for commit in (before, patch, now)]
    changed = [p for p in trees[0].keys() | trees[1].keys() if trees[0].get(p) != trees[1].get(p)]
    files = {}
    for path in sorted(changed):
        old, patched, current = (t.get(path) for t in trees)
        if old is None or patched is None or current is None or current.mode != "100644":
            raise InputError(f"{patch[:10]} added or removed {path}, or it is gone now; revert it by hand with git")
        contents = blobs(repo, [old.blob, patched.blob, current.blob])
        merged = _merged(repo, contents[current.blob], contents[patched.blob], contents[old.blob])
        if merged is None:
            raise InputError(
                f"{path} was changed again in the same place after {patch[:10]}; revert the later patch first"
            )
        if merged != contents[current.blob]:
            files[path] = merged
    if not files:
        raise InputError(f"what {patch[:10]} changed is not there any more, so there is nothing to revert")
    return files


def _by_path(repo: Path, commit: str) -> dict[str, TreeEntry]:
    return {entry.path: entry for entry in tree(repo, commit)}


def _merged(repo: Path, ours: bytes, base: bytes, theirs: bytes) -> bytes | None:
    if ours == base:
        return theirs
    with tempfile.TemporaryDirectory(prefix="halo-opt-merge-") as folder:
        names = []
        for name, content in (("ours", ours), ("base", base), ("theirs", theirs)):
            (Path(folder) / name).write_bytes(content)
            names.append(str(Path(folder) / name))
        code, out, _ = git_result(repo, "merge-file", "-p", "--quiet", *names)
    return out if code == 0 else None


@contextlib.contextmanager
def worktree(repo: Path, commit: str, folder: Path) -> Iterator[Path]:
    """A detached checkout of `commit` in `folder`, gone at the end; one left there by a killed process is replaced."""
    target = resolve(repo, commit)
    folder = folder.resolve()
    _clear_stale(repo, folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not a worktree of {repo}; remove it or choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        run_git(repo, "worktree", "add", "--detach", "--quiet", str(folder), target)
        yield folder
    finally:
        _remove_worktree(repo, folder)


def _clear_stale(repo: Path, folder: Path) -> None:
    """Forget worktrees beside `folder` whose folder is gone, and a detached one left in `folder` itself."""
    for found in worktrees(repo):
        path = found.path.resolve()
        if path == folder and found.branch is not None:
            raise InputError(f"{folder} is a worktree of branch {found.branch}; choose another folder")
        if path == folder or (path.parent == folder.parent and not path.exists()):
            _remove_worktree(repo, path)


def _remove_worktree(repo: Path, folder: Path) -> None:
    # Twice --force also removes a worktree that git locked while it was being made.
    if git_result(repo, "worktree", "remove", "--force", "--force", str(folder))[0] != 0 and folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        git_result(repo, "worktree", "remove", "--force", "--force", str(folder))
