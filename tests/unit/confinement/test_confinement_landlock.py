"""What Landlock leaves to a process, seen from a child."""

import subprocess
import sys

import pytest

from halo_opt.confinement import landlock

LOCKED = """
import importlib.util, os, socket, sys
spec = importlib.util.spec_from_file_location("landlock", sys.argv[1])
landlock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(landlock)
version = landlock.lock([sys.argv[2], "/no/such/place"])
print(version)
def tried(what):
    try:
        what()
        print("done")
    except OSError as error:
        print(type(error).__name__)
tried(lambda: open(sys.argv[2]).read())
tried(lambda: open(sys.argv[3]).read())
tried(lambda: open(sys.argv[2], "a"))
tried(lambda: open(sys.argv[3] + ".new", "w"))
tried(lambda: os.listdir("/"))
tried(lambda: os.execv("/bin/true", ["true"]))
tried(lambda: os.unlink(sys.argv[3]))
tried(lambda: socket.create_connection(("127.0.0.1", 9)))
"""


def test_landlock_leaves_a_process_only_the_files_it_was_given(tmp_path):
    for name in ("given", "other"):
        (tmp_path / name).write_text("x")
    script = [sys.executable, "-I", "-c", LOCKED, landlock.__file__]
    done = subprocess.run([*script, tmp_path / "given", tmp_path / "other"], capture_output=True, text=True, check=True)
    version, *results = done.stdout.split()
    if version == "0":
        pytest.skip("this kernel has no Landlock")
    network = "PermissionError" if int(version) >= 4 else "ConnectionRefusedError"
    assert results == ["done", *["PermissionError"] * 6, network]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given", "other"]
