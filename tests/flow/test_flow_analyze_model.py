"""analyze with a model, from the command line to a verified report, against a real server; and all the ways it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rlm_script import FAILURES, by_turn, claim, report, sql, turn, write_talks
from rlm_server import Asked, ModelServer, Said, model_server

from halo_opt.cli.app import run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def talks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_talks(tmp_path)


@pytest.fixture
def failed(talks: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The trace id of a failed talk."""
    query = "SELECT min(trace_id) AS id FROM attempts WHERE outcome = 'failure'"
    assert run(["sql", query, "--traces", str(talks), "--json", "-q"]) == 0
    return str(json.loads(capsys.readouterr().out)[0]["id"])


@pytest.fixture
def server(failed: str) -> Iterator[ModelServer]:
    """A model that looks once, claims what holds and hands in."""
    with model_server(by_turn([turn(sql(FAILURES)), turn(claim(failed)), turn(report())])) as made:
        yield made


def analyze(talks: Path, server: ModelServer | None, *words: str) -> int:
    model = ["--model", server.spec()] if server is not None else []
    return run(["analyze", str(talks), *model, *words])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_without_a_model_it_is_mining_alone_and_says_so(talks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze(talks, None) == 0
    assert "no model was given, so this is mining alone" in said(capsys)
    assert not Path("report/analysis.jsonl").exists()


def test_a_model_s_claim_is_in_the_report_and_the_report_verifies(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server, "--budget", "100calls") == 0
    words = said(capsys)
    assert "budget: 100 calls; rough estimate:" in words
    assert "at a price that is not known" in words
    assert len(server.asked) == 3
    assert "Books without having asked" in Path("report/report.json").read_text()
    assert run(["verify", "report"]) == 0
    assert "are confirmed" in said(capsys)


def test_json_is_the_report_and_nothing_else_is_on_stdout(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server, "--json", "--watch") == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["title"] == talks.name
    assert "[root, turn 1]" in found.err
    assert "[root, turn 3] end:" in found.err


def test_a_budget_in_dollars_without_a_price_is_refused_before_anything_is_asked(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server, "--budget", "5usd") == 2
    assert "no price is known for fake-1, so a budget of $5 cannot be kept" in said(capsys)
    assert server.asked == []


def test_without_a_budget_there_is_a_cautious_one_and_it_is_said_first(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("prices.yaml").write_text("fake-1: {input: 1, output: 10}\n")
    assert analyze(talks, server, "--prices", "prices.yaml") == 0
    words = said(capsys)
    assert "budget: $1.00, as none was given; set your own with --budget; rough estimate: 8 to" in words
    assert words.index("budget: $1.00") < words.index("agents,")
    assert run(["cost", "report", "--json", "-q"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert total["calls"] == 3
    assert total["cost_usd"] == pytest.approx(3 * (100 * 1 + 20 * 10) / 1e6)


def test_a_budget_that_is_spent_leaves_a_report_and_exit_code_4(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = by_turn([turn(sql(f"SELECT {number} FROM attempts")) for number in range(9)])
    assert analyze(talks, server, "--budget", "2calls") == 4
    words = said(capsys)
    assert "the budget of 2 calls does not allow the next call" in words
    assert "what was found is in report/report.html" in words
    assert len(server.asked) <= 2
    assert run(["verify", "report", "-q"]) == 0


def test_a_raised_budget_goes_on_where_it_was(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server, "--budget", "2calls") == 4
    before = len(server.asked)
    capsys.readouterr()
    assert analyze(talks, server, "--budget", "9calls") == 0
    words = said(capsys)
    assert "are recorded and not paid again" in words
    first_turns = [asked for asked in server.asked[before:] if asked.turns == 0]
    assert first_turns == []


def test_the_same_command_again_asks_nothing_and_gives_the_same(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server) == 0
    first = json.loads(Path("report/report.json").read_text())
    capsys.readouterr()
    assert analyze(talks, server) == 0
    assert "3 calls are recorded and not paid again" in said(capsys)
    assert len(server.asked) == 3
    again = json.loads(Path("report/report.json").read_text())
    assert again["findings"] == first["findings"]


def test_other_settings_are_refused_and_fresh_begins_anew(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server) == 0
    assert analyze(talks, server, "--max-turns", "7") == 2
    words = said(capsys)
    assert "analysis.jsonl was begun with other limits" in words
    assert "give it another --out, or pass --fresh" in words
    assert analyze(talks, server, "--max-turns", "7", "--fresh") == 0
    assert "the earlier journal is report/analysis." in said(capsys)
    assert len(server.asked) == 6
    assert len(list(Path("report").glob("analysis*.jsonl"))) == 2


def test_other_traces_are_refused(talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze(talks, server) == 0
    write_talks(talks.parent, tasks=13)
    assert analyze(talks, server) == 2
    assert "was begun with other traces" in said(capsys)


def test_a_server_that_is_down_leaves_what_mining_found_and_exit_code_3(
    talks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(lambda _: "") as gone:
        spec = gone.spec()
    assert run(["analyze", str(talks), "--model", spec]) == 3
    assert "what was found is in report/report.html" in said(capsys)
    assert run(["verify", "report", "-q"]) == 0


def test_a_replay_needs_no_server_no_key_and_no_model(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server, "--max-turns", "9", "--record", "kept/run.jsonl", "--out", "first") == 0
    server.close()
    capsys.readouterr()
    assert run(["analyze", str(talks), "--replay", "kept/run.jsonl", "--out", "second"]) == 0
    assert "replaying 3 calls of kept/run.jsonl: no model is asked, nothing is spent" in said(capsys)
    reports = [json.loads(Path(out, "report.json").read_text()) for out in ("first", "second")]
    assert reports[0]["findings"] == reports[1]["findings"]
    assert not Path("second/analysis.jsonl").exists()


def test_a_replay_with_another_prompt_fails(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server, "--record", "run.jsonl", "--out", "first") == 0
    capsys.readouterr()
    # Fewer actions fit a turn of a smaller context, and the prompt says so.
    changed = Path("run.jsonl").read_text().replace('"role":"root"', '"role":"root"')
    Path("run.jsonl").write_text(changed)
    assert run(["analyze", str(talks), "--replay", "run.jsonl", "--max-turns", "2", "--title", "Other"]) == 2
    assert "the cassette has no reply for a call of root" in said(capsys)
    assert len(server.asked) == 3


def test_a_replay_over_other_traces_is_refused(
    talks: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert analyze(talks, server, "--record", "run.jsonl") == 0
    write_talks(talks.parent, tasks=13)
    assert run(["analyze", str(talks), "--replay", "run.jsonl"]) == 2
    assert "was recorded with other traces" in said(capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--replay", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
        (["--replay", "x", "--model", "local"], "leave --model and --role out"),
        (["--model", "gpt-5"], "did you mean 'openai:gpt-5'"),
        (["--model", "local", "--budget", "much"], "'much' is no limit"),
        (["--model", "local", "--time", "30"], "with its unit"),
        (["--model", "local", "--role", "boss=local"], "a role is one of"),
        (["--model", "local", "--harness", "nowhere"], "there is no such folder"),
        (["--model", "local", "--prices", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_bad_options_are_one_clear_error(
    talks: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert run(["analyze", str(talks), *words]) == 2
    shown = said(capsys)
    assert message in shown
    assert "Traceback" not in shown


def test_a_missing_key_is_said_before_anything_is_done(
    talks: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert run(["analyze", str(talks), "--model", "openai:gpt-5-mini"]) == 3
    assert "OPENAI_API_KEY is not set" in said(capsys)


def start(talks: Path, server: ModelServer, *words: str) -> subprocess.Popen[str]:
    """The command in a process of its own, with a process group of its own."""
    command = [sys.executable, "-m", "halo_opt", "analyze", str(talks), "--model", server.spec(), *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


class Script:
    """Replies by turn, and silence at one turn until told to speak."""

    def __init__(self, silent_at: int, replies: list[str]) -> None:
        self.silent_at: int | None = silent_at
        self.replies = replies

    def __call__(self, asked: Asked) -> Said | str:
        if asked.turns == self.silent_at:
            return Said(hang=True)
        return self.replies[min(asked.turns, len(self.replies) - 1)]


def test_killed_in_the_middle_it_goes_on_and_pays_nothing_twice(
    talks: Path, failed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script(2, [turn(sql(FAILURES)), turn(claim(failed)), turn(report())])
    with model_server(script) as server:
        process = start(talks, server)
        assert server.silent.wait(60)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert [asked.turns for asked in server.asked] == [0, 1, 2]
        script.silent_at = None
        assert analyze(talks, server) == 0
        assert [asked.turns for asked in server.asked] == [0, 1, 2, 2]
    assert "2 calls are recorded and not paid again" in said(capsys)
    assert "Books without having asked" in Path("report/report.json").read_text()
    assert run(["cost", "report", "--json"]) == 0
    found = capsys.readouterr()
    rows = {row["purpose"]: row for row in json.loads(found.out)["rows"]}
    assert (rows["root"]["calls"], rows["root"]["open_calls"]) == (4, 1)
    assert rows["from the journal"]["replayed"] == 2
    assert "1 calls were begun and never ended" in " ".join(found.err.split())


def test_ctrl_c_writes_what_is_there_and_the_same_command_goes_on(
    talks: Path, failed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = [turn(sql(FAILURES)), turn(claim(failed)), *[turn(sql("SELECT 1"))] * 2, turn(report())]
    interrupted: list[bool] = []

    def answers(asked: Asked) -> str:
        if asked.turns == 2 and not interrupted:
            interrupted.append(True)
            os.kill(process.pid, signal.SIGINT)  # the call in flight is finished first
        return replies[min(asked.turns, 4)]

    with model_server(answers) as server:
        process = start(talks, server)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert "the same command goes on from there" in err
        assert "Books without having asked" in Path("report/report.json").read_text()
        before = len(server.asked)
        assert before < 5
        assert analyze(talks, server) == 0
        assert len(server.asked) == 5
    shutil.rmtree("report")
