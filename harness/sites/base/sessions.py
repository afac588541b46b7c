"""One state per browser session, in memory, so that attempts that run at the same time are separate."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from harness.sites.base.changes import Tree

# Each attempt makes a few; without a bound, a server that is left running for weeks would fill the memory.
MOST_SESSIONS = 256
# Ids of submitted forms are remembered, so that a second click changes nothing.
MOST_FORMS = 1000


@dataclass
class Session:
    """One browser's session: its initial and its current state, and the messages for the next page."""

    initial: Tree
    state: Tree
    notice: str = ""
    alert: str = ""
    # Where the visitor came from. Graders do not see it.
    memo: dict[str, str] = field(default_factory=dict)
    _sent: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def take_messages(self) -> tuple[str, str]:
        """(notice, alert) for the next page; the session then holds none."""
        messages = (self.notice, self.alert)
        self.notice = self.alert = ""
        return messages

    def first_time(self, form: str) -> bool:
        """Whether this form is submitted for the first time. A form without an id always is."""
        if not form:
            return True
        if form in self._sent:
            return False
        self._sent[form] = None
        if len(self._sent) > MOST_FORMS:
            self._sent.popitem(last=False)
        return True


class Sessions:
    """Sessions by their secret id. When there are too many, the one that was idle longest is dropped."""

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
