"""Recognising in the output of a command or a program that it failed, and the line that says why.

Output may hold any words: what `cat` or `grep` print is the content of files. So a line counts as a message only when
it has the form `program: words` and the command runs that program (or it is the shell), or when it is one of few fixed
sentences. Tracebacks and compilers' messages count only where a command runs something.
"""

import re
from collections.abc import Sequence


def word_set(names: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(names.split())


_SHELL = re.compile(r"^(?:\S*/)?-?(?:ba|da|z|fi|k)?sh: |^zsh:\d+: ")
_PROGRAM = re.compile(r"^(?:[\w./+-]*/)?([\w.+\[-]{1,30})(?: \(child\))?: \S")
# Sentences that hardly any file begins a line with.
_FIXED = re.compile(
    r"^Command timed out|: -c: line \d+: |: command not found$|command not found: \S+$|: cannot execute binary file"
    r"|^tar: (?:Exiting with failure|Error is not recoverable)|^(?:fish: )?Unknown command: \S+$"
    r"|is not recognized as (?:an internal or external command|the name of a cmdlet)"
    r"|^OCI runtime exec failed|^Error response from daemon: "
)
# Of a longer output as many lines at the beginning and at the end are looked at.
_MOST_LINES = 300
# How programs begin a message, and files a line.
_PLAIN = re.compile(
    r"^(?:[Ee]rror|ERROR|fatal|FATAL|panic|E): |^(?:npm ERR!|npm error) |^ERROR \d+ \(\w+\)"
    r"|^Segmentation fault|^Killed$|^make(?:\[\d+\])?: \*\*\* |^Exception in thread |^Permission denied"
    r"|^No such file or directory|^(?:Unknown|Invalid|Unrecognized) (?:option|flag|argument|command|subcommand)\b"
    r"|^(?:Could not|Cannot|Can't|Unable to|Failed to) (?!find any)\w+"
)
# What a terminal shows before the output of a command.
_PROMPT = re.compile(r"[\w.-]+@[\w.-]+:[^#$]{0,200}[#$](?: |$)|(?:New |Current )?Terminal (?:Output|Screen):$")
_COMPLAINT = re.compile(
    r"(?i)no such |not found|could not|cannot |can't |denied|not permitted|invalid|missing|unknown|unrecognized|"
    r"illegal|syntax error|unexpected|must |requires|is a directory|not a |failed|unable|bad |too many|extra operand|"
    r"error|no match|ambiguous|range-endpoints|timed out|not supported|not installed|does not exist|refused|"
    r"unterminated|not specified|omitting|required"
)
# What compilers and runtimes print anywhere in their output.
_COMPILER = re.compile(
    r"^\S+:\d+(?::\d+)?: (?:fatal )?error: |^error(?:\[E\d+\])?: |^(?:npm ERR!|npm error) |^fatal: |^panic: "
    r"|panicked at |^make(?:\[\d+\])?: \*\*\* |^Segmentation fault|^Exception in thread |^\S+\.go:\d+:\d+: "
    r"|^(?:PHP )?(?:Parse|Fatal) error: |\): error TS\d+: |^\S+\.rb:\d+:in .+\(\w+\)$"
)
# How test runners sum up tests of which some failed: pytest, jest, mocha, unittest, cargo, go.
_FAILED_TESTS = re.compile(
    r"^=* ?(?:\d+ \w+, )*[1-9]\d* (?:failed|errors?)(?:, \d+ \w+)* in \d|^Tests: +[1-9]\d* failed"
    r"|^\s+[1-9]\d* failing$|^FAILED \(|^test result: FAILED|^--- FAIL: "
)
_TRACEBACK = "Traceback (most recent call last)"
_PLACE = re.compile(r'^\s*(?:File ".*"|Cell In\s?\[\d+\]), line \d+')
_EXCEPTION = re.compile(
    r"^(?:E\s+)?(?:Uncaught )?(?:[A-Za-z_][\w$]*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Timeout|Expired|"
    r"Group|NotFound|DoesNotExist|Iteration)\w*(?: \[\w+\])?(?:: .*|:)?$"
)
_ANY_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:: .+|:)?$")
_STACK = re.compile(r"^\s+at \S")
_JAVASCRIPT = re.compile(r"^(?:Uncaught )?Error: \S")
# So far below its error a stack begins: node lists in between who required a module.
_STACK_BELOW = 5

