"""The tool `harness_files`: the harness's own prompts, config and code, read-only."""

from collections.abc import Iterator, Sequence
from typing import Any

import re2
from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import bytes_left, fit_texts, format_answer, shorten_end, shorten_middle
from halo_opt.analysis.tools.harness_folder import HarnessFile, files_of, folder_of, readable, text_in, text_of
from halo_opt.core.errors import InputError
from halo_opt.core.text import visible
from halo_opt.store.queries.search import checked_pattern

_MOST_HITS = 60
_MOST_READ = 20_000_000


class HarnessFilesArguments(Arguments):
    """Nothing for the list, a path for one file, a pattern to look for."""

    path: str | None = Field(default=None, max_length=400, description="file to read, or folder to list or search")
    first: int = Field(default=1, ge=1, description="first line to show, from 1")
    last: int | None = Field(default=None, ge=1, description="last line to show")
    pattern: str | None = Field(default=None, min_length=1, max_length=1000, description="RE2 pattern to search for")


def run(arguments: HarnessFilesArguments, context: ToolContext) -> str:
    """The list of files, lines of one with their numbers, or the lines that match."""
    files = files_of(context)
    wanted = "" if arguments.path in (None, ".") else arguments.path.removeprefix("./").rstrip("/")
    inside = [file for file in files if not wanted or file.path == wanted or file.path.startswith(f"{wanted}/")]
    if arguments.pattern is not None:
        if not inside:
            raise ToolRefused(f"there is no file {wanted[:120]!r} to search; 'harness_files' lists them")
        return _search(context, arguments.pattern, inside)
    if wanted and not (inside and inside[0].path != wanted):
        return _lines(context, wanted, arguments)
    summary = f"{len(inside)} files with their bytes; ask with a path for one"
    data = "\n".join(f"{file.path}\t{file.size}" for file in inside)
    return format_answer(context, summary, data, remedy="ask with a folder as path, or with a pattern")


def _lines(context: ToolContext, path: str, arguments: HarnessFilesArguments) -> str:
    if not readable(path):
        raise ToolRefused(
            f"{path[:120]!r} is outside the harness or looks like a secret, so it is not read; 'harness_files' without"
            " a path lists the files"
        )
    lines = text_of(context, path).splitlines()
    chosen = list(enumerate(lines, start=1))[arguments.first - 1 : arguments.last]
    summary = f"{len(lines)} lines; lines {arguments.first} to {arguments.first + len(chosen) - 1}"
    if not chosen:
        return f"the file has {len(lines)} lines, none of them from {arguments.first} on"
    texts, _ = fit_texts(chosen, _numbered, bytes_left(context, summary) - 120)
    note = ""
    if len(texts) < len(chosen):
        note = f"[lines {arguments.first + len(texts)} to {chosen[-1][0]} are not shown; ask with first and last]"
    return format_answer(context, summary, "\n".join(texts), note, remedy="ask with first and last")


def _numbered(line: tuple[int, str], clip: int) -> str:
    return f"{line[0]}\t{shorten_middle(visible(line[1]), clip)}"


def _search(context: ToolContext, pattern: str, files: Sequence[HarnessFile]) -> str:
    try:
        checked_pattern(pattern, ignore_case=False)
    except InputError as error:
        raise ToolRefused(shorten_end(str(error), 600)) from error
    hits = list(_hits(context, re2.compile(pattern), files))
    if not hits:
        return f"no line of {len(files)} files matches; try a shorter pattern"
    shown = hits[:_MOST_HITS]
    summary = f"{len(hits)} lines match"
    texts, _ = fit_texts(
        shown,
        lambda hit, clip: f"{hit[0]}:{hit[1]}\t{shorten_middle(visible(hit[2]), clip)}",
        bytes_left(context, summary) - 80,
    )
    note = (
        f"[{len(hits) - len(texts)} more are not shown; narrow the pattern or the path]"
        if len(texts) < len(hits)
        else ""
    )
    return format_answer(context, summary, "\n".join(texts), note, remedy="narrow the pattern or the path")


def _hits(context: ToolContext, pattern: Any, files: Sequence[HarnessFile]) -> Iterator[tuple[str, int, str]]:
    folder, left = folder_of(context), _MOST_READ
    for file in files:
        left -= file.size
        text = text_in(folder, file) if left > 0 else None
        for number, line in enumerate((text or "").splitlines(), start=1):
            if pattern.search(line):
                yield file.path, number, line


TOOL = Tool(
    "harness_files",
    "the harness's own prompts, config and code: list, read by lines, or search",
    HarnessFilesArguments,
    run,
)
