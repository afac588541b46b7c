"""From a proposal, or a patch file, to a commit: everything passes, or nothing is written."""

from pathlib import Path

import pytest
from patching_samples import Git

from halo_opt.core.errors import InputError
from halo_opt.core.records import AppendText, Edit, Patch, Prediction, Proposal, ReplaceText, SetValue
from halo_opt.git import commits as gitrepo
from halo_opt.patching.builder import Check, build_patch, commit_message, load_patch_file, preview
from halo_opt.patching.guard import EditRefused, Forbidden
from halo_opt.patching.patchfile import format_patch_file
from halo_opt.patching.surface import HarnessDescription, Surface, resolve_surface

C, P = "conf/config.yaml", "prompts/worker.j2"
LOOP = SetValue(path=C, key="defaults.guards.loop", value="block")
WORDS = ReplaceText(path=P, old="one action", new="one JSON action")


def proposal(*edits: Edit, hypothesis: str = "Repeats are refused.") -> Proposal:
    return Proposal(
        id="P1-abcd", findings=["F1"], hypothesis=hypothesis, edits=list(edits) or [LOOP, WORDS],
        predictions=[Prediction(behaviour="repeated_action", direction="down")], source="playbook",
    )  # fmt: skip


def passes(folder: Path) -> None:
    assert "block" in (folder / C).read_text()


def fails(folder: Path) -> None:
    (folder / P).write_text("left behind by the check")
    raise InputError("the prompt does not render")


def apply_file(
    path: Path, surface: Surface, description: HarnessDescription, *, branch: str, check: Check | None
) -> Patch:
    read = load_patch_file(path, surface, description)
    return build_patch(surface, read, description, branch=branch, check=check)


def untouched(repo: Path, git: Git) -> None:
    assert git("branch", "--format=%(refname:short)") == "main"
    assert git("worktree", "list").count("\n") == 0
    assert git("status", "--porcelain") == ""


def test_a_proposal_becomes_one_commit_with_its_evidence(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git
) -> None:
    patch = build_patch(
        surface, proposal(), description, branch="halo/p1", check=passes, message_evidence="- Seen in 9 of 12 failures."
    )
    assert git("rev-parse", "halo/p1") == patch.commit
    assert git("rev-parse", "halo/p1~") == patch.parent == surface.revision
    message = git("log", "-1", "--format=%B", "halo/p1")
    assert message.startswith("P1-abcd: Repeats are refused.\n\n- Seen in 9 of 12 failures.\n\nHalo-Proposal: P1-abcd")
    assert "Halo-Predicts: repeated_action down" in message
    assert '-    loop: "off"  # what to do about repeats\n+    loop: block  # what to do about repeats' in patch.diff
    assert git("diff", "--name-only", "main", "halo/p1").split() == [C, P]
    assert (repo / P).read_bytes() == surface.files[P]
    assert git("worktree", "list").count("\n") == 0


def test_a_failed_check_leaves_nothing(surface: Surface, description: HarnessDescription, repo: Path, git: Git) -> None:
    with pytest.raises(InputError, match="does not render"):
        build_patch(surface, proposal(), description, branch="halo/p1", check=fails)
    untouched(repo, git)


def test_a_refused_edit_leaves_nothing_and_never_reaches_the_check(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git
) -> None:
    def never(_: Path) -> None:
        raise AssertionError

    known = Forbidden(task_ids=frozenset({"shop.buy-it"}))
    with pytest.raises(EditRefused, match="names the task"):
        build_patch(surface, proposal(AppendText(path=P, text="For shop.buy-it wait.")), description,
                    branch="halo/p1", check=never, forbidden=known)  # fmt: skip
    untouched(repo, git)


def test_a_preview_shows_the_diff_and_writes_nothing(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git
) -> None:
    text = preview(proposal(), surface, description)
    assert f"--- a/{C}\n+++ b/{C}\n" in text
    assert "+Answer with one JSON action.\n" in text
    untouched(repo, git)


