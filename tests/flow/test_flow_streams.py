"""Streams and odd paths, as a shell hands them to the program: read, or refused in one sentence with exit code 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from halo_opt.cli.app import run

TRACES = Path(__file__).parents[1] / "data" / "tau-bench" / "gpt-4o-airline.jsonl"
LONG = "a" * 5000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def shell(line: str) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m halo_opt"
    return subprocess.run(
        ["bash", "-c", line.replace("halo-opt", program).replace("TRACES", str(TRACES))],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "cat TRACES | halo-opt import -",
        "cat TRACES | halo-opt import /dev/stdin",
        "halo-opt import /dev/stdin < TRACES",
        "gzip -c TRACES | halo-opt import -",
        "halo-opt overview <(cat TRACES)",
        "halo-opt traces --store x.duckdb <(cat TRACES)",
    ],
)
def test_a_stream_is_read(line):
    ended = shell(line)
    assert (ended.returncode, "4 attempts" in ended.stdout + ended.stderr) == (0, True), ended.stderr


def test_the_report_of_a_stream_names_it_and_is_verified():
    assert shell("cat TRACES | halo-opt analyze - -q").returncode == 0
    report = json.loads(Path("report/report.json").read_text())
    [read] = report["inputs"]
    assert (report["title"], Path(read["path"]).name, Path(read["path"]).exists()) == ("stdin", "stdin", True)
    assert shell("halo-opt verify <(cat report/report.json)").returncode == 0


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", LONG, "a/" * 2500, "a\0b"])
@pytest.mark.parametrize(
    "words",
    [
        ["import", "{}"],
        ["overview", "{}"],
        ["analyze", "{}"],
        ["analyze", str(TRACES), "--detectors", "{}"],
        ["analyze", str(TRACES), "--scores", "{}"],
        ["verify", "{}"],
        ["diff", "{}", str(TRACES)],
        ["ask", "{}", "why?", "--model", "local"],
        ["apply", "{}"],
        ["propose", "--report", "{}"],
        ["show", "x", "--traces", "{}"],
        ["sql", "SELECT 1", "--store", "{}"],
        ["export", "{}", "--to", "spans", "--out", "o"],
        ["cost", "{}"],
        ["run", "--config", "{}"],
        ["mcp", "{}"],
    ],
    ids=lambda words: " ".join(words[:1] + [word for word in words if word.startswith("--")]),
)
def test_a_path_that_cannot_be_read_ends_in_one_sentence(capsys, words, path):
    assert run([word.replace("{}", path) for word in words]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert len(line) < 500
