"""SQL that a model or somebody's report wrote: run where it can do no harm, capped in time, memory and answer.

What stands between such SQL and the machine, from outside in:
1. a child process of its own, killed after a wall-clock limit, with limits on address space, processor time and open
   files, and a file size limit of 0, so that it can write no file at all; it gets no environment and no secrets;
2. a read-only DuckDB connection without external access, extensions, replacement scans, temporary files or Python, its
   local file system switched off after opening and its settings locked;
3. one statement of at most 20 kB, whose parsed tree holds nothing but allowed nodes, tables, and functions.
What does not stand there: a kernel sandbox (Landlock, seccomp). A bug in DuckDB itself that gave code execution would
have the rights of the user who started halo-opt.

Never runs such SQL in this process, and never trusts the shape of what the child answers.
"""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from halo_opt.errors import InputError
from halo_opt.records import Record
from halo_opt.store.store import Store

MAX_SQL_BYTES = 20_000
MAX_ROWS = 1_000
MAX_ANSWER_BYTES = 200_000
SECONDS = 10.0
MEMORY_BYTES = 4 << 30
_TOO_SLOW = "the query took longer than {:g} s; narrow it with WHERE or LIMIT"
_WORKER = Path(__file__).with_name("guarded_worker.py")


class Refused(InputError):
    """SQL that may not run, or that hit a limit; the message says what is allowed."""


class Table(Record):
    """An answer: its column names and rows; times are ISO text. `truncated` says that a cap cut rows off."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


_ANSWER: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def guarded_query(
    store: Store,
    sql: str,
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_ANSWER_BYTES,
    seconds: float = SECONDS,
) -> Table:
    """The first `max_rows` rows, as far as `max_bytes` of JSON hold them, of one SELECT over the store.

    Raises Refused, which is an InputError, for SQL that is not allowed, cannot run, or takes longer than `seconds`.
    """
    if len(sql.encode("utf-8", "replace")) > MAX_SQL_BYTES:
        raise Refused(f"the SQL is longer than {MAX_SQL_BYTES} bytes; ask for less at a time")
    if "\0" in sql:
        raise Refused("the SQL holds a NUL character")
    request = {
        "database": str(store.path.resolve()),
        "sql": sql.encode("utf-8", "replace").decode("utf-8"),
        "max_rows": max_rows,
        "max_bytes": max_bytes,
        "seconds": seconds,
        "memory": MEMORY_BYTES,
        # -I leaves PYTHONPATH out; the child finds duckdb where this process does.
        "path": [entry for entry in sys.path if entry and Path(entry).is_dir()],
    }
    return _table(_ask(request, seconds))


def _ask(request: dict[str, Any], seconds: float) -> bytes:
    """What the child wrote, having ended it whatever happened."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    with process:
        try:
            # The child needs a moment to start before its own time counts.
            answer, _ = process.communicate(json.dumps(request).encode(), timeout=seconds + 5)
        except subprocess.TimeoutExpired:
            raise Refused(_TOO_SLOW.format(seconds)) from None
        finally:
            process.kill()
    if process.returncode in (-signal.SIGALRM, -signal.SIGXCPU):
        raise Refused(_TOO_SLOW.format(seconds))
    if process.returncode:
        raise Refused(
            "the query ended its process: it took too much memory or is nested too deeply; ask for less at a time"
        )
    return answer


def _table(answer: bytes) -> Table:
    try:
        told = _ANSWER.validate_json(answer)
        if "refused" in told:
            raise Refused(str(told["refused"]))
        return Table.model_validate(told)
    except ValidationError as error:
        raise Refused("the query's process gave no readable answer; ask for less at a time") from error
