"""Several pieces of work at once, in threads that never keep the program from ending."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def together(jobs: Sequence[Callable[[], T]], at_once: int) -> list[T]:
    """What each job gave, in order, with at most `at_once` running.

    All jobs end before the first error, in their order, is raised; the caller has what tells the others to be short.
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

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(at_once, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(jobs))]


def aside(job: Callable[[], T], *, interrupted: Callable[[], None]) -> T:
    """What a job gives that runs in a thread of its own, so that Ctrl-C does not tear a paid call apart.

    At the first Ctrl-C `interrupted` is called and the job waited for; a second one is raised at once.
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

    # Not by join(): once interrupted, it takes a thread that runs for one that has ended.
    done = threading.Event()
    threading.Thread(target=work, daemon=True, name="halo-analysis").start()
    try:
        done.wait()
    except KeyboardInterrupt:
        interrupted()
        done.wait()
    if errors:
        raise errors[0]
    return results[0]
