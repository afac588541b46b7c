"""One run folder: who may write into it, what it was made with, and what is done. Never deletes a result.

<out>/results.jsonl    one line a finished attempt: the only truth about what is done
<out>/<mode>/*.jsonl   spans
<out>/errors.jsonl     why attempts were not measurements, with tracebacks
<out>/metrics.json     figures of the finished attempts
<out>/eval.json        what the attempts were made with, so that no others get among them
<out>/.harness-lock    held while a command writes here; the system lets go of it when the holder is gone
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
# Where a model is reached and how patiently says nothing about what an attempt means.
_PLACE = frozenset({"base_url", "timeout", "retries"})


def made(folder: Path) -> Path:
    """The folder, made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder} cannot be made: {error.strerror}; give another folder") from None
    return folder


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Keep others out. With `shared`, others that share may come in: an optimizer starts several processes at once.

    A lock whose holder is gone holds nobody up. Raises UsageError when somebody is there.
    """
    path = folder / LOCK
    try:
        # The file stays: were it removed, two could each hold a lock on their own file of that name.
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise cannot_write(error) from None
    try:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).decode(errors="replace").strip()
            # A number that was left behind would send the user after a process that is not there.
            who = f"process {holder}" if holder.isdigit() and _lives(int(holder)) else "another command"
            raise UsageError(f"{who} is writing into {folder}; wait for it, end it, or give another --out") from None
        if not shared:
            _write_holder(fd, path)
        yield
    finally:
        os.close(fd)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _write_holder(fd: int, path: Path) -> None:
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise cannot_write(OSError(error.errno, error.strerror, str(path))) from None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new one, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
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
    """Write what the attempts are made with, or raise UsageError when those that are there were made with other things.

    Mixed attempts would be averaged as if they were one measurement.
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
            said = json.dumps(was.get(key)), json.dumps(now.get(key))
            raise UsageError(
                f"{folder} holds attempts made with {key} {said[0]}, not {said[1]}; give another --out, or the same "
                "options as before"
            )


def read_results(folder: Path) -> list[Result]:
    """Every result line, in order. A line that is torn or of another kind is no result."""
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
    """The JSON objects of a JSONL file; lines that are none are passed over."""
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
    """What tells attempts of one run apart."""
    return (one.task_id, one.seed, one.attempt)


def missing(jobs: Sequence[Job], results: Sequence[Result]) -> list[Job]:
    """The attempts without a measurement so far: never finished, or ended by an error."""
    done = {key_of(r) for r in results if r.outcome != "error"}
    return [job for job in jobs if key_of(job) not in done]
