"""Classifies a page by what is on it, coarsely and without knowledge of any site.

The first type whose signs are present is the answer, so the types are checked from the most to the least specific.
"""

import re
from typing import Literal

from harness.observe.observation import FIELD_ROLES, Element, Observation

PageType = Literal[
    "empty", "error", "dialog", "login", "confirmation", "search_results", "form", "list", "detail", "other"
]
_ERROR = re.compile(
    r"^(error|oops\b|page not found|not found|forbidden|access denied|service unavailable|internal server error|"
    r"something went wrong|bad gateway|(40[0-9]|50[0-9])\b)",
    re.IGNORECASE,
)
_CONFIRMED = re.compile(
    r"\b(thank you|thanks for|(order|booking|reservation|payment|request|appointment|trip)\b.{0,30}\b(confirmed|"
    r"completed?|placed|received|successful)|confirmation (number|code)|"
    r"successfully (sent|saved|booked|created|submitted))\b",
    re.IGNORECASE,
)
_RESULTS = re.compile(r"\b(search results|results for|\d+ results?|no results)\b", re.IGNORECASE)
_PASSWORD = re.compile(r"\bpass ?(word|code)\b|\bpin\b", re.IGNORECASE)
_ENTER = re.compile(r"\b(log ?in|sign ?in)\b", re.IGNORECASE)
_SEARCH = re.compile(r"\b(search|find)\b", re.IGNORECASE)
_QUERY = re.compile(r"[?&](q|query|s|search|keyword|k)=", re.IGNORECASE)
FEW_WORDS = 400
FORM_FIELDS = 2
LIST_ROWS = 4


def _rows(page: Observation) -> int:
    """The length of the longest list of rows that hold something to act on."""
    return max((e.of for e in page.controls if e.rows), default=0)


def _is_login(page: Observation, fields: list[Element]) -> bool:
    """Whether the page has a password field, mentions logging in, and has few other fields."""
    secret = any(e.kind == "password" or _PASSWORD.search(e.name) for e in fields)
    return secret and len(fields) <= FORM_FIELDS + 1 and any(_ENTER.search(e.name) for e in page.elements)


def page_type(page: Observation) -> PageType:
    """The type of a page; `other` where no sign is present."""
    texts = [e.name for e in page.elements if not e.is_control]
    heads = [page.title, *(e.name for e in page.elements if e.role == "heading"), *texts[:2]]
    fields = [e for e in page.controls if e.role in FIELD_ROLES and not _SEARCH.search(e.name)]
    ticks = [e for e in page.controls if e.checked is not None]
    content = " ".join(texts)
    brief = len(content) < FEW_WORDS
    signs: tuple[tuple[PageType, bool], ...] = (
        ("empty", not page.elements),
        ("error", brief and not fields and any(_ERROR.search(head.strip()) for head in heads)),
        ("dialog", any(e.within == "dialog" for e in page.elements)),
        ("login", _is_login(page, fields)),
        ("confirmation", not fields and any(_CONFIRMED.search(t) for t in (*heads, content if brief else ""))),
        ("search_results", bool(_QUERY.search(page.address)) or any(_RESULTS.search(head) for head in heads)),
        ("form", len(fields) >= FORM_FIELDS or (bool(fields or ticks) and any(e.submits for e in page.controls))),
        ("list", _rows(page) >= LIST_ROWS),
        ("detail", not brief or any(e.role == "heading" for e in page.elements)),
    )
    return next((kind for kind, holds in signs if holds), "other")
