"""Runs the tasks of a search: here while that is fast enough, then in worker processes.

RE2 and reading let other threads run, so needles are looked for in threads; decoding does not, hence the processes.
Whatever ends a search, Ctrl-C too, its worker processes end with it.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import re2

from halo_common.child_process import BadMessage, ChildGone, ChildProcess, readable
from halo_opt.core.errors import HaloError
from halo_opt.store.queries import scanning
from halo_opt.store.queries.scanning.searcher import Searcher
from halo_opt.store.queries.scanning.tasks import Found, Pattern, Scanned, Task

# What is left must take longer than this at the pace so far, or starting processes costs more than they save.
SPREAD_SECONDS = 0.6
MOST_WORKERS = 8
# One task is a piece of a file; a worker that takes so long for it hangs.
_TASK_SECONDS = 600.0
_ANSWER_BYTES = 1 << 28
# Pieces a thread that are scanned before they are asked for.
_AHEAD = 3
# Called with how many bytes are done and how many there are.
Progress = Callable[[int, int], None]


def run_tasks(
    pattern: Pattern, tasks: Sequence[Task], *, workers: int | None = None, progress: Progress | None = None
) -> list[Found]:
    """What each task found, in their order. `workers`: so many processes at once, 0 for none, None to see."""
    answers = _Answers(tasks, progress)
    most = min(MOST_WORKERS, os.cpu_count() or 1) if workers is None else workers
    if workers:
        _spread(pattern, range(len(tasks)), most, answers)
        return answers.in_order()
    searcher = Searcher(pattern)
    threads = most if searcher.has_needles and len(tasks) > 1 else 0
    with closing(_scanned(searcher, tasks, threads)) as pieces:
        for number, piece in enumerate(pieces):
            if most > 1 and number >= _AHEAD * threads and answers.seconds_left > SPREAD_SECONDS:
                pieces.close()
                _spread(pattern, range(number, len(tasks)), most, answers)
                break
            answers.take(number, searcher.judge(answers.task(number), piece))
    return answers.in_order()


def _scanned(searcher: Searcher, tasks: Sequence[Task], threads: int) -> Generator[Scanned]:
    """The tasks scanned in their order; by threads, a few ahead of what is asked for, where there are any."""
    if not threads:
        yield from map(searcher.scan, tasks)
        return
    pool = ThreadPoolExecutor(threads)
    try:
        ahead: deque[Future[Scanned]] = deque()
        for task in tasks:
            ahead.append(pool.submit(searcher.scan, task))
            if len(ahead) > _AHEAD * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Answers:
    """The answers so far and the progress of the search."""

    def __init__(self, tasks: Sequence[Task], progress: Progress | None) -> None:
        self._tasks = tasks
        self._total = sum(task.end - task.start for task in tasks)
        self._progress = progress
        self._found: dict[int, Found] = {}
        self._done = 0
        self._hits = 0
        self._began = time.monotonic()

    @property
    def seconds_left(self) -> float:
        """How long the rest takes at the pace so far; nothing is known before the first answer."""
        if not self._done:
            return 0.0
        return (time.monotonic() - self._began) / self._done * (self._total - self._done)

    def task(self, number: int) -> Task:
        """The task, with only those excerpts asked for that the hits of earlier ones leave room for."""
        task = self._tasks[number]
        return task._replace(excerpts=max(0, task.excerpts - self._hits))

    def take(self, number: int, found: Found) -> None:
        """Keep one answer."""
        self._found[number] = found
        self._hits += len(found.hits)
        self._done += self._tasks[number].end - self._tasks[number].start
        if self._progress is not None:
            self._progress(self._done, self._total)

    def in_order(self) -> list[Found]:
        """All answers, in the order of the tasks."""
        return [self._found[number] for number in range(len(self._tasks))]


def _spread(pattern: Pattern, numbers: range, workers: int, answers: _Answers) -> None:
    """Processes that take a task each until none is left."""
    waiting = deque(numbers)
    pending: dict[ChildProcess, int] = {}
    processes: list[ChildProcess] = []

    def give_task(process: ChildProcess) -> None:
        if waiting:
            pending[process] = waiting.popleft()
            process.send(msgspec.json.encode(answers.task(pending[process])), _deadline())

    try:
        for _ in range(min(workers, len(numbers))):
            processes.append(_start())
            processes[-1].send(msgspec.json.encode(pattern), _deadline())
            give_task(processes[-1])
        while pending:
            ready = readable(pending, _deadline())
            if not ready:
                raise TimeoutError
            for process in ready:
                found = msgspec.json.decode(process.receive(_deadline()), type=Found)
                answers.take(pending.pop(process), found)
                give_task(process)
    except (ChildGone, BadMessage, TimeoutError, msgspec.MsgspecError) as error:
        raise HaloError("a worker process of the search ended before its time; search again with a filter") from error
    finally:
        for process in processes:
            process.kill()


def _deadline() -> float:
    return time.monotonic() + _TASK_SECONDS


def _start() -> ChildProcess:
    # -I leaves PYTHONPATH out; where the three packages are is all that the worker needs to know of this process. It
    # imports `scanning` by that name alone, as the packages around it load all of the store. -B: it writes no file.
    packages = [str(Path(module.__file__ or "").parent.parent) for module in (msgspec, re2, scanning)]
    return ChildProcess("scanning.worker", most_bytes=_ANSWER_BYTES, flags=("-I", "-B"), path=packages)
