"""The file of proven actions: one JSON line an event, only ever appended to, by any number of processes. Knows no page.

A line that is torn, foreign or of another version is passed over: a cache may forget, and must never mislead.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.act.actions import ActionName
from harness.record.results import append_line

FILE = "actions.jsonl"
# Ways to act on one page for one goal template; more are a sign of values that the template does not see.
MOST_ENTRIES = 16


class Key(BaseModel):
    """Where an action belongs: site, goal template and page (its fingerprint with the goal's values marked)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: str
    template: str
    page: str


class Entry(BaseModel):
    """An action by role and name, never by a number of the page; words of the goal stand as `⟨number⟩`.

    `general` says that its words come from the goal, so that it fits other values of the goal at once.
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
        """What makes two entries the same."""
        return (self.action, self.role, self.label, self.text)


class Event(BaseModel):
    """proof: an attempt that did this succeeded; hit: it was used; fail: the attempt that used it failed; drop: it
    did nothing or broke. `binding` stands for the goal's values and the way to the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: Literal[1] = 1
    event: Literal["proof", "hit", "fail", "drop"]
    key: Key
    entry: Entry
    binding: str
    at: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))


class Known(BaseModel):
    """An entry with what is known of it."""

    entry: Entry
    bindings: set[str] = set()
    proofs: int = 0
    hits: int = 0
    failures: int = 0


class Book:
    """All events of a folder, folded. `at(key)` is what is known there, `write` appends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._read = 0
        self._known: dict[Key, dict[tuple[str, str, str, str | None], Known]] = {}

    def refresh(self) -> None:
        """Take in what was appended since, whoever did it. A last line that is still being written waits."""
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
        here = self._known.setdefault(event.key, {})
        known = here.get(event.entry.identity)
        if event.event == "drop":
            here.pop(event.entry.identity, None)
        elif event.event == "proof":
            if known is None:
                if len(here) >= MOST_ENTRIES:
                    here.pop(next(iter(here)))
                known = here[event.entry.identity] = Known(entry=event.entry)
            known.proofs += 1
            known.bindings.add(event.binding)
        elif known is not None and event.event == "hit":
            known.hits += 1
        elif known is not None:
            known.failures += 1
            if known.failures >= known.proofs:
                here.pop(event.entry.identity)

    def at(self, key: Key) -> list[Known]:
        """The entries for a key, oldest first."""
        return list(self._known.get(key, {}).values())

    def write(self, events: list[Event]) -> None:
        """Append events; they count from the next `refresh` on."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for event in events:
            append_line(self._path, event.model_dump())
