"""Files that gave no attempt are named by `import`, `overview` and the report, others beside traces are not."""

import json
from pathlib import Path

import pytest

from halo_opt.cli.app import run

MESSAGES = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]


@pytest.fixture(autouse=True)
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    records = [{"task_id": f"t{n}", "reward": n % 2, "messages": MESSAGES} for n in range(8)]
    (folder / "good.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "odd.json").write_text('{"a": 1}')
    (folder / "LICENSE").write_text("MIT")
    return folder


@pytest.mark.parametrize("verb", ["import", "overview"])
def test_verbs_name_the_file_and_the_remedy(verb, capsys):
    assert run([verb, "in"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "in/odd.json was left out: the content is of no known trace format; 'halo-opt formats'" in told
    assert "LICENSE" not in told


def test_overview_of_a_store_names_it_too(capsys):
    assert run(["import", "in", "--store", "s.duckdb", "-q"]) == 0
    capsys.readouterr()
    assert run(["overview", "--store", "s.duckdb"]) == 0
    assert "in/odd.json was left out" in capsys.readouterr().err


def test_report_names_it_among_its_caveats(capsys):
    assert run(["analyze", "in", "--out", "out", "-q"]) == 0
    [words] = json.loads(Path("out/report.json").read_text())["left_out"]
    assert words.startswith("in/odd.json was left out: ")
    for name in ("report.md", "report.html"):
        page = Path("out", name).read_text()
        assert "odd.json was left out" in page
        assert "LICENSE" not in page


def test_report_beside_such_a_file_is_verified(capsys):
    assert run(["analyze", "in", "--out", "out", "-q"]) == 0
    assert run(["verify", "out"]) == 0
    assert "not checked: which files beside the traces were not read" in " ".join(capsys.readouterr().err.split())
