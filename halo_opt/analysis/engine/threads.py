"""Running jobs in parallel daemon threads, and one job in a thread so that Ctrl-C does not cut off a paid call."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def run_parallel(jobs: Sequence[Callable[[], T]], max_threads: int) -> list[T]:
    """Run jobs in at most `max_threads` threads and return their results in the order of the jobs.

    All jobs run to their end before the first error, in the order of the jobs, is raised.
    """
    if len(jobs) == 1:
        return [jobs[0]()]
    results: dict[int, T] = {}
    errors: dict[int, BaseException] = {}
    waiting = iter(range(len(jobs)))
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                number = next(waiting, None)
            if number is None:
                return
            try:
                results[number] = jobs[number]()
            except BaseException as error:
                errors[number] = error

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(max_threads, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(jobs))]


def run_interruptible(job: Callable[[], T], *, on_interrupt: Callable[[], None]) -> T:
    """Run a job in a thread of its own and return its result.

    The first Ctrl-C calls `on_interrupt` and goes on waiting for the job; a second one is raised at once.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(job())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    # Not Thread.join: once interrupted, it takes a thread that still runs for one that has ended.
    done = threading.Event()
    threading.Thread(target=work, daemon=True, name="halo-analysis").start()
    try:
        done.wait()
    except KeyboardInterrupt:
        on_interrupt()
        done.wait()
    if errors:
        raise errors[0]
    return results[0]
