"""The short commands of a harness that loop.yaml names: `describe`, `check` and `tasks.command`.

Each runs without a shell, under limits of time and memory, in an environment without provider keys, because none of
them needs a model.
"""

import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from halo_common.processes import kill_group_leader
from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import ConfigError, EnvironmentMissing, InputError

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_MAX_OUTPUT = 4_000_000
# Of memory that a process writes to. What a runtime only reserves (a JVM, V8) does not count.
_MAX_MEMORY = 4 << 30


def harness_check(command: Sequence[str], *, timeout_s: float = 60.0) -> Callable[[Path], None]:
    """A function that runs `harness.check` in a checkout and raises InputError with the command's own sentence."""

    def check(checkout: Path) -> None:
        code, _, message = run_in(command, checkout, timeout_s=timeout_s)
        if code != 0:
            raise InputError(f"the patched harness does not pass its own check: {message or f'exit code {code}'}")

    return check


def describe(command: Sequence[str], checkout: Path, *, timeout_s: float = 60.0) -> str:
    """What `harness.describe` prints in a checkout; raises ConfigError when it fails."""
    code, out, message = run_in(command, checkout, timeout_s=timeout_s)
    if code != 0:
        raise ConfigError(
            f"harness.describe ({' '.join(command)}) failed in {checkout}: {message or f'exit code {code}'}"
        )
    return out


def list_tasks(config: LoopConfig) -> list[str]:
    """The task ids of a loop file: its list, the words of its file, or what its command prints.

    Raises:
        ConfigError: When the file cannot be read, the command fails, or there is no id.
    """
    source = config.tasks
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
        code, printed, message = run_in(command, config.harness_root, timeout_s=60)
        if code != 0:
            raise ConfigError(f"tasks.command ({' '.join(command)}) failed: {message or f'exit code {code}'}")
        found = printed.split()
    if not found:
        raise ConfigError("tasks: no task ids were found; correct tasks.ids, tasks.file or tasks.command")
    return found


def run_in(command: Sequence[str], checkout: Path, *, timeout_s: float) -> tuple[int, str, str]:
    """Run a command in the folder `checkout`; `python` as its first word means the interpreter that runs halo-opt.

    Returns:
        The exit code, standard output, and the last line of standard error that says something.

    Raises:
        InputError: When the command does not end within `timeout_s` seconds. It and its children are ended.
        EnvironmentMissing: When the command cannot be started.
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
        _limit_memory(process.pid)
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise InputError(f"{' '.join(command)} did not end within {timeout_s:g} s in {checkout}") from None
        finally:
            kill_group_leader(process)
        return code, _read(out), _error_message(_read(err))


def _limit_memory(pid: int) -> None:
    """Bound the memory of a process that was just started, and of those that it starts, where the kernel can."""
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError):
            most = resource.prlimit(pid, resource.RLIMIT_DATA)[1]
            limit = _MAX_MEMORY if most == resource.RLIM_INFINITY else min(_MAX_MEMORY, most)
            resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MAX_OUTPUT).decode("utf-8", errors="replace")


def _error_message(text: str) -> str:
    """Standard error as one line: a traceback's last line, else the end of all of it."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if any(line.startswith("Traceback (") for line in lines):
        lines = lines[-1:]
    if lines[-1:] == ["MemoryError"]:
        return f"it needed more than {_MAX_MEMORY >> 30} GB of memory"
    return " ".join(lines)[-500:]
