"""Patches as commits in real repositories: nothing of the user's moves unless asked, and nothing runs by the way."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from patching_samples import RULES, Git, odd_files

from halo_opt.core.errors import EnvironmentMissing, InputError
from halo_opt.git import commits as gitrepo
from halo_opt.git import reading as gitread


def patch(repo: Path, text: str, *, parent: str = "HEAD", branch: str = "halo/x", path: str = RULES) -> str:
    return gitrepo.commit_edits(repo, parent=parent, branch=branch, files={path: text.encode()}, message="Try\n")


def plant_hooks(repo: Path, tmp_path: Path) -> Path:
    """Hooks, an fsmonitor and a filter that all leave a mark when they run."""
    mark = tmp_path / "fired"
    script = f'#!/bin/sh\necho "$0" >> {mark}\n'
    names = ["pre-commit", "commit-msg", "post-commit", "post-checkout", "reference-transaction", "post-merge",
             "pre-merge-commit", "post-index-change", "update", "prepare-commit-msg", "monitor"]  # fmt: skip
    for name in names:
        hook = repo / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script)
        hook.chmod(0o755)
    for key, value in (
        ("core.fsmonitor", str(repo / ".git/hooks/monitor")),
        ("filter.evil.clean", f"tee {mark}.filter"),
    ):
        subprocess.run(["git", "-C", repo, "config", key, value], check=True)
    return mark


def state(repo: Path, git: Git) -> tuple[str, ...]:
    """Everything of the user's that must not move."""
    files = {
        p.relative_to(repo).as_posix(): p.read_bytes() for p in repo.rglob("*") if p.is_file() and ".git" not in p.parts
    }
    index = (repo / ".git/index").read_bytes()
    return (git("rev-parse", "HEAD"), git("branch", "--show-current"), repr(sorted(files.items())), repr(index))


def test_a_patch_leaves_a_dirty_tree_index_and_branch_alone(repo: Path, git: Git) -> None:
    (repo / RULES).write_text("my unfinished work\n")
    (repo / "README.md").write_text("staged\n")
    git("add", "README.md")
    (repo / "new.txt").write_text("untracked\n")
    before = state(repo, git)
    commit = patch(repo, "Be clear.\n")
    with gitrepo.worktree(repo, commit, repo / ".halo_opt/w/a") as folder:
        assert (folder / RULES).read_text() == "Be clear.\n"
    gitrepo.revert(repo, "halo/x", commit)
    (repo / ".halo_opt/w").rmdir()
    assert state(repo, git) == before
    assert git("worktree", "list").count("\n") == 0


def test_no_hook_monitor_or_filter_fires(repo: Path, git: Git, tmp_path: Path) -> None:
    (repo / ".gitattributes").write_text("*.txt filter=evil\n")
    git("add", ".gitattributes")
    git("commit", "-q", "-m", "attributes")
    mark = plant_hooks(repo, tmp_path)
    commit = patch(repo, "Be clear.\n")
    with gitrepo.worktree(repo, commit, tmp_path / "w"):
        pass
    gitrepo.revert(repo, "halo/x", commit)
    assert not Path(f"{mark}.filter").exists()
    # From here on the user's own files are compared or moved, where their own filters (such as LFS) belong.
    gitrepo.fast_forward(repo, "main", "halo/x")
    gitread.uncommitted(repo)
    gitrepo.delete_branch(repo, "halo/x", expected="main")
    assert not mark.exists(), mark.read_text()


