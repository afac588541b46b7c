"""The tools that a connected client may call, over one open store. Mining runs when a call first needs its report."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.tools.all import NEED_HARNESS, READING
from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.core.report_records import Report
from halo_opt.core.validation import foreign_words
from halo_opt.mining.mine import mine_store
from halo_opt.store import Store


class ToolService:
    """The tools that read, over one open store, for one client. Calls run one after another, in the order of coming.

    `harness` is the folder of the harness, `answer_bytes` the longest answer, `working` says that something takes its
    time.
    """

    def __init__(
        self,
        store: Store,
        *,
        harness: Path | None,
        answer_bytes: int,
        working: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self.tools = {tool.name: tool for tool in READING if harness is not None or tool.name not in NEED_HARNESS}
        self._store = store
        self._working = working
        self._lock = threading.Lock()
        self._context = ToolContext(
            store,
            # Everything that a report is asked for is an attribute, and the first one has it made.
            cast("Report", _LazyReport(self._mined)),
            Hypotheses(),
            harness=harness,
            answer_bytes=answer_bytes,
        )

    def call(self, name: str, arguments: Mapping[str, Any]) -> str:
        """The answer of one of `tools`. Raises ToolRefused (or another HaloError) with what to do instead."""
        tool = self.tools[name]
        try:
            parameters = tool.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            problem = foreign_words(error, name) or f"{name} cannot be asked so: {_wrong(error)}"
            raise ToolRefused(f"{problem}; it takes {', '.join(tool.arguments.model_fields) or 'nothing'}") from error
        with self._lock:
            return tool.run(parameters, self._context)

    def _mined(self) -> Report:
        with self._working("mining the traces, once"):
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return mine_store(self._store, self._store.summary().files, title="traces", made_at=now)


class _LazyReport:
    """A report that is made when something of it is first asked for."""

    def __init__(self, make: Callable[[], Report]) -> None:
        self._make = make

    @cached_property
    def _report(self) -> Report:
        return self._make()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._report, name)


def _wrong(error: ValidationError) -> str:
    """Each argument that does not fit, and why, in one line."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or 'the arguments'}: {one['msg'][:1].lower()}{one['msg'][1:]}"
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    )
