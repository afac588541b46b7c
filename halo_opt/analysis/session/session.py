"""The models of one analysis, open: journal, cassette, ledger and roles together. A call in the journal is not paid.

    analysis_started   what was asked for: must be the same at a second start
    models             the roles as they were opened: prompts depend on their lengths
    reply              a finished call, see llm/cassette.py
    spend              see llm/ledger.py
    session_started    a sitting begins
    session_ended      how long a sitting took, and what it had from the journal

A journal is a cassette too: `--replay` reads one, writes nothing, and opens no model.
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

# Of a setting that differs, in the error; hashes of many files tell nobody anything.
SHOWN = 500


@dataclass(frozen=True)
class Session:
    """What an engine needs of models. `recorded` calls were in `journal`, or the replayed file, before it began.

    `sitting` counts how often it was begun before; None in a replay. `faults` counts single tries that failed, by kind,
    also where a later try of the same call did not.
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
    def taken_over(self) -> int:
        """How many calls were answered from the recording so far, and not paid."""
        return self.recorded - self.cassette.unplayed

    @property
    def spent(self) -> Spend:
        """What all sittings used, without what is set aside for calls that are under way."""
        return self.ledger.spent


def set_aside(journal: Path) -> Path | None:
    """Move an earlier journal out of the way and say where it is now; None where there is none. Nothing is deleted."""
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
    """A session over paid models whose every call is journalled. Run again it goes on where it was.

    `subject` is what is asked about (hashes of inputs, the question) as JSON data; `remedy` ends the error that is
    raised when the journal was begun for something else.
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
            settings=_settings(options),
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
def replayed_session(path: Path, *, subject: Mapping[str, Any]) -> Iterator[Session]:
    """A session that answers from a recording alone, without key, network or spending. It writes nothing.

    Raises InputError where the file is no recording or was made of other inputs.
    """
    recording = Recording.read(path)
    if different := [name for name, value in subject.items() if recording.began.get(name) != value]:
        raise InputError(
            f"{path} was recorded with other {' and '.join(different)}; name the inputs that it was made with, or "
            "record anew"
        )
    cassette = Cassette(recording.replies)
    roles = replayed_roles(recording.roles, cassette)
    yield Session(roles, Ledger(Budget()), cassette, Budget(), path, len(recording.replies), None, Counter())


Note = Callable[[str, dict[str, Any]], None]


def _writer(journal: Journal) -> Note:
    """A way to append from any thread: cassette and ledger each hold a lock of their own, and not the same one."""
    lock = threading.Lock()

    def note(kind: str, data: dict[str, Any]) -> None:
        with lock:
            journal.append(kind, **data)

    return note


def _begin(journal: Journal, note: Note, kind: str, now: dict[str, Any], remedy: str) -> None:
    """Write down how it is begun, or hold it against how it was begun. Raises InputError where that differs."""
    now = json.loads(json.dumps(now))
    before = first(journal.events, kind)
    if before is None:
        note(kind, now)
        return
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            both = f" ({json.dumps(before.get(name))}, now {json.dumps(now.get(name))})"
            raise InputError(f"{journal.path} was begun with other {name}{both if len(both) < SHOWN else ''}; {remedy}")


def _settings(options: AnalysisOptions) -> "RoleSettings":
    from halo_opt.llm.open_roles import CALL_SECONDS, RoleSettings
    from halo_opt.llm.providers import CallSettings

    return RoleSettings(
        # A server that hangs must not hold up an analysis for longer than all of it may take.
        call=CallSettings(timeout_s=min(CALL_SECONDS, options.limits.seconds or CALL_SECONDS)),
        parallel=options.limits.parallel,
        context_tokens=dict.fromkeys(ROLES, options.context_tokens) if options.context_tokens else {},
        prices=read_prices(options.prices) if options.prices else {},
    )
