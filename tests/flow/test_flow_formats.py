"""`halo-opt formats`: the page, one format, mapping files, and the error for an unknown name."""

from pathlib import Path

import pytest

from halo_opt.cli.app import run
from halo_opt.store.formats.page import examples, page


def test_the_verb_prints_the_page(capsys):
    assert run(["formats"]) == 0
    assert capsys.readouterr().out.strip() == page().strip()


@pytest.mark.parametrize(
    ("name", "words"), [("codex-exec", "thread.started"), ("map", "names.yaml"), ("chat", "task_id")]
)
def test_one_format_has_its_example(name, words, capsys):
    assert run(["formats", name]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"# `{name}`")
    assert words in printed


def test_an_unknown_name_ends_with_the_nearest(capsys):
    assert run(["formats", "codex-exek"]) == 2
    assert "did you mean 'codex-exec'?" in " ".join(capsys.readouterr().err.split())


def test_the_ten_line_file_can_be_analyzed_as_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("runs.jsonl").write_text(examples()["chat"].files["runs.jsonl"])
    assert run(["analyze", "runs.jsonl", "--out", "out", "-q"]) == 0
    assert Path("out/report.md").is_file()


def test_the_mapping_file_works_as_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in examples()["map"].files.items():
        Path(name).write_text(text)
    assert run(["overview", "spans.jsonl", "--map", "names.yaml", "-q"]) == 0
    assert "failure" in capsys.readouterr().out
