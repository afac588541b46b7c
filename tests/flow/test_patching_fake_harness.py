"""The whole way of a patch with a real harness program: described, proposed, checked, committed, kept, taken back."""

import json
from pathlib import Path
from typing import Any

import pytest

from halo_opt.core.errors import InputError
from halo_opt.core.harness_commands import describe, harness_check
from halo_opt.core.records import Proposal, ReplaceText, SetValue, Verdict
from halo_opt.core.report_records import Finding, Report
from halo_opt.git import commits as gitrepo
from halo_opt.git import reading as gitread
from halo_opt.patching.builder import build_patch, load_patch_file
from halo_opt.patching.patchfile import format_patch_file
from halo_opt.patching.propose import Trial, propose
from halo_opt.patching.surface import HarnessDescription, Surface, parse_description, resolve_surface
from halo_opt.testing import FakeHarness

DESCRIBE, CHECK = ["python", "agent.py", "describe"], ["python", "agent.py", "check"]


@pytest.fixture
def harness(tmp_path: Path) -> FakeHarness:
    return FakeHarness.create(tmp_path / "fake")


def look(harness: FakeHarness, revision: str = "HEAD") -> tuple[Surface, HarnessDescription]:
    surface = resolve_surface(harness.folder, revision, ["config.yaml", "prompts/**"])
    with gitrepo.worktree(surface.repo, surface.revision, harness.folder / ".halo_opt/look") as checkout:
        return surface, parse_description(describe(DESCRIBE, checkout))


def report(*behaviours: str) -> Report:
    findings = [
        Finding.model_validate(
            {"id": f"F{i}", "behaviour": b, "title": b, "claim": b, "category": "harness", "predicate_sql": "SELECT 1",
             "numbers": {}, "exemplars": [], "counter_examples": [], "remedies": []}
        )
        for i, b in enumerate(behaviours, 1)
    ]  # fmt: skip
    empty: dict[str, Any] = {"inputs": [], "overview": {}, "tested": [], "triage": {}, "ceiling": {}, "caveats": []}
    return Report(made_at="2026-01-01T00:00:00Z", title="t", findings=findings, method="m", spend={}, **empty)


def verdict(proposal: Proposal, *, accepted: bool) -> Verdict:
    return Verdict(
        proposal_id=proposal.id, accepted=accepted, reason="r", diff=None, broken_guards=[], mechanism_fired=None
    )


def test_a_patch_is_proposed_checked_kept_and_the_next_one_is_a_new_mechanism(
    harness: FakeHarness, tmp_path: Path
) -> None:
    history: list[Trial] = []
    revision, seen = "HEAD", set()
    for turn in range(2):
        surface, description = look(harness, revision)
        found = propose(
            report("repeated_action", "unknown_target"), description, surface.files, history=history, max_parts=1
        ).proposals
        patch = build_patch(surface, found[0], description, branch=f"halo/t/{turn}", check=harness_check(CHECK))
        gitrepo.fast_forward(harness.folder, "halo/loop", patch.commit)
        history.append(Trial(found[0], verdict(found[0], accepted=True)))
        seen.update(json.dumps(e.model_dump()) for e in found[0].edits)
        revision = patch.commit
    assert len(seen) == 2
    config = gitread.diff_text(harness.folder, "main", "halo/loop")
    assert config.count("\n+") >= 2
    made = gitrepo.revert(harness.folder, "halo/loop", f"{revision}~", check=harness_check(CHECK))
    gitrepo.revert(harness.folder, "halo/loop", revision, check=harness_check(CHECK))
    assert gitread.diff_text(harness.folder, "main", "halo/loop") == ""
    assert gitread.diff_text(harness.folder, "main", made) != ""
    assert gitread.uncommitted(harness.folder) == []


def test_the_harness_s_own_check_has_the_last_word(harness: FakeHarness) -> None:
    surface, description = look(harness)
    path = description.prompts[0] if description.prompts else next(p for p in surface.files if p.endswith(".j2"))
    first = surface.files[path].decode().split("\n")[0]
    edit = ReplaceText(path=path, old=first, new=f"{first} And so on.")

    def check(folder: Path) -> None:
        (folder / "config.yaml").write_text("nope: 1\n")
        harness_check(CHECK)(folder)

    proposal = Proposal(id="P1-x", findings=[], hypothesis="h", edits=[edit], predictions=[], source="test")
    with pytest.raises(InputError, match=r"does not pass its own check: config\.yaml: there is no setting"):
        build_patch(surface, proposal, description, branch="halo/p", check=check)
    assert gitread.branch_head(harness.folder, "halo/p") is None


@pytest.mark.slow
def test_a_patch_file_of_one_clone_applies_in_another(harness: FakeHarness, tmp_path: Path) -> None:
    surface, description = look(harness)
    setting = next(e for edits in description.remedies.values() for e in edits if isinstance(e, SetValue))
    proposal = Proposal(id="P1-x", findings=[], hypothesis="h", edits=[setting], predictions=[], source="test")
    patch = build_patch(surface, proposal, description, branch="halo/p", check=harness_check(CHECK))
    path = tmp_path / "patch.diff"
    path.write_text(format_patch_file(patch.proposal, base=patch.parent, diff=patch.diff))
    other = FakeHarness.create(tmp_path / "other")
    there, described = look(other)
    read = load_patch_file(path, there, described)
    again = build_patch(there, read, described, branch="halo/q", check=harness_check(CHECK))
    assert again.diff == patch.diff


CASES = Path(__file__).resolve().parents[1] / "data" / "cases"


@pytest.mark.parametrize(("name", "words"), [("cfg_huge", "at most 18 digits"), ("id24", "has the id 'x\\x00y'")])
def test_a_malformed_patch_is_refused_with_a_sentence(harness: FakeHarness, name: str, words: str) -> None:
    surface, description = look(harness)
    with pytest.raises(InputError) as refused:
        proposal = load_patch_file(CASES / "patch-tracebacks" / f"{name}.diff", surface, description)
        build_patch(surface, proposal, description, branch=f"halo/{proposal.id}", check=None)
    assert words in str(refused.value)
