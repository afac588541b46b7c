"""Starting the sandbox: only where it really confines, else a refusal that says why and what to install."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from halo_opt.confinement.python import Limits, Sandbox, SandboxMissing, linux, sandbox
from halo_opt.core.errors import InputError


@pytest.fixture
def here():
    try:
        with Sandbox.start({}) as started:
            if started.kind == "linux":
                return
    except SandboxMissing:
        pass
    pytest.skip("this machine has no sandbox of Linux")


@pytest.mark.parametrize("name", ["a b", "", "__import__", "1x"])
def test_a_host_function_needs_a_plain_name(name):
    with pytest.raises(InputError, match="cannot be the name of a host function"):
        Sandbox.start({name: print})


# Confinement with a wall that is only painted on: the answer of the kernel is believed, and the probes have to notice.
PAINTED = [
    ("landlock", "def lock(readable): return 7", "its process: it could read a file, it could read this program, "),
    ("landlock", "def lock(readable): return 0", "does not confine its process: there is no Landlock"),
    ("seccomp", "def install(): return True", "it could ask about a file, it could open a network socket, it could"),
    ("seccomp", "def install(): return False", "does not confine its process: there is no seccomp"),
    ("process", "import os\ndef drop_privileges(): os._exit(0)", "its process did not report that it is confined"),
    ("process", "import os\ndef limit(**k): os.open('/', 0)", "does not confine its process: it holds descriptor 3"),
]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("wall", "fake", "words"), PAINTED)
def test_it_refuses_to_start_when_a_probe_gets_through(wall, fake, words, tmp_path, monkeypatch):
    package = tmp_path / "halo_opt"
    real = Path(linux.halo_opt.__file__).parent
    (package / "confinement").mkdir(parents=True)
    for path in (real / "__init__.py", *(real / "confinement").glob("*.py")):
        (package / path.relative_to(real)).write_text(path.read_text())
    with (package / "confinement" / f"{wall}.py").open("a") as file:
        file.write(f"\n{fake}\n")
    monkeypatch.setattr(linux, "halo_opt", SimpleNamespace(__file__=str(package / "__init__.py")))
    monkeypatch.setattr(sandbox, "BACKENDS", [linux.LinuxBackend])
    with pytest.raises(SandboxMissing) as missing:
        Sandbox.start({})
    assert words in str(missing.value)
    assert "until then the analyzer works without its python tool" in str(missing.value)


def test_a_machine_with_nothing_that_confines_is_told_why_and_what_to_install(monkeypatch):
    monkeypatch.setattr(linux.sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    with pytest.raises(SandboxMissing) as missing:
        Sandbox.start({})
    assert str(missing.value).startswith("no sandbox confines a model's Python on this machine: this is not Linux; ")
    assert "pydantic-monty is not installed" in str(missing.value)
    assert "pip install 'halo-opt[sandbox]'" in str(missing.value)


@pytest.mark.usefixtures("here")
def test_a_sandbox_that_cannot_start_again_says_so(monkeypatch):
    with Sandbox.start({}, Limits()) as box:
        assert box.run("import os; os._exit(0)").state_lost
        monkeypatch.setattr(linux, "_WORKER", Path("/no/such/worker"))
        with pytest.raises(SandboxMissing, match="the sandbox ended and cannot start again"):
            box.run("1")
