"""SQL that a model or somebody's report wrote: run where it can do no harm, capped in time, memory and answer.

What stands between such SQL and the machine, from outside in:
1. a child process of its own, killed after a wall-clock limit, with limits on address space, processor time and open
   files, and a file size limit of 0, so that it can write no file at all; it gets no environment and no secrets;
2. where the kernel has Landlock (Linux): no file but the store can be opened, none written, nothing be executed, and no
   TCP connection made, whatever code runs in that process; `sandbox` says whether it is on;
3. a read-only DuckDB connection without external access, extensions, replacement scans, temporary files or Python, its
   local file system switched off after opening and its settings locked;
4. one statement of at most 20 kB, whose parsed tree holds nothing but allowed nodes, tables, and functions.
What does not stand there: a filter of system calls (seccomp). Without Landlock a bug in DuckDB itself that gave code
execution would have the rights of the user who started halo-opt, save for writing files.

Never runs such SQL in this process, and never trusts the shape of what the child answers.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.store.store import Store

MAX_SQL_BYTES = 20_000
MAX_ROWS = 1_000
MAX_ANSWER_BYTES = 200_000
SECONDS = 10.0
THREADS = 2
MEMORY_BYTES = 4 << 30
_TOO_SLOW = "the query took longer than {:g} s; narrow it with WHERE or LIMIT"
_WORKER = Path(__file__).with_name("worker.py")


class Refused(InputError):
    """SQL that may not run, or that hit a limit; the message says what is allowed."""


class Table(Record):
    """An answer: its column names and rows; times are ISO text. `truncated` says that a cap cut rows off."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


class Sandbox(Record):
    """What guards the process that runs somebody else's SQL."""

    landlock: int = Field(ge=0, description="version of the kernel's Landlock that is on; 0 where there is none")


_ANSWER: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def guarded_query(
    store: Store,
    sql: str,
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_ANSWER_BYTES,
    seconds: float = SECONDS,
    max_sql: int = MAX_SQL_BYTES,
    threads: int = THREADS,
) -> Table:
    """The first `max_rows` rows, as far as `max_bytes` of JSON hold them, of one SELECT over the store.

    Raises Refused, which is an InputError, for SQL that is not allowed, cannot run, or takes longer than `seconds`.
    `max_sql` is for who sets such SQL into more of his own. With one thread of `threads`, rows that nothing orders
    come in the same order each time.
    """
    [answer] = guarded_queries(
        store, [sql], max_rows=max_rows, max_bytes=max_bytes, seconds=seconds, max_sql=max_sql, threads=threads
    )
    if isinstance(answer, Refused):
        raise answer
    return answer


def guarded_queries(
    store: Store,
    sqls: Sequence[str],
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_ANSWER_BYTES,
    seconds: float = SECONDS,
    max_sql: int = MAX_SQL_BYTES,
    threads: int = THREADS,
) -> list[Table | Refused]:
    """The answer to each query, in order, as `guarded_query` would give or raise it; limits hold for each query.

    They share a child process, whose start costs more than most queries; one that ends it takes only itself down.
    """
    answers: list[Table | Refused] = []
    while len(answers) < len(sqls):
        left = sqls[len(answers) :]
        if refusal := _unfit(left[0], max_sql):
            answers.append(refusal)
            continue
        fit = list(takewhile(lambda sql: _unfit(sql, max_sql) is None, left))
        request = _request(store, fit, max_rows=max_rows, max_bytes=max_bytes, seconds=seconds, threads=threads)
        _, lines, ending = _ask(request, seconds * len(fit))
        answers += [_read(line) for line in lines[: len(fit)]]
        if len(lines) < len(fit):
            answers.append(ending)
    return answers


def sandbox(store: Store) -> Sandbox:
    """What guards such SQL on this machine, as the child process says of itself."""
    hello, _, ending = _ask(_request(store, [], max_rows=0, max_bytes=0, seconds=SECONDS, threads=THREADS), 0)
    if hello is None:
        raise ending
    return hello


def _request(
    store: Store, sqls: Sequence[str], *, max_rows: int, max_bytes: int, seconds: float, threads: int
) -> dict[str, Any]:
    return {
        "database": str(store.path.resolve()),
        "sqls": [sql.encode("utf-8", "replace").decode("utf-8") for sql in sqls],
        "max_rows": max_rows,
        "max_bytes": max_bytes,
        "seconds": seconds,
        "threads": threads,
        "memory": MEMORY_BYTES,
        # -I leaves PYTHONPATH out; the child finds duckdb where this process does.
        "path": [entry for entry in sys.path if entry and Path(entry).is_dir()],
    }


def _unfit(sql: str, max_sql: int) -> Refused | None:
    """Why the text cannot even be sent."""
    if len(sql.encode("utf-8", "replace")) > max_sql:
        return Refused(f"the SQL is longer than {max_sql} bytes; ask for less at a time")
    if "\0" in sql:
        return Refused("the SQL holds a NUL character")
    return None


def _ask(request: dict[str, Any], seconds: float) -> tuple[Sandbox | None, list[bytes], Refused]:
    """The child's hello, its whole lines, and what its end means for the query that it owed; it is ended anyhow."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    too_slow = Refused(_TOO_SLOW.format(request["seconds"]))
    with process:
        try:
            # The child needs a moment to start before its own time counts.
            answer, _ = process.communicate(json.dumps(request).encode(), timeout=seconds + 5)
        except subprocess.TimeoutExpired as stopped:
            return *_lines(stopped.stdout or b""), too_slow
        finally:
            process.kill()
    if process.returncode in (-signal.SIGALRM, -signal.SIGXCPU):
        ending = too_slow
    elif process.returncode:
        ending = Refused(
            "the query ended its process: it took too much memory or is nested too deeply; ask for less at a time"
        )
    else:
        ending = Refused("the query's process gave no readable answer; ask for less at a time")
    return *_lines(answer), ending


def _lines(answer: bytes) -> tuple[Sandbox | None, list[bytes]]:
    """The hello, where it is one, and the whole lines after it."""
    first, *lines = answer.split(b"\n")[:-1] or [b""]
    try:
        return Sandbox.model_validate_json(first), lines
    except ValidationError:
        return None, []


def _read(line: bytes) -> Table | Refused:
    try:
        told = _ANSWER.validate_json(line)
        return Refused(str(told["refused"])) if "refused" in told else Table.model_validate(told)
    except ValidationError:
        return Refused("the query's process gave no readable answer; ask for less at a time")
