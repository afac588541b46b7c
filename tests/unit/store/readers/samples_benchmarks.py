"""Samples of AgentDojo, OpenHands, Who&When and AgentRx."""

from pathlib import Path
from typing import Any

from reader_tools import as_document, as_lines

# An AgentDojo log of an attempt under an attack.
MESSAGES = [
    {"role": "user", "content": [{"type": "text", "content": "Pay the bill."}]},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "function": "pay_bill", "args": {"id": 7}}]},
    {
        "role": "tool",
        "tool_call_id": "c1",
        "tool_call": {"function": "pay_bill", "args": {"id": 7}},
        "content": [{"type": "text", "content": ""}],
        "error": "ValueError: no such bill",
    },
    {"role": "assistant", "content": [{"type": "text", "content": "I could not pay."}], "tool_calls": []},
]
LOG = {
    "suite_name": "workspace",
    "pipeline_name": "gpt-4o-2024-05-13",
    "user_task_id": "user_task_3",
    "injection_task_id": "injection_task_0",
    "attack_type": "important_instructions",
    "injections": {"email": "do this"},
    "messages": MESSAGES,
    "error": None,
    "utility": True,
    "security": False,
    "evaluation_timestamp": "2025-01-02 03:04:05",
    "duration": 2.5,
}
# OpenHands' events, of its runtime and of its SDK, and a result with a history of them.
ASKED = {
    "function_name": "execute_bash",
    "tool_call_id": "c1",
    "model_response": {"id": "r1", "model": "m-1", "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
}
MISSING = "ls: cannot access '/x': No such file or directory"
EVENTS: list[dict[str, Any]] = [
    {"id": 0, "source": "agent", "action": "system", "args": {"content": "You are an agent."}},
    {"id": 1, "source": "user", "action": "message", "args": {"content": "Fix the bug."}},
    {
        "id": 2,
        "timestamp": "2024-11-01T10:00:02",
        "source": "agent",
        "action": "run",
        "args": {"command": "ls /x", "thought": "I look.", "blocking": False},
        "tool_call_metadata": ASKED,
    },
    {
        "id": 3,
        "source": "agent",
        "cause": 2,
        "observation": "run",
        "content": MISSING,
        "extras": {"command": "ls /x", "metadata": {"exit_code": 2}},
    },
    {"id": 4, "source": "agent", "action": "finish", "args": {"final_thought": "Done."}},
]
RESULT = {
    "instance_id": "django__django-1",
    "instruction": "Fix the bug.",
    "metadata": {"agent_class": "CodeActAgent", "llm_config": {"model": "m-2"}, "max_iterations": 100},
    "history": EVENTS,
    "metrics": {
        "accumulated_cost": 0.5,
        "accumulated_token_usage": {"prompt_tokens": 100, "completion_tokens": 7},
    },
    "test_result": {"git_patch": "diff", "report": {"resolved": True}},
    "error": None,
}
SDK: list[dict[str, Any]] = [
    {"kind": "SystemPromptEvent", "source": "agent", "system_prompt": {"type": "text", "text": "You are an agent."}},
    {
        "kind": "MessageEvent",
        "source": "user",
        "llm_message": {"role": "user", "content": [{"type": "text", "text": "Fix the bug."}]},
    },
    {
        "kind": "ActionEvent",
        "id": "e1",
        "source": "agent",
        "thought": [{"type": "text", "text": "I look."}],
        "action": {"kind": "TerminalAction", "command": "ls /x"},
        "tool_name": "execute_bash",
        "tool_call_id": "c1",
        "tool_call": {"id": "c1", "name": "execute_bash", "arguments": '{"command": "ls /x"}'},
        "llm_response_id": "r1",
    },
    {
        "kind": "ObservationEvent",
        "source": "environment",
        "tool_name": "execute_bash",
        "tool_call_id": "c1",
        "observation": {"kind": "TerminalObservation", "content": [{"type": "text", "text": MISSING}], "exit_code": 2},
    },
    {
        "kind": "ActionEvent",
        "source": "agent",
        "tool_name": "finish",
        "tool_call_id": "c2",
        "action": {"message": "Done."},
    },
]
# Who&When: a conversation written by hand, and one that agents had.
HAND_CRAFTED = {
    "question": "Where?",
    "question_ID": "q1",
    "ground_truth": "Here",
    "history": [
        {"role": "human", "content": "Where?"},
        {"role": "Orchestrator (thought)", "content": "Plan."},
        {"role": "Orchestrator (-> WebSurfer)", "content": "Search."},
        {"role": "WebSurfer", "content": "Found."},
        {"role": "ComputerTerminal", "content": "ok"},
    ],
    "mistake_agent": "WebSurfer",
    "mistake_step": "3",
    "mistake_reason": "It looked at the wrong page.",
}
GENERATED = {
    "is_correct": False,
    "question": "Sum?",
    "question_ID": "q2",
    "history": [
        {"role": "user", "name": "human", "content": "Sum?"},
        {"role": "assistant", "name": "Excel_Expert", "content": "I add."},
        {"role": "user", "name": "Computer_terminal", "content": "exitcode: 0"},
        {"role": "user", "name": "Checker_Expert", "content": "Wrong."},
    ],
    "mistake_agent": "Excel_Expert",
    "mistake_step": 1,
}
AGENTRX = {
    "trajectory_id": "tau_retail_2",
    "instruction": "Return it.",
    "steps": [
        {"index": 1, "substeps": [{"sub_index": 1, "role": "user", "content": "hi"}]},
        {
            "index": 2,
            "substeps": [
                {"sub_index": 1, "role": "assistant", "content": '{"name": "find", "arguments": {"a": 1}}'},
                {"sub_index": 2, "role": "tool", "content": "Error: no such order"},
            ],
        },
    ],
}
LABELS = {
    "trajectory_id": "2",
    "failure_summary": "It failed.",
    "failures": [
        {"failure_id": "1", "step_number": 2, "failure_category": "Invalid Invocation", "failed_agent": "assistant"}
    ],
    "root_cause_failure_id": "1",
}


def agentdojo(folder: Path) -> Path:
    return as_document(folder / "injection_task_0.json", LOG, indent=4)


def openhands(folder: Path) -> Path:
    return as_lines(folder / "output.jsonl", RESULT)


def openhands_trajectory(folder: Path) -> Path:
    return as_document(folder / "trajectory.json", EVENTS)


def openhands_sdk(folder: Path) -> Path:
    return as_lines(folder / "output.jsonl", {**RESULT, "history": SDK})


def who_and_when(folder: Path) -> Path:
    return as_document(folder / "1.json", HAND_CRAFTED)


def agentrx(folder: Path) -> Path:
    return as_lines(folder / "tau_retail_dataset.jsonl", AGENTRX)


SAMPLES = {
    "agentdojo": agentdojo,
    "openhands": openhands,
    "openhands, a trajectory": openhands_trajectory,
    "openhands, events of the SDK": openhands_sdk,
    "who-and-when": who_and_when,
    "agentrx": agentrx,
}
