"""The tutorial in docs/your-harness.md does what it says: its files and commands, as they stand in it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "your-harness.md"
BLOCK = re.compile(r'^```(?:(?P<shell>sh)|\w+ title="(?P<title>[^"]+)")\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)


def blocks() -> tuple[dict[str, str], list[str]]:
    """The files of the page (a file in several blocks is put together) and its commands, in order."""
    files: dict[str, list[str]] = {}
    commands = []
    for block in BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        if block["shell"]:
            commands.append(block["text"])
        else:
            files.setdefault(block["title"], []).append(block["text"])
    return {name: "\n\n".join(parts) for name, parts in files.items()}, commands


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command of the tutorial printed, by its first words."""
    folder = tmp_path_factory.mktemp("tutorial")
    files, commands = blocks()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    who = {f"GIT_{role}_{field}": "me" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    env = {**os.environ, **who, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    answers = {}
    for command in commands:
        done = subprocess.run(["bash", "-ec", command], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        answers[" ".join(command.split()[:2])] = done.stdout
    return answers


def test_the_agent_keeps_the_contract(printed: dict[str, str]) -> None:
    assert "missing" not in printed["halo-opt check"]


def test_the_report_finds_the_repeated_drawer(printed: dict[str, str]) -> None:
    assert "F1" in printed["halo-opt collect"]


def test_a_patch_is_proposed(printed: dict[str, str]) -> None:
    assert "P1-" in printed["halo-opt propose"]


def test_the_patch_is_kept(printed: dict[str, str]) -> None:
    assert "kept" in printed["halo-opt run"]


def test_the_patch_shows_the_history(printed: dict[str, str]) -> None:
    assert "+  steps: 12" in printed["git log"]
