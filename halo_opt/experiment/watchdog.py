"""Runs a command that must not outlive its parent: `python watchdog.py COMMAND...`, with a pipe as standard input.

When the pipe closes (the parent ended, however it ended) the command is killed with everything that it started. It is
run as a plain script and imports the standard library only until then, because it starts once per harness process.
"""

import os
import select
import signal
import subprocess
import sys

POLL_SECONDS = 0.2


def main(command: list[str]) -> int:
    """The command's exit status; 128 + signal number when a signal ended it."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    # The group is signalled as a whole; this process stays until the command has cleaned up after itself.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    while True:
        status = child.poll()
        if status is not None:
            return status if status >= 0 else 128 - status
        readable, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            kill(child.pid)


def kill(pid: int) -> None:
    """End the command, what it started, and this process with its group."""
    try:
        from halo_common.processes import kill_tree

        kill_tree(pid)
    finally:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
