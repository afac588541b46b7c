"""Child processes that are spoken to in messages: what they say arrives, and nothing of them outlives its parent."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from halo_common.child_process import BadMessage, ChildGone, ChildProcess, readable

ECHO = """
def main(channel):
    while True:
        channel.send({"you said": channel.receive()})
"""
ROOT = Path(__file__).parents[3]


@contextmanager
def running(folder: Path, program: str, **options: object) -> Iterator[ChildProcess]:
    file = folder / "program.py"
    file.write_text(program)
    child = ChildProcess(file, **{"most_bytes": 1000, **options})
    try:
        yield child
    finally:
        child.kill()


def soon() -> float:
    return time.monotonic() + 60


def is_running(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    """The test's own time limit ends a wait that never comes true."""
    while is_running(pid):
        time.sleep(0.02)


def test_messages_go_there_and_back(tmp_path):
    with running(tmp_path, ECHO) as child:
        for said in ("ä", [1, None]):
            child.send(json.dumps(said).encode(), soon())
            assert json.loads(child.receive(soon())) == {"you said": said}


def test_a_program_that_ends_is_gone_with_its_status(tmp_path):
    with running(tmp_path, "def main(channel): raise SystemExit(7)") as child:
        with pytest.raises(ChildGone):
            child.receive(soon())
        assert child.exit_code(60) == 7


def test_an_answer_that_is_longer_than_allowed_is_refused(tmp_path):
    with running(tmp_path, "def main(channel): channel.send('x' * 2000)") as child:
        assert readable([child], soon()) == [child]
        with pytest.raises(BadMessage, match="2,002 bytes, where 1,000"):
            child.receive(soon())


def test_a_silent_child_is_waited_for_until_the_deadline(tmp_path):
    with running(tmp_path, ECHO) as child:
        assert readable([child], time.monotonic()) == []
        with pytest.raises(TimeoutError):
            child.receive(time.monotonic() + 0.01)
        assert child.exit_code() is None


def test_of_several_children_those_that_answered_are_given(tmp_path):
    with running(tmp_path, ECHO) as silent, running(tmp_path, ECHO) as child:
        child.send(b"1", soon())
        assert readable([silent, child], soon()) == [child]


def test_a_message_that_came_with_the_one_before_is_not_waited_for(tmp_path):
    with running(tmp_path, "def main(channel): channel.send(1); channel.send(2); channel.receive()") as child:
        assert child.receive(soon()) == b"1"
        time.sleep(0.2)
        child.pipes.unread()
        assert readable([child], soon()) == [child]
        assert child.receive(soon()) == b"2"


def test_a_child_has_the_environment_that_it_was_given_and_no_other(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY", "1")
    program = "import os\ndef main(channel): channel.send([os.environ.get('CANARY'), os.environ.get('A')])"
    with running(tmp_path, program, env={"A": "b"}) as child:
        assert json.loads(child.receive(soon())) == [None, "b"]


def test_output_that_is_kept_for_messages_is_not_disturbed_by_prints(tmp_path):
    program = "def main(channel):\n    channel.keep_output()\n    print('noise', flush=True)\n    channel.send(1)"
    with running(tmp_path, program) as child:
        assert child.receive(soon()) == b"1"


def test_a_child_whose_input_closes_ends(tmp_path):
    with running(tmp_path, ECHO) as child:
        child._process.stdin.close()
        assert child.exit_code(60) == 0


GRANDCHILD = """
import subprocess, sys
def main(channel):
    long = [sys.executable, "-c", "import time; time.sleep(600)"]
    channel.send(subprocess.Popen(long, start_new_session=True).pid)
    channel.receive()
"""


def test_what_a_child_started_is_killed_with_it(tmp_path):
    with running(tmp_path, GRANDCHILD, starts_processes=True) as child:
        below = json.loads(child.receive(soon()))
        assert is_running(below)
    wait_until_gone(below)


PARENT = """
import sys, threading, time
from pathlib import Path
from halo_common.child_process import ChildProcess
started = []
def start():
    child = ChildProcess(Path(sys.argv[1]), most_bytes=1000)
    child.receive(time.monotonic() + 60)
    started.append(child)
thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(0.5)
print(started[0].pid, started[0].exit_code(), flush=True)
time.sleep(600)
"""


def test_a_busy_child_ends_with_a_killed_parent_and_not_with_the_thread_that_asked_for_it(tmp_path):
    (tmp_path / "busy.py").write_text("def main(channel):\n    channel.send(1)\n    while True: pass")
    command = [sys.executable, "-c", PARENT, str(tmp_path / "busy.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        pid, code = parent.stdout.readline().split()
        assert code == "None"
        parent.kill()
    wait_until_gone(int(pid))
