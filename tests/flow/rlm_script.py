"""Airline talks with one known failure mode, and the replies of a model that finds it. Nothing here is a test."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rlm_server import Asked, ModelServer, Said
from test_mining_flow import talk_of

from halo_opt.cli.app import run

TALKS = Path("model-airline.jsonl")
# The customer of a failed talk says this and was not asked first.
WORDS = "I would like to fly on Monday"
PREDICATE = f"SELECT trace_id FROM messages WHERE content = '{WORDS}'"
FAILURES = "SELECT count(*) FROM attempts WHERE outcome = 'failure'"


def write_talks(folder: Path, *, tasks: int = 12) -> Path:
    """Twelve tasks, four tries each: booking without consent fails, with two exceptions."""
    lines = []
    for task in range(tasks):
        for trial in range(4):
            asks = trial % 2 == 0
            reward = 1.0 if asks or (task in {2, 5} and trial == 1) else 0.0
            info = {"task": {"instruction": "Book a flight"}}
            record = {"task_id": task, "trial": trial, "reward": reward, "info": info, "traj": talk_of(asks=asks)}
            lines.append(json.dumps(record))
    path = folder / "model-airline.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def turn(*actions: dict[str, Any], thought: str = "I look.") -> str:
    """A turn as an agent writes it."""
    return json.dumps({"thought": thought, "actions": list(actions)})


def sql(query: str) -> dict[str, Any]:
    return {"tool": "sql", "query": query}


def claim(trace_id: str, **other: Any) -> dict[str, Any]:
    """The claim that holds, quoting one failed attempt."""
    return {
        "tool": "claim",
        "title": "Books without having asked",
        "claim": "The agent books although the customer has not agreed.",
        "predicate_sql": PREDICATE,
        "numbers": [{"name": "failures", "value": 22, "sql": FAILURES}],
        "quotes": [{"trace_id": trace_id, "words": WORDS}],
        **other,
    }


def report(summary: str = "It books without having asked.") -> dict[str, Any]:
    return {"tool": "submit_report", "summary": summary, "claims": []}


def answer(trace_id: str) -> dict[str, Any]:
    point = {
        "text": "Bookings without consent fail.",
        "numbers": [{"name": "failures", "value": 22, "sql": FAILURES}],
        "quotes": [{"trace_id": trace_id, "words": WORDS}],
    }
    invented = {
        "text": "It is the weather.",
        "numbers": [],
        "quotes": [{"trace_id": "nobody", "words": "it is raining"}],
    }
    return {"tool": "submit_answer", "points": [point, invented]}


def by_turn(replies: Sequence[str | Said], written: Said | str = "") -> Any:
    """Answers of the n-th turn of one agent; `written` where there is no schema: how an answer is asked for."""

    def answers(asked: Asked) -> Said | str:
        if "response_format" not in asked.body:
            return written
        return replies[min(asked.turns, len(replies) - 1)]

    return answers


class Done(NamedTuple):
    """A folder in which an analysis was made and recorded (run.jsonl), and a failed talk in it."""

    folder: Path
    failed: str

    def replies(self) -> list[str]:
        """A model that looks once, claims what holds and hands in."""
        return [turn(sql(FAILURES)), turn(claim(self.failed)), turn(report())]


def analyze(server: ModelServer | None, *words: str) -> int:
    # Room enough that the way of working is explained and a claim may come first.
    model = ["--model", server.spec(), "--context", "40000"] if server is not None else []
    return run(["analyze", str(TALKS), *model, *words])


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on stderr, on one line."""
    return " ".join(capsys.readouterr().err.split())
