"""The sandbox as the analyzer has it: the best confinement that this machine offers, or a loud refusal."""

from collections.abc import Callable, Sequence
from threading import Lock
from types import TracebackType
from typing import Protocol, Self

from halo_opt.confinement.python.hostcalls import Host
from halo_opt.confinement.python.linux import LinuxBox
from halo_opt.confinement.python.monty import MontyBox
from halo_opt.confinement.python.records import CellResult, Kind, Limits, SandboxMissing, Unconfined
from halo_opt.core.errors import InputError


class Box(Protocol):
    """One way of confining; it is up when it exists."""

    kind: Kind

    def run(self, code: str) -> CellResult:
        """Run one cell. Raises nothing that the cell could cause."""

    def explain(self) -> str:
        """What confines it here, in one paragraph."""

    def close(self) -> None:
        """End it; safe to call twice."""


BOXES: Sequence[Callable[[Host, Limits], Box]] = (LinuxBox, MontyBox)
_REMEDY = "use Linux 5.13 or later with Landlock and seccomp, or: pip install 'halo-opt[sandbox]'"


class Sandbox:
    """A session of cells with variables that last; `kind` says what confines it. Give it back with `close` or `with`.

    One cell at a time: calls from several threads wait for each other. A host function must not call `run`.
    """

    def __init__(self, box: Box, limits: Limits) -> None:
        self.kind: Kind = box.kind
        self._box: Box | None = box
        self._limits = limits
        self._one_at_a_time = Lock()

    @classmethod
    def start(cls, host: Host, limits: Limits | None = None) -> Self:
        """Start one whose cells may call the `host` functions by name with JSON arguments and results.

        Raises SandboxMissing where neither Linux nor Monty confines it, and InputError for a name that is no plain one.
        """
        for name in host:
            if not name.isidentifier() or name.startswith("_"):
                raise InputError(f"{name!r} cannot be the name of a host function; give a plain Python name")
        limits = limits or Limits()
        reasons = []
        for box in BOXES:
            try:
                return cls(box(host, limits), limits)
            except Unconfined as reason:
                reasons.append(str(reason))
        raise SandboxMissing(
            f"no sandbox confines a model's Python on this machine: {'; '.join(reasons)}; {_REMEDY}; "
            "until then the analyzer works without its python tool"
        )

    def run(self, code: str) -> CellResult:
        """Run one cell; what goes wrong in it is in the result.

        Raises InputError after `close`, and SandboxMissing when it had to end and this machine lets none start again.
        """
        # Half a surrogate pair is no text that a child could be sent.
        text = code.encode("utf-8", "replace")
        if len(text) > self._limits.code_bytes:
            error = f"the cell is longer than {self._limits.code_bytes:,} bytes and was not run; write a shorter one"
            return CellResult(stdout="", value=None, error=error, seconds=0, state_lost=False, host_calls=0)
        with self._one_at_a_time:
            if self._box is None:
                raise InputError("this sandbox is closed; start another")
            try:
                return self._box.run(text.decode())
            except Unconfined as reason:
                raise SandboxMissing(f"the sandbox ended and cannot start again: {reason}; {_REMEDY}") from None

    def explain(self) -> str:
        """What confines it here, in one paragraph for the report. Raises InputError after `close`."""
        if self._box is None:
            raise InputError("this sandbox is closed; start another")
        return self._box.explain()

    def close(self) -> None:
        """End it; safe to call twice."""
        with self._one_at_a_time:
            if self._box is not None:
                self._box.close()
                self._box = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
