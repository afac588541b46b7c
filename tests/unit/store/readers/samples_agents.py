"""Small files of coding agents and benchmarks, as their programs write them."""

from pathlib import Path
from typing import Any

from reader_tools import as_document

ATIF = {
    "schema_version": "ATIF-v1.4",
    "session_id": "sess-1",
    "agent": {"name": "terminus-2", "version": "2.0", "model_name": "m-4"},
    "steps": [
        {"step_id": 1, "timestamp": "2026-05-04T10:00:00Z", "source": "user", "message": "Make hello.txt"},
        {
            "step_id": 2,
            "timestamp": "2026-05-04T10:00:05Z",
            "source": "agent",
            "message": "I write it",
            "reasoning_content": "easy",
            "tool_calls": [
                {"tool_call_id": "c1", "function_name": "bash", "arguments": {"command": "echo hi > hello.txt"}},
                {"tool_call_id": "c2", "function_name": "bash", "arguments": {"command": "ls"}},
            ],
            "observation": {
                "results": [
                    {"source_call_id": "c2", "content": "hello.txt"},
                    {"source_call_id": "c1", "content": ""},
                ]
            },
            "metrics": {"prompt_tokens": 100, "completion_tokens": 20, "cost_usd": 0.01},
        },
        {
            "step_id": 3,
            "timestamp": "2026-05-04T10:00:09Z",
            "source": "agent",
            "message": "Done",
            "metrics": {"prompt_tokens": 120, "completion_tokens": 3, "cost_usd": 0.01},
        },
    ],
}


HARBOR = {
    "id": "0a1b",
    "task_name": "hello-world",
    "trial_name": "hello-world__Xy12",
    "trial_uri": "file:///trials/hello-world__Xy12",
    "agent_info": {"name": "terminus-2", "version": "2.0", "model_info": {"name": "m-4", "provider": "p"}},
    "agent_result": {"n_input_tokens": 220, "n_output_tokens": 23, "cost_usd": 0.02},
    "verifier_result": {"rewards": {"reward": 1.0}},
    "exception_info": None,
    "started_at": "2026-05-04T09:59:00Z",
    "finished_at": "2026-05-04T10:02:00Z",
}


def atif(folder: Path) -> Path:
    return as_document(folder / "trajectory.json", ATIF)


def harbor_trial(folder: Path, result: Any = HARBOR, trajectory: Any = ATIF) -> Path:
    trial = folder / "job-1" / "hello-world__Xy12"
    as_document(trial / "result.json", result)
    as_document(trial / "agent" / "trajectory.json", trajectory)
    (trial / "trial.log").write_text("words", encoding="utf-8")
    return trial


SWE_AGENT = {
    "environment": "swe_main",
    "trajectory": [
        {
            "action": "open setup.py\n",
            "observation": "[File: setup.py]",
            "response": "I open it",
            "thought": "I open it",
            "state": '{"working_dir": "/repo"}',
        },
        {"action": "ls /nowhere", "observation": "ls: cannot access '/nowhere': No such file", "response": "hm"},
        {"action": "submit", "observation": "", "response": "done"},
    ],
    "history": [
        {"role": "system", "content": "you are", "agent": "main"},
        {"role": "user", "content": "a demonstration", "agent": "main", "is_demo": True},
        {"role": "user", "content": "Fix the bug", "agent": "main"},
        {"role": "assistant", "content": "I open it", "agent": "main"},
    ],
    "info": {
        "exit_status": "submitted",
        "submission": "diff --git a b",
        "model_stats": {"instance_cost": 0.3, "tokens_sent": 900, "tokens_received": 80, "api_calls": 3},
    },
}


MINI_SWE = {
    "info": {
        "exit_status": "LimitsExceeded",
        "submission": "",
        "model_stats": {"instance_cost": 0.5, "api_calls": 2},
        "mini_version": "1.9",
        "config": {"agent": {"step_limit": 2}, "model": {"model_name": "m-5"}},
    },
    "messages": [
        {"role": "system", "content": "you are"},
        {"role": "user", "content": "Fix the bug"},
        {
            "role": "assistant",
            "content": "THOUGHT: look\n\n```bash\ncat nope.py\n```",
            "extra": {"response": {"usage": {"prompt_tokens": 40, "completion_tokens": 8}}},
        },
        {
            "role": "user",
            "content": "<returncode>1</returncode>\n<output>\ncat: nope.py: No such file or directory\n</output>",
        },
        {"role": "assistant", "content": "I give up"},
        {"role": "user", "content": "Please give exactly one action"},
    ],
    "trajectory_format": "mini-swe-agent-1",
}


def swe_agent(folder: Path) -> Path:
    return as_document(folder / "exp" / "repo__1" / "repo__1.traj", SWE_AGENT)


def mini_swe_agent(folder: Path) -> Path:
    return as_document(folder / "exp" / "repo__2" / "repo__2.traj.json", MINI_SWE)


TERMINAL_BENCH = {
    "id": "b1",
    "results": [
        {
            "id": "r1",
            "trial_name": "hello-world.2-of-3.run-1",
            "task_id": "hello-world",
            "instruction": "Make hello.txt",
            "is_resolved": False,
            "failure_mode": "unset",
            "parser_results": {"test_exists": "passed", "test_content": "failed"},
            "total_input_tokens": 300,
            "total_output_tokens": 40,
            "trial_started_at": "2026-05-04T10:00:00.000000+00:00",
            "trial_ended_at": "2026-05-04T10:03:00.000000+00:00",
        }
    ],
    "accuracy": 0.0,
}


def terminal_bench(folder: Path) -> Path:
    as_document(folder / "run-1" / "run_metadata.json", {"agent_name": "terminus", "model_name": "m-6"})
    return as_document(folder / "run-1" / "results.json", TERMINAL_BENCH)


BROWSERGYM = {
    "n_steps": 4,
    "cum_reward": 1.0,
    "cum_raw_reward": 0,
    "err_msg": None,
    "stack_trace": None,
    "stats.cum_steps": 5,
    "stats.cum_input_tokens": 4000,
    "stats.cum_output_tokens": 120,
    "terminated": True,
    "truncated": False,
}


EXPERIMENT = "2026-05-04_10-00-00_GenericAgent-m-7_on_miniwob.click-dialog_51_14d4f1"


def browsergym(folder: Path, name: str = EXPERIMENT, **changes: Any) -> Path:
    return as_document(folder / "study" / name / "summary_info.json", {**BROWSERGYM, **changes}).parent
