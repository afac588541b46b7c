"""SQL that a model or somebody's report wrote: run where it can do no harm, capped in time, memory and answer.

What stands between such SQL and the machine, from outside in:
1. a child process of its own, killed after a wall-clock limit, with limits on address space, processor time and open
   files, and a file size limit of 0, so that it can write no file at all; it gets no environment and no secrets;
2. where the kernel has Landlock (Linux): no file but the store can be opened, none written, nothing be executed, and no
   TCP connection made, whatever code runs in that process; `guards` tells whether it is on;
3. a read-only DuckDB connection without external access, extensions, replacement scans, temporary files or Python, its
   local file system switched off after opening and its settings locked;
4. one statement of at most 20 kB, whose parsed tree holds nothing but allowed nodes, tables, and functions.
What does not stand there: a filter of system calls (seccomp). Without Landlock a bug in DuckDB itself that gave code
execution would have the rights of the user who started halo-opt, save for writing files.
"""

import json
import signal
import sys
import time
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from halo_common.child_process import BadMessage, ChildGone, ChildProcess
from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.store.store import Store

MAX_SQL_BYTES = 20_000
MAX_ROWS = 1_000
MAX_ANSWER_BYTES = 200_000
SECONDS = 10.0
THREADS = 2
MEMORY_BYTES = 4 << 30
START_SECONDS = 60.0
# The child ends a query by itself two seconds after its time; it is given a moment more to say so.
_GRACE_SECONDS = 5.0
# What an answer may have beside its rows: the names of its columns, and JSON's own signs.
_ANSWER_ROOM = 1 << 24
_TOO_SLOW = "the query took longer than {:g} s; narrow it with WHERE or LIMIT"
_WORKER = Path(__file__).with_name("worker.py")


class Refused(InputError):
    """SQL that may not run, or that hit a limit; the message says what is allowed."""


class Table(Record):
    """An answer: its column names and rows; times are ISO text. `truncated` says that a cap cut rows off."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool = False


class Guards(Record):
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

    Example:
        >>> table = guarded_query(store, "SELECT tool, count(*) AS calls FROM steps GROUP BY tool", max_rows=10)
        >>> print(table.columns, table.rows)
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
        limits = {"max_rows": max_rows, "max_bytes": max_bytes, "seconds": seconds, "threads": threads}
        with _Worker(store, limits, queries=len(fit)) as worker:
            answers += worker.answers(fit)
    return answers


def guards(store: Store) -> Guards:
    """What guards such SQL on this machine, as the child process says of itself."""
    with _Worker(store, {"max_rows": 0, "max_bytes": 0, "seconds": SECONDS, "threads": THREADS}, queries=0) as worker:
        try:
            return worker.introduced()
        except (ChildGone, BadMessage, TimeoutError) as error:
            raise worker.refusal(error) from None


def _unfit(sql: str, max_sql: int) -> Refused | None:
    """Why the text cannot even be sent."""
    if len(sql.encode("utf-8", "replace")) > max_sql:
        return Refused(f"the SQL is longer than {max_sql} bytes; ask for less at a time")
    if "\0" in sql:
        return Refused("the SQL holds a NUL character")
    return None


class _Worker:
    """One child process over one store; use it as a context manager."""

    def __init__(self, store: Store, limits: dict[str, Any], *, queries: int) -> None:
        self._seconds: float = limits["seconds"]
        self._settings = {
            **limits,
            "database": str(store.path.resolve()),
            "memory": MEMORY_BYTES,
            "queries": queries,
            # -I leaves PYTHONPATH out; the child finds duckdb where this process does.
            "path": [entry for entry in sys.path if entry and Path(entry).is_dir()],
        }
        self._process = ChildProcess(
            _WORKER, most_bytes=limits["max_bytes"] + _ANSWER_ROOM, flags=("-I",), env={}, cwd="/"
        )

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    def introduced(self) -> Guards:
        """What guards it, as it says itself. Raises ChildGone, BadMessage, or TimeoutError."""
        until = time.monotonic() + START_SECONDS
        self._process.send(json.dumps(self._settings).encode(), until)
        try:
            return Guards.model_validate_json(self._process.receive(until))
        except ValidationError:
            raise BadMessage("no hello") from None

    def answers(self, sqls: Sequence[str]) -> list[Table | Refused]:
        """The answers in order, up to and with the query that ended the process, if one did."""
        answers: list[Table | Refused] = []
        try:
            self.introduced()
            for sql in sqls:
                until = time.monotonic() + self._seconds + _GRACE_SECONDS
                self._process.send(json.dumps(sql.encode("utf-8", "replace").decode()).encode(), until)
                answers.append(_read(self._process.receive(until)))
        except (ChildGone, BadMessage, TimeoutError) as error:
            answers.append(self.refusal(error))
        return answers

    def refusal(self, error: Exception) -> Refused:
        """What the end of the conversation means for the query that is not answered."""
        too_slow = Refused(_TOO_SLOW.format(self._seconds))
        if isinstance(error, TimeoutError):
            return too_slow
        code = self._process.exit_code(_GRACE_SECONDS) if isinstance(error, ChildGone) else 0
        if code in (-signal.SIGALRM, -signal.SIGXCPU):
            return too_slow
        if code:
            return Refused(
                "the query ended its process: it took too much memory or is nested too deeply; ask for less at a time"
            )
        return Refused("the query's process gave no readable answer; ask for less at a time")


def _read(answer: bytes) -> Table | Refused:
    try:
        found = _ANSWER.validate_json(answer)
        return Refused(str(found["refused"])) if "refused" in found else Table.model_validate(found)
    except ValidationError:
        return Refused("the query's process gave no readable answer; ask for less at a time")
