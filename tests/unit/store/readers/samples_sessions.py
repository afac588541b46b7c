"""Small sessions of coding agents, made by hand after what is known of their files."""

from pathlib import Path
from typing import Any

from platform_tools import document, lines

CLAUDE_USAGE = {"input_tokens": 3, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 20}


def claude_line(number: int, kind: str, **fields: Any) -> dict[str, Any]:
    """A line of a session, `number` seconds after its begin."""
    return {
        "type": kind,
        "uuid": f"u{number}",
        "parentUuid": f"u{number - 1}" if number > 1 else None,
        "sessionId": "5e55",
        "timestamp": f"2026-05-04T10:00:{number:02}.000Z",
        "cwd": "/home/me/shop",
        "version": "2.1.39",
        "gitBranch": "main",
        "isSidechain": False,
        "userType": "external",
        **fields,
    }


def claude_reply(message_id: str, part: dict[str, Any], tokens: int, **fields: Any) -> dict[str, Any]:
    """The message of an assistant line, which holds one part."""
    usage = {**CLAUDE_USAGE, "output_tokens": tokens}
    return {
        "id": message_id,
        "role": "assistant",
        "model": "claude-opus-4-6",
        "content": [part],
        "stop_reason": None,
        "usage": usage,
        **fields,
    }


def claude_result(call_id: str, content: Any, **fields: Any) -> dict[str, Any]:
    """The message of a user line that holds a tool's result."""
    return {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": call_id, "content": content, **fields}],
    }


CLAUDE_CODE = [
    {"type": "summary", "summary": "Fix the cart", "leafUuid": "u9"},
    {"type": "file-history-snapshot", "messageId": "u1", "snapshot": {}, "isSnapshotUpdate": False},
    claude_line(1, "user", message={"role": "user", "content": "Fix the failing cart test"}),
    claude_line(2, "assistant", message=claude_reply("m1", {"type": "thinking", "thinking": "Look first."}, 1)),
    claude_line(3, "assistant", message=claude_reply("m1", {"type": "text", "text": "I run the test."}, 1)),
    claude_line(
        4,
        "assistant",
        message=claude_reply(
            "m1", {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "pytest"}}, 40
        ),
    ),
    claude_line(
        5,
        "user",
        message=claude_result("t1", "Exit code 1\n1 failed", is_error=True),
        toolUseResult="Error: Exit code 1\n1 failed",
    ),
    claude_line(
        6,
        "assistant",
        message=claude_reply("m2", {"type": "tool_use", "id": "t2", "name": "Read", "input": {"file": "a.py"}}, 9),
    ),
    claude_line(
        7,
        "assistant",
        message=claude_reply("m2", {"type": "tool_use", "id": "t3", "name": "Edit", "input": {"file": "a.py"}}, 19),
    ),
    claude_line(8, "user", message=claude_result("t2", [{"type": "text", "text": "x = 1"}]), toolUseResult={"f": 1}),
    claude_line(
        9, "user", message=claude_result("t3", "The user doesn't want to proceed with this tool use.", is_error=True)
    ),
    claude_line(
        10,
        "assistant",
        message=claude_reply("m3", {"type": "text", "text": "I leave it."}, 5, stop_reason="end_turn"),
    ),
]


def claude_code(folder: Path) -> Path:
    return lines(folder / "5e55.jsonl", *CLAUDE_CODE)


def codex_line(second: int, kind: str, /, **payload: Any) -> dict[str, Any]:
    """A line of a Codex session, `second` seconds after its begin."""
    return {"timestamp": f"2026-05-04T10:00:{second:02}.000Z", "type": kind, "payload": payload}


def codex_item(second: int, kind: str, /, **fields: Any) -> dict[str, Any]:
    return codex_line(second, "response_item", **{"type": kind, **fields})


def codex_says(second: int, role: str, words: str) -> dict[str, Any]:
    part = {"type": "output_text" if role == "assistant" else "input_text", "text": words}
    return codex_item(second, "message", role=role, content=[part])


