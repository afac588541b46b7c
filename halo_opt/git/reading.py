"""Reading a git repository: commits, branches, tracked files, diffs, worktrees."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from halo_opt.core.errors import InputError
from halo_opt.git.command import git_result, run_git


@dataclass(frozen=True)
class TreeEntry:
    """One tracked file: git's mode (100644 is a plain file), the id and size in bytes of its content, its path."""

    mode: str
    blob: str
    size: int
    path: str


def open_repo(folder: Path) -> Path:
    """The top folder of the git working tree that `folder` lies in; raises InputError when there is none."""
    require_repository(folder)
    return Path(run_git(folder, "rev-parse", "--show-toplevel").decode().rstrip("\n")).resolve()


def resolve(repo: Path, revision: str) -> str:
    """The full commit id of a revision; raises InputError when there is no repository, commit or such revision."""
    require_repository(repo)
    if revision.startswith("-"):
        raise InputError(f"{revision!r} is not a git revision")
    code, out, _ = git_result(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if code == 0:
        return out.decode().split()[-1]
    if revision == "HEAD":
        raise InputError(f"{repo} has no commit yet; commit the harness first, so that patches have a parent")
    raise InputError(f"{revision} is not a commit of {repo}; 'git log --oneline' lists them")


def require_repository(repo: Path) -> None:
    """Raise InputError unless `repo` lies in a git repository's working tree."""
    code, out, err = git_result(repo, "rev-parse", "--is-inside-work-tree")
    if code != 0 and "dubious ownership" in err:
        raise InputError(f"git does not trust {repo} because another user owns it; see 'git config safe.directory'")
    if code != 0 or out.strip() != b"true":
        raise InputError(
            f"{repo} is not a git working tree; patches are commits, so run 'git init' and commit it first"
        )


def branch_head(repo: Path, branch: str) -> str | None:
    """The commit that a branch points to, None when there is no such branch."""
    check_branch(repo, branch)
    code, out, _ = git_result(repo, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
    return out.decode().strip() if code == 0 else None


def tree(repo: Path, commit: str) -> list[TreeEntry]:
    """Every tracked file of a commit. Paths are relative to the top of the repository."""
    entries = []
    for line in run_git(repo, "ls-tree", "-r", "-z", "-l", "--full-tree", commit).split(b"\0"):
        if line:
            facts, _, path = line.partition(b"\t")
            mode, _, blob, size = facts.decode().split()
            # A name that is not UTF-8 cannot be written in loop.yaml either; it must not stop the others.
            entries.append(TreeEntry(mode, blob, int(size) if size.isdigit() else 0, path.decode("utf-8", "replace")))
    return entries


def blobs(repo: Path, ids: Sequence[str]) -> dict[str, bytes]:
    """The contents of blobs by id, read as they are stored (no filter, no line-end change)."""
    wanted = list(dict.fromkeys(ids))
    out = run_git(repo, "cat-file", "--batch", stdin="".join(f"{i}\n" for i in wanted).encode())
    contents, at = {}, 0
    for blob in wanted:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        contents[blob] = out[end + 1 : end + 1 + size]
        at = end + size + 2
    return contents


def uncommitted(repo: Path) -> list[str]:
    """Every path whose file on disk is not what HEAD holds, new files that git does not ignore included."""
    out = run_git(repo, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", ":(top)")
    return [entry[3:].decode("utf-8", "replace") for entry in out.split(b"\0") if entry]


def diff_text(repo: Path, a: str, b: str) -> str:
    """The unified diff between two commits, independent of the user's diff settings."""
    return run_git(
        repo, "diff-tree", "-p", "-r", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames",
        "--src-prefix=a/", "--dst-prefix=b/", "--end-of-options", resolve(repo, a), resolve(repo, b),
    ).decode("utf-8", errors="replace")  # fmt: skip


def commit_diff(folder: Path, commit: str, path: str) -> str:
    """What one commit changed at a path below `folder` ("." for all of it), as a unified diff against its first parent.

    It follows no diff setting of the user's. Names are relative to `folder`, and nothing outside it is shown.
    """
    return run_git(
        folder, "diff-tree", "-p", "-r", "--root", "-m", "--first-parent", "--no-commit-id", "--no-color",
        "--no-ext-diff", "--no-textconv", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/", "--relative",
        "--abbrev=12", "--end-of-options", commit, "--", f":(literal){path}",
    ).decode("utf-8", errors="replace")  # fmt: skip


def check_branch(repo: Path, branch: str) -> None:
    """Raise InputError unless git allows the name for a branch."""
    require_repository(repo)
    if branch.startswith("-") or git_result(repo, "check-ref-format", "--branch", branch)[0] != 0:
        raise InputError(f"{branch!r} is not a name that git allows for a branch")


@dataclass(frozen=True)
class Worktree:
    """One working tree: its folder and its branch, None when detached."""

    path: Path
    branch: str | None


def worktrees(repo: Path) -> list[Worktree]:
    """Every working tree of the repository, the main one first."""
    found = []
    for block in run_git(repo, "worktree", "list", "--porcelain", "-z").decode("utf-8", "replace").split("\0\0"):
        facts = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
        if "worktree" in facts and "bare" not in facts:
            branch = facts.get("branch", "").removeprefix("refs/heads/")
            found.append(Worktree(Path(facts["worktree"]), branch or None))
    return found


def checked_out(repo: Path, branch: str) -> Path | None:
    """The working tree that has the branch checked out."""
    return next((w.path for w in worktrees(repo) if w.branch == branch and w.path.is_dir()), None)
