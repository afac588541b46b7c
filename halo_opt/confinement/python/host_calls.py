"""Calls of host functions by a cell: counted and limited, with their results as JSON.

An error is passed on in its own words only where the host wrote them (HaloError); of others the cell learns the kind.
"""

import inspect
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from halo_opt.confinement.python.cell_result import Limits
from halo_opt.core.errors import HaloError

HostFunctions = Mapping[str, Callable[..., Any]]


class HostAnswer(NamedTuple):
    """The result of a call as JSON text, or else the error."""

    value: str | None
    error: str | None


class HostCalls:
    """The calls that one cell makes; `count` and `seconds` add up over them."""

    def __init__(self, host: HostFunctions, limits: Limits) -> None:
        self._host = host
        self._limits = limits
        self.count = 0
        self.seconds = 0.0

    def answer(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> HostAnswer:
        """Call a function, unless the cell has made all its calls; the time is added to `seconds`."""
        self.count += 1
        most = self._limits.host_calls
        if self.count > most:
            return HostAnswer(
                None, f"this cell has made its {most} host calls; ask for more with each, or in another cell"
            )
        if name not in self._host:
            return HostAnswer(
                None, f"there is no host function {name[:50]!r}; there are {', '.join(sorted(self._host))}"
            )
        started = time.monotonic()
        try:
            return self._called(name, args, kwargs)
        finally:
            self.seconds += time.monotonic() - started

    def _called(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> HostAnswer:
        function = self._host[name]
        signature = inspect.signature(function)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            return HostAnswer(None, f"{name}{signature} was called wrongly: {error}")
        try:
            value = json.dumps(function(*args, **kwargs), default=str)
        except HaloError as error:
            return HostAnswer(None, str(error))
        except Exception as error:  # a model's arguments may break anything, and that is an answer to the model
            return HostAnswer(None, f"{name}() failed on these arguments ({type(error).__name__}); call it another way")
        if len(value) > self._limits.message_bytes:
            return HostAnswer(
                None,
                f"the answer of {name}() is {len(value):,} bytes long, more than {self._limits.message_bytes:,}; "
                "ask for fewer rows or columns",
            )
        return HostAnswer(value, None)