def codex_tokens(second: int, total: int, last: int) -> dict[str, Any]:
    counts = [{"input_tokens": n, "cached_input_tokens": 0, "output_tokens": n // 10} for n in (total, last)]
    info = {"total_token_usage": counts[0], "last_token_usage": counts[1], "model_context_window": 272000}
    return codex_line(second, "event_msg", type="token_count", info=info)


CODEX = [
    codex_line(
        0,
        "session_meta",
        id="0199-c0de",
        timestamp="2026-05-04T10:00:00Z",
        cwd="/home/me/shop",
        originator="codex_cli_rs",
        cli_version="0.65.0",
        source="cli",
        git={"commit_hash": "abc", "branch": "main"},
    ),
    codex_says(0, "user", "<environment_context>\n  <cwd>/home/me/shop</cwd>\n</environment_context>"),
    codex_line(1, "event_msg", type="user_message", message="Fix the failing test", kind="plain"),
    codex_line(1, "turn_context", cwd="/home/me/shop", model="gpt-5-codex", effort="high"),
    codex_says(1, "user", "Fix the failing test"),
    codex_item(2, "reasoning", summary=[{"type": "summary_text", "text": "Run it"}], encrypted_content="gAAA"),
    codex_item(3, "function_call", name="shell", arguments='{"command": ["bash", "-lc", "pytest"]}', call_id="c1"),
    codex_tokens(3, 1000, 1000),
    codex_item(
        4,
        "function_call_output",
        call_id="c1",
        output='{"output": "1 failed", "metadata": {"exit_code": 1, "duration_seconds": 0.5}}',
    ),
    codex_says(5, "assistant", "I see the mistake."),
    codex_item(5, "custom_tool_call", status="completed", call_id="c2", name="apply_patch", input="*** Begin Patch"),
    codex_item(6, "function_call", name="exec_command", arguments='{"cmd": "grep -r todo ."}', call_id="c3"),
    codex_item(7, "custom_tool_call_output", call_id="c2", output="Success. Updated the following files:\nM a.py"),
    codex_item(
        7,
        "function_call_output",
        call_id="c3",
        output="Chunk ID: 1\nWall time: 0.1 seconds\nProcess exited with code 1\nOutput:\n",
    ),
    codex_tokens(8, 2500, 1500),
    codex_says(9, "assistant", "Done."),
    codex_line(9, "event_msg", type="agent_message", message="Done."),
    codex_line(9, "event_msg", type="task_complete", last_agent_message="Done."),
]


def codex(folder: Path) -> Path:
    return lines(folder / "rollout-2026-05-04-0199.jsonl", *CODEX)


def claude_printed(kind: str, **fields: Any) -> dict[str, Any]:
    """A line that `claude -p --output-format stream-json` prints."""
    return {"type": kind, "session_id": "5e55", **fields}


def claude_said(message_id: str, part: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    message = {"id": message_id, "role": "assistant", "model": "claude-x", "content": [part], "usage": CLAUDE_USAGE}
    return claude_printed("assistant", message=message, parent_tool_use_id=parent)


CLAUDE_RESULT = claude_printed(
    "result",
    subtype="success",
    is_error=False,
    num_turns=3,
    result="Two files.",
    total_cost_usd=0.25,
    usage={"input_tokens": 9, "cache_read_input_tokens": 1000, "output_tokens": 70},
    modelUsage={"claude-small": {"outputTokens": 1}, "claude-x": {"outputTokens": 69}},
)
CLAUDE_STREAM = [
    claude_printed("system", subtype="init", tools=["Task", "Bash"], model="claude-x", claude_code_version="2.1.0"),
    claude_said("m1", {"type": "tool_use", "id": "t1", "name": "Task", "input": {"subagent_type": "explore"}}),
    claude_printed("user", message={"role": "user", "content": "Count files"}, parent_tool_use_id="t1"),
    claude_said("m2", {"type": "tool_use", "id": "t2", "name": "Bash", "input": {"command": "ls"}}, parent="t1"),
    claude_printed("user", message=claude_result("t2", "a b"), parent_tool_use_id="t1"),
    claude_printed("stream_event", event={"type": "message_start"}, parent_tool_use_id=None),
    claude_printed("user", message=claude_result("t1", "2 files"), parent_tool_use_id=None),
    claude_said("m3", {"type": "text", "text": "Two files."}),
    CLAUDE_RESULT,
]


def claude_stream(folder: Path) -> Path:
    return lines(folder / "out.jsonl", *CLAUDE_STREAM)


def claude_verbose_json(folder: Path) -> Path:
    """What `claude -p --output-format json --verbose` prints: all of it as one array."""
    return document(folder / "out.json", CLAUDE_STREAM, indent=None)


def claude_json(folder: Path) -> Path:
    return document(folder / "out.json", CLAUDE_RESULT, indent=None)


CODEX_EXEC = [
    {"type": "thread.started", "thread_id": "0199-exec"},
    {"type": "turn.started"},
    {"type": "item.completed", "item": {"id": "i0", "type": "reasoning", "text": "Look first"}},
    {
        "type": "item.started",
        "item": {"id": "i1", "type": "command_execution", "command": "bash -lc pytest", "status": "in_progress"},
    },
    {
        "type": "item.completed",
        "item": {
            "id": "i1",
            "type": "command_execution",
            "command": "bash -lc pytest",
            "aggregated_output": "1 failed",
            "exit_code": 1,
            "status": "failed",
        },
    },
    {
        "type": "item.completed",
        "item": {"id": "i2", "type": "file_change", "changes": [{"path": "a.py", "kind": "update"}]},
    },
    {
        "type": "item.completed",
        "item": {
            "id": "i3",
            "type": "mcp_tool_call",
            "server": "docs",
            "tool": "find",
            "arguments": {"q": "x"},
            "error": {"message": "no such page"},
            "status": "failed",
        },
    },
    {"type": "item.completed", "item": {"id": "i4", "type": "agent_message", "text": "Done."}},
    {"type": "turn.completed", "usage": {"input_tokens": 120, "cached_input_tokens": 20, "output_tokens": 12}},
]


def codex_exec(folder: Path) -> Path:
    return lines(folder / "codex.jsonl", *CODEX_EXEC)


CODEX_EXEC_OLD = [
    {"model": "gpt-5", "provider": "openai", "sandbox": "read-only"},
    {"prompt": "Fix the failing test"},
    {"id": "0", "msg": {"type": "task_started", "model_context_window": 272000}},
    {"id": "0", "msg": {"type": "agent_reasoning", "text": "Look first"}},
    {"id": "0", "msg": {"type": "exec_command_begin", "call_id": "c1", "command": ["bash", "-lc", "pytest"]}},
    {
        "id": "0",
        "msg": {"type": "exec_command_end", "call_id": "c1", "stdout": "", "stderr": "1 failed", "exit_code": 1},
    },
    {
        "id": "0",
        "msg": {"type": "token_count", "info": {"total_token_usage": {"input_tokens": 90, "output_tokens": 8}}},
    },
    {
        "id": "0",
        "msg": {
            "type": "mcp_tool_call_begin",
            "call_id": "c2",
            "invocation": {"server": "docs", "tool": "find", "arguments": {"q": "x"}},
        },
    },
    {
        "id": "0",
        "msg": {
            "type": "mcp_tool_call_end",
            "call_id": "c2",
            "result": {"Ok": {"content": [{"type": "text", "text": "page 1"}], "is_error": False}},
        },
    },
    {"id": "0", "msg": {"type": "agent_message", "message": "Done."}},
    {
        "id": "0",
        "msg": {"type": "token_count", "info": {"total_token_usage": {"input_tokens": 120, "output_tokens": 12}}},
    },
    {"id": "0", "msg": {"type": "task_complete", "last_agent_message": "Done."}},
]


def codex_exec_old(folder: Path) -> Path:
    return lines(folder / "codex.jsonl", *CODEX_EXEC_OLD)
