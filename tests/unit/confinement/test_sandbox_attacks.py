"""What hostile code must not be able to do in the sandbox on Linux: a table of snippets, and every system call."""

import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_attacks import ALIVE, DEADLY, FILES

from halo_opt.confinement import seccomp
from halo_opt.confinement.python import CellResult, Limits, Sandbox, SandboxMissing


class World:
    """What the host has that a snippet may reach for; `asked` is what host functions were asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "canary").write_text("CANARY")
        (folder / "canary_module.py").write_text("")
        (folder / "store.db").write_bytes(b"store")
        self.asked: list[str] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0halo-opt-{os.getpid()}")
        self.abstract.listen()
        self.before = self.files()

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        return {
            path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns)
            for path in self.folder.iterdir()
        }

    def code(self, snippet: str) -> str:
        return snippet.format(
            W=self.folder,
            DB=self.folder / "store.db",
            PORT=self.server.getsockname()[1],
            ABSTRACT=f"halo-opt-{os.getpid()}",
            HOST=os.getpid(),
        )

    def ask(self, question: str) -> str:
        self.asked.append(question)
        return "answer"

    def connected(self) -> bool:
        for listener in (self.server, self.abstract):
            listener.setblocking(False)
            try:
                listener.accept()[0].close()
                return True
            except BlockingIOError:
                continue
        return False


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("world"))
    yield made
    made.server.close()
    made.abstract.close()


@pytest.fixture(scope="module")
def sandbox(world: World) -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-CANARY")
        limits = Limits(seconds=0.4, grace=0.3, memory_bytes=1 << 30, host_calls=5, output_chars=2_000)
        try:
            started = Sandbox.start({"ask": world.ask}, limits)
        except SandboxMissing:
            pytest.skip("this machine has no sandbox")
        with started:
            if started.kind != "linux":
                pytest.skip("this machine has no sandbox of Linux")
            yield started


def patiently(sandbox: Sandbox, code: str) -> CellResult:
    """Run a short cell; a machine that stalls may take it for a slow one."""
    for _ in range(5):
        result = sandbox.run(code)
        if "ran longer" not in (result.error or "") and not result.state_lost:
            break
    return result


def assert_harmless(world: World, sandbox: Sandbox, snippet: str) -> None:
    world.asked.clear()
    result = sandbox.run(world.code(snippet))
    # The traceback quotes the snippet itself.
    error = [line for line in (result.error or "").splitlines() if not line.startswith("cell ")]
    said = "\n".join([result.stdout, result.value or "", *error])
    assert "GOT" not in said
    assert "CANARY" not in said
    assert len(result.stdout) < 2_100
    assert len(world.asked) <= 5
    assert world.files() == world.before
    assert not world.connected()


# Without walls they do get through, or the table would prove nothing.
UNCONFINED = [name for name in FILES if name.startswith(("read a file", "map", "load text", "list", "walk", "ask"))]


def test_the_same_snippets_get_through_without_a_sandbox(world):
    script = "import io, json, sys, contextlib, numpy as np\nsaid = {}\n"
    script += "for name, code in json.load(sys.stdin).items():\n"
    script += "  with contextlib.redirect_stdout(io.StringIO()) as out: exec(code, {'np': np})\n"
    script += "  said[name] = out.getvalue()\njson.dump(said, sys.stdout)"
    codes = json.dumps({name: world.code(FILES[name]) for name in UNCONFINED})
    done = subprocess.run([sys.executable, "-c", script], input=codes, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert len(said) >= 12
    silent = [n for n in said if "GOT" not in said[n] and "CANARY" not in said[n]]
    assert silent == []


@pytest.mark.parametrize("name", ALIVE)
def test_an_attack_gets_nothing_and_leaves_the_session_usable(world, sandbox, name):
    assert_harmless(world, sandbox, ALIVE[name])
    assert patiently(sandbox, "40 + 2").value == "42"


@pytest.mark.parametrize("name", DEADLY)
def test_an_attack_on_its_own_process_or_channel_costs_its_variables_and_nothing_else(world, sandbox, name):
    patiently(sandbox, "kept = 40")
    assert_harmless(world, sandbox, DEADLY[name])
    # An attack that forged its own end is noticed when the next cell comes.
    sandbox.run("pass")
    assert "NameError" in patiently(sandbox, "kept").error
    assert patiently(sandbox, "40 + 2").value == "42"


def test_every_system_call_that_is_not_on_the_list_is_refused(sandbox):
    column = seccomp.ARCHITECTURES[platform.machine()][0]
    listed = [numbers[column] for numbers in seccomp.ALLOWED.values()]
    # The kernel lets two calls past every filter; outside of a uprobe's own trampoline they end the process.
    listed += [335, 336] if platform.machine() == "x86_64" else []
    listed += [numbers[column] for numbers in (seccomp.MMAP, seccomp.MPROTECT, seccomp.FCNTL, seccomp.IOCTL)]
    result = sandbox.run(
        f"import ctypes; l = ctypes.CDLL(None, use_errno=True); listed = {listed}; odd = {{}}\n"
        "for number in range(1024):\n"
        "  if number not in listed:\n"
        "    answer = l.syscall(number, 0, 0, 0, 0, 0, 0)\n"
        "    if answer != -1 or ctypes.get_errno() not in (1, 38): odd[number] = answer, ctypes.get_errno()\n"
        "odd"
    )
    assert result.value == "{}"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86_64 alone has a second ABI in one process")
def test_a_system_call_of_the_other_abi_ends_the_process(sandbox):
    result = sandbox.run("import ctypes; ctypes.CDLL(None).syscall(0x40000000 + 39)")
    assert result.state_lost
    assert "SIGSYS" in result.error


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_memory_bomb_does_not_reach_the_machine(sandbox):
    pid = sandbox.run("import os; os.getpid()").value
    sandbox.run("x = []\nwhile True: x.append(bytes(10**7))")
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmPeak"))
    assert int(peak.split()[1]) <= 1 << 20
