"""The Monty backend: pydantic-monty, an interpreter in Rust without files, network or processes. An optional extra.

It knows a subset of Python and no numpy. It does not promise to keep variables after a time limit, so a cell that runs
too long loses them.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from halo_opt.confinement.python.cell_result import (
    CellResult,
    ConfinementUnavailable,
    Kind,
    Limits,
    limited,
    variables_lost_error,
)
from halo_opt.confinement.python.host_calls import HostCalls, HostFunctions

# The interpreter's heap; a value may be several times as large once it is Python's, in this process.
MEMORY_BYTES = 256 << 20
_ANY_NUMBER = 1_000_000


class HostError(RuntimeError):
    """What a refused host call raises inside the cell."""


class MontyBackend:
    """A session in a worker of Monty, started again when it was lost."""

    kind: Kind = "monty"

    def __init__(self, host: HostFunctions, limits: Limits) -> None:
        """Start a session. Raises ConfinementUnavailable where Monty is not installed or does not start."""
        try:
            import pydantic_monty
        except ImportError:
            raise ConfinementUnavailable("pydantic-monty is not installed") from None
        self._monty: Any = pydantic_monty
        self._host = host
        self._limits = limits
        self._stack = ExitStack()
        self._session: Any = None
        self._open()

    def explain(self) -> str:
        """What confines the cells here, in one paragraph."""
        return (
            f"Python of the model runs in Monty {self._monty.__version__}, an interpreter without files, network, "
            f"environment or processes, in a process of its own: {_memory(self._limits) >> 20} MB of heap, "
            f"{self._limits.seconds:g} s a cell; a subset of Python, without numpy."
        )

    def run(self, code: str) -> CellResult:
        """Run one cell with the variables of the cells before."""
        if self._session is None:
            self._open()
        calls = HostCalls(self._host, self._limits)
        printed = _Printed(self._limits.output_chars)
        started = time.monotonic()
        value, error, ended = None, None, None
        functions = {name: self._function(name, calls) for name in self._host}
        try:
            value = self._session.feed_run(code, external_lookup=functions, print_callback=printed.take)
        except self._monty.MontyCrashedError as crash:
            slow = "ran too long" if crash.timed_out else "used too much memory or nested too deeply"
            ended = f"the cell {slow} and its process was ended"
        except self._monty.MontyError as failure:
            error = failure.display() if hasattr(failure, "display") else str(failure)
            if isinstance(failure.exception(), TimeoutError) and time.monotonic() - started >= self._limits.seconds:
                ended = f"the cell did not stop after {self._limits.seconds:g} s"
        if ended is not None:
            self.close()
            error = variables_lost_error(ended, "do less in one cell, bound every loop, and let SQL aggregate")
        most = self._limits.output_chars
        return CellResult(
            stdout=limited("".join(printed.kept), printed.cut, most),
            value=None if value is None else limited(repr(value), 0, most),
            error=None if error is None else limited(error, 0, most),
            seconds=max(0.0, time.monotonic() - started - calls.seconds),
            state_lost=ended is not None,
            host_calls=calls.count,
        )

    def close(self) -> None:
        """End the session and its worker; safe to call twice."""
        self._session = None
        self._stack.close()

    def _open(self) -> None:
        try:
            self._session = self._entered()
        # The client says with a RuntimeError that there is no worker to start.
        except (OSError, RuntimeError, self._monty.MontyError) as error:
            self.close()
            raise ConfinementUnavailable(f"pydantic-monty does not start ({type(error).__name__})") from None

    def _entered(self) -> Any:
        limits = self._limits
        pool = self._stack.enter_context(
            self._monty.Monty(min_processes=1, max_processes=1, request_timeout=limits.seconds + limits.grace)
        )
        return self._stack.enter_context(
            pool.checkout(
                limits={
                    "max_feed_duration_secs": limits.seconds,
                    "max_memory": _memory(limits),
                    "max_suspensions": _ANY_NUMBER,
                    "max_total_sleep_secs": limits.seconds,
                }
            )
        )

    def _function(self, name: str, calls: HostCalls) -> Callable[..., Any]:
        def ask(*args: Any, **kwargs: Any) -> Any:
            try:
                arguments = json.dumps([args, kwargs], allow_nan=False)
            except (TypeError, ValueError, RecursionError) as error:
                raise HostError(f"{name}() takes text, numbers, lists and dicts ({error})") from None
            if len(arguments) > self._limits.message_bytes:
                raise HostError(f"the arguments of {name}() are too long; give fewer or shorter ones")
            given = json.loads(arguments)
            answer = calls.answer(name, *given)
            if answer.value is None:
                raise HostError(answer.error)
            return json.loads(answer.value)

        return ask


class _Printed:
    """What a cell printed, up to a number of characters."""

    def __init__(self, max_chars: int) -> None:
        self.kept: list[str] = []
        self.cut = 0
        self._room = max_chars

    def take(self, _stream: str, text: str) -> None:
        """Keep what there is room for."""
        piece = text[: self._room]
        self.kept.append(piece)
        self._room -= len(piece)
        self.cut += len(text) - len(piece)


def _memory(limits: Limits) -> int:
    return min(MEMORY_BYTES, limits.memory_bytes)
