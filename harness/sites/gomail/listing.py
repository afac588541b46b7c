"""The list of mails that the visitor sees: which list, which page of it, and what is ticked.

An address that a form sends back is parsed and built again, so that a page holds no text from outside.
"""

from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlencode, urlsplit

from harness.sites.base.changes import Tree
from harness.sites.gomail.clock import Clock
from harness.sites.gomail.mailbox import FOLDERS, Mail, Test, labels, matching
from harness.sites.gomail.search import query_test

# A page of 50 or fewer is what the grader of "clear all that are visible" takes for visible. Half of it keeps
# the page small enough for a small model to read.
PAGE_SIZE = 25
SELECTIONS = {
    "page": "All on this page",
    "all": "All on every page",
    "none": "None",
    "read": "Read",
    "unread": "Unread",
    "starred": "Starred",
}


def page_count(mails: int) -> int:
    """Pages that so many mails take; an empty list has one."""
    return max(1, -(-mails // PAGE_SIZE))


@dataclass(frozen=True)
class Listing:
    """`kind` is folder, label or search; `key` the folder's name, the label's id or the query."""

    kind: str = "folder"
    key: str = "inbox"
    page: int = 1
    select: str = "none"

    @property
    def address(self) -> str:
        """Where it is shown."""
        query: dict[str, str | int] = {"q": self.key} if self.kind == "search" else {}
        if self.page > 1:
            query["page"] = self.page
        if self.select != "none":
            query["select"] = self.select
        path = {"folder": f"/mail/{self.key}", "label": f"/label/{self.key}", "search": "/search"}[self.kind]
        return path + ("?" + urlencode(query, errors="replace") if query else "")

    def title(self, state: Tree) -> str:
        """Its heading."""
        if self.kind == "search":
            return f"Search results for “{self.key}”"
        return labels(state)[self.key]["label"] if self.kind == "label" else FOLDERS[self.key][0]

    def exists(self, state: Tree) -> bool:
        """Whether there is such a folder or label."""
        return self.kind == "search" or self.key in (labels(state) if self.kind == "label" else FOLDERS)

    def mails(self, state: Tree, clock: Clock) -> list[Mail]:
        """Everything in it, newest first, on whichever page."""
        if self.kind == "search":
            return matching(state, query_test(self.key, state, clock))
        if self.kind == "label":
            return matching(state, lambda m: self.key in m["labels"] and FOLDERS["all"][1](m))
        return matching(state, FOLDERS[self.key][1])

    def within(self, count: int) -> "Listing":
        """The same on a page that exists when there are `count` mails."""
        return replace(self, page=min(max(self.page, 1), page_count(count)))

    def shown(self, found: list[Mail]) -> list[Mail]:
        """The mails of this page."""
        return found[(self.page - 1) * PAGE_SIZE : self.page * PAGE_SIZE]

    def ticked(self, found: list[Mail]) -> set[str]:
        """Ids on this page whose box is ticked from the start."""
        tests: dict[str, Test] = {
            "page": lambda _: True,
            "all": lambda _: True,
            "read": lambda m: m["isRead"],
            "unread": lambda m: not m["isRead"],
            "starred": lambda m: m["starred"],
        }
        test = tests.get(self.select)
        return {m["id"] for m in self.shown(found) if test(m)} if test else set()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 1


def listing(path: str, query: str) -> Listing | None:
    """The list at an address, or None where the address is none of a list."""
    values = {k: v[0] for k, v in parse_qs(query, errors="replace", max_num_fields=20).items()}
    select = values.get("select", "none")
    start = Listing(page=_number(values.get("page", "1")), select=select if select in SELECTIONS else "none")
    if path == "/":
        return start
    if path == "/search":
        return replace(start, kind="search", key=" ".join(values.get("q", "").split()))
    kind, _, key = path.removeprefix("/").partition("/")
    if kind not in ("mail", "label"):
        return None
    return replace(start, kind="folder" if kind == "mail" else "label", key=key)


def listing_at(address: str) -> Listing | None:
    """The same for a whole address, as forms send it back."""
    try:
        parts = urlsplit(address)
        return listing(parts.path, parts.query)
    except ValueError:
        return None
