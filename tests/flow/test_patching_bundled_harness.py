"""What the bundled harness offers and what the playbook asks for fit together, checked through its commands only."""

import subprocess
from pathlib import Path

import pytest

from halo_opt.core.harness_commands import describe, harness_check
from halo_opt.core.playbook import load_playbook
from halo_opt.patching.edits import apply_edits, in_force
from halo_opt.patching.guard import EditRefused
from halo_opt.patching.surface import HarnessDescription, parse_description

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def described() -> HarnessDescription:
    return parse_description(describe(["python", "-m", "harness", "describe"], ROOT))


@pytest.fixture(scope="module")
def files(described: HarnessDescription) -> dict[str, bytes]:
    """The harness as it starts out: its editable files on disk."""
    return {path: (ROOT / path).read_bytes() for path in (described.config or "", *described.prompts)}


def test_every_remedy_of_the_harness_passes_the_guard_and_is_not_in_force(
    described: HarnessDescription, files: dict[str, bytes]
) -> None:
    for word, edits in described.remedies.items():
        assert apply_edits(files, edits, config=described.settings) != files, word
        assert not all(in_force(files, e, config=described.settings) for e in edits), word


def test_the_harness_offers_every_remedy_that_the_playbook_knows(described: HarnessDescription) -> None:
    book = load_playbook()
    words = {r.word for entry in book.behaviours.values() for r in entry.remedies} | {r.word for r in book.otherwise}
    assert words <= described.remedies.keys()


@pytest.mark.slow
def test_all_remedies_together_pass_the_harness_s_own_check(
    described: HarnessDescription, files: dict[str, bytes], tmp_path: Path
) -> None:
    every = [e for edits in described.remedies.values() for e in edits]
    out = apply_edits(files, [e for i, e in enumerate(every) if e not in every[:i]], config=described.settings)
    subprocess.run(["cp", "-r", ROOT / "harness", ROOT / "prompts", tmp_path], check=True)
    for path, content in out.items():
        (tmp_path / path).write_bytes(content)
    harness_check(["python", "-m", "harness", "check"])(tmp_path)


def test_a_bound_of_the_harness_refuses_what_lies_beyond_it(
    described: HarnessDescription, files: dict[str, bytes]
) -> None:
    step_limit = described.remedies["raise_step_limit"][0]
    with pytest.raises(EditRefused, match="at most"):
        apply_edits(files, [step_limit.model_copy(update={"value": 100_000})], config=described.settings)
