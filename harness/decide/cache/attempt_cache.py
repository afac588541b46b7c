"""The cache during one attempt: what it offers on a page, and what the attempt proves or refutes.

Events are written when the attempt has ended. A failed attempt proves nothing: an action that worked by itself on the
way to a wrong answer must not be reused.
"""

import hashlib
import json

from harness.act.actions import TAKES_TEXT, Action
from harness.decide.cache.store import ActionCache, CachedAction, CacheRecord, Event, Key
from harness.decide.cache.template import Template, concrete, is_marked, mask_values, template_of
from harness.observe.labels import find
from harness.observe.observation import Element, Observation
from harness.observe.volatile import page_fingerprint, site_of

# Actions that have a target. A key or a scroll depends on the moment, and an answer on what was read.
CACHED = frozenset({"click", "fill", "select"})


class AttemptCache:
    """Offers proven actions and records new ones, for one attempt.

    Args:
        cache: The cache of the folder.
        environment: The benchmark's name.
        goal: The attempt's goal.
        proofs: How many different bindings must have proven an action before it is reused for other goal values.
    """

    def __init__(self, cache: ActionCache, *, environment: str, goal: str, proofs: int) -> None:
        self._cache, self._environment, self._needed = cache, environment, proofs
        self._goal: Template = template_of(goal)
        self._visited: list[str] = []
        self._used: dict[tuple[Key, CachedAction], str] = {}
        self._done: dict[Key, tuple[CachedAction, str]] = {}
        self._ambiguous: set[Key] = set()
        self._dropped: list[Event] = []
        cache.refresh()

    def _key(self, page: Observation) -> Key:
        return Key(
            site=site_of(self._environment, page.address or page.url),
            template=self._goal.text,
            page=page_fingerprint(page, self._goal.values),
        )

    def _binding(self) -> str:
        """A hash of the goal's values and the pages visited so far."""
        whole = json.dumps([self._goal.values, self._visited])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    def _usable(self, record: CacheRecord, binding: str) -> bool:
        """Whether it was proven with this binding, or holds for any."""
        return binding in record.bindings or record.entry.general or len(record.bindings) >= self._needed

    def offer(self, page: Observation) -> tuple[Action, CachedAction] | None:
        """A proven action that can be done on this page and was not offered in this attempt before, or None."""
        key, binding = self._key(page), self._binding()
        candidates = sorted(self._cache.at(key), key=lambda r: (binding not in r.bindings, -r.proofs))
        for record in candidates:
            entry = record.entry
            if (key, entry) in self._used or not self._usable(record, binding):
                continue
            action = self._action(entry, page)
            if action is not None:
                return action, entry
        return None

    def _action(self, entry: CachedAction, page: Observation) -> Action | None:
        name, label = concrete(entry.name, self._goal.values), concrete(entry.label, self._goal.values)
        text = None if entry.text is None else concrete(entry.text, self._goal.values)
        if name is None or label is None or (text is None) != (entry.text is None):
            return None
        target = find(page, entry.role, name, label)
        if target is None or entry.action not in target.can:
            return None
        return Action(name=entry.action, ref=target.ref, label=target.label, text=text)

    def record(
        self,
        page: Observation,
        action: Action,
        after: Observation,
        *,
        changed: bool | None,
        over: bool,
        used: CachedAction | None,
    ) -> None:
        """Record a finished step.

        It counts as done where it led to another page or to the task's end. A page on which two different things were
        done, or one that had no effect, is ambiguous: its looks do not determine the next action, so nothing is kept
        of it.

        Args:
            page: The page that the step was decided on.
            action: The action.
            after: The page afterwards.
            changed: Whether the page changed; None when the action was not run.
            over: Whether the task has ended.
            used: The cached action that was offered, if it was one.
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
            self._ambiguous.add(key)
        if key.page not in self._visited:
            self._visited.append(key.page)

    def _entry(self, page: Observation, action: Action, target: Element | None) -> CachedAction | None:
        if action.name not in CACHED or target is None:
            return None
        values = self._goal.values
        text = action.text if action.name in TAKES_TEXT else None
        entry = CachedAction(
            action=action.name,
            role=target.role,
            name=mask_values(target.name, values, exact=False),
            label=mask_values(target.label, values, exact=False),
            text=None if text is None else mask_values(text, values, exact=True),
            general=False,
        )
        return entry.model_copy(update={"general": self._general(entry, target, page)})

    def _general(self, entry: CachedAction, target: Element, page: Observation) -> bool:
        """Whether everything about it comes from the goal, or the page offers no alternative.

        Goal values that are equal to each other could be put in the wrong way round next time.
        """
        values = [v.lower() for v in self._goal.values]
        if len(set(values)) != len(values):
            return False
        if entry.text is not None and not is_marked(entry.text):
            return False
        alike = [e for e in page.controls if entry.action in e.can and e.submits == target.submits]
        only = len(alike) == 1 and (entry.action != "click" or target.submits)
        distinct = is_marked(entry.label) or sum(e.name == target.name for e in page.controls) == 1
        return only or (distinct and (is_marked(entry.name) or _names(self._goal.text, target.name)))

    def close(self, success: bool | None) -> None:
        """Write the events of the ended attempt. Raises OSError, for example on a full disk.

        Args:
            success: Whether it succeeded; None for an attempt that was not a measurement.
        """
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
                if key not in self._ambiguous
            ]
        if events:
            self._cache.write(events)


def _names(template: str, name: str) -> bool:
    """Whether a goal template contains this name: whole words, in order."""
    plain = " ".join(name.lower().split())
    words = " ".join(word.strip(".,:;!?") for word in template.lower().split())
    return bool(plain) and f" {plain} " in f" {words} "
