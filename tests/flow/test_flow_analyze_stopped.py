"""An analysis that is killed or interrupted: nothing that was paid is paid again, and the same command goes on."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from rlm_script import FAILURES, TALKS, Done, analyze, claim, report, said, sql, turn
from rlm_server import Asked, ModelServer, Said, model_server

from halo_opt.cli.app import run

ROOT = Path(__file__).parents[2]


def start(server: ModelServer, *words: str) -> subprocess.Popen[str]:
    """The command in a process of its own, with a process group of its own."""
    command = [
        sys.executable,
        "-m",
        "halo_opt",
        "analyze",
        str(TALKS),
        "--model",
        server.spec(),
        "--context",
        "40000",
        *words,
    ]
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


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_and_pays_nothing_twice(anew: Done, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(2, anew.replies())
    with model_server(script) as server:
        process = start(server)
        assert server.silent.wait(60)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert [asked.turns for asked in server.asked] == [0, 1, 2]
        script.silent_at = None
        assert analyze(server) == 0
        assert [asked.turns for asked in server.asked] == [0, 1, 2, 2]
    assert "2 calls on record, which are not paid again" in said(capsys)
    assert "Books without having asked" in Path("report/report.json").read_text()
    assert run(["cost", "report", "--json"]) == 0
    found = capsys.readouterr()
    rows = {row["purpose"]: row for row in json.loads(found.out)["rows"]}
    assert (rows["root"]["calls"], rows["root"]["open_calls"]) == (4, 1)
    assert rows["from the journal"]["replayed"] == 2
    assert "1 call did not end" in " ".join(found.err.split())


def test_ctrl_c_writes_what_is_there_and_the_same_command_goes_on(
    anew: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = [turn(sql(FAILURES)), turn(claim(anew.failed)), *[turn(sql("SELECT 1"))] * 2, turn(report())]
    asked_twice, heard = threading.Event(), threading.Event()

    def answers(asked: Asked) -> str:
        if asked.turns == 2:
            asked_twice.set()
            assert heard.wait(600)  # the call in flight is finished, and no other is begun
        return replies[min(asked.turns, 4)]

    with model_server(answers) as server:
        words = []
        with start(server) as process:
            assert asked_twice.wait(600)
            os.kill(process.pid, signal.SIGINT)
            for line in process.stderr or ():
                words.append(line)
                if line.startswith("interrupted"):
                    heard.set()
        err = "".join(words)
        assert process.returncode == 130, err
        assert (
            "interrupted: waiting for the calls in flight, which are paid for; press Ctrl-C again to quit at once"
            in err
        )
        assert "the same command continues from there" in err
        assert "Books without having asked" in Path("report/report.json").read_text()
        before = len(server.asked)
        assert before < 5
        assert analyze(server) == 0
        assert len(server.asked) == 5


class Hanging:
    """Replies by turn; the first `times` requests of turn 2 get no answer."""

    def __init__(self, times: int, replies: list[str]) -> None:
        self.times = times
        self.replies = replies

    def __call__(self, asked: Asked) -> Said | str:
        if asked.turns == 2 and self.times > 0:
            self.times -= 1
            return Said(hang=True)
        return self.replies[min(asked.turns, len(self.replies) - 1)]


def test_an_answer_that_does_not_come_in_time_is_asked_for_once_more(
    anew: Done, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halo_opt.llm.request.CALL_SECONDS", 0.5)
    with model_server(Hanging(1, anew.replies())) as server:
        assert analyze(server) == 0
        assert [asked.turns for asked in server.asked] == [0, 1, 2, 2]
    assert "failed model calls: 1 x timeout" in said(capsys)


def test_a_server_that_hangs_ends_it_with_a_reason_and_the_claims_so_far_are_in_the_report(
    anew: Done, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halo_opt.llm.request.CALL_SECONDS", 0.5)
    with model_server(Hanging(100, anew.replies())) as server:
        assert analyze(server) == 3
    err = said(capsys)
    assert "did not answer within 0.5 seconds" in err
    assert "the same command continues from there" in err
    assert "Books without having asked" in Path("report/report.json").read_text()
