"""The one way to a model: every call of an analysis passes here, and none after the analysis was told to stop.

It counts and times, it never retries (the provider does) and never changes a message but for `Message.now`.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from halo_opt.analysis.engine.spans import Span, Trace
from halo_opt.analysis.records import AnalysisLimits, Ended, Event
from halo_opt.core.errors import BudgetSpent
from halo_opt.llm.cassette import CassetteMiss
from halo_opt.llm.ledger import Ledger
from halo_opt.llm.model import (
    Completion,
    Message,
    ModelBusy,
    ModelError,
    ModelMisfit,
    ModelRefused,
    ModelUnreachable,
    PromptTooLong,
)
from halo_opt.llm.roles import Role, Roles

_KINDS: tuple[tuple[type[ModelError], str], ...] = (
    (ModelUnreachable, "unreachable"),
    (ModelBusy, "busy"),
    (ModelRefused, "refused"),
    (PromptTooLong, "too long"),
    (ModelMisfit, "misfit"),
)


def kind_of(error: ModelError) -> str:
    """The word under which a failed call is counted."""
    return next((word for kind, word in _KINDS if isinstance(error, kind)), "model error")


class Stopped(Exception):
    """The whole analysis stops; not an error of the tool or model that meets it."""

    def __init__(self, ended: Ended, words: str) -> None:
        super().__init__(words)
        self.ended = ended
        self.words = words


class Gate:
    """Shared by all agents of one analysis. Thread-safe."""

    def __init__(
        self,
        roles: Roles,
        limits: AnalysisLimits,
        *,
        ledger: Ledger,
        watch: Callable[[Event], None],
        trace: Trace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.roles = roles
        self.ledger = ledger
        self.trace = trace
        self.faults: Counter[str] = Counter()
        self.tools: Counter[str] = Counter()
        self.turns = 0
        self.calls = 0
        self.tokens_in = self.tokens_out = self.tokens_cached = 0
        self.cost_usd: float | None = 0.0
        self.fatal: BaseException | None = None
        self.missed: CassetteMiss | None = None
        self._watch = watch
        self._clock = clock
        self._began = clock()
        self._seconds = limits.seconds
        self._slots = threading.Semaphore(limits.parallel)
        self._lock = threading.Lock()
        self._stopped: tuple[Ended, str] | None = None

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self._clock() - self._began

    @property
    def seconds_left(self) -> float | None:
        """Until the time limit; None without one."""
        return None if self._seconds is None else max(0.0, self._seconds - self.seconds)

    def tell(self, event: Event) -> None:
        """Tell those who watch, one event at a time."""
        with self._lock:
            self._watch(event)

    def count(self, *, fault: str | None = None, tool: str | None = None, turn: bool = False, times: int = 1) -> None:
        """Count something that happened."""
        with self._lock:
            if fault is not None:
                self.faults[fault] += times
            if tool is not None:
                self.tools[tool] += times
            self.turns += turn

    def stop(self, ended: Ended, words: str) -> Stopped:
        """Let no further call begin. The first reason stays."""
        with self._lock:
            self._stopped = self._stopped or (ended, words)
            return Stopped(*self._stopped)

    def interrupt(self) -> None:
        """The user wants it to end: calls in flight finish, none begins."""
        self.stop(Ended.INTERRUPTED, "it was interrupted")
        words = "interrupted: calls in flight are waited for, as they are paid; Ctrl-C again ends at once"
        self.tell(Event(agent="root", kind="stop", words=words))

    def check(self) -> None:
        """Raise Stopped where the analysis is to stop."""
        if self._stopped is None and self.seconds_left == 0:
            self.stop(Ended.TIME, f"the time limit of {self._seconds:g} s was reached")
        if self._stopped is not None:
            raise Stopped(*self._stopped)

    def complete(
        self,
        role: Role,
        messages: Sequence[Message],
        *,
        parent: Span | None,
        schema: type[BaseModel] | None = None,
        now: str = "",
        last: bool = False,
    ) -> Completion:
        """One call. `now` goes to the last message; a `last` call is made although the analysis stops.

        Raises Stopped (also where the budget does not hold it) and ModelError.
        """
        if not last:
            self.check()
        with self._slots:
            if not last:
                self.check()
            if now:
                messages = [*messages[:-1], messages[-1].model_copy(update={"now": now})]
            with self.trace.span(f"chat {role}", "LLM", parent) as span:
                return self._call(role, messages, schema, span)

    def _call(self, role: Role, messages: Sequence[Message], schema: type[BaseModel] | None, span: Span) -> Completion:
        model = self.roles[role].model
        span.asked(model.name, messages)
        try:
            completion = model.complete(messages, schema=schema)
        except CassetteMiss as miss:
            # Where the recorded analysis stopped at a limit; if that was not so, its last call is not recorded either.
            self.missed = self.missed or miss
            raise Stopped(Ended.BUDGET, "the recorded analysis stopped here, at a limit") from None
        except BudgetSpent as error:
            raise self.stop(Ended.BUDGET, str(error)) from None
        except ModelError as error:
            self.count(fault=kind_of(error))
            if error.spent is not None:
                self._add(error.spent)
                span.answered(error.spent)
            raise
        except BaseException as error:
            # No fault of a call but of the program or its user: nothing may go on as if it had been an answer.
            self.fatal = self.fatal or error
            raise self.stop(Ended.INTERRUPTED, str(error)) from error
        self._add(completion)
        span.answered(completion)
        return completion

    def _add(self, completion: Completion) -> None:
        with self._lock:
            self.calls += 1
            self.tokens_in += completion.tokens_in or 0
            self.tokens_out += completion.tokens_out or 0
            self.tokens_cached += completion.tokens_cached or 0
            if completion.cost_usd is None or self.cost_usd is None:
                self.cost_usd = None
            else:
                self.cost_usd += completion.cost_usd
