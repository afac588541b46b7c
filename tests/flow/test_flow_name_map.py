"""`--map FILE` on the verbs that read traces: each sees the mapped names; a bad file ends it with the line."""

import json
import shutil
from pathlib import Path

import pytest

from halo_opt.cli.app import command, run

READING = ("import", "analyze", "ask", "overview", "traces", "show", "search", "sql", "stats", "export", "diff", "mcp")
MAP = "task: my.task\noutcome: {attribute: my.verdict, success: ok, failure: bad}\ntool: my.tool\narguments: my.args\n"


@pytest.fixture(autouse=True)
def traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("names.yaml").write_text(MAP)
    lines = []
    for number in range(6):
        root = {"trace_id": f"t{number}", "span_id": "a", "parent_span_id": "", "name": "job"}
        verdict = "ok" if number % 2 else "bad"
        lines.append({**root, "attributes": {"my.task": f"task-{number % 3}", "my.verdict": verdict}})
        lines.append(
            {**root, "span_id": "b", "parent_span_id": "a", "attributes": {"my.tool": "find", "my.args": '{"id": 7}'}}
        )
    Path("spans.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["overview", "spans.jsonl"], '"success": 3'),
        (["traces", "spans.jsonl"], "task-1"),
        (["show", "t1", "--traces", "spans.jsonl"], "find"),
        (["search", "find", "--traces", "spans.jsonl"], "t0"),
        (["stats", "first-actions", "spans.jsonl"], "find"),
        (["sql", "SELECT tool, arguments FROM tool_calls", "--traces", "spans.jsonl"], "find"),
    ],
)
def test_verbs_read_the_mapped_names(words, expected, capsys):
    assert run([*words, "--map", "names.yaml", "--json", "-q"]) == 0
    assert expected in capsys.readouterr().out


def test_import_keeps_the_map_for_later_commands(capsys):
    assert run(["import", "spans.jsonl", "--map", "names.yaml", "-q"]) == 0
    capsys.readouterr()
    sql = "SELECT outcome, count(*) AS n FROM attempts GROUP BY 1 ORDER BY 1"
    assert run(["sql", sql, "--traces", "spans.jsonl", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"outcome": "failure", "n": 3}, {"outcome": "success", "n": 3}]


def test_diff_compares_mapped_outcomes(capsys):
    other = Path("spans.jsonl").read_text().replace('"bad"', '"ok"').replace('"trace_id": "t', '"trace_id": "u')
    Path("other.jsonl").write_text(other)
    assert run(["diff", "spans.jsonl", "other.jsonl", "--map", "names.yaml", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] > 0


def test_analyze_and_export_take_it(capsys):
    assert run(["analyze", "spans.jsonl", "--map", "names.yaml", "--out", "out", "-q"]) == 0
    assert json.loads(Path("out/report.json").read_text())["overview"]["failures"]["value"] == 3
    assert run(["export", "spans.jsonl", "--map", "names.yaml", "--to", "spans", "--out", "o.jsonl", "-q"]) == 0
    assert '"gen_ai.tool.name":"find"' in Path("o.jsonl").read_text().replace(": ", ":")


def test_a_bad_map_ends_the_command_with_its_line(capsys):
    Path("names.yaml").write_text("tool: a\ntols: b\n")
    assert run(["overview", "spans.jsonl", "--map", "names.yaml"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "names.yaml, line 2: there is no key 'tols'; did you mean 'tool'?" in told


@pytest.mark.parametrize("verb", READING)
def test_every_verb_that_reads_traces_has_the_option(verb):
    options = command().commands[verb].make_context(verb, [], resilient_parsing=True).command.params
    assert "--map" in [name for option in options for name in option.opts]


def test_a_report_over_mapped_traces_is_verified_without_its_store(capsys):
    assert run(["analyze", "spans.jsonl", "--map", "names.yaml", "--out", "out", "-q"]) == 0
    shutil.rmtree(".halo_opt")
    assert run(["verify", "out"]) == 0
    assert "not checked: the mapping file" in " ".join(capsys.readouterr().err.split())


def test_a_report_whose_map_is_gone_says_so(capsys):
    assert run(["analyze", "spans.jsonl", "--map", "names.yaml", "--out", "out", "-q"]) == 0
    Path("names.yaml").unlink()
    assert run(["verify", "out"]) == 2
    assert "the mapping file that the traces were read with" in " ".join(capsys.readouterr().err.split())