def test_variables_of_a_surrounding_git_do_not_reach_ours(
    repo: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    commit = patch(repo, "Be clear.\n")
    assert not (tmp_path / "elsewhere").exists()
    monkeypatch.undo()
    assert git("log", "-1", "--format=%H", "halo/x") == commit


def test_the_commit_holds_the_exact_bytes_and_only_them(repo: Path, git: Git) -> None:
    git("config", "core.autocrlf", "true")
    commit = patch(repo, "a\r\nb\n")
    assert git("diff-tree", "-r", "--name-status", f"{commit}~", commit) == f"M\t{RULES}"
    assert git("cat-file", "-s", f"{commit}:{RULES}") == "5"


def test_without_an_identity_halo_opt_commits_under_its_own_name(repo: Path, git: Git) -> None:
    assert "halo-opt <halo-opt@localhost>" in git("log", "-1", "--format=%an <%ae>", patch(repo, "x\n"))
    git("config", "user.name", "Bea")
    git("config", "user.email", "bea@test")
    commit = patch(repo, "y\n", branch="halo/y")
    assert git("log", "-1", "--format=%an <%ae> %cn", commit) == "Bea <bea@test> Bea"


def test_a_patch_made_again_after_a_crash_is_the_same_patch(repo: Path) -> None:
    first = patch(repo, "Be clear.\n")
    assert patch(repo, "Be clear.\n") == first
    with pytest.raises(InputError, match="exists already and is at"):
        patch(repo, "Something else.\n")


def test_a_branch_that_moves_meanwhile_is_detected(repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    patch(repo, "one\n")
    parent = git("rev-parse", "halo/x")
    made = gitrepo.make_commit

    def slow(*args: object, **kwargs: object) -> str:
        commit = made(*args, **kwargs)  # type: ignore[arg-type]
        git("update-ref", "refs/heads/halo/x", "main")
        return commit

    monkeypatch.setattr(gitrepo, "make_commit", slow)
    with pytest.raises(InputError, match=r"moved to .* meanwhile; nothing was written"):
        patch(repo, "two\n", parent=parent)
    assert git("rev-parse", "halo/x") == git("rev-parse", "main")


def test_a_branch_that_someone_works_on_is_refused(repo: Path, git: Git) -> None:
    with pytest.raises(InputError, match="branch main is checked out in"):
        patch(repo, "x\n", branch="main")


@pytest.mark.parametrize("name", ["-f", "a..b", "", "a b", "HEAD^", "x.lock", "@{-1}"])
def test_names_that_git_does_not_allow_are_refused(repo: Path, name: str) -> None:
    with pytest.raises(InputError, match="not a name that git allows"):
        patch(repo, "x\n", branch=name)


@pytest.mark.parametrize(
    "path", ["prompts/none.txt", "link", "run.sh", "sub", ".git/config", "../up", "/abs", "prompts"]
)
def test_links_executables_submodules_and_unknown_paths_are_never_committed(repo: Path, git: Git, path: str) -> None:
    odd_files(repo, git)
    with pytest.raises(InputError, match="not a plain tracked file"):
        patch(repo, "x\n", path=path)
    assert gitread.branch_head(repo, "halo/x") is None


def test_fast_forward_moves_an_unused_branch_and_makes_a_new_one(repo: Path, git: Git) -> None:
    commit = patch(repo, "x\n")
    gitrepo.fast_forward(repo, "halo/loop", commit)
    second = patch(repo, "y\n", parent=commit, branch="halo/y")
    gitrepo.fast_forward(repo, "halo/loop", second)
    gitrepo.fast_forward(repo, "halo/loop", second)
    assert git("rev-parse", "halo/loop") == second
    other = patch(repo, "z\n", branch="halo/z")
    with pytest.raises(InputError, match="is not an ancestor"):
        gitrepo.fast_forward(repo, "halo/loop", other)


def test_fast_forward_of_the_current_branch_moves_its_files_and_keeps_other_work(repo: Path, git: Git) -> None:
    commit = patch(repo, "x\n")
    (repo / "README.md").write_text("my work\n")
    gitrepo.fast_forward(repo, "main", commit)
    assert ((repo / RULES).read_text(), (repo / "README.md").read_text()) == ("x\n", "my work\n")
    assert git("status", "--porcelain") == "M README.md"


def test_fast_forward_over_uncommitted_work_is_refused(repo: Path, git: Git) -> None:
    commit = patch(repo, "x\n")
    (repo / RULES).write_text("my work\n")
    with pytest.raises(InputError, match="changes in the way; commit them first"):
        gitrepo.fast_forward(repo, "main", commit)
    assert (repo / RULES).read_text() == "my work\n"
    assert git("rev-parse", "main") != commit


def test_revert_takes_one_patch_back_and_keeps_the_later_ones(repo: Path, git: Git) -> None:
    text = "".join(f"line {i}\n" for i in range(20))
    base = patch(repo, text, branch="halo/base")
    first = patch(repo, text.replace("line 2\n", "LINE 2\n"), parent=base)
    patch(repo, text.replace("line 2\n", "LINE 2\n").replace("line 17", "LINE 17"), parent=first)
    made = gitrepo.revert(repo, "halo/x", first)
    assert git("show", f"{made}:{RULES}") == text.replace("line 17", "LINE 17").strip()
    assert git("log", "-1", "--format=%s", "halo/x") == 'Revert "Try"'
    with pytest.raises(InputError, match="nothing to revert"):
        gitrepo.revert(repo, "halo/x", first)


def test_a_revert_in_conflict_is_refused_and_changes_nothing(repo: Path, git: Git) -> None:
    first = patch(repo, "one\n")
    second = patch(repo, "two\n", parent=first)
    with pytest.raises(InputError, match="changed again in the same place"):
        gitrepo.revert(repo, "halo/x", first)
    assert git("rev-parse", "halo/x") == second
    with pytest.raises(InputError, match="is not on branch main"):
        gitrepo.revert(repo, "main", first)
    with pytest.raises(InputError, match="there is no branch none"):
        gitrepo.revert(repo, "none", first)


def test_a_revert_that_the_check_refuses_changes_nothing(repo: Path, git: Git) -> None:
    first = patch(repo, "one\n")

    def check(folder: Path) -> None:
        raise InputError(f"bad: {(folder / RULES).read_text()}")

    with pytest.raises(InputError, match="bad: Be brief"):
        gitrepo.revert(repo, "halo/x", first, check=check)
    assert git("rev-parse", "halo/x") == first


def test_revert_on_the_current_branch_moves_its_files(repo: Path, git: Git) -> None:
    commit = patch(repo, "one\n")
    gitrepo.fast_forward(repo, "main", commit)
    gitrepo.revert(repo, "main", commit)
    assert (repo / RULES).read_text() == "Be brief.\n"
    assert git("status", "--porcelain") == ""


def test_a_worktree_left_by_a_killed_process_is_replaced(repo: Path, git: Git, tmp_path: Path) -> None:
    home = tmp_path / "trees"
    git("worktree", "add", "--detach", "-q", str(home / "a"), "HEAD")
    (home / "a/README.md").write_text("half done")
    git("worktree", "add", "--detach", "-q", str(home / "gone"), "HEAD")
    os.rename(home / "gone", tmp_path / "moved")  # noqa: PTH104
    with gitrepo.worktree(repo, "HEAD", home / "a") as folder:
        assert (folder / "README.md").read_text() == "hello\n"
    assert git("worktree", "list", "--porcelain").count("worktree ") == 1
    assert not (home / "a").exists()


def test_a_worktree_is_removed_when_its_user_fails(repo: Path, git: Git, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), gitrepo.worktree(repo, "HEAD", tmp_path / "w"):
        1 / 0  # noqa: B018
    assert git("worktree", "list").count("\n") == 0


def test_a_folder_that_is_not_ours_is_never_replaced(repo: Path, git: Git, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="exists and is not a worktree"), gitrepo.worktree(repo, "HEAD", mine):
        pass
    assert (mine / "thesis.txt").read_text() == "precious"
    git("worktree", "add", "-q", "-b", "work", str(tmp_path / "work"))
    with pytest.raises(InputError, match="worktree of branch work"), gitrepo.worktree(repo, "HEAD", tmp_path / "work"):
        pass
    assert (tmp_path / "work/README.md").exists()


def test_a_detached_head_is_no_obstacle(repo: Path, git: Git) -> None:
    git("checkout", "-q", "--detach")
    assert git("branch", "--show-current") == ""
    assert gitread.branch_head(repo, "halo/x") is None
    commit = patch(repo, "x\n")
    assert gitread.branch_head(repo, "halo/x") == commit
    gitrepo.delete_branch(repo, "halo/x", expected=commit)
    gitrepo.delete_branch(repo, "halo/x", expected=commit)
    assert gitread.branch_head(repo, "halo/x") is None


def test_missing_repository_commit_and_revision_are_named(tmp_path: Path, repo: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(InputError, match="is not a git working tree"):
        gitread.open_repo(plain)
    subprocess.run(["git", "init", "-q", plain], check=True)
    with pytest.raises(InputError, match="has no commit yet"):
        gitread.resolve(plain, "HEAD")
    with pytest.raises(InputError, match="nope is not a commit of"):
        gitread.resolve(repo, "nope")
    with pytest.raises(InputError, match="not a git revision"):
        gitread.resolve(repo, "--all")
    with pytest.raises(InputError, match="is not a folder"):
        gitread.open_repo(tmp_path / "absent")


def test_a_missing_git_is_one_clear_error(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(EnvironmentMissing, match="is not on PATH"):
        gitread.open_repo(repo)


def test_a_diff_does_not_depend_on_the_user_s_settings(repo: Path, git: Git) -> None:
    for key, value in (("diff.noprefix", "true"), ("color.ui", "always"), ("diff.external", "false")):
        git("config", key, value)
    commit = patch(repo, "x\n")
    assert re.search(
        rf"--- a/{RULES}\n\+\+\+ b/{RULES}\n@@ -1 \+1 @@\n-Be brief.\n\+x\n", gitread.diff_text(repo, "main", commit)
    )
