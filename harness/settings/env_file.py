"""Reads `.env`: NAME=value lines for what must not stand in a config file, above all keys.

python-dotenv parses each line. Its own reader skips a line that it cannot read, expands `$NAME` and accepts any name;
here such a line is an error that gives the number of the line without its value, and nothing is expanded.
"""

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

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


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file; empty when there is no such file.

    A line is blank, a # comment, or NAME=value with an optional `export`. A value may be quoted; unquoted, it ends at
    ` #`. Where a name occurs twice, the later line counts.

    Raises:
        UsageError: The file cannot be read, or a line is something else. The message names the line.
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
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        for binding in parse_stream(io.StringIO(line)):
            name, value = binding.key, binding.value
            if name is None and not binding.error:
                continue  # a blank line or a comment
            if name is None or value is None or not (name.isascii() and name.isidentifier()) or "\0" in value:
                quotes = "; a quoted value must end with its quote" if "'" in line or '"' in line else ""
                raise UsageError(
                    f"{path}, line {number}: expected NAME=value, a comment that begins with #, or nothing{quotes}"
                )
            found[name] = value
    return found


def with_env_file(environ: Mapping[str, str], path: Path) -> dict[str, str]:
    """The variables of the file, overridden by those of the environment that are set and not empty."""
    return {**read_env_file(path), **{name: value for name, value in environ.items() if value}}
