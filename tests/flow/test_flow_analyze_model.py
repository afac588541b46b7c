"""analyze with a model, from the command line to a verified report, against a real server; and how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rlm_script import FAILURES, TALKS, Done, analyze, by_turn, claim, report, said, sql, turn, write_talks
from rlm_server import Asked, Said, model_server

from halo_opt.cli.app import run

ROOT = Path(__file__).parents[2]


def read_report(folder: str = "report") -> Any:
    return json.loads(Path(folder, "report.json").read_text())


def nobody(_: Asked) -> str:
    raise AssertionError("nothing was to be asked")


def test_without_a_model_it_is_mining_alone_and_says_so(anew: Done, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze(None) == 0
    assert "no --model was given, so only the built-in detectors and your own were measured" in said(capsys)
    assert not Path("report/analysis.jsonl").exists()


def test_a_model_s_claim_is_in_the_report_and_the_report_verifies(
    again: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Books without having asked" in Path("report/report.json").read_text()
    assert "Books without having asked" in Path("report/report.html").read_text()
    assert run(["verify", "report"]) == 0
    assert "the traces confirm all" in said(capsys)


def test_the_analysis_is_a_trace_that_halo_opt_reads(again: Done, capsys: pytest.CaptureFixture[str]) -> None:
    query = "SELECT outcome, steps, mode FROM attempts"
    assert run(["sql", query, "--traces", "report/analysis-trace", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"outcome": "success", "steps": 3, "mode": "analysis"}]


def test_a_budget_in_dollars_without_a_price_is_refused_before_anything_is_asked(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(nobody) as server:
        assert analyze(server, "--budget", "5usd") == 2
        assert server.asked == []
    assert "no price is known for fake-1, so a budget of $5 cannot be kept" in said(capsys)


def test_without_a_budget_there_is_a_cautious_one_said_first_and_watch_says_each_step_beside_json(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("prices.yaml").write_text("fake-1: {input: 1, output: 10}\n")
    with model_server(by_turn(anew.replies())) as server:
        assert analyze(server, "--prices", "prices.yaml", "--json", "--watch") == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["title"] == TALKS.name
    words = " ".join(found.err.split())
    assert "budget: $1.00, as none was given; set your own with --budget; rough estimate: 8 to" in words
    assert words.index("budget: $1.00") < words.index("[root, turn 1]") < words.index("[root, turn 3] end:")
    assert words.index("[root, turn 3] end:") < words.index("1 agent, 3 turns; 3 calls, 360 tokens, $0.0009 of $1.00")
    assert run(["cost", "report", "--json", "-q"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert total["calls"] == 3
    assert total["cost_usd"] == pytest.approx(3 * (100 * 1 + 20 * 10) / 1e6)


def test_a_budget_that_is_spent_leaves_a_report_and_a_raised_one_goes_on(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(by_turn([*[turn(sql(FAILURES))] * 2, *anew.replies()[1:]])) as server:
        assert analyze(server, "--budget", "3calls") == 4
        words = said(capsys)
        assert "the budget of 3 calls does not allow the next call" in words
        assert "continues from there" not in words
        assert "what was found is in report/report.html" in words
        before = [asked.turns for asked in server.asked]
        assert len(before) <= 3
        assert run(["verify", "report", "-q"]) == 0
        assert analyze(server, "--budget", "9calls") == 0
        assert [asked.turns for asked in server.asked[: len(before)]] == before
        assert 0 not in [asked.turns for asked in server.asked[len(before) :]]
        # The last word of the first sitting was paid too, though the second goes on without it.
        assert read_report()["spend"]["calls"] == len(server.asked)
    assert "on record, which are not paid again" in said(capsys)
    assert "Books without having asked" in Path("report/report.json").read_text()


def test_the_same_command_again_asks_nothing_and_gives_the_same(
    again: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    first = read_report()
    with model_server(nobody) as server:
        assert analyze(server) == 0
        assert server.asked == []
    assert "3 calls on record, which are not paid again" in said(capsys)
    assert read_report()["findings"] == first["findings"]


def test_mining_alone_says_that_it_replaced_a_model_s_report(again: Done, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", str(TALKS), "--out", "report"]) == 0
    assert "the report of an earlier analysis with a model in report was replaced" in said(capsys)
    with model_server(nobody) as server:
        assert analyze(server) == 0
    assert "Books without having asked" in Path("report/report.json").read_text()


def test_other_settings_or_traces_are_refused(again: Done, capsys: pytest.CaptureFixture[str]) -> None:
    with model_server(nobody) as server:
        assert analyze(server, "--max-turns", "7") == 2
        words = said(capsys)
        assert "analysis.jsonl was begun with other limits" in words
        assert "choose another --out, or pass --fresh" in words
        write_talks(Path(), tasks=13)
        assert analyze(server) == 2
        assert server.asked == []
    assert "was begun with other traces" in said(capsys)


def test_fresh_sets_the_old_journal_aside_and_its_cost_still_counts(
    again: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(by_turn(again.replies())) as server:
        assert analyze(server, "--max-turns", "7", "--fresh") == 0
        assert len(server.asked) == 3
    assert "the earlier journal was renamed to report/analysis." in said(capsys)
    assert run(["cost", "report", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["calls"] == 6


def test_traces_without_a_failure_are_said_to_bear_no_claim_out_before_anything_is_asked(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(TALKS).write_text(Path(TALKS).read_text().replace('"reward": 0.0', '"reward": 1.0'))
    with model_server(by_turn(anew.replies())) as server:
        assert analyze(server) == 0
    words = said(capsys)
    assert "no attempt in these traces is known to have failed, so no claim about failures can be confirmed" in words
    assert words.index("known to have failed") < words.index("budget:")


def test_a_server_that_hangs_does_not_hold_up_an_analysis_with_a_time_limit(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(lambda _: Said(hang=True)) as server:
        assert analyze(server, "--time", "1s") == 4
    words = said(capsys)
    assert "the time limit of 1 s was reached; what was found is in report/report.html" in words
    assert "the same command continues from there" in words


def test_replies_that_cannot_be_used_are_not_promised_to_be_better_next_time(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(lambda _: "I think it is the weather.") as server:
        assert analyze(server) == 3
    words = said(capsys)
    assert "3 replies in a row could not be used; what was found is in report/report.html; use another model" in words
    assert "continues from there" not in words


def test_a_server_that_refuses_leaves_what_mining_found_and_exit_code_3(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(lambda _: Said(status=400)) as server:
        assert analyze(server) == 3
    words = said(capsys)
    assert "what was found is in report/report.html" in words
    assert run(["verify", "report", "-q"]) == 0


def test_a_replay_needs_no_server_no_key_no_model_and_no_provider_s_client(again: Done) -> None:
    first = read_report()
    words = ["analyze", str(TALKS), "--replay", "run.jsonl", "--out", "second"]
    check = f"""
