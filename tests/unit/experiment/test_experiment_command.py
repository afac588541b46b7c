"""A harness command ends with everything that it started, however its own parent ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from halo_opt.experiment.command import HarnessProcess

ROOT = Path(__file__).parents[3]
# A harness whose browser has a session of its own, as Chromium's has.
HARNESS = """
import subprocess, sys, time
long = [sys.executable, "-c", "import time; time.sleep(600)"]
open(sys.argv[1], "w").write(f"{subprocess.Popen(long, start_new_session=True).pid}\\n")
time.sleep(600)
"""
PARENT = """
import sys, time
from pathlib import Path
from halo_opt.experiment.command import HarnessProcess
folder = Path(sys.argv[1])
HarnessProcess([sys.executable, "-c", sys.argv[2], str(folder / "pid")], cwd=folder, env={}, log=folder / "log")
time.sleep(600)
"""


def browser_of(folder: Path) -> int:
    """Its process id, as soon as it is written; the test's own time limit ends a wait that never comes true."""
    file = folder / "pid"
    while not (file.exists() and file.read_text().endswith("\n")):
        time.sleep(0.02)
    return int(file.read_text())


def wait_until_gone(pid: int) -> None:
    try:
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        return


def test_ending_a_command_ends_what_left_its_process_group(tmp_path):
    command = [sys.executable, "-c", HARNESS, str(tmp_path / "pid")]
    process = HarnessProcess(command, cwd=tmp_path, env={}, log=tmp_path / "log")
    browser = browser_of(tmp_path)
    process.end()
    assert process.poll() is not None
    wait_until_gone(browser)
    process.end()


def test_a_killed_parent_takes_its_command_and_what_that_started_along(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), HARNESS], env=environment) as parent:
        browser = browser_of(tmp_path)
        parent.kill()
    wait_until_gone(browser)
