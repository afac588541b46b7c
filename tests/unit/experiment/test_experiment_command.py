"""A harness command ends with everything that it started, however its own parent ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

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


# A server that a harness leaves behind: in a session of its own, and its parent has ended.
DAEMON = """
import subprocess, sys, time
long = "import os, sys, time; open(sys.argv[1], 'w').write(f'{os.getpid()}\\\\n'); time.sleep(600)"
middle = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]], start_new_session=True)"
subprocess.run([sys.executable, "-c", middle, long, sys.argv[1]], check=True)
while not open(sys.argv[1], "a+").tell():
    time.sleep(0.02)
"""
ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to another process")


@ONLY_LINUX
def test_a_command_that_ends_takes_along_what_it_left_in_another_session(tmp_path):
    command = [sys.executable, "-c", DAEMON, str(tmp_path / "pid")]
    process = HarnessProcess(command, cwd=tmp_path, env={}, log=tmp_path / "log")
    daemon = browser_of(tmp_path)
    while process.poll() is None:
        time.sleep(0.02)
    assert process.poll() == 0
    wait_until_gone(daemon)
    process.end()


@ONLY_LINUX
def test_a_killed_parent_takes_along_what_its_command_left_in_another_session(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    stays = DAEMON + "time.sleep(600)\n"
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), stays], env=environment) as parent:
        daemon = browser_of(tmp_path)
        parent.kill()
    wait_until_gone(daemon)


@ONLY_LINUX
def test_ending_a_command_ends_what_it_left_in_another_session(tmp_path):
    command = [sys.executable, "-c", DAEMON + "time.sleep(600)\n", str(tmp_path / "pid")]
    process = HarnessProcess(command, cwd=tmp_path, env={}, log=tmp_path / "log")
    daemon = browser_of(tmp_path)
    process.end()
    wait_until_gone(daemon)


def test_the_exit_code_of_a_command_is_its_own(tmp_path):
    process = HarnessProcess(
        [sys.executable, "-c", "import sys; sys.exit(3)"], cwd=tmp_path, env={}, log=tmp_path / "log"
    )
    while process.poll() is None:
        time.sleep(0.02)
    assert process.poll() == 3
    process.end()