import sys
from halo_opt.cli.app import run
assert run({words}) == 0
clients = {{"openai", "anthropic", "pydantic_ai"}} & set(sys.modules)
assert not clients, f"a replay needs none of {{clients}}"
"""
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", check], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    words_said = " ".join(done.stderr.split())
    assert "replaying 3 calls of run.jsonl: no model is called, nothing is spent" in words_said
    assert read_report("second")["findings"] == first["findings"]
    assert not Path("second/analysis.jsonl").exists()


def test_a_replay_with_another_prompt_fails(again: Done, capsys: pytest.CaptureFixture[str]) -> None:
    # Without sub-agents the tool `delegate` is not offered, so the prompt differs.
    assert run(["analyze", str(TALKS), "--replay", "run.jsonl", "--max-depth", "0", "--out", "second"]) == 2
    assert "the cassette has no reply for a call of root" in said(capsys)
    assert not Path("second/report.json").exists()


def test_a_replay_in_order_answers_another_prompt(again: Done, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--replay", "run.jsonl", "--in-order", "--max-depth", "0", "--out", "second"]
    assert run(["analyze", str(TALKS), *words]) == 0
    assert "3 of 3 prompts differ from those that the model was sent" in said(capsys)


def test_a_replay_over_other_traces_is_refused(again: Done, capsys: pytest.CaptureFixture[str]) -> None:
    write_talks(Path(), tasks=13)
    assert run(["analyze", str(TALKS), "--replay", "run.jsonl"]) == 2
    assert "was recorded with other traces" in said(capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--replay", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
        (["--in-order"], "--in-order concerns a recording; name it with --replay"),
        (
            ["--replay", "x", "--model", "local"],
            "writes no journal, so --model would have no effect",
        ),
        (
            ["--replay", "x", "--role", "sub=local", "--record", "y", "--fresh"],
            "--role, --record and --fresh would have no effect",
        ),
        (["--budget", "1usd"], "without a model --budget would have no effect; name one with --model, or leave it out"),
        (["--max-depth", "0", "--watch"], "without a model --max-depth and --watch would have no effect"),
        (
            ["--fresh", "--record", "x", "--time", "1h"],
            "without a model --time, --record and --fresh would have no effect",
        ),
        (["--model", "local", "--role", "root=openai:gpt-5"], "--model local and --role root=openai:gpt-5 name two"),
        (["--replay", "folder"], "is not a file; name a file that --record"),
        (["--replay", TALKS.name], "model-airline.jsonl line 1 does not check out: the file is damaged, or no journal"),
        (["--replay", TALKS.name], "no journal of halo-opt; restore it, or name another"),
        (["--model", "gpt-5"], "did you mean 'openai:gpt-5'"),
        (["--model", "nowhere.gguf"], "model file nowhere.gguf does not exist"),
        (["--model", "lab:m@http://127.0.0.1:9/v1", "--budget", "5usd"], "no price is known for m"),
        (["--out", TALKS.name], "--out model-airline.jsonl/report.json cannot be written, as model-airline.jsonl is a"),
        (["--model", "local", "--record", "folder"], "--record folder is a folder; name a file"),
        (["--model", "local", "--record", f"{TALKS}/x"], "as model-airline.jsonl is a file"),
        (["--model", "local", "--budget", "much"], "'much' is no limit"),
        (["--model", "local", "--time", "30"], "with its unit"),
        (["--model", "local", "--role", "boss=local"], "a role is one of"),
        (["--model", "local", "--harness", "nowhere"], "--harness nowhere does not exist"),
        (["--model", "local", "--prices", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_bad_options_are_one_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_talks(tmp_path, tasks=1)
    Path("folder").mkdir()
    assert run(["analyze", str(TALKS), *words]) == 2
    shown = said(capsys)
    assert shown.startswith("error:")
    assert message in shown
    assert "Traceback" not in shown
    assert not Path(".halo_opt").exists()  # nothing was indexed for nothing


def test_without_outcomes_a_model_may_look_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [json.loads(line) for line in write_talks(tmp_path, tasks=1).read_text().splitlines()]
    TALKS.write_text("".join(json.dumps({**line, "reward": None}) + "\n" for line in lines))
    with model_server(by_turn([turn(sql(FAILURES)), turn(claim("nobody")), turn(report())])) as server:
        assert analyze(server, "--budget", "9calls") == 0
    assert "No attempt has an outcome, so behaviours are only counted" in said(capsys)
    assert read_report()["findings"] == []


def test_a_missing_key_is_said_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_talks(tmp_path, tasks=1)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert run(["analyze", str(TALKS), "--model", "openai:gpt-5-mini"]) == 3
    assert (
        said(capsys)
        == "error: openai:gpt-5-mini needs a key and OPENAI_API_KEY is not set; run: export OPENAI_API_KEY=..."
    )
    assert not Path(".halo_opt").exists()
