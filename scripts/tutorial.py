"""Plays docs/your-harness.md: writes its files into a folder and runs its commands.

python scripts/tutorial.py FOLDER      plays the tutorial in an empty folder
python scripts/tutorial.py --update    plays it in a temporary folder and writes what was printed into the page
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "your-harness.md"
BLOCK = re.compile(r'^```(?:(?P<shell>sh)|\w+ title="(?P<title>[^"]+)")\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)
SHOWN = re.compile(r"(^```sh\n(?P<command>(?:(?!```).*\n)+)```$)\n\n^```text\n(?:(?!```).*\n)*```$", re.MULTILINE)
MOST_LINES = 14
LONGEST_LINE = 118


def blocks(page: str) -> tuple[dict[str, str], list[str]]:
    """The page's files (the blocks of one title put together) and its commands, in order."""
    files: dict[str, list[str]] = {}
    commands = []
    for block in BLOCK.finditer(page):
        if block["shell"]:
            commands.append(block["text"])
        else:
            files.setdefault(block["title"], []).append(block["text"])
    return {name: "\n\n".join(parts) for name, parts in files.items()}, commands


def environment() -> dict[str, str]:
    """This process's environment with this interpreter's programs first, and one author at one time for git."""
    who = {f"GIT_{role}_{field}": "me" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    when = {f"GIT_{role}_DATE": "2026-01-01T00:00:00Z" for role in ("AUTHOR", "COMMITTER")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **who, **when, "PATH": path}


def play(folder: Path, last: str = "") -> dict[str, str]:
    """What each command printed, up to the one that contains `last`. Raises RuntimeError when one fails."""
    files, commands = blocks(PAGE.read_text(encoding="utf-8"))
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    printed = {}
    for command in commands:
        done = subprocess.run(
            ["bash", "-ec", command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode} of: {command}\n{done.stdout}{done.stderr}")
        printed[command] = done.stdout
        if last and last in command:
            break
    return printed


def shortened(text: str) -> str:
    """The first lines of an output, each cut where the page ends."""
    lines = text.rstrip().splitlines()
    kept = [f"{line[:LONGEST_LINE].rstrip()} ..." if len(line) > LONGEST_LINE else line for line in lines[:MOST_LINES]]
    return "\n".join([*kept, "..."] if len(lines) > MOST_LINES else kept)


def update() -> None:
    """Play the tutorial and put what its commands print into the page."""
    with tempfile.TemporaryDirectory() as folder:
        printed = play(Path(folder))
    page = SHOWN.sub(
        lambda found: f"{found[1]}\n\n```text\n{shortened(printed[found['command']])}\n```",
        PAGE.read_text(encoding="utf-8"),
    )
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        update()
    elif len(sys.argv) == 2 and not sys.argv[1].startswith("-"):
        play(Path(sys.argv[1]))
    else:
        sys.exit(__doc__)
