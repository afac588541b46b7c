"""The file of proven actions: one JSON line for each event, appended by any number of processes.

A line that is torn or of another version is skipped: a cache may forget.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from halo_common.files import append_json_line
from harness.act.actions import ActionName

FILE = "actions.jsonl"
# Actions kept for one page and goal template. More are a sign of goal values that the template does not recognize.
MOST_ENTRIES = 16


class Key(BaseModel):
    """Where an action belongs: site, goal template, and the page's fingerprint with the goal's values masked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    template: str
    page: str


class CachedAction(BaseModel):
    """An action by its target's role and name. Values of the goal are written as `⟨number⟩`.

    `general` says that all its words come from the goal, so that it fits other values of the goal at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: ActionName
    role: str
    name: str
    label: str
    text: str | None
    general: bool

    @property
    def identity(self) -> tuple[str, str, str, str | None]:
        """What makes two cached actions the same."""
        return (self.action, self.role, self.label, self.text)


class Event(BaseModel):
    """One line of the file.

    `proof`: an attempt that did this succeeded. `hit`: it was reused. `fail`: the attempt that reused it failed.
    `drop`: reusing it had no effect or broke. `binding` is a hash of the goal's values and of the pages before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    event: Literal["proof", "hit", "fail", "drop"]
    key: Key
    entry: CachedAction
    binding: str
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))


class CacheRecord(BaseModel):
    """A cached action with the counts of its events, and the bindings that proved it."""

    entry: CachedAction
    bindings: set[str] = set()
    proofs: int = 0
    hits: int = 0
    failures: int = 0


class ActionCache:
    """The folded events of a folder: `at(key)` looks up, `write` appends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._read = 0
        self._records: dict[Key, dict[tuple[str, str, str, str | None], CacheRecord]] = {}

    def refresh(self) -> None:
        """Read what was appended since the last call, by any process. An unfinished last line is read next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                self._fold(Event.model_validate(json.loads(line)))
            except (ValueError, ValidationError):
                continue

    def _fold(self, event: Event) -> None:
        here = self._records.setdefault(event.key, {})
        record = here.get(event.entry.identity)
        if event.event == "drop":
            here.pop(event.entry.identity, None)
        elif event.event == "proof":
            if record is None:
                if len(here) >= MOST_ENTRIES:
                    here.pop(next(iter(here)))
                record = here[event.entry.identity] = CacheRecord(entry=event.entry)
            record.proofs += 1
            record.bindings.add(event.binding)
        elif record is not None and event.event == "hit":
            record.hits += 1
        elif record is not None:
            record.failures += 1
            if record.failures >= record.proofs:
                here.pop(event.entry.identity)

    def at(self, key: Key) -> list[CacheRecord]:
        """The records of a key, oldest first."""
        return list(self._records.get(key, {}).values())

    def write(self, events: list[Event]) -> None:
        """Append events; the next `refresh` reads them."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for event in events:
            append_json_line(self._path, event.model_dump())
