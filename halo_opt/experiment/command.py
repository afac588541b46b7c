"""Harness commands of loop.yaml as processes: started, watched and ended with everything that they started."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from halo_common.processes import kill_all, kill_group_leader, process_tree, signal_group

_WATCHDOG = Path(__file__).with_name("watchdog.py")
TERMINATE_SECONDS = 5.0


def expand(command: Sequence[str], **values: str) -> list[str]:
    """The command with its `{placeholders}` filled; a leading `python` means the one that runs halo-opt."""
    words = list(command)
    for name, value in values.items():
        words = [word.replace("{" + name + "}", value) for word in words]
    return [sys.executable, *words[1:]] if words[0] in {"python", "python3"} else words


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The process environment with `extra` over it."""
    return {**os.environ, "PYTHONUNBUFFERED": "1", **extra}


def last_lines(text: str, limit: int = 600) -> str:
    """The last lines of a program's stderr as one line of at most `limit` characters."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    words = " ".join(lines[-6:])
    return words if len(words) <= limit else "..." + words[-limit:]


class HarnessProcess:
    """A harness command in a process group of its own, which ends with this process, however that ends."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self._log_file: IO[bytes] = log.open("ab")
        self._log_start = self._log_file.tell()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-E", str(_WATCHDOG), *command],
                cwd=cwd,
                env=environment(env),
                stdin=subprocess.PIPE,
                stdout=self._log_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            self._log_file.close()
            raise

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._process.poll()

    def last_output(self) -> str:
        """The end of what this process printed."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return last_lines(file.read().decode("utf-8", "replace"))

    def end(self) -> None:
        """End it with everything that it started: by SIGTERM, then by SIGKILL. Safe to call twice."""
        # Noted before: what it started may have left its group, and may outlive it.
        started = process_tree(self._process.pid) if self._process.poll() is None else []
        if started:
            signal_group(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(TERMINATE_SECONDS)
        kill_group_leader(self._process)
        kill_all(started)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._log_file.close()
