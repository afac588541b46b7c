"""A small sample of every format: a function that writes it into a folder and returns the path to import.

Made by hand from each format's documentation. A new reader adds its sample to `SAMPLES` with one line.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reader_tools import as_document, as_lines
from samples_agents import atif, browsergym, harbor_trial, mini_swe_agent, swe_agent, terminal_bench
from samples_benchmarks import SAMPLES as BENCHMARKS

DATA = Path(__file__).parents[3] / "data"


def run_folder(folder: Path) -> Path:
    return Path(shutil.copytree(DATA / "run-folder", folder / "run"))


def spans(folder: Path) -> Path:
    return as_lines(folder / "spans.jsonl", {"trace_id": "t", "span_id": "s", "name": "x", "attributes": {}})


def tau_bench(folder: Path) -> Path:
    return Path(shutil.copy(DATA / "tau-bench" / "gpt-4o-airline.jsonl", folder))


def tau_bench_array(folder: Path) -> Path:
    lines = (DATA / "tau-bench" / "gpt-4o-airline.jsonl").read_text(encoding="utf-8").splitlines()
    return as_document(folder / "gpt-4o-airline.json", [json.loads(line) for line in lines])


def intercode(folder: Path) -> Path:
    return Path(shutil.copy(next((DATA / "intercode").iterdir()), folder))


def typed(**attributes: Any) -> list[dict[str, Any]]:
    """Attributes as OTLP spells them; underscores stand for dots."""

    def value(plain: Any) -> dict[str, Any]:
        if isinstance(plain, bool):
            return {"boolValue": plain}
        if isinstance(plain, int):
            return {"intValue": str(plain)}
        if isinstance(plain, float):
            return {"doubleValue": plain}
        if isinstance(plain, list):
            return {"arrayValue": {"values": [value(item) for item in plain]}}
        if isinstance(plain, dict):
            return {"kvlistValue": {"values": [{"key": k, "value": value(v)} for k, v in plain.items()]}}
        return {"stringValue": plain}

    return [{"key": name.replace("__", "."), "value": value(plain)} for name, plain in attributes.items()]


TRACE = "5b8efff798038103d269b633813fc60c"


def otlp_span(number: int, name: str, attributes: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{1:016x}" if number > 1 else "",
        "name": name,
        "kind": 1,
        "startTimeUnixNano": str(1_777_888_800_000_000_000 + number * 1_000_000_000),
        "endTimeUnixNano": str(1_777_888_800_500_000_000 + number * 1_000_000_000),
        "attributes": attributes,
        "status": {"code": 1},
        **changes,
    }


OTLP_SPANS = [
    otlp_span(
        1,
        "invoke_agent helper",
        typed(gen_ai__operation__name="invoke_agent", input__value="What is 6 times 7?", task_id="sums-1", reward=1.0),
    ),
    otlp_span(
        2,
        "chat m-1",
        typed(
            gen_ai__operation__name="chat",
            gen_ai__request__model="m-1",
            gen_ai__usage__input_tokens=20,
            gen_ai__usage__output_tokens=5,
            gen_ai__input__messages=[
                {"role": "user", "parts": [{"type": "text", "content": "What is 6 times 7?"}]},
            ],
            gen_ai__output__messages=[
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "name": "multiply", "arguments": {"a": 6, "b": 7}}],
                },
            ],
        ),
    ),
    otlp_span(
        3,
        "execute_tool multiply",
        typed(
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name="multiply",
            gen_ai__tool__call__arguments='{"a": 6, "b": 7}',
        ),
        status={"code": 2},
        events=[
            {
                "name": "exception",
                "timeUnixNano": "1777888803200000000",
                "attributes": typed(exception__type="OverflowError", exception__message="too much"),
            }
        ],
    ),
]


def otlp_record(*found: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": typed(service__name="helper", service__version="1.2")}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "lib"}, "spans": list(found)}]}]}


def otlp(folder: Path) -> Path:
    return as_document(folder / "otlp.json", otlp_record(*OTLP_SPANS))


def otlp_lines(folder: Path) -> Path:
    return as_lines(folder / "otlp.jsonl", *(otlp_record(found) for found in OTLP_SPANS))


CHAT = {
    "id": "x1",
    "task_id": "order-7",
    "seed": 3,
    "model": "m-2",
    "reward": 0.0,
    "metadata": {"split": "test"},
    "usage": {"prompt_tokens": 90, "completion_tokens": 12},
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "Where is"}, {"type": "text", "text": "order 7?"}]},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "I look it up",
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}},
                {"id": "b", "type": "function", "function": {"name": "stock", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "b", "content": "3"},
        {"role": "tool", "tool_call_id": "a", "content": "Error: no such order"},
        {"role": "assistant", "content": "There is no order 7."},
    ],
}


def chat(folder: Path) -> Path:
    return as_lines(folder / "chat.jsonl", CHAT)


def chat_array(folder: Path) -> Path:
    return as_document(folder / "chat.json", [CHAT, {**CHAT, "created": 1_760_000_000}])


def chat_document(folder: Path) -> Path:
    return as_document(folder / "chat.json", CHAT)


def chat_bare(folder: Path) -> Path:
    return as_document(folder / "chat.json", CHAT["messages"])


TAU2 = {
    "timestamp": "2026-05-04T10:00:00",
    "info": {
        "git_commit": "abc",
        "num_trials": 1,
        "max_steps": 200,
        "user_info": {"implementation": "user_simulator", "llm": "u-1"},
        "agent_info": {"implementation": "llm_agent", "llm": "m-3"},
        "environment_info": {"domain_name": "retail", "policy": "be kind"},
    },
    "tasks": [
        {
            "id": "4",
            "user_scenario": {"instructions": {"reason_for_call": "Cancel order 7", "task_instructions": "Be short"}},
        }
    ],
    "simulations": [
        {
            "id": "s1",
            "task_id": "4",
            "trial": 0,
            "seed": 626,
            "start_time": "2026-05-04T10:00:00",
            "end_time": "2026-05-04T10:01:00",
            "termination_reason": "user_stop",
            "agent_cost": 0.02,
            "user_cost": 0.01,
            "reward_info": {"reward": 1.0, "reward_breakdown": {"DB": 1.0, "COMMUNICATE": 1.0}},
            "messages": [
                {"role": "assistant", "content": "How can I help?", "timestamp": "2026-05-04T10:00:01"},
                {"role": "user", "content": "Cancel order 7"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "c1", "name": "cancel", "arguments": {"id": 7}, "requestor": "assistant"}],
                    "usage": {"prompt_tokens": 50, "completion_tokens": 6},
                    "timestamp": "2026-05-04T10:00:20",
                },
                {"role": "tool", "id": "c1", "content": "no such order", "requestor": "assistant", "error": True},
                {"role": "assistant", "content": "Done", "usage": {"prompt_tokens": 60, "completion_tokens": 2}},
                {"role": "user", "content": "###STOP###"},
            ],
        }
    ],
}


def tau2(folder: Path) -> Path:
    return as_document(folder / "retail.json", TAU2)


def tau2_simulation(folder: Path) -> Path:
    return as_document(folder / "s1.json", TAU2["simulations"][0])


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "run-folder": run_folder,
    "spans": spans,
    "tau-bench": tau_bench,
    "tau-bench, an array": tau_bench_array,
    "intercode": intercode,
    "otlp": otlp,
    "otlp, lines": otlp_lines,
    "tau2-bench": tau2,
    "tau2-bench, a simulation": tau2_simulation,
    "atif": atif,
    "atif, a trial of Harbor": harbor_trial,
    "swe-agent": swe_agent,
    "swe-agent, mini": mini_swe_agent,
    "terminal-bench": terminal_bench,
    "browsergym": browsergym,
    "chat": chat,
    "chat, an array": chat_array,
    "chat, a document": chat_document,
    "chat, an array of messages": chat_bare,
    **BENCHMARKS,
}
