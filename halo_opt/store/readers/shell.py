"""Recognising a shell's error message in a command's output, by rules that rather miss one than report a false one.

Output of `grep` or `cat` may hold any words, so a line counts as a message only when it has the form `program: words`
and that program stands in the command (or is the shell), or when it is one of few fixed sentences.
"""

import re

_SHELL = re.compile(r"^(?:\S*/)?(?:ba|da|z)?sh: ")
_PROGRAM = re.compile(r"^(?:[\w./+-]*/)?([\w.+\[-]{1,30}): \S")
_FIXED = re.compile(r"^Command timed out|: -c: line \d+: |: command not found$|^(?:error|E|usage|Usage): ")
_COMPLAINT = re.compile(
    r"(?i)no such file|not found|cannot |can't |denied|not permitted|invalid|missing|unknown|unrecognized|illegal|"
    r"syntax error|unexpected|must |requires|is a directory|not a |failed|unable|bad |too many|extra operand|error|"
    r"no match|ambiguous|range-endpoints|timed out"
)
# Programs whose non-zero exit is an answer ("no match", "they differ"), not a failure.
_ANSWERS = re.compile(r"(?:^|[|;&(]\s*)(?:[efz]?grep|diff|cmp|which|type|command|test|\[|\[\[)\s[^|;&]*$")


def error_message(command: str, output: str, *, failed: bool) -> str | None:
    """The error message in what a command printed, or None.

    `failed` says that the shell reported a non-zero exit. Then a message anywhere counts; without it only a first line
    that complains, because a command may grumble about one file and still do its work.
    """
    lines = [line for line in output.splitlines() if line.strip()]
    for line in lines if failed else lines[:1]:
        if _is_message(line, command, complaint_needed=not failed or len(lines) > 1):
            return line.strip()
    return None


def answers_by_status(command: str) -> bool:
    """Whether the last program of a command answers with its exit status, as grep and diff do."""
    return _ANSWERS.search(command.strip()) is not None


def _is_message(line: str, command: str, *, complaint_needed: bool) -> bool:
    if _SHELL.search(line) or _FIXED.search(line):
        return True
    match = _PROGRAM.match(line)
    if match is None or (complaint_needed and _COMPLAINT.search(line) is None):
        return False
    return re.search(rf"(?<![\w.-]){re.escape(match.group(1))}(?![\w.-])", command) is not None
