"""The tool `git_log`: the git history of the harness, read-only and with secrets redacted.

It tells of the files that `harness_files` serves, and leaves out the commits of halo-opt's own patches.
"""

import re

from pydantic import Field

from halo_opt.analysis.tools.base import Arguments, Tool, ToolContext, ToolRefused
from halo_opt.analysis.tools.formatting import format_answer
from halo_opt.analysis.tools.harness_folder import (
    BESIDE_FILES,
    BESIDE_FOLDERS,
    files_of,
    folder_of,
    is_beside,
    readable,
    shown_text,
)
from halo_opt.core.errors import HaloError, InputError
from halo_opt.git.command import run_git
from halo_opt.git.reading import commit_diff, resolve
from halo_opt.redaction import redact

_COMMIT = re.compile(r"[0-9a-f]{4,40}|HEAD(~[0-9]{1,4})?")
_FILE = re.compile(r"(?m)^diff --git ")
# What the message of every patch's commit holds.
_OWN = "Halo-Proposal:"
_BESIDE = (
    *(f":(exclude,glob,icase)**/{folder}/**" for folder in BESIDE_FOLDERS),
    *(f":(exclude,glob,icase)**/{name}" for name in BESIDE_FILES),
)


class GitLogArguments(Arguments):
    """Nothing for the last commits, a path for those that touch it, a commit for its diff."""

    path: str | None = Field(default=None, max_length=400, description="file or folder of the harness")
    commit: str | None = Field(default=None, max_length=60, description="id of a commit, to get its diff")
    limit: int = Field(default=15, ge=1, le=100)


def run(arguments: GitLogArguments, context: ToolContext) -> str:
    """The last commits, a line for each, or the diff of one of them."""
    folder = folder_of(context)
    path = (arguments.path or ".").removeprefix("./").rstrip("/") or "."
    if path != "." and not readable(path):
        raise ToolRefused(f"{path[:120]!r} is outside the harness or looks like a secret; 'harness_files' lists paths")
    try:
        return (
            _commit(context, arguments.commit, path)
            if arguments.commit is not None
            else _last(context, path, arguments.limit)
        )
    except InputError as error:
        if isinstance(error, ToolRefused):
            raise
        raise ToolRefused(f"the history of {folder.name} cannot be read; 'harness_files' has its files") from error


def _last(context: ToolContext, path: str, limit: int) -> str:
    out = run_git(
        folder_of(context), "log", f"-{limit}", "--no-show-signature", "--no-mailmap", "--no-color", "--no-decorate",
        "--abbrev=12", "--date=short", "--format=%h %ad %s", f"--grep=^{_OWN}", "--invert-grep", "--no-merges",
        "--", *_places(context, path),
    )  # fmt: skip
    text = redact(out.decode("utf-8", "replace"))[0]
    if not text.strip():
        raise ToolRefused("no commit touches this path; ask without a path, or see 'harness_files'")
    return format_answer(
        context, "last commits first; ask with a commit for its diff", text, remedy="ask with a lower limit"
    )


def _places(context: ToolContext, path: str) -> list[str]:
    """What limits git to the served files at a path."""
    served = _served(context)
    if served is None:
        return [f":(literal){path}", *_BESIDE]
    inside = [name for name in sorted(served) if path in (".", name) or name.startswith(f"{path}/")]
    return [f":(literal){name}" for name in inside or [path]]


def _served(context: ToolContext) -> set[str] | None:
    """The files that may be read, where a loop.yaml says which; None without one."""
    return {file.path for file in files_of(context)} if (folder_of(context) / "loop.yaml").is_file() else None


def _commit(context: ToolContext, commit: str, path: str) -> str:
    if not _COMMIT.fullmatch(commit):
        raise ToolRefused("a commit is given by its id (4 to 40 hex digits) or as HEAD~n; ask without one for a list")
    folder = folder_of(context)
    try:
        found = resolve(folder, commit)
    except HaloError as error:
        raise ToolRefused(f"there is no commit {commit}; ask without one for a list") from error
    message = run_git(
        folder,
        "log",
        "-1",
        "--no-show-signature",
        "--no-mailmap",
        "--abbrev=12",
        "--format=%h %ad%n%B",
        "--date=short",
        found,
    )
    first, *files = _FILE.split(commit_diff(folder, found, path))
    if _OWN.encode() in message:
        raise ToolRefused(
            "this commit is a patch that halo-opt made; look at the harness as it is with 'harness_files'"
        )
    served = _served(context)
    kept = [f"diff --git {text}" for text in files if _may_be_shown(text, served)]
    summary = f"commit {found[:12]} changes {len(files)} files of the harness"
    if len(kept) < len(files):
        summary += f"; {len(files) - len(kept)} of them look like secrets or are not served"
    data = redact(f"{message.decode('utf-8', 'replace')}\n{first}{''.join(kept)}")[0]
    return format_answer(context, summary, data, remedy="ask with a path")


def _may_be_shown(block: str, served: set[str] | None) -> bool:
    """Whether a file's part of a diff is of a file that may be read; `served` are those of today, None for any."""
    names = _names(block)
    outside = is_beside(names[1]) if served is None else served.isdisjoint(names)
    if outside or not all(map(readable, names)):
        return False
    return shown_text(names[1], block) is not None


def _names(block: str) -> list[str]:
    """The file's name before and after, as git says them in the block's first line; an odd line counts as a secret."""
    found = re.match(r"a/(.*) b/(.*)\n", block)
    return [found[1], found[2]] if found else [".env"]


TOOL = Tool(
    "git_log",
    "the harness's history: last commits, those that touch a path, or one commit's diff",
    GitLogArguments,
    run,
)
