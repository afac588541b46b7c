"""The cache during one attempt: what it offers on a page, and what the attempt proved or refuted. Pure but for `close`.

Nothing is written before the attempt has ended, and nothing of a failed one but that its hits failed: an action that
worked by itself on the way to a wrong answer must not come back.
"""

import hashlib
import json

from harness.act.actions import TAKES_TEXT, Action
from harness.decide.cache.store import Book, Entry, Event, Key, Known
from harness.decide.cache.template import Template, abstract, concrete, is_marked, template_of
from harness.observe.labels import find
from harness.observe.observation import Element, Observation
from harness.observe.volatile import page_fingerprint, site_of

# Actions that lead somewhere by what they aim at. A key or a scroll means nothing without the moment it was made in,
# and an answer must be thought of anew.
CACHED = frozenset({"click", "fill", "select"})


class AttemptMemory:
    """Offers proven actions and notes new ones, for one attempt."""

    def __init__(self, book: Book, *, environment: str, goal: str, proofs: int) -> None:
        self._book, self._environment, self._needed = book, environment, proofs
        self._goal: Template = template_of(goal)
        self._way: list[str] = []
        self._used: dict[tuple[Key, Entry], str] = {}
        self._done: dict[Key, tuple[Entry, str]] = {}
        self._unclear: set[Key] = set()
        self._dropped: list[Event] = []
        book.refresh()

    def _key(self, page: Observation) -> Key:
        return Key(
            site=site_of(self._environment, page.address or page.url),
            template=self._goal.words,
            page=page_fingerprint(page, self._goal.values),
        )

    def _binding(self) -> str:
        whole = json.dumps([self._goal.values, self._way])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    def _usable(self, known: Known, binding: str) -> bool:
        """Whether it was proven for this goal by this way, or for enough different ones to hold for any."""
        return binding in known.bindings or known.entry.general or len(known.bindings) >= self._needed

    def offer(self, page: Observation) -> tuple[Action, Entry] | None:
        """A proven action that can be done here and was not offered in this attempt before."""
        key, binding = self._key(page), self._binding()
        candidates = sorted(self._book.at(key), key=lambda k: (binding not in k.bindings, -k.proofs))
        for known in candidates:
            entry = known.entry
            if (key, entry) in self._used or not self._usable(known, binding):
                continue
            action = self._action(entry, page)
            if action is not None:
                return action, entry
        return None

    def _action(self, entry: Entry, page: Observation) -> Action | None:
        name, label = concrete(entry.name, self._goal.values), concrete(entry.label, self._goal.values)
        text = None if entry.text is None else concrete(entry.text, self._goal.values)
        if name is None or label is None or (text is None) != (entry.text is None):
            return None
        target = find(page, entry.role, name, label)
        if target is None or entry.action not in target.can:
            return None
        return Action(name=entry.action, ref=target.ref, words=target.label, text=text)

    def note(
        self,
        page: Observation,
        action: Action,
        after: Observation,
        *,
        changed: bool | None,
        over: bool,
        used: Entry | None,
    ) -> None:
        """A step was decided on `page`, by the offered entry `used` or by others; `changed` is None if it never ran.

        It proves something where it led to another page or to the end of the task. Where two different things were
        done on a page, or one that showed nothing, its looks do not tell the next action: nothing is kept of it.
        """
        key, binding = self._key(page), self._binding()
        moved = changed is True and (over or self._key(after) != key)
        if used is not None:
            self._used[key, used] = binding
            if not moved:
                self._dropped.append(Event(event="drop", key=key, entry=used, binding=binding))
        target = page.by_ref(action.ref) if action.ref is not None else None
        entry = self._entry(page, action, target)
        before = self._done.get(key)
        if moved and entry is not None and (before is None or before[0].identity == entry.identity):
            self._done[key] = (entry, binding)
        elif changed is not None:
            self._unclear.add(key)
        if key.page not in self._way:
            self._way.append(key.page)

    def _entry(self, page: Observation, action: Action, target: Element | None) -> Entry | None:
        if action.name not in CACHED or target is None:
            return None
        values = self._goal.values
        text = action.text if action.name in TAKES_TEXT else None
        entry = Entry(
            action=action.name,
            role=target.role,
            name=abstract(target.name, values, exact=False),
            label=abstract(target.label, values, exact=False),
            text=None if text is None else abstract(text, values, exact=True),
            general=False,
        )
        return entry.model_copy(update={"general": self._general(entry, target, page)})

    def _general(self, entry: Entry, target: Element, page: Observation) -> bool:
        """Whether everything about it comes from the goal or is without alternative on the page.

        Values that are not told apart could be put in the wrong way round next time.
        """
        values = [v.lower() for v in self._goal.values]
        if len(set(values)) != len(values):
            return False
        if entry.text is not None and not is_marked(entry.text):
            return False
        alike = [e for e in page.controls if entry.action in e.can and e.submits == target.submits]
        only = len(alike) == 1 and (entry.action != "click" or target.submits)
        told_apart = is_marked(entry.label) or sum(e.name == target.name for e in page.controls) == 1
        return only or (told_apart and (is_marked(entry.name) or _said(target.name, self._goal.words)))

    def close(self, success: bool | None) -> None:
        """The attempt has ended; `success` is None where it was no measurement. Raises OSError on a full disk."""
        events = list(self._dropped)
        dropped = {(e.key, e.entry) for e in events}
        used = [(key, entry, binding) for (key, entry), binding in self._used.items() if (key, entry) not in dropped]
        events += [Event(event="hit", key=key, entry=entry, binding=binding) for key, entry, binding in used]
        if success is False:
            events += [Event(event="fail", key=key, entry=entry, binding=binding) for key, entry, binding in used]
        if success:
            events += [
                Event(event="proof", key=key, entry=entry, binding=binding)
                for key, (entry, binding) in self._done.items()
                if key not in self._unclear
            ]
        if events:
            self._book.write(events)


def _said(name: str, words: str) -> bool:
    """Whether the template of a goal says this name: whole words, in order."""
    plain = " ".join(name.lower().split())
    return bool(plain) and f" {plain} " in f" {' '.join(w.strip('.,:;!?') for w in words.lower().split())} "
