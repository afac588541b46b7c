"""Small Inspect logs, made by hand after the library's documentation."""

import zipfile
from pathlib import Path
from typing import Any

from platform_tools import document


def inspect_sample(name: str, epoch: int, answer: str, grade: Any, **fields: Any) -> dict[str, Any]:
    question = {"id": "q", "role": "user", "source": "input", "content": "What is the capital?"}
    call = {
        "id": "a1",
        "role": "assistant",
        "source": "generate",
        "content": [{"type": "reasoning", "reasoning": "Look."}, {"type": "text", "text": "I look it up."}],
        "tool_calls": [{"id": "c1", "function": "look_up", "arguments": {"key": "capital"}, "type": "function"}],
    }
    found = {
        "id": "t1",
        "role": "tool",
        "content": "",
        "tool_call_id": "c1",
        "function": "look_up",
        "error": {"type": "timeout", "message": "Command timed out"},
    }
    return {
        "id": name,
        "epoch": epoch,
        "input": "What is the capital?",
        "target": "Paris",
        "messages": [question, call, found, {"id": "a2", "role": "assistant", "content": answer}],
        "output": {"model": "mockllm/model", "choices": [], "completion": answer},
        "scores": {} if grade is None else {"match": {"value": grade, "answer": answer, "explanation": answer}},
        "metadata": {"level": 1},
        "store": {},
        "events": [{"event": "info", "data": "x"}],
        "model_usage": {
            "mockllm/model": {"input_tokens": 20, "output_tokens": 4, "input_tokens_cache_read": 5},
            "mockllm/grader": {"input_tokens": 1000, "output_tokens": 1},
        },
        "started_at": "2026-05-04T10:00:00+00:00",
        "completed_at": "2026-05-04T10:00:03+00:00",
        "total_time": 3.0,
        "uuid": f"{name}-{epoch}",
        "attachments": {},
        **fields,
    }


INSPECT_ERROR = {"message": "RuntimeError('no sandbox')", "traceback": "Traceback", "traceback_ansi": "Traceback"}
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {
        "run_id": "r",
        "created": "2026-05-04T10:00:00+00:00",
        "task": "capitals",
        "task_id": "t",
        "model": "mockllm/model",
        "dataset": {"samples": 2},
        "config": {"epochs": 2},
        "revision": {"type": "git", "origin": "", "commit": "abc"},
    },
    "plan": {"name": "plan", "steps": []},
    "samples": [
        inspect_sample("fr", 1, "Paris", "C"),
        inspect_sample("fr", 2, "Rome", "I"),
        inspect_sample("it", 1, "Rome", 0.4),
        inspect_sample("it", 2, "", None, error=INSPECT_ERROR),
        inspect_sample("es", 1, "", None, limit={"type": "message", "limit": 10}),
    ],
}


def inspect_json(folder: Path) -> Path:
    return document(folder / "capitals.json", INSPECT)


def inspect_archive(folder: Path) -> Path:
    """An archive as far as its list of members goes, which is all that recognising needs."""
    path = folder / "capitals.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("samples/fr_epoch_1.json", "{}")
        archive.writestr("header.json", "{}")
    return path