def test_a_patch_for_a_harness_in_a_subfolder_lands_there(repo: Path, git: Git) -> None:
    surface = resolve_surface(repo / "prompts", "HEAD", ["*.j2"])
    edit = ReplaceText(path="worker.j2", old="one action", new="one JSON action")

    def check(folder: Path) -> None:
        assert "JSON" in (folder / "worker.j2").read_text()

    patch = build_patch(surface, proposal(edit), HarnessDescription(), branch="halo/p1", check=check)
    assert git("diff", "--name-only", "main", "halo/p1") == P
    text = format_patch_file(patch.proposal, base=patch.parent, diff=patch.diff)
    (repo / "p.diff").write_text(text)
    assert load_patch_file(repo / "p.diff", surface, HarnessDescription()) == patch.proposal
    assert f"b/{P}" in preview(patch.proposal, surface, HarnessDescription())


def test_a_commit_message_shows_hidden_characters_and_keeps_a_short_first_line() -> None:
    long = proposal(hypothesis="A very long sentence about what is going on in all of these many attempts, again. " * 2)
    text = commit_message(long.model_copy(update={"id": "P1-\u202e\x1b"}))
    assert text.split("\n")[0].startswith("P1-??: A very long")
    assert len(text.split("\n")[0]) <= 90
    assert "\x1b" not in text


# Patch files


def test_our_patch_file_brings_back_the_typed_edits(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git, tmp_path: Path
) -> None:
    made = build_patch(surface, proposal(), description, branch="halo/p1", check=None)
    path = tmp_path / "patch.diff"
    path.write_text(format_patch_file(made.proposal, base=made.parent, diff=made.diff))
    again = apply_file(path, surface, description, branch="halo/again", check=passes)
    assert again.proposal == made.proposal
    assert git("rev-parse", "halo/again^{tree}") == git("rev-parse", "halo/p1^{tree}")
    assert git("apply", "--check", str(path)) == ""


def test_our_patch_file_applies_where_other_lines_moved(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git, tmp_path: Path
) -> None:
    path = tmp_path / "patch.diff"
    path.write_text(format_patch_file(proposal(), base="x", diff=preview(proposal(), surface, description)))
    (repo / P).write_text("A new first line.\n" * 9 + (repo / P).read_text())
    git("commit", "-q", "-a", "-m", "moved on")
    moved = resolve_surface(repo, "HEAD", ["conf/config.yaml", "prompts/**"])
    apply_file(path, moved, description, branch="halo/again", check=passes)
    assert git("show", f"halo/again:{P}").endswith("Answer with one JSON action.")


def test_a_patch_file_whose_diff_hides_what_its_edits_do_is_refused(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git, tmp_path: Path
) -> None:
    shown = preview(proposal(WORDS), surface, description)
    path = tmp_path / "patch.diff"
    path.write_text(format_patch_file(proposal(LOOP, WORDS), base="x", diff=shown))
    with pytest.raises(InputError, match=r"shows another change of conf/config\.yaml"):
        apply_file(path, surface, description, branch="halo/p", check=None)
    untouched(repo, git)


def git_diff(repo: Path, git: Git, path: str, old: str, new: str) -> str:
    text = (repo / path).read_text()
    (repo / path).write_text(text.replace(old, new))
    diff = git("diff") + "\n"
    (repo / path).write_text(text)
    return diff


def test_a_plain_diff_becomes_typed_edits(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git, tmp_path: Path
) -> None:
    path = tmp_path / "mine.diff"
    path.write_text(git_diff(repo, git, C, "steps: 7", "steps: 9") + git_diff(repo, git, P, "Answer", "Reply"))
    found = load_patch_file(path, surface, description)
    assert found.edits[0] == SetValue(path=C, key="defaults.steps", value=9)
    assert isinstance(found.edits[1], ReplaceText)
    assert "Reply with one action." in found.edits[1].new
    assert found.source == "diff"
    patch = apply_file(path, surface, description, branch="halo/mine", check=None)
    assert git("show", f"{patch.commit}:{P}").endswith("Reply with one action.")


