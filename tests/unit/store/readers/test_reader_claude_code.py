"""Claude Code sessions: replies spread over lines come out as steps, with their calls, results and refusals."""

from hypothesis import given
from platform_tools import all_rows, as_lines, few, lines, packed, stored, survives, with_junk
from samples_sessions import CLAUDE_CODE, claude_code, claude_line, claude_reply

from halo_opt.store import build_store


def test_session_is_an_attempt_without_outcome(tmp_path):
    with stored(claude_code(tmp_path)) as store:
        columns = "trace_id, outcome, score, goal, model, harness_revision, steps, end_reason, tokens_in, tokens_out"
        assert store.rows(f"SELECT {columns} FROM attempts") == [
            ("5e55", None, None, "Fix the failing cart test", "claude-opus-4-6", "2.1.39", 3, "done", 369, 64)
        ]
        assert store.rows("SELECT starts_with(task_id, 'goal-'), ended_at - started_at FROM attempts")[0][0]


def test_lines_of_one_message_are_one_step(tmp_path):
    with stored(claude_code(tmp_path)) as store:
        assert store.rows("SELECT step, observation, reply, tool, error_type FROM steps ORDER BY step") == [
            (0, "Fix the failing cart test", "I run the test.", "Bash", "tool_error"),
            (1, "Exit code 1\n1 failed", None, "Edit", "blocked"),
            (2, "x = 1\nThe user doesn't want to proceed with this tool use.", "I leave it.", "respond", None),
        ]


def test_results_find_their_calls_by_id(tmp_path):
    with stored(claude_code(tmp_path)) as store:
        assert store.rows("SELECT step, tool, arguments, result, error_type FROM tool_calls ORDER BY position") == [
            (0, "Bash", '{"command": "pytest"}', "Exit code 1\n1 failed", "tool_error"),
            (1, "Read", '{"file": "a.py"}', "x = 1", None),
            (
                1,
                "Edit",
                '{"file": "a.py"}',
                "The user doesn't want to proceed with this tool use.",
                "blocked",
            ),
        ]


def test_each_message_is_stored_once_in_order(tmp_path):
    with stored(claude_code(tmp_path)) as store:
        assert store.rows("SELECT role, content FROM messages ORDER BY position") == [
            ("user", "Fix the failing cart test"),
            ("assistant", "I run the test."),
            ("tool", "Exit code 1\n1 failed"),
            ("assistant", None),
            ("tool", "x = 1"),
            ("tool", "The user doesn't want to proceed with this tool use."),
            ("assistant", "I leave it."),
        ]


def test_thinking_and_session_facts_are_kept_in_the_spans(tmp_path):
    with stored(claude_code(tmp_path)) as store:
        assert store.rows("SELECT attributes->>'$.\"claude_code.thinking\"' FROM spans WHERE span_id = 'step-0'") == [
            ("Look first.",)
        ]
        usage = "attributes->'$.\"claude_code.usage\"'->>'cache_read_input_tokens'"
        sql = f"SELECT attributes->>'$.\"claude_code.gitBranch\"', {usage} FROM spans WHERE kind = 'AGENT'"
        assert store.rows(sql) == [("main", "60")]


def test_sub_agents_are_attempts_of_their_own(tmp_path):
    side = {"isSidechain": True}
    own = claude_reply("m9", {"type": "text", "text": "Found it."}, 7)
    path = lines(
        tmp_path / "5e55.jsonl",
        *CLAUDE_CODE,
        {**claude_line(20, "user", message={"role": "user", "content": "Search"}), **side, "parentUuid": None},
        {**claude_line(21, "assistant", message=own), **side},
        {**claude_line(30, "user", message={"role": "user", "content": "Plan"}), **side, "agentId": "a1"},
    )
    with stored(path) as store:
        assert store.rows("SELECT trace_id, mode, goal, steps FROM attempts ORDER BY line") == [
            ("5e55", None, "Fix the failing cart test", 3),
            ("5e55:u20", "subagent", "Search", 1),
            ("5e55:a1", "subagent", "Plan", 0),
        ]


def test_steps_of_a_sub_agent_name_it(tmp_path):
    own = claude_reply("m9", {"type": "text", "text": "Found it."}, 7)
    line = {**claude_line(21, "assistant", message=own), "isSidechain": True, "agentId": "a1"}
    with stored(lines(tmp_path / "5e55.jsonl", *CLAUDE_CODE, line)) as store:
        assert store.rows("SELECT agent, count(*) FROM steps GROUP BY 1 ORDER BY 1") == [("a1", 1), (None, 3)]


def test_failed_model_call_at_the_end_is_an_end_by_error(tmp_path):
    failed = claude_reply("m8", {"type": "text", "text": "API Error: 529"}, 0, model="<synthetic>")
    line = claude_line(11, "assistant", message=failed, isApiErrorMessage=True)
    with stored(lines(tmp_path / "a.jsonl", *CLAUDE_CODE, line)) as store:
        assert store.rows("SELECT outcome, end_reason, model FROM attempts") == [(None, "error", "claude-opus-4-6")]
        assert store.rows("SELECT error, error_type, tool FROM steps WHERE step = 3") == [
            ("API Error: 529", "execution", None)
        ]


def test_commands_and_notes_of_the_program_are_no_goal(tmp_path):
    records = [
        claude_line(1, "user", message={"role": "user", "content": "Caveat: made while working"}, isMeta=True),
        claude_line(2, "user", message={"role": "user", "content": "<command-name>/clear</command-name>"}),
        claude_line(3, "user", message={"role": "user", "content": [{"type": "text", "text": "Do it"}]}),
        claude_line(3, "user", message={"role": "user", "content": "the same line again"}),
    ]
    with stored(lines(tmp_path / "a.jsonl", *records)) as store:
        assert store.rows("SELECT goal, steps FROM attempts") == [("Do it", 0)]
        assert store.rows("SELECT count(*) FROM messages") == [(3,)]


def test_bad_lines_are_counted_and_placed(tmp_path):
    path = claude_code(tmp_path)
    bad = ['{"type": "user", "sessionId": "5e55", "message": 3}', '{"type": "assistant"}', '{"t']
    path.write_text(path.read_text() + "\n".join(bad))
    with stored(path) as store:
        assert store.rows("SELECT line, reason FROM rejects ORDER BY line") == [
            (13, "missing field message"),
            (14, "missing field sessionId"),
            (15, "last line is cut off"),
        ]
        assert store.rows("SELECT steps FROM attempts") == [(3,)]


def test_packed_session_reads_the_same(tmp_path):
    path = claude_code(tmp_path)
    assert all_rows(packed(path)) == all_rows(path)


@few
@given(with_junk(CLAUDE_CODE))
def test_junk_in_any_field_never_stops_an_import(records):
    survives(as_lines(records), "a.jsonl")


def test_file_that_continues_a_session_is_not_among_those_without_attempts(tmp_path):
    session = claude_code(tmp_path).read_text().splitlines(keepends=True)
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "a.jsonl").write_text("".join(session[:3]))
    (folder / "b.jsonl").write_text("".join(session[3:]))
    assert build_store([folder], tmp_path / "s.duckdb").without_attempts == []
