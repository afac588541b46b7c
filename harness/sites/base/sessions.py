"""One state per browser session, so that attempts at the same time never see each other. Never written to disk."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from harness.sites.base.changes import Tree

# Each attempt makes a few; without a bound, a server that is left running for weeks would fill the memory.
MOST_SESSIONS = 256
# Forms that were sent are remembered so that a second press changes nothing; nobody presses an old one again.
MOST_FORMS = 1000


@dataclass
class Session:
    """What one browser has done: the state it began with, the state now, and what the next page must say."""

    initial: Tree
    state: Tree
    notice: str = ""
    alert: str = ""
    # Where the visitor came from; a convenience of the pages, not graded.
    memo: dict[str, str] = field(default_factory=dict)
    _sent: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def told(self) -> tuple[str, str]:
        """The notice and the alert, once."""
        said = (self.notice, self.alert)
        self.notice = self.alert = ""
        return said

    def first_time(self, form: str) -> bool:
        """Whether this form is sent for the first time. A form without an id always is."""
        if not form:
            return True
        if form in self._sent:
            return False
        self._sent[form] = None
        if len(self._sent) > MOST_FORMS:
            self._sent.popitem(last=False)
        return True


class Sessions:
    """Sessions by their secret id; the one that was idle longest is dropped when there are too many."""

    def __init__(self, seed: Callable[[], Tree], *, most: int = MOST_SESSIONS) -> None:
        self._seed = seed
        self._most = most
        self._by_id: OrderedDict[str, Session] = OrderedDict()

    def start(self) -> tuple[str, Session]:
        """A new session in the initial state, and its id."""
        initial = self._seed()
        session = Session(initial=initial, state=deepcopy(initial))
        key = secrets.token_urlsafe(16)
        self._by_id[key] = session
        if len(self._by_id) > self._most:
            self._by_id.popitem(last=False)
        return key, session

    def find(self, key: str | None) -> Session | None:
        """The session with this id, if there is one."""
        session = self._by_id.get(key or "")
        if session is not None and key is not None:
            self._by_id.move_to_end(key)
        return session
