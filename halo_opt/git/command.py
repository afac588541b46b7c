"""Runs git through GitPython, in an environment of its own, with hooks, monitors and terminal prompts off.

The caller's GIT_* variables do not reach it, because halo-opt may itself be run from a git hook. GitPython can add to
the environment but not take from it, so the command starts with `env -i`.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from halo_opt.core.errors import EnvironmentMissing, InputError

# What git needs from outside; the GIT_CONFIG ones choose the person's own settings, not a repository.
_KEPT = ("PATH", "HOME", "USERPROFILE", "XDG_CONFIG_HOME", "TMPDIR", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
         "GIT_CONFIG_NOSYSTEM", "SYSTEMROOT")  # fmt: skip
_FIXED = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1",
          "GIT_PAGER": "cat", "GIT_EDITOR": "true", "GIT_NO_REPLACE_OBJECTS": "1"}  # fmt: skip
_OPTIONS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.quotePath=false", "gc.auto=0",
            "maintenance.auto=false", "advice.detachedHead=false", "core.commitGraph=false")  # fmt: skip


class GitFailed(InputError):
    """git ended with an error; `code` is its exit code and the message holds its last words."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def run_git(
    folder: Path,
    *args: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    ok: tuple[int, ...] = (0,),
) -> bytes:
    """Standard output of `git ARGS` run in `folder`; raises GitFailed when the exit code is not in `ok`."""
    code, out, err = git_result(folder, *args, stdin=stdin, environment=environment)
    if code not in ok:
        words = " ".join(err.split())[-400:]
        raise GitFailed(f"git {args[0]} failed in {folder}: {words or f'exit code {code}'}", code)
    return out


def git_result(
    folder: Path, *args: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> tuple[int, bytes, str]:
    """(exit code, standard output, standard error) of `git ARGS` run in `folder`."""
    # Imported here because importing GitPython runs git, and importing this package must do nothing.
    try:
        from git import Git
    except ImportError as error:
        raise EnvironmentMissing("git is not installed or not on PATH; install it (apt-get install git)") from error
    cleaner = shutil.which("env")
    if cleaner is None:
        raise EnvironmentMissing("the command 'env' is not on PATH; patches need it to run git in a clean environment")
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    if any("\0" in word for word in args):
        raise InputError("a name given to git contains a NUL character, which no name of git may")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    values = {**kept, **_FIXED, **(environment or {})}
    options = [word for option in _OPTIONS for word in ("-c", option)]
    command = [cleaner, "-i", *(f"{k}={v}" for k, v in values.items()), "git", *options, *args]
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        code, out, err = Git(str(folder)).execute(
            command,
            istream=source,
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
    return int(code), out, err