# Programs whose non-zero exit is an answer ("no match", "they differ"), not a failure.
_ANSWERS = re.compile(r"(?:^|[|;&(]\s*)(?:[efz]?grep|rg|ag|diff|cmp|which|type|command|test|pgrep|\[|\[\[)\s[^|;&]*$")
# Programs that print what they are given to read.
_READING = word_set(
    "cat tac nl head tail less more grep egrep fgrep zgrep rg ag ack sed awk gawk mawk cut sort uniq tr jq yq column"
    " strings zcat bzcat xzcat diff cmp comm echo printf man tldr info history journalctl dmesg xxd od hexdump wc bat"
    " ls tree find fd locate stat file du df env printenv get-content type fold paste rev sdiff look open goto"
    " scroll_up scroll_down search_dir search_file find_file"
)
_READING_VERBS = {
    "git": word_set("log show diff grep blame cat-file"),
    "docker": word_set("logs"),
    "kubectl": word_set("logs"),
}
# Programs that print nothing of their own.
_SILENT = word_set("cd pushd popd export set source . true : sleep pwd unset alias date clear tee xargs sudo")
_OPTIONS = r"(?:-\S+\s+(?:(?:\$\([^)]*\)|\d+|\{\})\s+)?)*"
_START = re.compile(
    r"(?:^|[|;&(`\n]|\$\(|\b(?:do|then|else|if|while|until|not)\s|!\s)\s*"
    rf"(?:(?:time|nohup|env|exec|command|nice|stdbuf\s+\S+|timeout\s+\S+)\s+{_OPTIONS})*(?:\w+=\S*\s+)*"
    r"([\w./+\[-]+)(?:\s+([\w-]+))?"
)
_STARTED_BY = re.compile(rf"(?:\b(?:sudo|xargs)|-exec(?:dir)?|-ok)\s+{_OPTIONS}([\w./+\[-]+)")
_STARTERS = re.compile(r"\b(?:sudo|xargs|env|timeout)\b")
_HELP = re.compile(r"(?:^|\s)(?:-h|--?help|help)(?:\s|$)")
_USAGE = re.compile(r"^[Uu]sage: ")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"")
_OTHER_NAMES = {
    "awk": ("gawk", "mawk"),
    "python": ("python3",),
    "python3": ("python",),
    "sh": ("dash",),
    "zgrep": ("gzip", "grep"),
    "zcat": ("gzip",),
    "tar": ("gzip",),
    "vi": ("vim",),
}


def error_message(command: str, output: str, *, failed: bool | None) -> str | None:
    """The error message in what a command printed, or None.

    Args:
        command: the command that was run.
        output: what it printed.
        failed: whether it ended with a non-zero status; None when that is not known. After a failure a message anywhere
            counts. Otherwise only a first line that complains, because a command may grumble about one file and still
            do its work, and what a program that was run says of its end.
    """
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    if not lines:
        return None
    if len(lines) > 2 * _MOST_LINES:
        lines = lines[:_MOST_LINES] + lines[-_MOST_LINES:]
    reading = only_reads(command)
    message = None if reading or failed is False else exception_in(lines)
    message = message or _message_of_programs(command, lines, failed=failed, reading=reading)
    if message is None and failed:
        message = _within_a_line(lines, programs_of(command))
    if message is None and failed is not False and not reading:
        message = failed_tests(lines)
    if message is None and failed is None:
        message = next((line.strip() for line in lines if _is_certain(line, reading=reading)), None)
    return message


