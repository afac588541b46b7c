"""Serving the stand-in sites: where, from when until when, and what the command `harness.sites` says."""

import socket
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from site_visitor import Visitor

from harness.core.errors import UsageError
from harness.sites.serve import LocalSites

ROOT = Path(__file__).parents[3]


def test_today_is_a_setting() -> None:
    with LocalSites(["gomail"], today=date(2026, 2, 3)) as sites:
        assert "Today is Tuesday, February 3, 2026" in Visitor(sites.url("gomail")).ask("/")


def test_stopping_frees_the_port_and_may_be_done_twice() -> None:
    sites = LocalSites(["gomail"])
    port = urlsplit(sites.url("gomail")).port
    Visitor(sites.url("gomail")).ask("/")
    sites.stop()
    sites.stop()
    with socket.socket() as free, pytest.raises(ConnectionRefusedError):
        free.connect(("127.0.0.1", port))
    with pytest.raises(UsageError, match="is not served here"):
        sites.url("gomail")


def test_a_site_that_does_not_exist_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no stand-in site 'gmail'; the nearest is 'gomail'"):
        LocalSites(["gmail"])


def test_a_taken_port_is_a_sentence() -> None:
    with LocalSites(["gomail"]) as sites, pytest.raises(UsageError, match="port 0 takes a free one"):
        LocalSites(["gomail"], port=int(urlsplit(sites.url("gomail")).port or 0))


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "harness.sites", *args]


def test_the_command_serves_until_interrupted_whatever_clients_do() -> None:
    with subprocess.Popen(
        command("gomail"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        name, url = run.stdout.readline().split()
        assert name == "gomail"
        with socket.create_connection(("127.0.0.1", int(urlsplit(url).port or 0))) as broken:
            broken.sendall(b"POST /compose HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\nhalf")
        with socket.create_connection(("127.0.0.1", int(urlsplit(url).port or 0))) as broken:
            broken.sendall(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
        assert "Inbox" in Visitor(url).ask("/")
        run.send_signal(2)
        _, said = run.communicate(timeout=600)
    assert (run.returncode, said) == (130, "")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["attic"], "no stand-in site"),
        (["gomail", "--today", "0001-01-01"], "1970 to 2100"),
        (["gomail", "--port", "70000"], "65535"),
        ([], "Missing argument"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(args: list[str], words: str) -> None:
    done = subprocess.run(command(*args), cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


OWNER = """
import subprocess, sys
run = subprocess.Popen([sys.executable, "-m", "harness.sites", "gomail"], stdout=subprocess.PIPE, text=True)
print(run.stdout.readline().split()[1])
"""


def test_the_command_ends_when_whoever_started_it_is_gone() -> None:
    owner = subprocess.run(
        [sys.executable, "-c", OWNER], cwd=ROOT, capture_output=True, text=True, check=True, timeout=600
    )
    port = urlsplit(owner.stdout.strip()).port
    refused = False
    while not refused:  # the test's own time limit ends a server that stays
        with socket.socket() as probe:
            refused = probe.connect_ex(("127.0.0.1", port)) != 0
        time.sleep(0.1)
