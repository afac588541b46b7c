"""The sandbox: a session of Python cells in the first backend that works on this machine."""

from collections.abc import Callable, Sequence
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from halo_opt.confinement.python.cell_result import CellResult, ConfinementUnavailable, Kind, Limits, SandboxMissing
from halo_opt.confinement.python.host_calls import HostFunctions
from halo_opt.confinement.python.linux import LinuxBackend
from halo_opt.confinement.python.monty import MontyBackend
from halo_opt.core.errors import InputError


class Backend(Protocol):
    """One way of confining a session of cells; its constructor starts it, or raises ConfinementUnavailable."""

    kind: Kind

    def run(self, code: str) -> CellResult:
        """Run one cell. An error that the cell causes is in the result."""

    def explain(self) -> str:
        """What confines the cells here, in one paragraph."""

    def close(self) -> None:
        """End the session; safe to call twice."""


BACKENDS: Sequence[Callable[[HostFunctions, Limits], Backend]] = (LinuxBackend, MontyBackend)
_REMEDY = "use Linux 5.13 or later with Landlock and seccomp, or: pip install 'halo-opt[sandbox]'"


class Sandbox:
    """A session of cells with variables that last; end it with `close` or `with`.

    `kind` names its backend. Calls from several threads wait for each other; a host function must not call `run`.

    Example:
        >>> with Sandbox.start({"double": lambda x: 2 * x}) as sandbox:
        ...     defined = sandbox.run("y = double(4)")
        ...     print(sandbox.run("y + 1").value)
        9
    """

    def __init__(self, backend: Backend, limits: Limits) -> None:
        self.kind: Kind = backend.kind
        self._backend: Backend | None = backend
        self._limits = limits
        self._one_at_a_time = Lock()

    @classmethod
    def start(cls, host: HostFunctions, limits: Limits | None = None) -> Self:
        """Start a session.

        Args:
            host: functions that cells may call by name, with JSON arguments and results.
            limits: what the cells may use.

        Raises:
            SandboxMissing: no backend works on this machine.
            InputError: the name of a host function is not an identifier.
        """
        for name in host:
            if not name.isidentifier() or name.startswith("_"):
                raise InputError(f"{name!r} cannot be the name of a host function; give a plain Python name")
        limits = limits or Limits()
        reasons = []
        for backend in BACKENDS:
            try:
                return cls(backend(host, limits), limits)
            except ConfinementUnavailable as reason:
                reasons.append(str(reason))
        raise SandboxMissing(
            f"no sandbox confines a model's Python on this machine: {'; '.join(reasons)}; {_REMEDY}; "
            "until then the analyzer works without its python tool"
        )

    def run(self, code: str) -> CellResult:
        """Run one cell; an error in it is in the result.

        Raises:
            InputError: the session is closed.
            SandboxMissing: the process had to end before, and cannot be started again.
        """
        # Half a surrogate pair cannot be sent to a child.
        text = code.encode("utf-8", "replace")
        if len(text) > self._limits.code_bytes:
            error = f"the cell is longer than {self._limits.code_bytes:,} bytes and was not run; write a shorter one"
            return CellResult(stdout="", value=None, error=error, seconds=0, state_lost=False, host_calls=0)
        with self._one_at_a_time:
            if self._backend is None:
                raise InputError("this sandbox is closed; start another")
            try:
                return self._backend.run(text.decode())
            except ConfinementUnavailable as reason:
                raise SandboxMissing(f"the sandbox ended and cannot start again: {reason}; {_REMEDY}") from None

    def explain(self) -> str:
        """What confines the cells here, in one paragraph for the report. Raises InputError after `close`."""
        if self._backend is None:
            raise InputError("this sandbox is closed; start another")
        return self._backend.explain()

    def close(self) -> None:
        """End the session; safe to call twice."""
        with self._one_at_a_time:
            if self._backend is not None:
                self._backend.close()
                self._backend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
