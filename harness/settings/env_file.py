"""Reads `.env`: NAME=value lines for what must not stand in a config file, keys above all.

Never prints or returns a value in an error, never runs or expands anything, never overrules the real environment.
Strict on purpose: what it would have to guess at is an error with its line number.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from harness.core.errors import UsageError

ENV_FILE = ".env"
MAX_BYTES = 100_000
# Every variable that the harness reads to find its models; `.env.example` explains each.
VARIABLES = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "HALO_WORKER_BACKEND",
    "HALO_VLLM_URL",
    "HALO_VLLM_API_KEY",
    "HALO_WORKER_MODEL",
    "HALO_MANAGER_MODEL",
    "HALO_MODEL",
    "OPENAI_BASE_URL",
)
LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
QUOTED = re.compile(r"""(?:"([^"]*)"|'([^']*)')\s*(?:#.*)?""")


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file, later lines over earlier ones; empty when there is no such file.

    A line is blank, a # comment, or NAME=value with an optional `export`. A value may stand in quotes and is taken as
    it is; unquoted, it ends at ` #`. Anything else is a UsageError that names the line and shows nothing of it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path} is {len(data)} bytes long; such a file has at most {MAX_BYTES}")
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; save it as such") from None
    out: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            name, value = _parsed(line, f"{path}, line {number}")
            out[name] = value
    return out


def _parsed(line: str, place: str) -> tuple[str, str]:
    match = LINE.fullmatch(line)
    if match is None or "\0" in line:
        raise UsageError(f"{place}: expected NAME=value, a comment that begins with #, or nothing")
    name, said = match.groups()
    if said[:1] in {'"', "'"}:
        quoted = QUOTED.fullmatch(said)
        if quoted is None:
            raise UsageError(f"{place}: the value of {name} has an opening quote and no closing one at its end")
        return name, next(value for value in quoted.groups() if value is not None)
    return name, "" if said.startswith("#") else said.split(" #", 1)[0].rstrip()


def with_env_file(environ: Mapping[str, str], path: Path) -> dict[str, str]:
    """The environment over the file: a variable that is set and not empty counts before its line in the file."""
    return {**read_env_file(path), **{name: value for name, value in environ.items() if value}}