def _message_of_programs(command: str, lines: Sequence[str], *, failed: bool | None, reading: bool) -> str | None:
    """The first line that is a message of a program in the command: of all lines after a failure, else of the first."""
    programs = programs_of(command)
    usage_asked = not failed and _HELP.search(command) is not None
    complaint_needed = failed is not True or len(lines) > 1
    begins = True
    for place, line in enumerate(lines):
        plain = not reading or (failed is True and place == 0)
        usage = begins and plain and not usage_asked and _USAGE.match(line) is not None
        told = failed or begins
        if usage or (told and _is_message(line, programs, plain=plain, complaint_needed=complaint_needed)):
            return line.strip()
        begins = _PROMPT.match(line) is not None or (begins and _program_of(line) in programs)
    return None


def failed_tests(lines: Sequence[str]) -> str | None:
    """The line in which a test runner says that tests failed, or None."""
    return next((line.strip() for line in lines if _FAILED_TESTS.search(line)), None)


def _is_certain(line: str, *, reading: bool) -> bool:
    """Whether a line is a message wherever it stands."""
    known = _FIXED.search(line) or _SHELL.search(line) or (not reading and _COMPILER.search(line))
    return bool(known)


def exception_in(lines: Sequence[str]) -> str | None:
    """The last line of the last traceback or stack trace in some lines that are not blank; None without one."""
    places = [n for n, line in enumerate(lines) if _TRACEBACK in line]
    if places:
        after = lines[places[-1] + 1 :]
        named = [line for line in after if _EXCEPTION.match(line)]
        named = named or [line for line in after if _ANY_EXCEPTION.match(line)]
        return (named or after[-1:] or [lines[places[-1]]])[0].strip()
    for place, line in enumerate(lines):
        if _PLACE.match(line):
            named = [following for following in lines[place + 1 : place + 6] if _EXCEPTION.match(following)]
            if named:
                return named[0].strip()
    for place, line in enumerate(lines):
        if _EXCEPTION.match(line) or _JAVASCRIPT.match(line):
            below = lines[place + 1 : place + _STACK_BELOW]
            if any(map(_STACK.match, below)):
                return line.strip()
    return None


def answers_by_status(command: str) -> bool:
    """Whether the last program of a command answers with its exit status, as grep and diff do."""
    return _ANSWERS.search(command.strip()) is not None


def only_reads(command: str) -> bool:
    """Whether a command runs nothing but programs that print what they read, so that its output is content."""
    bare = _QUOTED.sub("Q", command)
    started = [(match.group(1), match.group(2)) for match in _START.finditer(bare)]
    started += [(name, None) for name in _STARTED_BY.findall(bare)]
    heads = [(name.rpartition("/")[2].lower(), verb) for name, verb in started]
    running = [(name, verb) for name, verb in heads if name not in _SILENT]
    return bool(running) and all(name in _READING or verb in _READING_VERBS.get(name, ()) for name, verb in running)


def programs_of(command: str) -> set[str]:
    """The names of the programs that a command runs."""
    bare = _QUOTED.sub(" ", command)
    started = [match.group(1) for match in _START.finditer(bare)] + _STARTED_BY.findall(bare) + _STARTERS.findall(bare)
    names = {name.rpartition("/")[2] for name in started}
    return names.union(*(_OTHER_NAMES.get(name, ()) for name in names))


def _within_a_line(lines: Sequence[str], programs: set[str]) -> str | None:
    """A message behind output without a line's end: `1.txtxargs: failed to open`."""
    for line in lines:
        for name in programs:
            place = line.find(f"{name}: ")
            if place > 0 and len(name) > 1 and _COMPLAINT.match(line, place + len(name) + 2):
                return line[place:].strip()
    return None


def _is_message(line: str, programs: set[str], *, plain: bool, complaint_needed: bool) -> bool:
    if _SHELL.search(line) or _FIXED.search(line) or (plain and _PLAIN.search(line)):
        return True
    return _program_of(line) in programs and (not complaint_needed or _COMPLAINT.search(line) is not None)


def _program_of(line: str) -> str | None:
    """The program in a line of the form `program: words`, or None."""
    match = _PROGRAM.match(line)
    return match.group(1) if match else None
