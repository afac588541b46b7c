"""ask, from the command line to a cited answer that is shown as it is written, against a real server that streams."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rlm_script import FAILURES, PREDICATE, WORDS, answer, by_turn, sql, turn, write_talks
from rlm_server import Asked, ModelServer, Said, model_server

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.cli.app import run

ROOT = Path(__file__).parents[2]
QUESTION = "why do bookings fail?"
WRITTEN = (
    f'22 failures lack consent [1]. The customer only said "{WORDS}" [2]. That is 97 % of all [7]. It is certain [9].'
)


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


def ask(talks: Path, server: ModelServer, *words: str) -> int:
    return run(["ask", str(talks), QUESTION, "--model", server.spec(), *words])


def found(failed: str, written: Said | str = WRITTEN) -> object:
    return by_turn([turn(sql(FAILURES)), turn(answer(failed))], written)


def test_the_answer_is_checked_cited_followed_by_its_evidence_and_can_be_replayed(
    talks: Path, failed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(found(failed)) as server:
        assert ask(talks, server, "--record", "asked.jsonl") == 0
        shown = capsys.readouterr()
        assert ask(talks, server, "--json", "-q") == 0  # again: from the journal
        document = json.loads(capsys.readouterr().out)
        assert len(server.asked) == 3
        sees_the_evidence_and_nothing_else(server.asked[-1])
    assert shown.out.splitlines() == [
        f'22 failures lack consent [1]. The customer only said "{WORDS}" [2]. '
        "That is [not confirmed] of all [not confirmed]. It is certain [not confirmed].",
        "",
        "[1] failures = 22",
        f"    {FAILURES}",
        f'[2] attempt {failed}: "{WORDS}"',
    ]
    assert "97 % was removed" in shown.err
    assert "citation [9] was removed: there is no such evidence" in shown.err
    assert "point 2 was dropped" in shown.err
    assert f"halo-opt show {failed} --store" in shown.err
    assert document["answer"] == shown.out.splitlines()[0]
    assert [(piece["number"], piece["kind"], piece["cited"]) for piece in document["evidence"]] == [
        (1, "number", True),
        (2, "words", True),
    ]
    assert len(document["unsupported"]) == 4
    assert (document["spend"]["calls"], document["spend"]["cost_usd"]) == (3, None)
    assert run(["cost", "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["calls"] == 3
    assert run(["ask", str(talks), QUESTION, "--replay", "asked.jsonl", "-q"]) == 0  # without a server
    assert capsys.readouterr().out == shown.out
    assert run(["ask", str(talks), "why do refunds fail?", "--replay", "asked.jsonl", "-q"]) == 2
    assert "was recorded with other question" in capsys.readouterr().err


def book_twice(talks: Path) -> None:
    """Failed talks repeat their booking, so that mining has a finding of its own."""
    records = [json.loads(line) for line in talks.read_text().splitlines()]
    for record in records:
        talk = record["traj"]
        record["traj"] = talk if record["reward"] else [*talk[:6], *talk[4:6], *talk[6:]]
    talks.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_an_answer_rests_on_a_contrast_and_on_a_finding_by_their_names(
    talks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book_twice(talks)
    name = Hypotheses().add("", PREDICATE).name
    contrast = {"tool": "contrast", "title": "says Monday in 9 of 10 failures", "predicate_sql": PREDICATE}
    points = [
        {"text": "22 of 22 failures and 2 of 26 successes.", "contrasts": [name, name, "F1", "asked_00000000"]},
        {"text": "2 of 22 failures.", "contrasts": [name]},
    ]
    written = "All 22 failures (100%) show it, against 2 of 26 successes (8%) [1]; 2 failures do not [1]."
    script = by_turn([turn(contrast), turn({"tool": "submit_answer", "points": points})], written)
    with model_server(script) as server:
        assert ask(talks, server, "--json", "-q") == 0
        document = json.loads(capsys.readouterr().out)
        evidence = server.asked[-1].last
        assert ask(talks, server, "-q") == 0
        source = capsys.readouterr().out.partition("\n[1] ")[2].splitlines()[0]
    assert [(one["kind"], one["name"]) for one in document["evidence"]][:1] == [
        ("contrast", "says Monday in [not confirmed] failures")
    ]
    assert document["evidence"][0]["counts"] | {"difference": 0} == {
        "failures_with": 22, "failures": 22, "successes_with": 2, "successes": 26, "difference": 0,
    }  # fmt: skip
    assert [point["text"] for point in document["points"]] == [
        "22 of 22 failures and 2 of 26 successes.", "[not confirmed] failures.",
    ]  # fmt: skip
    assert [len(point["citations"]) for point in document["points"]] == [2, 1]
    told = (
        "says Monday in [not confirmed] failures: 22 of 22 failures (100%) and 2 of 26 successes (8%) show it; within"
    )
    assert f"[1] {told} the same task, attempts" in evidence
    assert "95% interval" not in evidence
    assert source.startswith(told)
    assert "points more often (95% interval" in source
    assert document["answer"] == written.replace("2 failures do not", "[not confirmed] failures do not")
    assert "there is no contrast or finding 'asked_00000000'" in document["unsupported"]
    [sql] = [one["sql"] for one in document["evidence"] if one["number"] == 1]
    assert run(["sql", sql, "--traces", str(talks), "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"outcome": "failure", "attempts": 22, "shown": 22},
        {"outcome": "success", "attempts": 26, "shown": 2},
    ]


def sees_the_evidence_and_nothing_else(written: Asked) -> None:
    assert written.body["stream"] is True
    assert "response_format" not in written.body
    assert "[1] failures = 22" in written.last
    assert WORDS in written.last
    assert "<<<data" in written.last
    assert "weather" not in written.last
    assert QUESTION in written.last


def test_each_sentence_is_shown_while_the_next_is_still_being_written(talks: Path, failed: str) -> None:
    wait = threading.Event()
    pieces = ["They fail in 2", "2 attempts", " [1]. Becau", wait, "se nobody asked [1]."]
    with model_server(found(failed, Said(pieces))) as server:
        command = [sys.executable, "-m", "halo_opt", "ask", str(talks), QUESTION, "--model", server.spec(), "-q"]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        assert process.stdout is not None
        first = process.stdout.read(len("They fail in 22 attempts [1]."))
        assert first == "They fail in 22 attempts [1]."
        assert not wait.is_set()
        wait.set()
        rest, _ = process.communicate(timeout=600)
    assert rest.startswith(" Because nobody asked [1].\n\n[1] failures = 22\n")
    assert process.returncode == 0


def test_a_writer_that_fails_leaves_the_points_that_were_checked(
    talks: Path, failed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with model_server(found(failed, Said(status=400))) as server:
        assert ask(talks, server) == 3
    shown = capsys.readouterr()
    assert shown.out.startswith("- Bookings without consent fail. [1, 2]\n\n[1] failures = 22\n")
    assert "the same question continues from there" in shown.err


def test_an_answer_ends_its_line_before_anything_else_is_said(
    talks: Path, failed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.stdout)  # as in a terminal
    with model_server(found(failed, "They fail in 22 attempts [1].")) as server:
        assert ask(talks, server) == 0
    assert "They fail in 22 attempts [1].\n1 agent, 2 turns; 3 calls" in capsys.readouterr().out


def test_a_budget_that_is_spent_before_anything_holds_gives_no_answer(
    talks: Path, failed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def nothing(asked: Asked) -> str:
        return turn(sql("SELECT 1"))

    with model_server(nothing) as server:
        assert ask(talks, server, "--budget", "2calls") == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "the budget of 2 calls" in shown.err


def test_an_answer_of_which_nothing_holds_is_none(talks: Path, failed: str, capsys: pytest.CaptureFixture[str]) -> None:
    point = {"text": "It is the weather.", "numbers": [], "quotes": [{"trace_id": failed, "words": "it is raining"}]}
    with model_server(by_turn([turn({"tool": "submit_answer", "points": [point]})])) as server:
        assert ask(talks, server) == 1
        assert all("stream" not in asked.body or not asked.body["stream"] for asked in server.asked)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no evidence could be confirmed" in shown.err
    assert "point 1 was dropped" in shown.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["TALKS", QUESTION], 3, "overview, traces, show, search, sql and analyze work without a model"),
        ([QUESTION, "--model", "local"], 2, "the traces first and write the question last"),
        (["TALKS", "TALKS", "--model", "local"], 2, "the traces first and write the question last"),
        (["TALKS", "why? " * 2_000, "--model", "local"], 2, "the question has 9,999 characters, more than 8,000"),
        (["TALKS", " ", "--model", "local"], 2, "the traces first and write the question last"),
        (["TALKS", "", "--model", "local"], 2, "the traces first and write the question last"),
        (["nowhere", QUESTION, "--model", "local"], 2, "nowhere is not there; give a trace file"),
        (["empty.jsonl", QUESTION, "--model", "local"], 2, "no traces were recognised in empty.jsonl"),
        (["TALKS", QUESTION, "--model", "openai:gpt-5-mini"], 3, "OPENAI_API_KEY is not set; run: export"),
        (["TALKS", QUESTION, "--model", "gpt-5"], 2, "did you mean 'openai:gpt-5'"),
        (["TALKS", QUESTION, "--model", "local", "--role", "boss=local"], 2, "a role is one of"),
        (["TALKS", QUESTION, "--model", "local", "--budget", "much"], 2, "'much' is no limit"),
        (["TALKS", QUESTION, "--replay", "gone.jsonl"], 2, "gone.jsonl does not exist"),
        (["TALKS", QUESTION, "--replay", "empty.jsonl"], 2, "empty.jsonl holds no recorded analysis"),
        (
            ["TALKS", QUESTION, "--replay", "empty.jsonl", "--fresh"],
            2,
            "calls no model and writes no journal, so --fresh would have no effect",
        ),
        (["TALKS", QUESTION, "--model", "local", "--record", "."], 2, "--record . is a folder"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_error(
    talks: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    Path("empty.jsonl").touch()
    assert run(["ask", *(str(talks) if word == "TALKS" else word for word in words)]) == code
    shown = " ".join(capsys.readouterr().err.split())
    assert message in shown
    assert "Traceback" not in shown
