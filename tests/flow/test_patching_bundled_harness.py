"""What the bundled harness offers and what the playbook asks for fit together, checked through its commands only."""

import subprocess
from pathlib import Path

import pytest

from halo_opt.core.errors import InputError
from halo_opt.core.harness_commands import describe, harness_check
from halo_opt.core.playbook import load_playbook
from halo_opt.core.records import SetValue
from halo_opt.patching.edits import apply_edits, in_force
from halo_opt.patching.guard import EditRefused
from halo_opt.patching.patchfile import read_patch_file
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


NOT_FOR_PATCHES = [
    ("mode", "rules"),
    ("defaults.limits.seconds", 4),
    ("defaults.worker", "rules"),
    ("defaults.model.name", "gpt-4o"),
    ("defaults.model.backend", "openai"),
    ("defaults.model.fixed", True),
    ("defaults.model.api_key_env", "DATABASE_URL"),
    ("defaults.model.base_url", "http"),
    ("defaults.model.usd_per_million_in", 0.0),
    ("defaults.model.usd_per_million_out", 0.0),
    ("defaults.manager.name", "gpt-5"),
    ("defaults.hierarchy.manager", True),
    ("defaults.hierarchy.cache", True),
    ("defaults.hierarchy.macros", True),
    ("defaults.escalation.max_calls", 100),
    ("modes.baseline_worker.worker", "rules"),
    ("overlays.default.limits", "x"),
    ("subsets.shopping.0", "gomail"),
]


@pytest.mark.parametrize(("key", "value"), NOT_FOR_PATCHES, ids=[key for key, _ in NOT_FOR_PATCHES])
def test_measurement_model_keys_and_budget_are_not_for_patches(
    described: HarnessDescription, files: dict[str, bytes], key: str, value: object
) -> None:
    edit = SetValue.model_validate({"path": described.config, "key": key, "value": value})
    with pytest.raises(EditRefused):
        apply_edits(files, [edit], config=described.settings)


def test_the_step_limit_may_be_raised_by_a_patch_but_not_to_all_that_a_person_may_set(
    described: HarnessDescription, files: dict[str, bytes]
) -> None:
    edit = SetValue(path=described.config or "", key="defaults.limits.steps", value=100)
    with pytest.raises(EditRefused, match="at most 24"):
        apply_edits(files, [edit], config=described.settings)


@pytest.mark.parametrize(
    ("case", "name", "words"),
    [
        ("bundled-surface", "seconds4", "patches may not set defaults.limits.seconds"),
        ("guard-task-names", "goalif", "condition on goal"),
        ("prompt-tojson-memory", "tojson40", "make a value longer one after another"),
    ],
)
def test_a_stranger_s_patch_is_refused(
    described: HarnessDescription, files: dict[str, bytes], case: str, name: str, words: str
) -> None:
    text = (ROOT / "tests" / "data" / "cases" / case / f"{name}.diff").read_text()
    with pytest.raises(InputError, match=words):
        apply_edits(files, read_patch_file(text, files, config=described.settings).edits, config=described.settings)
