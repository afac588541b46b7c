"""What a child gives up by itself, seen from a child."""

import subprocess
import sys

import pytest

from halo_opt.confinement.probes import ALL_PROBES, FILE_PROBES, succeeded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own")


def child(script: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_child_without_privileges_has_no_capability_and_gains_none():
    script = """
from halo_opt.confinement import process
before = dict(l.split(":\\t") for l in open("/proc/self/status").read().splitlines() if ":\\t" in l)
status = open("/proc/self/status")
process.drop_privileges()
after = dict(l.split(":\\t") for l in status.read().splitlines() if ":\\t" in l)
print(*(int(after[c], 16) for c in ("CapEff", "CapPrm", "CapInh", "CapAmb")), after["NoNewPrivs"])
"""
    assert child(script) == ["0", "0", "0", "0", "1"]


def test_limits_are_the_kernels_and_never_above_those_there_were():
    script = """
import resource
from halo_opt.confinement import process
resource.setrlimit(resource.RLIMIT_CPU, (50, 50))
process.limit(memory=1 << 30, processor=100)
print(resource.getrlimit(resource.RLIMIT_AS)[1], resource.getrlimit(resource.RLIMIT_CPU)[1])
print(resource.getrlimit(resource.RLIMIT_FSIZE)[1], resource.getrlimit(resource.RLIMIT_NPROC)[1])
"""
    assert child(script) == [str(1 << 30), "50", "0", "0"]


def test_a_child_whose_parent_has_ended_ends_at_once():
    script = "import os; from halo_common import child_main; child_main.end_with_parent(os.getpid()); print('alive')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_probes_notice_a_process_that_nothing_confines():
    assert succeeded(FILE_PROBES) == list(FILE_PROBES)
    assert set(FILE_PROBES) < set(ALL_PROBES)


def test_a_probe_that_fails_in_another_way_than_by_refusal_is_not_taken_for_one():
    with pytest.raises(KeyError):
        succeeded({"broken": lambda: {}["x"]})
