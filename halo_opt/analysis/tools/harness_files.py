"""The tool `harness_files`: the harness's own prompts, config and code, read-only."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import re2
from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import byte_count, bytes_left, format_answer, shorten_end
from halo_opt.analysis.tools.harness_folder import HarnessFile, files_of, folder_of, readable, text_in, text_of
from halo_opt.core.errors import InputError
from halo_opt.core.text import visible
from halo_opt.store.queries.search import checked_pattern

_MOST_HITS = 60
_MOST_READ = 20_000_000
# Lines around each place where a setting is used, and characters of a line that are shown around what matches.
_AROUND, _LONG_LINE = 4, 600


class HarnessFilesArguments(Arguments):
    """Nothing for the list, a path for one file, a pattern or a setting to look for."""

    path: str | None = Field(default=None, max_length=400, description="file to read, or folder to list or search")
    first: int = Field(default=1, ge=1, description="first line to show, from 1")
    last: int | None = Field(default=None, ge=1, description="last line to show")
    pattern: str | None = Field(default=None, min_length=1, max_length=1000, description="RE2 pattern to search for")
    setting: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="key of a setting: the lines that use it, with those around",
    )


def run(arguments: HarnessFilesArguments, context: ToolContext) -> str:
    """The list of files, lines of one with their numbers, or the lines that match."""
    files = files_of(context)
    wanted = "" if arguments.path in (None, ".") else arguments.path.removeprefix("./").rstrip("/")
    inside = [file for file in files if not wanted or file.path == wanted or file.path.startswith(f"{wanted}/")]
    if arguments.pattern is not None or arguments.setting is not None:
        if not inside:
            raise ToolRefused(f"there is no file {wanted[:120]!r} to search; 'harness_files' lists them")
        if arguments.setting is not None:
            return _uses(context, arguments.setting, inside)
        return _search(context, arguments.pattern or "", inside)
    if wanted and not (inside and inside[0].path != wanted):
        return _lines(context, wanted, arguments)
    return _list(context, inside)


def _list(context: ToolContext, files: Sequence[HarnessFile]) -> str:
    """The files with their bytes, the editable ones first; of those that do not fit, how many are in each folder."""
    editable = sum(file.editable for file in files)
    summary = f"{len(files)} files with their bytes; ask with a path for one, with a setting for the code that uses it"
    if editable:
        summary += (
            f". The first {editable} may be changed by a patch; the others are what these and the commands import"
        )
    lines = [f"{file.path}\t{file.size}" for file in files]
    shown = _whole(lines, bytes_left(context, summary) - 500)
    left = Counter(f"{PurePosixPath(file.path).parent}/" for file in files[len(shown) :])
    folders = ", ".join(f"{visible(name)} {count}" for name, count in left.most_common(12))
    note = f"[{left.total()} more files; ask with one of these folders as path: {folders}]" if left else ""
    return format_answer(context, summary, "\n".join(shown), note, remedy="ask with a folder as path")


def _whole(lines: Iterable[str], max_bytes: int) -> list[str]:
    """As many whole lines as fit, at least one."""
    shown: list[str] = []
    for line in lines:
        max_bytes -= byte_count(line) + 1
        if max_bytes < 0 and shown:
            break
        shown.append(line)
    return shown


def _lines(context: ToolContext, path: str, arguments: HarnessFilesArguments) -> str:
    if not readable(path):
        raise ToolRefused(
            f"{path[:120]!r} is outside the harness or looks like a secret, so it is not read; 'harness_files' without"
            " a path lists the files"
        )
    lines = text_of(context, path).splitlines()
    chosen = list(enumerate(lines, start=1))[arguments.first - 1 : arguments.last]
    if not chosen:
        return f"the file has {len(lines)} lines, none of them from {arguments.first} on"
    summary = f"{len(lines)} lines; lines {arguments.first} to {{}}"
    shown = _whole((f"{number}\t{visible(line)}" for number, line in chosen), bytes_left(context, summary) - 120)
    last = arguments.first + len(shown) - 1
    note = f"[{len(chosen) - len(shown)} more lines; ask with first={last + 1}]" if len(shown) < len(chosen) else ""
    remedy = "the line is longer than an answer; search it with a pattern"
    return format_answer(context, summary.format(last), "\n".join(shown), note, remedy=remedy)


def _search(context: ToolContext, pattern: str, files: Sequence[HarnessFile]) -> str:
    compiled = _compiled(pattern)
    hits = [
        f"{path}:{number}\t{_part(lines[number - 1], compiled)}"
        for path, lines, numbers in _hits(context, compiled, files)
        for number in numbers
    ]
    if not hits:
        return f"no line of {len(files)} files matches; try a shorter pattern"
    summary = f"{len(hits)} lines match"
    shown = _whole(hits[:_MOST_HITS], bytes_left(context, summary) - 80)
    left = len(hits) - len(shown)
    note = f"[{left} more are not shown; narrow the pattern or the path]" if left else ""
    return format_answer(context, summary, "\n".join(shown), note, remedy="narrow the pattern or the path")


def _uses(context: ToolContext, setting: str, files: Sequence[HarnessFile]) -> str:
    """The lines that use a setting, each with the lines around it, by file."""
    key = setting.strip().rpartition(".")[2]
    compiled = _compiled(rf"(?:^|[^A-Za-z0-9_]){re2.escape(key)}(?:$|[^A-Za-z0-9_])")
    blocks = [
        f"{path}\n" + "\n".join(_numbered(lines[number - 1], number, compiled) for number in block)
        for path, lines, numbers in _hits(context, compiled, files)
        for block in _blocks(numbers, len(lines))
    ]
    if not blocks:
        return f"no line of {len(files)} files names this setting; search with a pattern for a part of its name"
    summary = f"{len(blocks)} places use it"
    shown = _whole(blocks, bytes_left(context, summary) - 80)
    left = len(blocks) - len(shown)
    note = f"[{left} more places; ask with a path too, or with a pattern for the lines alone]" if left else ""
    return format_answer(context, summary, "\n\n".join(shown), note, remedy="ask with a path too")


def _numbered(line: str, number: int, pattern: Any) -> str:
    return f"{number}\t{_part(line, pattern)}"


def _blocks(numbers: Sequence[int], lines: int) -> Iterator[range]:
    """Ranges of lines around these, joined where they touch."""
    block: range | None = None
    for number in numbers:
        around = range(max(1, number - _AROUND), min(lines, number + _AROUND) + 1)
        if block is not None and around.start <= block.stop:
            block = range(block.start, around.stop)
            continue
        if block is not None:
            yield block
        block = around
    if block is not None:
        yield block


def _part(line: str, pattern: Any) -> str:
    """A line, or of a very long one the part around what matches."""
    if len(line) <= _LONG_LINE:
        return visible(line)
    found = pattern.search(line)
    start = max(0, (found.start() if found else 0) - _LONG_LINE // 2)
    return f"... {visible(line[start : start + _LONG_LINE])} ... (line of {len(line)} characters)"


def _compiled(pattern: str) -> Any:
    try:
        checked_pattern(pattern, ignore_case=False)
    except InputError as error:
        raise ToolRefused(shorten_end(str(error), 600)) from error
    return re2.compile(pattern)


def _hits(
    context: ToolContext, pattern: Any, files: Sequence[HarnessFile]
) -> Iterator[tuple[str, list[str], list[int]]]:
    """Each file with a line that matches: its path, its lines, and the numbers of those that match."""
    folder, left = folder_of(context), _MOST_READ
    for file in files:
        left -= file.size
        lines = ((text_in(folder, file) if left > 0 else None) or "").splitlines()
        if numbers := [number for number, line in enumerate(lines, start=1) if pattern.search(line)]:
            yield file.path, lines, numbers


TOOL = Tool(
    "harness_files",
    "the harness's own prompts, config and code: list, read by lines, search, or the code that uses a setting",
    HarnessFilesArguments,
    run,
)
