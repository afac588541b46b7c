"""What model calls have cost, read from the journals of analyses and loops.

The events used are "spend" (a call's use), "models" (the model of each purpose), "attempt_finished" (an attempt's use,
and its cost where the harness reports one) and "session_ended" (how many calls the journal answered without cost).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from halo_opt.core.errors import ConfigError, EnvironmentMissing, InputError
from halo_opt.core.journal import Event, read_events
from halo_opt.core.paths import ANALYSIS_JOURNAL, LOOP_JOURNAL
from halo_opt.core.records import AttemptResult, Record
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import SpendEvent
from halo_opt.llm.open_endpoint import resolve
from halo_opt.llm.prices import attempt_cost
from halo_opt.llm.spec import RemoteModel, parse_spec

ATTEMPTS = "attempts"
# The last pattern matches journals that --fresh renamed, and those of questions, which are named by a hash.
_NAMES = (LOOP_JOURNAL, ANALYSIS_JOURNAL, "analysis.*.jsonl")
REPLAYED = "from the journal"


class SpendRow(Record):
    """What one model used for one purpose, summed over the calls of one journal.

    Args:
        journal: The path of the journal.
        purpose: What the model was used for: a role, or "attempts".
        model: The model's spec; None where the journal does not name it.
        cost_usd: The cost of the calls with a known price; None when no call has one.
        unpriced: The number of calls without a known price.
        open_calls: Calls without a recorded end. They count with the amounts reserved for them: they may be billed.
        replayed: Calls that were answered from the journal and cost nothing.
    """

    journal: str
    purpose: str
    model: str | None
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost_usd: float | None = None
    unpriced: int = 0
    open_calls: int = 0
    replayed: int = 0

    def plus(self, amount: dict[str, Any], *, open_: bool = False) -> "SpendRow":
        """This row with one more call added."""
        cost = amount.get("cost_usd")
        return self.model_copy(
            update={
                "calls": self.calls + 1,
                "tokens_in": self.tokens_in + (amount.get("tokens_in") or 0),
                "tokens_out": self.tokens_out + (amount.get("tokens_out") or 0),
                "cost_usd": self.cost_usd if cost is None else (self.cost_usd or 0.0) + cost,
                "unpriced": self.unpriced + (cost is None),
                "open_calls": self.open_calls + open_,
            }
        )


def spend_rows(path: Path) -> list[SpendRow]:
    """The rows of one journal, the most expensive first. Raises InputError where the journal is damaged."""
    events = read_events(path)
    models = _models(events)
    server = _served(models.get(ATTEMPTS))
    rows: dict[str, SpendRow] = {}

    def row(purpose: str, model: str | None) -> SpendRow:
        return rows.get(purpose) or SpendRow(journal=str(path), purpose=purpose, model=model)

    for last in _last_of_calls(events):
        found = row(last.purpose, models.get(last.purpose))
        rows[last.purpose] = found.plus(last.amount.model_dump(), open_=last.step == "reserved")
    for event in events:
        if event.kind == "attempt_finished":
            cost = attempt_cost(AttemptResult.model_validate(event.data), server)
            rows[ATTEMPTS] = row(ATTEMPTS, models.get(ATTEMPTS)).plus({**event.data, "cost_usd": cost})
        elif event.kind == "reply" and (cached := (event.data.get("completion") or {}).get("tokens_cached")):
            found = row(event.data["role"], models.get(event.data["role"]))
            rows[found.purpose] = found.model_copy(update={"tokens_cached": found.tokens_cached + cached})
        elif event.kind == "session_ended":
            found = row(REPLAYED, None)
            found = found.model_copy(update={"replayed": found.replayed + event.data.get("taken_over", 0)})
            rows |= {REPLAYED: found} if found.replayed else {}
    return sorted(rows.values(), key=lambda one: (-(one.cost_usd or 0.0), -one.tokens_in, one.purpose))


def _last_of_calls(events: Iterable[Event]) -> Iterator[SpendEvent]:
    """The last spend event of each call whose reservation was not released."""
    calls: dict[int, SpendEvent] = {}
    for event in events:
        if event.kind == "spend":
            entry = SpendEvent.model_validate(event.data)
            calls[entry.call] = entry
    return (entry for entry in calls.values() if entry.step != "released")


def _served(model: str | None) -> Endpoint | None:
    """The endpoint of a loop's model, for its price; None where the harness brings its own model or none is named."""
    try:
        spec = parse_spec(model or "")
        if isinstance(spec, RemoteModel):
            return resolve(spec, needs_key=False)
    except (ConfigError, EnvironmentMissing):
        return None
    return Endpoint(base_url="", api_key="", model=str(spec), free=True)


def _models(events: Iterable[Event]) -> dict[str, str]:
    """The model of each purpose, from the events that open an analysis or start a loop."""
    found: dict[str, str] = {}
    for event in events:
        if event.kind == "models":
            found |= {purpose: role["model"] for purpose, role in event.data["roles"].items()}
        elif event.kind == "phase_finished" and event.data["key"] == "loop_started":
            model = event.data["value"]["asked"]["model"]
            found |= {ATTEMPTS: model, "propose": model}
    return found


def total(rows: Sequence[SpendRow]) -> SpendRow:
    """The sum of all rows."""
    known = [row.cost_usd for row in rows if row.cost_usd is not None]
    counts = ("calls", "tokens_in", "tokens_out", "tokens_cached", "unpriced", "open_calls", "replayed")
    sums: dict[str, Any] = dict.fromkeys(counts, 0)
    for row in rows:
        for name in counts:
            sums[name] += getattr(row, name)
    return SpendRow(journal="", purpose="total", model=None, cost_usd=sum(known) if known else None, **sums)


def journals_in(place: Path, *, needed: bool = True) -> list[Path]:
    """The journals in a folder and all folders below it; or the file itself where `place` is a file.

    Raises InputError where there is none and one is `needed`.
    """
    if place.is_file():
        return [place]
    found = {path for name in _NAMES for path in place.rglob(name)}
    if needed and not found:
        raise InputError(
            f"{place} holds no journal ({ANALYSIS_JOURNAL} of an analysis, {LOOP_JOURNAL} of a loop); name the folder "
            "of a report, of a loop, or one that holds such folders"
        )
    return sorted(found)
