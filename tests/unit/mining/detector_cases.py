"""Attempts for tests of detectors: the smallest that show a behaviour, and the nearest that do not."""

from typing import Any

from mining_fixture import step

CLICK = step("click", '{"ref": 1}', target="button 1", page_changed=True)
STUCK = step("click", '{"ref": 1}', target="button 1", page_changed=False)
OTHER = step("click", '{"ref": 2}', target="button 2", page_changed=False)
BAD = step("click", '{"ref": 9}', target="9", error_type="unknown_target", error="9 is not on the page")
NOISE = step(None, None, reply="I would click", error_type="format", error="no JSON")
DONE = step("done", "{}")
LS = step("execute", "ls -l", result="a.txt")
CAT = step("execute", "cat a.txt", result="words")
FAILED = step("execute", "cat b.txt", result="No such file", error_type="tool_error", error="No such file")
ASK = step("respond", "Shall I?", result="Yes, please go ahead")
TELL = step("respond", "Which one?", result="The first one")
BOOK = step("book_flight", '{"id": 1}', result="booked")
BOOK_TWO = step("book_flight", '{"id": 2}', result="booked")
BOOK_ERROR = step("book_flight", '{"id": 1}', error_type="tool_error", error="no seats", result="Error: no seats")
READ = step("get_flight", '{"id": 1}', result="a flight")
FIND = "find /testbed -name '*.php' | xargs wc -l"

ABSENT_LIST = step("todo_write", '{"todos": [{"content": "a", "status": "completed"}]}')
OPEN_LIST = step("todo_write", '{"todos": [{"content": "a", "status": "pending"}]}')
EDIT = step("edit_file", '{"path": "src/a.py", "new": "x"}', result="ok")
RUN_TESTS = step("bash", '{"command": "cd repo && python -m pytest -q"}', result="1 passed")
WIDE = step("bash", "ls -laR", result="all")
NOT_FOUND = [step("get_user", f'{{"id": "u{n}"}}', result="No user found: not found") for n in range(3)]
BROKEN = [step("bash", f"make {n}", result="no", error="no rule", error_type="tool_error") for n in range(4)]
SEARCH_EMPTY = step("search", '{"q": "x"}', result="[]")
QUIET_FAILURE = step("upload", "{}", result='{"success": false, "reason": "quota"}')
ITEMS = "Here they are:\n" + "\n".join(f"{n}. thing {n}" for n in range(1, 17))
QUESTION = step("respond", "Could you please tell me your booking number?", result="No")
THINK = step("think", "hm")


def says(words: str, **more: Any) -> dict[str, Any]:
    return step("respond", words, result="ok", **more)


def fails(words: str, tool: str | None = "click", kind: str = "execution", **more: Any) -> dict[str, Any]:
    return step(tool, "{}", error_type=kind, error=words, **more)


