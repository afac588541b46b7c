"""Facts: named SQL expressions about a step, over the columns of the table `steps` and over other facts.

A detector names facts, and only those that it names are in its SQL. No fact looks at outcome or score. Every fact is
narrow (a flag, a number, a hash, a short text), so that all of them can be computed once for many detectors and kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

# Words of the trace formats that we read, lower case.
_FINISHING = (
    "'done', 'submit', 'finish', 'stop', 'terminate', 'answer', 'final_answer', 'complete', 'exit',"
    " 'attempt_completion', 'task_complete', 'complete_task', 'send_msg_to_user', 'report_infeasible'"
)
_SHELLS = (
    "'execute', 'bash', 'shell', 'run', 'terminal', 'execute_bash', 'run_command', 'execute_command', 'exec_command',"
    " 'run_shell_command', 'run_terminal_cmd', 'local_shell', 'shell_command', 'bash_command', 'exec', 'cmd',"
    " 'powershell'"
)
_SHELL_CHANGES = (
    r"regexp_matches(command, '(^|[;&|(]|\bsudo |-exec |\bxargs [^|;&]*\s?)\s*(rm|mv|cp|mkdir|rmdir|touch|chmod"
    r"|chown|ln"
    r"|tee|dd|tar|zip|gzip|truncate|sed\s+-i|git\s+(add|commit|apply|checkout)|pip|apt)\b|^\s*find .* -delete\b')"
    # A > within quotes belongs to awk or a pattern; 2> and >& send messages elsewhere, > /dev/null nowhere.
    r" OR regexp_matches(regexp_replace(command, '''[^'']*''|\"[^\"]*\"|>{1,2}\s*/dev/\w+', 'Q', 'g'),"
    r" '[^2&>-]>{1,2}\s*[^&\s]')"
)
# An editor that was asked to view changes nothing.
_WRITE_VERBS = (
    r"NOT coalesce(regexp_matches(left(arguments, 200), '\"command\"\s*:\s*\"view\"'), false) AND "
    "regexp_matches(tool_word, '(^|_)(update|book|cancel|create|delete|send|modify|write|edit|insert|remove|add|set|"
    "pay|purchase|order|exchange|return|save|apply)(_|$)|str_replace|multiedit|apply_?patch|notebookedit')"
)
_ON_PAGES = "(^|_)(click|dblclick|fill|hover|scroll|navigate|goto|select_option|type_text|press_key|browser)(_|$)"
_NOTHING_FOUND = (
    r"(?i)^.{0,80}(not found|no (results?|match(es)?|such|records?|items?|hits)\b|\b0 (results|rows|matches|hits)\b"
    "|does not exist)"
)

FACTS: Mapping[str, str] = {
    "tool_word": "lower(tool)",
    # The agent ends the attempt by this; and it hands the work to somebody else.
    "finishing": f"coalesce(tool_word IN ({_FINISHING}), false)",
    "handing_over": "coalesce(regexp_matches(tool_word, 'transfer|escalat|hand_?off|hand_?over|give_?up'), false)",
    "responding": "coalesce(tool = 'respond', false)",
    # Neither words to a user nor thinking aloud nor ending it: something was tried.
    "acting": "tool IS NOT NULL AND tool_word NOT IN ('respond', 'think', 'wait', 'noop', 'skip') AND NOT finishing",
    "shell": f"coalesce(tool_word IN ({_SHELLS}), false)",
    # The command itself: agents call a shell with plain text, or with JSON around it.
    "command": (
        "CASE WHEN NOT shell THEN NULL WHEN left(ltrim(arguments), 1) = '{' AND json_valid(arguments) THEN coalesce("
        "json_extract_string(arguments, '$.command[2]'), json_extract_string(arguments, '$.command'),"
        " json_extract_string(arguments, '$.cmd'), json_extract_string(arguments, '$.script'),"
        " json_extract_string(arguments, '$.code'), json_extract_string(arguments, '$.input'), arguments)"
        " ELSE arguments END"
    ),
    # The tool, or in a shell the first program of the command.
    "head": (
        "CASE WHEN shell THEN coalesce(nullif(regexp_extract(command,"
        r" '^\s*(?:(?:sudo|cd\s+\S+\s*(?:&&|;))\s+)*([\w./+-]+)', 1), ''), 'shell') ELSE tool END"
    ),
    # A call that changes something, by the verbs in tool names or by the shell command.
    "changing": f"coalesce(CASE WHEN shell THEN {_SHELL_CHANGES} ELSE {_WRITE_VERBS} END, false)",
    "changed": "acting AND changing AND error_type IS NULL",
    "failed": "error_type IS NOT NULL AND error_type <> 'blocked'",
    # Where a page was shown, an action had an effect when the page changed.
    "effective": "acting AND error_type IS NULL AND page_changed IS DISTINCT FROM false",
    "malformed": (
        "coalesce(error_type IN ('format', 'unknown_action', 'unknown_target', 'not_applicable', 'invalid_arguments',"
        " 'invalid_action'), false)"
    ),
    # What a run records: how calls went, and pages.
    "result_known": "result IS NOT NULL OR error_type IS NOT NULL",
    "page_shown": (
        "page_changed IS NOT NULL OR coalesce(error_type IN ('unknown_target', 'not_applicable'), false) OR"
        f" coalesce(regexp_matches(tool_word, '{_ON_PAGES}'), false)"
    ),
    "empty": "trim(left(coalesce(result, 'unknown'), 100)) IN ('', '[]', '{}', 'null', 'None')",
    "came_to_nothing": "acting AND (failed OR empty OR coalesce(regexp_matches(left(result, 200),"
    f" '{_NOTHING_FOUND}'), false))",
    # Words of an error, and words to a user or as the final answer; long ones are not read to the end.
    "complaint": "CASE WHEN failed THEN left(concat_ws(' ', error_type, error), 1000) END",
    "said": (
        "CASE WHEN responding OR finishing THEN left(coalesce(arguments, reply), 4000)"
        " WHEN tool IS NULL AND NOT failed THEN left(reply, 4000) END"
    ),
    "saying": "said IS NOT NULL",
    # What an action is, for telling whether it was done before. Without a readable action, the reply itself.
    "action_key": (
        "hash(CASE WHEN tool IS NULL THEN coalesce(reply, '') ELSE"
        " concat_ws(chr(31), tool, coalesce(arguments, ''), coalesce(target, '')) END)"
    ),
    "call_key": "hash(concat_ws(chr(31), tool, coalesce(arguments, '')))",
    "arguments_key": "hash(arguments)",
    "result_key": "CASE WHEN trim(result) <> '' THEN hash(result) END",
    # Of pages only: elsewhere what was seen before a call is the result of the last one.
    "page_key": "CASE WHEN page_changed IS NOT NULL THEN hash(observation) END",
}

_WORD = re.compile(r"[a-z_][a-z_0-9]*")
_QUOTED = re.compile(r"'(?:[^']|'')*'")


def named_in(text: str, known: Iterable[str]) -> list[str]:
    """Which of the known names an expression uses; what stands in quotes is no name."""
    used = set(_WORD.findall(_QUOTED.sub("''", text.lower())))
    return [name for name in known if name in used]


def stages(texts: Iterable[str], facts: Mapping[str, str] = FACTS) -> list[dict[str, str]]:
    """The facts that some expressions need, each stage over the ones before it. Raises ValueError on a circle."""
    needed: dict[str, str] = {}
    waiting = [name for text in texts for name in named_in(text, facts)]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = facts[name]
            waiting += named_in(facts[name], facts)
    found: list[dict[str, str]] = []
    placed: set[str] = set()
    while len(placed) < len(needed):
        stage = {
            name: sql for name, sql in needed.items() if name not in placed and set(named_in(sql, needed)) <= placed
        }
        if not stage:
            raise ValueError(f"facts that need each other: {', '.join(sorted(set(needed) - placed))}")
        found.append(dict(sorted(stage.items())))
        placed |= set(stage)
    return found


def facts_sql(texts: Sequence[str], facts: Mapping[str, str] = FACTS, *, source: str = "steps") -> str:
    """SQL of the steps with the facts that some expressions need beside the columns of `steps`."""
    sql = source
    for stage in stages(texts, facts):
        columns = ", ".join(f"{expression} AS {name}" for name, expression in stage.items())
        sql = f"(SELECT *, {columns} FROM {sql})"
    return sql