HEAD = f"diff --git a/{P} b/{P}\n"
HUNK = f"--- a/{P}\n+++ b/{P}\n@@ -4,2 +4,2 @@\n {{% endfor %}}\n-Answer with one action.\n+Reply.\n"
BAD_DIFFS = [
    ("empty", "", "no change"),
    ("prose", "Please apply this:\n" + HUNK, "line 1 of the diff is not part of a plain change"),
    ("prose after", HUNK + "Thanks!\n", "not part of a plain change"),
    (
        "new file",
        "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n",
        "new file mode",
    ),
    ("new file, bare", "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n", "adds, removes or renames"),
    ("deleted file", f"{HEAD}deleted file mode 100644\n", "deleted file"),
    ("rename", f"diff --git a/{P} b/x\nsimilarity index 90%\nrename from {P}\nrename to x\n", "similarity"),
    ("mode change", f"{HEAD}old mode 100644\nnew mode 100755\n", "old mode"),
    ("symlink", f"{HEAD}index 123..456 120000\n", "120000"),
    ("executable", f"{HEAD}index 123..456 100755\n{HUNK}", "100755"),
    ("binary", f"{HEAD}GIT binary patch\n", "GIT binary patch"),
    ("submodule", f"{HEAD}index 123..456 160000\n", "160000"),
    ("other file", HUNK.replace(P, "README.md"), "README.md is not an editable file"),
    ("upwards", HUNK.replace(P, "../x"), "is not an editable file"),
    ("attributes", HUNK.replace(P, ".gitattributes"), "is not an editable file"),
    ("lines that do not fit", HUNK.replace("Answer", "Reason"), "do not fit the file"),
    ("cut off", HUNK.rsplit("\n", 2)[0], "cut off"),
    ("wrong count", HUNK.replace("-4,2", "-4,1"), "more lines than its @@ line says|not part of"),
    ("garbage in the hunk", HUNK.replace("-Answer", "*Answer"), "not part of a hunk"),
    ("no hunk", f"--- a/{P}\n+++ b/{P}\n", "no change"),
    ("head cut off", "# halo-opt patch 1\n", "head is cut off"),
    ("bad proposal", "# halo-opt patch 1\n# base: x\n# proposal: {}\n" + HUNK, "proposal cannot be used"),
    ("only a comment", f"--- a/{C}\n+++ b/{C}\n@@ -1 +1 @@\n-# Settings of the agent.\n+# Mine.\n", "only comments"),
    (
        "setting taken out",
        f"--- a/{C}\n+++ b/{C}\n@@ -7,1 +7,0 @@\n-  steps: 7\n",
        "takes the setting defaults.steps out",
    ),
    ("setting out of bounds", f"--- a/{C}\n+++ b/{C}\n@@ -7 +7 @@\n-  steps: 7\n+  steps: 70\n", "at most 30"),
    (
        "settings broken",
        f"--- a/{C}\n+++ b/{C}\n@@ -7 +7 @@\n-  steps: 7\n+  steps: [\n",
        "leaves conf/config.yaml unusable",
    ),
    ("hidden characters", HUNK.replace("+Reply.", "+Re\u200bply."), "U\\+200B"),
    ("address", HUNK.replace("+Reply.", "+Visit https://x.test"), "address"),
]


@pytest.mark.parametrize(("text", "words"), [d[1:] for d in BAD_DIFFS], ids=[d[0] for d in BAD_DIFFS])
def test_bad_patch_files_are_refused_and_nothing_is_written(  # noqa: PLR0917
    text: str, words: str, surface: Surface, description: HarnessDescription, repo: Path, git: Git, tmp_path: Path
) -> None:
    path = tmp_path / "bad.diff"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        apply_file(path, surface, description, branch="halo/bad", check=None)
    untouched(repo, git)


def test_a_diff_that_fits_in_two_places_is_refused(description: HarnessDescription, repo: Path, tmp_path: Path) -> None:
    surface = Surface(repo, "", "x", {P: b"same\nsame\n"}, {})
    path = tmp_path / "two.diff"
    path.write_text(f"--- a/{P}\n+++ b/{P}\n@@ -1 +1 @@\n-same\n+other\n")
    with pytest.raises(InputError, match="fit the file in 2 places"):
        load_patch_file(path, surface, description)


def test_a_patch_file_that_cannot_be_read_is_named(
    surface: Surface, description: HarnessDescription, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"none.diff cannot be read"):
        load_patch_file(tmp_path / "none.diff", surface, description)


def test_a_taken_branch_is_found_before_anything_is_written(
    surface: Surface, description: HarnessDescription, repo: Path, git: Git
) -> None:
    git("branch", "halo/p1", gitrepo.make_commit(repo, surface.revision, {"README.md": b"x"}, "other"))
    with pytest.raises(InputError, match="exists already and is at"):
        build_patch(surface, proposal(), description, branch="halo/p1", check=None)