SHOWN: list[tuple[str, list[dict[str, Any]], int | None]] = [
    ("repeated_action", [CLICK, STUCK, STUCK], 2),
    ("repeated_action", [LS, LS], 1),
    ("repeated_call", [LS, CAT, LS], 2),
    ("same_action_three_times", [LS, CAT, LS, CAT, LS], 4),
    ("oscillation", [LS, CAT, LS, CAT], 3),
    ("near_repeat", [step("execute", FIND + tail) for tail in ("", " -c", " -l")], 2),
    ("same_result_again", [step("execute", f"try {n}", result="0") for n in range(3)], 2),
    ("action_no_effect", [CLICK, STUCK], 1),
    ("no_effect_streak", [CLICK, STUCK, BAD], 2),
    ("long_idle_start", [LS, CAT, FAILED], 2),
    ("long_idle_start", [STUCK, BAD, OTHER], 2),
    ("empty_result", [step("search", "{}", result="[]")], 0),
    ("guard_blocked", [CLICK, step("click", '{"ref": 1}', error_type="blocked")], 1),
    ("invalid_action", [CLICK, NOISE], 1),
    ("output_format", [CLICK, NOISE], 1),
    ("unknown_action", [step("jump", "{}", error_type="unknown_action")], 0),
    ("unknown_target", [BAD], 0),
    ("not_applicable_action", [step("fill", "{}", error_type="not_applicable")], 0),
    ("tool_error", [LS, FAILED], 1),
    ("several_errors", [FAILED, FAILED, LS, BAD], 3),
    ("call_timed_out", [LS, {**FAILED, "error": "Command timed out"}], 1),
    ("fenced_command", [LS, step("execute", "```bash ls```", result="")], 1),
    ("error_then_same_action", [FAILED, FAILED], 1),
    ("error_then_same_action", [NOISE, NOISE], 1),
    ("finished_on_error", [BAD, DONE], 1),
    ("errors_ignored", [BOOK_ERROR, READ], 0),
    ("finished_without_acting", [STUCK, DONE], 1),
    ("finished_after_one_action", [LS, DONE], 1),
    ("submitted_before_filling", [step("click", "{}", submits=True, empty_fields=2, page_changed=True)], 0),
    ("gave_up", [READ, step("transfer_to_human_agents", "{}")], 1),
    ("gave_up_after_error", [BOOK_ERROR, step("transfer_to_human_agents", "{}")], 1),
    ("no_verification", [READ, BOOK], 1),
    ("changed_before_looking", [BOOK, READ], 0),
    ("changed_without_consent", [TELL, BOOK], 1),
    ("changed_again_without_asking", [ASK, BOOK, BOOK_TWO], 2),
    ("never_declines", [ASK, BOOK], None),
    ("talks_without_calling", [TELL, ASK, TELL, ASK], 3),
    ("redundant_look", [READ, LS, READ], 2),
    ("repeated_words", [QUESTION, READ, QUESTION], 2),
    ("guessing_entities", NOT_FOUND, 2),
    ("empty_result_ignored", [SEARCH_EMPTY, BOOK], 0),
    ("empty_result_ignored", [READ, SEARCH_EMPTY, DONE], 1),
    ("wide_look_early", [READ, WIDE], 1),
    ("wide_look_early", [step("bash", "find /repo", result="all")], 0),
    ("late_first_change", [READ, LS, CAT, READ, LS, BOOK], 5),
    ("thinks_on", [READ, THINK, THINK, THINK], 3),
    ("unavailable_tool", [fails("bash: xxd: command not found", "bash", "tool_error")], 0),
    ("unavailable_tool", [fails("Tool fly_to does not exist", "fly_to", "ToolError")], 0),
    ("stale_element", [fails("stale element reference: node is detached")], 0),
    ("stale_element", [CLICK, {**CLICK, "error_type": "unknown_target", "error": "1 is gone"}], 1),
    ("malformed_arguments", [fails("missing 1 required positional argument: 'id'", "get")], 0),
    ("malformed_arguments", [step("get", '{"id": 1', result="?")], 0),
    ("retry_storm", BROKEN, 3),
    ("failure_in_result_ignored", [QUIET_FAILURE, READ], 0),
    ("wrapped_action", [step(None, None, reply='Sure! {"tool": "click"}', error_type="format")], 0),
    ("wrapped_action", [step(None, None, reply="```json\n{}\n```", error_type="format")], 0),
    ("code_in_shell", [step("bash", '{"command": "import os\\nprint(os.name)"}', result="")], 0),
    ("code_in_shell", [step("execute", "SELECT * FROM users", result="")], 0),
    ("prose_in_shell", [step("execute", "The file is in the folder above", result="")], 0),
    ("long_enumeration", [says(ITEMS)], 0),
    ("cut_off_arguments", [step("write_file", '{"path": "a.py", "text": "def', result="")], 0),
    ("finished_with_open_items", [OPEN_LIST, READ, DONE], 0),
    ("gave_up_in_words", [READ, says("I was unable to find the order.")], 1),
    ("claimed_success_after_error", [BOOK_ERROR, says("Your flight has been booked successfully.")], 1),
    ("context_overflow", [fails("prompt is too long: 210000 tokens", None)], 0),
    ("edited_not_tried", [RUN_TESTS, EDIT], 1),
    ("invented_value", [READ, step("get", '{"order_id": "W77123"}', result="no")], 1),
    ("provider_refusal", [says("I'm sorry, but I can't assist with that request.")], 0),
    ("provider_refusal", [fails("blocked by content_filter", None)], 0),
    ("provider_error", [fails("Error code: 429 rate limit reached", None)], 0),
    ("environment_died", [fails("Target page, context or browser has been closed")], 0),
]

