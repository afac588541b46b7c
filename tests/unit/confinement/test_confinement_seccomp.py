"""The filter, read as the kernel reads it: what each call of each architecture meets."""

import errno
import platform
import re
import struct
from pathlib import Path

import pytest

from halo_opt.confinement import seccomp

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PLAIN = seccomp.FAIL | errno.EPERM


def met(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter answers: a small machine for the five instructions that it is made of."""
    data = struct.pack("<II", number, ARCHITECTURES[machine] if architecture is None else architecture) + bytes(8)
    data += struct.pack("<6Q", *[*arguments, 0, 0, 0, 0, 0, 0][:6])
    code = list(struct.iter_unpack("<HBBI", seccomp.program(machine)))
    at = loaded = 0
    while True:
        kind, yes, no, value = code[at]
        at += 1
        match kind:
            case 0x20:
                [loaded] = struct.unpack_from("<I", data, value)
            case 0x15:
                at += yes if loaded == value else no
            case 0x35:
                at += yes if loaded >= value else no
            case 0x45:
                at += yes if loaded & value else no
            case 0x06:
                return value
            case _:
                raise AssertionError(f"unknown instruction {kind:#x}")


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_only_calls_on_the_list_are_allowed(machine, column):
    listed = {numbers[column] for numbers in seccomp.ALLOWED.values()} - {None}
    looked_into = {numbers[column] for numbers in (seccomp.MMAP, seccomp.MPROTECT, seccomp.FCNTL, seccomp.IOCTL)}
    for number in range(600):
        if number in listed:
            assert met(machine, number) == seccomp.ALLOW, number
        elif number not in looked_into:
            assert met(machine, number) in (PLAIN, seccomp.FAIL | errno.ENOSYS), number


@pytest.mark.parametrize(("machine", "column"), [("x86_64", 0), ("aarch64", 1)])
def test_arguments_of_four_calls_decide(machine, column):
    for call in (seccomp.MMAP[column], seccomp.MPROTECT[column]):
        assert met(machine, call, 0, 4096, 3) == seccomp.ALLOW
        assert met(machine, call, 0, 4096, 5) == PLAIN
        assert met(machine, call, 0, 4096, 7) == PLAIN
    for call, asking in ((seccomp.FCNTL[column], seccomp.ASKING_FCNTL), (seccomp.IOCTL[column], seccomp.ASKING_IOCTL)):
        assert [met(machine, call, 1, what) for what in asking] == [seccomp.ALLOW] * len(asking)
        assert met(machine, call, 1, 0x5412) == PLAIN
        assert met(machine, call, 1, 1030) == PLAIN


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_calls_in_another_abi_end_the_process(machine):
    assert met(machine, 0, architecture=0x40000003) == seccomp.KILL_PROCESS
    assert met(machine, 0x40000000) == seccomp.KILL_PROCESS
    assert met(machine, 0xFFFFFFFF) == seccomp.KILL_PROCESS


HEADERS = {
    0: [Path(f"/usr/include/{place}asm/unistd_64.h") for place in ("", "x86_64-linux-gnu/")],
    1: [Path("/usr/include/asm-generic/unistd.h")],
}


@pytest.mark.parametrize("column", HEADERS)
def test_numbers_are_the_kernels(column):
    header = next((path for path in HEADERS[column] if path.exists()), None)
    if header is None:
        pytest.skip("the kernel's headers are not installed")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    numbers = {name: int(number) for name, number in found}
    ours = {name: both[column] for name, both in seccomp.ALLOWED.items() if both[column] is not None}
    assert ours == {name: numbers[name] for name in ours}
    looked_into = {"mmap": seccomp.MMAP, "mprotect": seccomp.MPROTECT, "fcntl": seccomp.FCNTL, "ioctl": seccomp.IOCTL}
    assert all(numbers[name] == both[column] for name, both in looked_into.items())


def test_an_unknown_machine_is_not_called_confined(monkeypatch):
    if platform.system() != "Linux":
        assert seccomp.install() is False
    monkeypatch.setattr(seccomp, "ARCHITECTURES", {})
    assert seccomp.install() is False
