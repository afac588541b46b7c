"""The mail site: seeded mailbox, pages, and what graders look at."""

from copy import deepcopy
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from harness.sites.base.changes import Collection, Tree
from harness.sites.base.site import Site
from harness.sites.gomail.clock import TODAY, Clock, long
from harness.sites.gomail.listing import SELECTIONS
from harness.sites.gomail.views import MailViews, frame
from harness.sites.gomail.writing import Writer

FOLDER = Path(__file__).parent
SEED = FOLDER / "seed.yaml"
COLLECTIONS = (Collection("emails", ("email", "emails")),)
_FLAGS = ("starred", "sent", "draft", "spam", "trash", "archived", "snoozed", "isReply")


@lru_cache(maxsize=1)
def _seed_file() -> dict[str, Any]:
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(SEED.read_text(encoding="utf-8"))
    return data


def _mail(entry: dict[str, Any], seed: dict[str, Any], clock: Clock) -> dict[str, Any]:
    known = {**seed["people"], **seed["senders"], seed["me"]["name"]: seed["me"]["address"]}
    flags = entry.get("is", [])
    sender = entry.get("from", seed["me"]["name"])
    return {
        "id": str(entry["id"]),
        "from": known[sender],
        "fromName": sender,
        "to": [known[name] for name in entry.get("to", [seed["me"]["name"]])],
        "cc": [],
        "bcc": [],
        "subject": entry["subject"],
        "content": entry["text"].strip(),
        "date": clock.ago(entry["ago"]),
        "time": entry["at"],
        "isRead": "unread" not in flags,
        **{flag: flag in flags for flag in _FLAGS},
        "labels": [str(label) for label in entry.get("labels", [])],
    }


def initial_state(clock: Clock) -> Tree:
    """The mailbox as every session begins."""
    seed = _seed_file()
    return {
        "email": {"emails": {str(entry["id"]): _mail(entry, seed, clock) for entry in seed["mails"]}},
        "settings": {"customLabels": {str(k): {"id": str(k), "label": v} for k, v in seed["labels"].items()}},
        "ui": {"snackbar": {"message": ""}},
    }


def make_site(today: date | None = None) -> Site:
    """The site on a day; graders hold literal dates that belong to the default one."""
    clock = Clock(today or TODAY)
    seed = _seed_file()
    me = (seed["me"]["name"], seed["me"]["address"])
    state = initial_state(clock)
    return Site(
        name="gomail",
        title="Gomail",
        folder=FOLDER,
        seed=lambda: deepcopy(state),
        pages=(*MailViews(clock).pages(), *Writer(clock, me, dict(seed["people"])).pages()),
        collections=COLLECTIONS,
        shared={"clock": clock, "today": long(clock.today), "me": me, "selections": SELECTIONS},
        frame=frame,
    )
