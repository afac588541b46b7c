"""Runs a command whose processes must not outlive it: `python watchdog.py COMMAND...`, with a pipe as standard input.

When the command ends, or the pipe closes (the parent ended, however it ended), everything that the command started is
killed. On Linux that includes processes in sessions of their own whose parents have ended: the kernel makes them
children of this process. It is run as a plain script and imports the standard library only until it has to kill,
because it starts once per harness process.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

POLL_SECONDS = 0.2
# Ten seconds: a process that may not be killed must not keep this one.
KILL_ROUNDS = 1_000
_PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """The command's exit status; 128 + signal number when a signal ended it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    # The group is signalled as a whole; this process stays until the command has cleaned up after itself.
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    while True:
        ended = reap()
        if child.pid in ended:
            kill_children()
            status = os.waitstatus_to_exitcode(ended[child.pid])
            return status if status >= 0 else 128 - status
        readable, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if readable and not os.read(sys.stdin.fileno(), 1024):
            try:
                kill_children()
            finally:
                os.killpg(0, signal.SIGKILL)


def reap() -> dict[int, int]:
    """The wait status of each child that has ended since the last call, by its process id."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def has_children() -> bool:
    """Whether this process has children that still run, those that lost their parents included."""
    reap()
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def kill_children() -> None:
    """Kill all processes below this one, again and again, as what is killed may have started more before it died."""
    for _ in range(KILL_ROUNDS):
        if not has_children():
            return
        from halo_common.processes import kill_tree

        kill_tree(os.getpid(), itself=False)
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
