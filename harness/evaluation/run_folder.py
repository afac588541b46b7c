"""One run folder: its lock, the settings that it was made with, and its results.

<out>/results.jsonl    one line for each finished attempt
<out>/<mode>/*.jsonl   spans
<out>/errors.jsonl     why attempts were not measurements, with tracebacks
<out>/metrics.json     figures of the finished attempts
<out>/eval.json        the settings of the attempts, so that no others are mixed with them
<out>/.harness-lock    held while a command writes here; released by the system when its process ends
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.core.errors import UsageError, cannot_write
from harness.record.results import Job, Result

RESULTS, ERRORS, METRICS = "results.jsonl", "errors.jsonl", "metrics.json"
CLAIM, LOCK = "eval.json", ".harness-lock"
# The model's address and time limits have no effect on what an attempt measures.
_PLACE = frozenset({"base_url", "timeout", "retries"})


def make_folder(folder: Path) -> Path:
    """The folder, created where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be made: {error.strerror}; give another folder") from None
    return folder


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the folder's lock. Several processes may hold it at once if all of them ask for a `shared` one.

    The lock of a process that has ended is free.

    Raises:
        UsageError: Another process holds the lock.
    """
    path = folder / LOCK
    try:
        # The file is never removed: two processes could then lock two different files of that name.
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise cannot_write(error) from None
    try:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).decode(errors="replace").strip()
            # The file may still hold the number of a process that has ended.
            who = f"process {holder}" if holder.isdigit() and _is_running(int(holder)) else "another command"
            raise UsageError(f"{who} is writing into {folder}; wait for it, end it, or give another --out") from None
        if not shared:
            _write_holder(fd, path)
        yield
    finally:
        os.close(fd)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # it belongs to another user
    return True


def _write_holder(fd: int, path: Path) -> None:
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise cannot_write(OSError(error.errno, error.strerror, str(path))) from None


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees the old or the new content."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(OSError(error.errno, error.strerror, str(path))) from None


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{prefix}{key}.")
        elif key not in _PLACE:
            out[prefix + key] = value
    return out


def claim(folder: Path, made_with: Mapping[str, Any]) -> None:
    """Write the attempts' settings, or compare them with those that the folder's attempts were made with.

    Attempts with different settings would be averaged as if they were one measurement.

    Raises:
        UsageError: The folder holds attempts with other settings. The message names the first difference.
    """
    path = folder / CLAIM
    new = json.loads(json.dumps(made_with))
    if not path.is_file():
        if read_results(folder):
            raise UsageError(
                f"{folder} holds attempts, but no {CLAIM} that says what they were made with; give another --out"
            )
        write_whole(path, json.dumps(new, indent=1) + "\n")
        return
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        was, now = _flat(old), _flat(new)
    except (OSError, ValueError, AttributeError):
        raise UsageError(f"{path} is not what this harness writes; give another --out") from None
    for key in [*now, *(k for k in was if k not in now)]:
        if was.get(key) != now.get(key):
            raise UsageError(
                f"{folder} holds attempts made with {key} {json.dumps(was.get(key))}, not {json.dumps(now.get(key))}; "
                "give another --out, or the same options as before"
            )


def read_results(folder: Path) -> list[Result]:
    """Every result, in order. A line that is torn or is not a result is skipped."""
    path = folder / RESULTS
    if not path.is_file():
        return []
    out = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            out.append(Result.model_validate_json(line))
        except ValidationError:
            continue
    return out


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON objects of a JSONL file; other lines are skipped."""
    if not path.is_file():
        return []
    out = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            out.append(value)
    return out


def key_of(one: Job | Result) -> tuple[str, int, int]:
    """What identifies an attempt within a run."""
    return (one.task_id, one.seed, one.attempt)


def missing(jobs: Sequence[Job], results: Sequence[Result]) -> list[Job]:
    """The attempts without a measurement so far: not finished, or ended by an error."""
    done = {key_of(r) for r in results if r.outcome != "error"}
    return [job for job in jobs if key_of(job) not in done]
