"""The host's side of host functions: who may be called how often, and what is told when that fails.

Keeps the count that the sandbox cannot be trusted with. Never tells the sandbox more of a failure than its kind,
unless the host wrote the words for it (HaloError), and never lets one stop the analysis.
"""

import inspect
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from halo_opt.confinement.python.records import Limits
from halo_opt.core.errors import HaloError

Host = Mapping[str, Callable[..., Any]]


class Answer(NamedTuple):
    """One of the two: the result as JSON text, or the words of the refusal."""

    value: str | None
    error: str | None


class HostCalls:
    """The host functions as one cell may call them."""

    def __init__(self, host: Host, limits: Limits) -> None:
        self._host = host
        self._limits = limits
        self.count = 0
        self.seconds = 0.0

    def answer(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Answer:
        """Call one, unless its budget is spent; the time that it takes is added to `seconds`."""
        self.count += 1
        most = self._limits.host_calls
        if self.count > most:
            return Answer(None, f"this cell has made its {most} host calls; ask for more with each, or in another cell")
        if name not in self._host:
            return Answer(None, f"there is no host function {name[:50]!r}; there are {', '.join(sorted(self._host))}")
        started = time.monotonic()
        try:
            return self._called(name, args, kwargs)
        finally:
            self.seconds += time.monotonic() - started

    def _called(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Answer:
        function = self._host[name]
        signature = inspect.signature(function)
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            return Answer(None, f"{name}{signature} was called wrongly: {error}")
        try:
            value = json.dumps(function(*args, **kwargs), default=str)
        except HaloError as error:
            return Answer(None, str(error))
        except Exception as error:  # a model's arguments may break anything, and that is an answer to the model
            return Answer(None, f"{name}() failed on these arguments ({type(error).__name__}); call it another way")
        if len(value) > self._limits.message_bytes:
            return Answer(
                None,
                f"the answer of {name}() is {len(value):,} bytes long, more than {self._limits.message_bytes:,}; "
                "ask for fewer rows or columns",
            )
        return Answer(value, None)
