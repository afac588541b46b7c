"""The tutorial in docs/your-harness.md does what it says: its files and commands, as they stand in it."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "tutorial.py"


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command of the tutorial printed."""
    return dict(runpy.run_path(str(SCRIPT))["play"](tmp_path_factory.mktemp("tutorial")))


def by(printed: dict[str, str], words: str) -> str:
    return next(text for command, text in printed.items() if words in command)


def test_the_agent_keeps_the_contract(printed: dict[str, str]) -> None:
    assert "missing" not in by(printed, "halo-opt check")


def test_the_report_finds_the_repeated_visit(printed: dict[str, str]) -> None:
    assert "F1" in by(printed, "halo-opt analyze")


def test_a_patch_is_proposed(printed: dict[str, str]) -> None:
    assert "P1-" in by(printed, "halo-opt propose")


def test_the_patch_is_kept(printed: dict[str, str]) -> None:
    assert "kept" in by(printed, "halo-opt run")


def test_the_patch_shows_the_history(printed: dict[str, str]) -> None:
    assert "+  steps: 12" in by(printed, "git diff")
