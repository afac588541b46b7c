"""The funnel that every model call of an analysis passes: it counts, times and logs calls, and stops them at a limit.

Retries are the provider's, not made here.
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
    InvalidReply,
    Message,
    ModelBusy,
    ModelError,
    ModelRefused,
    ModelUnreachable,
    PromptTooLong,
)
from halo_opt.llm.roles import Role, Roles

_FAULT_NAMES: tuple[tuple[type[ModelError], str], ...] = (
    (ModelUnreachable, "model unreachable"),
    (ModelBusy, "model busy"),
    (ModelRefused, "request refused"),
    (PromptTooLong, "prompt too long"),
    (InvalidReply, "schema mismatch"),
)


def fault_name(error: ModelError) -> str:
    """The name under which a failed call is counted."""
    return next((name for kind, name in _FAULT_NAMES if isinstance(error, kind)), "model error")


class AnalysisStopped(Exception):
    """The whole analysis stops: raised to every agent, whatever it is doing."""

    def __init__(self, ended: Ended, reason: str) -> None:
        super().__init__(reason)
        self.ended = ended
        self.reason = reason


class ModelCalls:
    """Makes the model calls of all agents of one analysis. Thread-safe.

    Attributes:
        faults, tools: how often each kind of fault happened and each tool was called.
        turns, calls, tokens_in, tokens_out, tokens_cached: totals.
        cost_usd: the total cost in dollars; None once a price is unknown.
        program_error: an error that is not a model's; the analysis must raise it.
        replay_miss: set where a recording holds no reply to a call.
    """

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
        self.program_error: BaseException | None = None
        self.replay_miss: CassetteMiss | None = None
        self._watch = watch
        self._clock = clock
        self._began = clock()
        self._time_limit = limits.seconds
        self._slots = threading.Semaphore(limits.parallel)
        self._lock = threading.Lock()
        self._stopped: tuple[Ended, str] | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the analysis began."""
        return self._clock() - self._began

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the time limit; None without one."""
        return None if self._time_limit is None else max(0.0, self._time_limit - self.seconds)

    def notify(self, event: Event) -> None:
        """Pass an event to whoever watches, one event at a time."""
        with self._lock:
            self._watch(event)

    def count(self, *, fault: str | None = None, tool: str | None = None, turn: bool = False) -> None:
        """Count a fault, a tool call or a turn."""
        with self._lock:
            if fault is not None:
                self.faults[fault] += 1
            if tool is not None:
                self.tools[tool] += 1
            self.turns += turn

    def stop(self, ended: Ended, reason: str) -> AnalysisStopped:
        """Let no further call begin, and return the exception to raise. The first reason is kept."""
        with self._lock:
            self._stopped = self._stopped or (ended, reason)
            return AnalysisStopped(*self._stopped)

    def interrupt(self) -> None:
        """Stop because the user asked for it; calls in flight finish."""
        self.stop(Ended.INTERRUPTED, "it was interrupted")
        words = "interrupted: waiting for the calls in flight, which are paid for; press Ctrl-C again to quit at once"
        self.notify(Event(agent="root", kind="stop", words=words))

    def raise_if_stopped(self) -> None:
        """Raise AnalysisStopped where the analysis was stopped or its time is over."""
        if self._stopped is None and self.seconds_left == 0:
            self.stop(Ended.TIME, f"the time limit of {self._time_limit:g} s was reached")
        if self._stopped is not None:
            raise AnalysisStopped(*self._stopped)

    def complete(
        self,
        role: Role,
        messages: Sequence[Message],
        *,
        parent: Span | None,
        schema: type[BaseModel] | None = None,
        now: str = "",
        final: bool = False,
    ) -> Completion:
        """Make one call.

        Args:
            role: whose model is called.
            messages: the prompt.
            parent: the span under which the call is logged.
            schema: the form of the reply; None for free text.
            now: the limits that are left, added to the last message and no part of the call's key.
            final: make the call although the analysis was stopped.

        Raises:
            AnalysisStopped: the analysis was stopped, or the budget does not hold this call.
            ModelError: the call failed.
        """
        if not final:
            self.raise_if_stopped()
        with self._slots:
            if not final:
                self.raise_if_stopped()
            if now:
                messages = [*messages[:-1], messages[-1].model_copy(update={"now": now})]
            with self.trace.span(f"chat {role}", "LLM", parent) as span:
                return self._call(role, messages, schema, span)

    def _call(self, role: Role, messages: Sequence[Message], schema: type[BaseModel] | None, span: Span) -> Completion:
        model = self.roles[role].model
        span.set_request(model.name, messages)
        try:
            completion = model.complete(messages, schema=schema)
        except CassetteMiss as miss:
            # The recorded analysis stopped here at a limit; otherwise its final call is not recorded either.
            self.replay_miss = self.replay_miss or miss
            raise AnalysisStopped(Ended.BUDGET, "the recorded analysis stopped here, at a limit") from None
        except BudgetSpent as error:
            raise self.stop(Ended.BUDGET, str(error)) from None
        except ModelError as error:
            self.count(fault=fault_name(error))
            if error.spent is not None:
                self._add(error.spent)
                span.set_response(error.spent)
            raise
        except BaseException as error:
            # The program's or the user's error: the analysis must not go on as if the model had answered.
            self.program_error = self.program_error or error
            raise self.stop(Ended.INTERRUPTED, str(error)) from error
        self._add(completion)
        span.set_response(completion)
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
