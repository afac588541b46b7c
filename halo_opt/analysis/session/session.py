"""Opens the models of one analysis, with its journal, cassette and ledger. The events of the journal are:

    analysis_started   the inputs and options; they must be the same when the journal is continued
    models             the roles as they were opened, with their context sizes, on which prompts depend
    reply              a finished call, see llm/cassette.py; it is not paid again
    spend              see llm/ledger.py
    session_started    the analysis was started or continued
    session_ended      its seconds, and the number of calls that the journal answered

`--replay` uses a journal as a cassette: it opens no model and writes nothing.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from halo_opt import __version__
from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.analysis.session.session_journal import BEGAN, ENDED, MODELS, REPLY, SPEND, STARTED, Recording, first
from halo_opt.core.errors import InputError
from halo_opt.core.journal import Journal
from halo_opt.core.paths import CACHE, CachePaths
from halo_opt.llm.cassette import Cassette, replayed_roles
from halo_opt.llm.ledger import Budget, Ledger, Spend
from halo_opt.llm.price_list import read_prices
from halo_opt.llm.roles import ROLES, Roles

if TYPE_CHECKING:
    from halo_opt.llm.open_roles import RoleSettings

# The most characters of a differing setting that an error shows; longer ones are lists of hashes.
SHOWN = 500


@dataclass(frozen=True)
class Session:
    """The open models of an analysis.

    Args:
        roles: The model of each role.
        ledger: Counts what is spent.
        cassette: Answers calls that are recorded.
        budget: The limits of what is spent.
        journal: The file of the journal, or of the recording that is replayed.
        recorded: The number of calls that the journal held at the start.
        sitting: How many times the analysis was started before; None in a replay.
        faults: The number of failed requests by kind, including those that succeeded when they were repeated.
    """

    roles: Roles
    ledger: Ledger
    cassette: Cassette
    budget: Budget
    journal: Path
    recorded: int
    sitting: int | None
    faults: Counter[str]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about the models, such as a context size that is only assumed."""
        return self.roles.warnings

    @property
    def taken_over(self) -> int:
        """The number of calls that were answered from the recording so far and not paid."""
        return self.recorded - self.cassette.unplayed

    @property
    def spent(self) -> Spend:
        """What the analysis has spent since its first start, without reservations of unfinished calls."""
        return self.ledger.spent


def set_aside(journal: Path) -> Path | None:
    """Rename an earlier journal and return its new path; None where there is none."""
    if not journal.exists():
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    return journal.rename(journal.with_name(f"{journal.stem}.{stamp}{journal.suffix}"))


@contextmanager
def open_session(
    options: AnalysisOptions,
    budget: Budget,
    *,
    journal: Path,
    subject: Mapping[str, Any],
    remedy: str,
) -> Iterator[Session]:
    """Open the models of an analysis and record every call in its journal; an existing journal is continued.

    Args:
        options: The models and their settings.
        budget: The limits of what is spent.
        journal: The file of the journal.
        subject: The inputs (hashes of the traces, the question) as JSON data.
        remedy: The end of the error for a journal that was begun with other inputs or options.

    Raises:
        InputError: The journal was begun with other inputs or options.
    """
    # The providers' clients take seconds to import, and mining alone never calls a model.
    from halo_opt.llm.open_roles import open_roles

    began = monotonic()
    with Journal(journal) as events:
        note = _writer(events)
        _begin(events, note, BEGAN, {**subject, **options.fixed()}, remedy)
        past = [event.data for event in events.events if event.kind == REPLY]
        cassette = Cassette(past, on_entry=lambda entry: note(REPLY, entry.model_dump(mode="json")))
        ledger = Ledger(
            budget,
            past=[event.data for event in events.events if event.kind == SPEND],
            on_event=lambda event: note(SPEND, event.model_dump(mode="json")),
        )
        cache = CachePaths(CACHE).models
        faults: Counter[str] = Counter()
        lock = threading.Lock()

        def count_fault(kind: str) -> None:
            with lock:
                faults[kind] += 1

        with open_roles(
            options.models,
            cache_dir=cache,
            ledger=ledger,
            cassette=cassette,
            settings=_settings(options, first(events.events, MODELS)),
            on_fault=count_fault,
        ) as roles:
            kept = {role: record.model_dump() for role, record in roles.records().items()}
            _begin(events, note, MODELS, {"roles": kept}, remedy)
            sitting = sum(event.kind == STARTED for event in events.events)
            note(STARTED, {"version": __version__})
            session = Session(roles, ledger, cassette, budget, journal, len(past), sitting, faults)
            try:
                yield session
            finally:
                note(ENDED, {"seconds": monotonic() - began, "taken_over": session.taken_over})


@contextmanager
def replayed_session(path: Path, *, subject: Mapping[str, Any], in_order: bool = False) -> Iterator[Session]:
    """Open a session that answers from a recording, without key, network or spending. Nothing is written.

    With `in_order` the replies are given in their order, also to prompts that are not as they were.

    Raises InputError where the file is no recording, or one of other inputs.
    """
    recording = Recording.read(path)
    if different := [name for name, value in subject.items() if recording.began.get(name) != value]:
        raise InputError(
            f"{path} was recorded with other {' and '.join(different)}; name the inputs that it was made with, or "
            "record anew"
        )
    cassette = Cassette(recording.replies, in_order=in_order)
    roles = replayed_roles(recording.roles, cassette)
    yield Session(roles, Ledger(Budget()), cassette, Budget(), path, len(recording.replies), None, Counter())


Note = Callable[[str, dict[str, Any]], None]


def _writer(journal: Journal) -> Note:
    """A function that appends to the journal from any thread; cassette and ledger call it under different locks."""
    lock = threading.Lock()

    def note(kind: str, data: dict[str, Any]) -> None:
        with lock:
            journal.append(kind, **data)

    return note


def _begin(journal: Journal, note: Note, kind: str, now: dict[str, Any], remedy: str) -> None:
    """Record the first event of a kind; InputError where the journal already has one with other data."""
    now = json.loads(json.dumps(now))
    before = first(journal.events, kind)
    if before is None:
        note(kind, now)
        return
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            both = f" ({json.dumps(before.get(name))}, now {json.dumps(now.get(name))})"
            raise InputError(f"{journal.path} was begun with other {name}{both if len(both) < SHOWN else ''}; {remedy}")


def _settings(options: AnalysisOptions, before: dict[str, Any] | None) -> "RoleSettings":
    """How models are opened. An analysis that is continued keeps the context sizes that it had: prompts depend on them.

    Args:
        options: The options of the analysis.
        before: The roles that its journal has; None at the beginning.
    """
    from halo_opt.llm.open_roles import RoleSettings
    from halo_opt.llm.request import CALL_SECONDS, CallSettings

    sizes = dict(options.context_tokens)
    if before is not None:
        sizes = {role: before["roles"][role]["context_tokens"] for role in ROLES}
    return RoleSettings(
        # A call may not take longer than the whole analysis.
        call=CallSettings(timeout_s=min(CALL_SECONDS, options.limits.seconds or CALL_SECONDS)),
        parallel=options.limits.parallel,
        context_tokens=sizes,
        prices=read_prices(options.prices) if options.prices else {},
    )
