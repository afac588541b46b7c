"""Ask the harness about itself: run its `describe` or `check` command in a checkout and hand back what it printed.

A process edge. It never uses a shell, never outlives its time limit (the whole process group is ended), and never
hands provider keys to the command: describing and checking need no model.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from halo_common.processes import kill_group_leader
from halo_opt.core.config import LoopConfig, TasksConfig
from halo_opt.core.errors import ConfigError, EnvironmentMissing, InputError

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_MAX_OUTPUT = 4_000_000


def harness_check(command: Sequence[str], *, timeout_s: float = 60.0) -> Callable[[Path], None]:
    """A function that runs `harness.check` in a checkout and raises InputError with the command's own sentence."""

    def check(checkout: Path) -> None:
        code, _, words = run_in(command, checkout, timeout_s=timeout_s)
        if code != 0:
            raise InputError(f"the patched harness does not pass its own check: {words or f'exit code {code}'}")

    return check


def describe(command: Sequence[str], checkout: Path, *, timeout_s: float = 60.0) -> str:
    """What `harness.describe` prints in a checkout; raises ConfigError when it fails."""
    code, out, words = run_in(command, checkout, timeout_s=timeout_s)
    if code != 0:
        raise ConfigError(
            f"harness.describe ({' '.join(command)}) failed in {checkout}: {words or f'exit code {code}'}"
        )
    return out


def run_in(command: Sequence[str], checkout: Path, *, timeout_s: float) -> tuple[int, str, str]:
    """(exit code, standard output, what standard error said) of a command whose folder is `checkout`.

    `python` as the first word means the interpreter that runs halo-opt. Raises InputError when time runs out.
    """
    if not command:
        raise ConfigError("a harness command in loop.yaml is empty; give it as a list of words")
    words = [sys.executable if command[0] == "python" else command[0], *command[1:]]
    environment = {k: v for k, v in os.environ.items() if not _SECRET.search(k) and not k.startswith("GIT_")}
    # Byte code written into a worktree would only have to be removed with it.
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                words, cwd=checkout, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                start_new_session=True,
            )  # fmt: skip
        except (FileNotFoundError, PermissionError) as error:
            raise EnvironmentMissing(f"cannot start {words[0]}: {error.strerror}; see harness in loop.yaml") from error
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise InputError(f"{' '.join(command)} did not end within {timeout_s:g} s in {checkout}") from None
        finally:
            kill_group_leader(process)
        return code, _read(out), _sentence(_read(err))


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MAX_OUTPUT).decode("utf-8", errors="replace")


def _sentence(text: str) -> str:
    """What a command said on standard error, as one line: a traceback's last line, else the end of all of it."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if any(line.startswith("Traceback (") for line in lines):
        lines = lines[-1:]
    return " ".join(lines)[-500:]


def list_tasks(config: LoopConfig) -> list[str]:
    """The task ids that loop.yaml names, by whichever of its three ways."""
    source: TasksConfig = config.tasks
    if source.ids is not None:
        found = source.ids
    elif source.file is not None:
        path = config.resolve(source.file)
        try:
            found = path.read_text(encoding="utf-8").split()
        except OSError as error:
            raise ConfigError(f"tasks.file: {path} cannot be read: {error.strerror}") from None
    else:
        command = source.command or []
        code, printed, words = run_in(command, config.harness_root, timeout_s=60)
        if code != 0:
            raise ConfigError(f"tasks.command ({' '.join(command)}) failed: {words or f'exit code {code}'}")
        found = printed.split()
    if not found:
        raise ConfigError("tasks: no task ids were found; correct tasks.ids, tasks.file or tasks.command")
    return found