ABSENT: list[tuple[str, list[dict[str, Any]]]] = [
    ("repeated_action", [CLICK, CLICK, OTHER]),  # the first click changed the page: pressing again may be right
    ("repeated_action", [STUCK, {**STUCK, "error_type": "blocked"}]),  # the harness did not let it through
    ("repeated_action", [TELL, TELL]),  # words, not an action
    ("repeated_call", [{**CLICK, "observation": "page 1"}, {**CLICK, "observation": "page 2"}]),
    ("same_action_three_times", [LS, CAT, LS]),
    ("oscillation", [LS, LS, LS, LS]),
    ("near_repeat", [step("get_reservation", f'{{"reservation_id":"MSJ4O{n}"}}') for n in "ABC"]),
    ("same_result_again", [step("execute", f"try {n}", result="") for n in range(3)]),
    ("action_no_effect", [CLICK, BAD]),
    ("long_idle_start", [LS, step("execute", "rm a.txt", result=""), LS]),
    ("long_idle_start", [LS, CAT]),
    ("empty_result", [step("search", "{}", result="[1]")]),
    ("empty_result", [step("execute", "cat x", result="", error_type="tool_error")]),
    ("invalid_action", [FAILED]),
    ("several_errors", [FAILED, LS, FAILED]),
    ("call_timed_out", [FAILED]),
    ("fenced_command", [step("execute", "echo '```'", result="")]),
    ("error_then_same_action", [FAILED, LS]),
    ("finished_on_error", [BAD, CLICK, DONE]),
    ("errors_ignored", [BOOK_ERROR, BOOK]),
    ("finished_without_acting", [CLICK, DONE]),
    ("finished_after_one_action", [LS, CAT, DONE]),
    ("submitted_before_filling", [step("click", "{}", submits=True, empty_fields=0, page_changed=True)]),
    ("gave_up_after_error", [step("transfer_to_human_agents", "{}"), BOOK_ERROR]),
    ("no_verification", [BOOK, READ]),
    ("changed_before_looking", [READ, BOOK]),
    ("changed_without_consent", [ASK, BOOK]),
    ("changed_again_without_asking", [ASK, {**BOOK, "error_type": "tool_error", "error": "no"}, BOOK_TWO]),
    ("changed_again_without_asking", [ASK, BOOK, ASK, BOOK_TWO]),
    ("changed_again_without_asking", [step("respond", "Both?", result="Yes, both of them"), BOOK, BOOK_TWO]),
    ("never_declines", [step("respond", "Unfortunately that is not possible.", result="ok")]),
    ("talks_without_calling", [TELL, ASK, TELL, READ, ASK]),
    ("redundant_look", [READ, BOOK, READ]),  # something was changed between the two looks
    ("redundant_look", [READ, {**READ, "result": "another flight"}]),
    ("repeated_words", [says("Yes."), says("Yes.")]),
    ("guessing_entities", [*NOT_FOUND[:2], READ]),
    ("guessing_entities", [step("bash", f"cat {n}", result="x: not found") for n in range(3)]),
    ("empty_result_ignored", [SEARCH_EMPTY, READ, BOOK]),
    ("wide_look_early", [step("bash", "find /repo -name '*.py'", result="some"), step("bash", "ls -l", result="")]),
    ("wide_look_early", [READ, LS, CAT, READ, LS, WIDE]),
    ("late_first_change", [READ, BOOK, READ, LS, CAT, BOOK]),
    ("thinks_on", [THINK, THINK, READ, THINK]),
    ("unavailable_tool", [fails("cat: a.txt: No such file or directory", "bash", "tool_error")]),
    ("stale_element", [fails("9 is not on the page", kind="unknown_target")]),
    ("malformed_arguments", [step("get", '{"id": 1}', result="?"), fails("no such user", "get")]),
    ("malformed_arguments", [step("execute", "{ echo hi; }", result="hi")]),
    ("retry_storm", [*BROKEN[:3], READ, BROKEN[3]]),
    ("failure_in_result_ignored", [QUIET_FAILURE, step("upload", "{}", result='{"success": true}')]),
    ("wrapped_action", [step(None, None, reply="I would click the button", error_type="format")]),
    ("wrapped_action", [step("click", "{}", reply='Sure! {"tool": "click"}')]),
    ("code_in_shell", [step("bash", "python -c 'import os'", result="")]),
    ("code_in_shell", [step("run_sql", "SELECT * FROM users", result="")]),  # a tool that takes SQL
    ("prose_in_shell", [step("execute", "To=1 make all", result="")]),
    ("long_enumeration", [says("\n".join(f"{n}. thing" for n in range(1, 10)))]),
    ("cut_off_arguments", [step("write_file", '{"path": "a.py"}', result="")]),
    ("finished_with_open_items", [OPEN_LIST, ABSENT_LIST, DONE]),
    ("gave_up_in_words", [says("I was unable to find it by name."), says("Here it is.")]),
    ("claimed_success_after_error", [BOOK_ERROR, says("Unfortunately that failed; shall I try again?")]),
    ("claimed_success_after_error", [BOOK_ERROR, BOOK, says("Your flight has been booked successfully.")]),
    ("context_overflow", [fails("prompt is empty", None)]),
    ("edited_not_tried", [EDIT, RUN_TESTS]),
    ("invented_value", [step("find", "{}", result="order W77123"), step("get", '{"order_id": "W77123"}')]),
    ("provider_refusal", [says("I'm sorry, but I can't change basic economy tickets. Shall I cancel it?")]),
    ("provider_error", [fails("Error: 429 rows rejected, rate limit", "load")]),  # the tool's own words
    ("environment_died", [fails("the door is closed")]),
]
