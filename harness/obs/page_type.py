"""What kind of page this is, from what is on it. Pure, and deliberately coarse: it knows no site.

The first kind whose signs are there is the answer, so the order is from the most to the least telling.
"""

import re
from typing import Literal

from harness.obs.model import FIELD_ROLES, Observation

PageType = Literal[
    "empty", "error", "dialog", "login", "confirmation", "search_results", "form", "list", "detail", "other"
]
_ERROR = re.compile(
    r"^(error|oops\b|page not found|not found|forbidden|access denied|service unavailable|internal server error|"
    r"something went wrong|bad gateway|(40[0-9]|50[0-9])\b)",
    re.IGNORECASE,
)
_CONFIRMED = re.compile(
    r"\b(thank you|thanks for|(order|booking|reservation|payment|request|appointment|trip)\b.{0,30}\b(confirmed|complete[d]?|"
    r"placed|received|successful)|confirmation (number|code)|successfully (sent|saved|booked|created|submitted))\b",
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


def page_type(page: Observation) -> PageType:
    """The kind of a page; `other` where nothing tells."""
    if not page.elements:
        return "empty"
    texts = [e.name for e in page.elements if not e.is_control]
    heads = [page.title, *(e.name for e in page.elements if e.role == "heading"), *texts[:2]]
    fields = [e for e in page.controls if e.role in FIELD_ROLES and not _SEARCH.search(e.name)]
    ticks = [e for e in page.controls if e.checked is not None]
    words = " ".join(texts)
    if len(words) < FEW_WORDS and not fields and any(_ERROR.search(head.strip()) for head in heads):
        return "error"
    if any(e.within == "dialog" for e in page.elements):
        return "dialog"
    secret = any(e.kind == "password" or _PASSWORD.search(e.name) for e in fields)
    if secret and len(fields) <= FORM_FIELDS + 1 and any(_ENTER.search(e.name) for e in (*page.controls, *page.elements)):
        return "login"
    if not fields and (any(_CONFIRMED.search(h) for h in heads) or (len(words) < FEW_WORDS and _CONFIRMED.search(words))):
        return "confirmation"
    rows = _rows(page)
    if _QUERY.search(page.address) or any(_RESULTS.search(head) for head in heads):
        return "search_results"
    if len(fields) >= FORM_FIELDS or ((fields or ticks) and any(e.submits for e in page.controls)):
        return "form"
    if rows >= LIST_ROWS:
        return "list"
    if len(words) >= FEW_WORDS or any(e.role == "heading" for e in page.elements):
        return "detail"
    return "other"
