"""What can be done to a mailbox: a JSON state goes in, is changed in place, and a message comes out.

    {"email": {"emails": {id: mail}},
     "settings": {"customLabels": {id: {"id", "label"}}},
     "ui": {"snackbar": {"message"}}}

Field names are those that the SDK's graders read. `snoozeUntil` is there only while a mail is snoozed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from harness.sites.base.changes import Tree
from harness.sites.gomail.clock import NOW, Clock

Mail = dict[str, Any]
Test = Callable[[Mail], bool]
LONGEST_LABEL = 100
MOST_LABELS = 100


def _here(mail: Mail) -> bool:
    return not (mail["trash"] or mail["spam"])


def _in_inbox(mail: Mail) -> bool:
    away = mail["sent"] or mail["draft"] or mail["archived"] or mail["snoozed"]
    return _here(mail) and not away


FOLDERS: dict[str, tuple[str, Test]] = {
    "inbox": ("Inbox", _in_inbox),
    "starred": ("Starred", lambda m: _here(m) and m["starred"]),
    "snoozed": ("Snoozed", lambda m: _here(m) and m["snoozed"]),
    "sent": ("Sent", lambda m: _here(m) and m["sent"]),
    "drafts": ("Drafts", lambda m: _here(m) and m["draft"]),
    "archive": ("Archived", lambda m: _here(m) and m["archived"]),
    "all": ("All Mail", _here),
    "spam": ("Spam", lambda m: m["spam"] and not m["trash"]),
    "trash": ("Trash", lambda m: m["trash"]),
}


def mails(state: Tree) -> dict[str, Mail]:
    """Every mail by id."""
    found: dict[str, Mail] = state["email"]["emails"]
    return found


def labels(state: Tree) -> dict[str, dict[str, str]]:
    """The user's labels by id."""
    found: dict[str, dict[str, str]] = state["settings"]["customLabels"]
    return found


def matching(state: Tree, test: Test) -> list[Mail]:
    """Mails that pass, newest first."""
    found = [m for m in mails(state).values() if test(m)]
    return sorted(found, key=lambda m: (m["date"], m["time"], int(m["id"])), reverse=True)


def _next_id(entries: Iterable[str]) -> str:
    return str(max(map(int, entries), default=0) + 1)


def set_message(state: Tree, message: str) -> str:
    """Store the site's last message to the user, where graders read it, and return it."""
    state["ui"]["snackbar"]["message"] = message
    return message


@dataclass(frozen=True)
class Letter:
    """What the user wrote. `answers` is the id of the mail that it replies to; `draft` that of the draft it was."""

    to: list[str]
    cc: list[str] = field(default_factory=list)
    bcc: list[str] = field(default_factory=list)
    subject: str = ""
    body: str = ""
    answers: str = ""
    draft: str = ""


def write(state: Tree, letter: Letter, clock: Clock, *, me: tuple[str, str], send: bool) -> Mail:
    """Send a letter or keep it as a draft; a draft that was there already is the one that changes."""
    every = mails(state)
    old = every.get(letter.draft)
    key = letter.draft if old and old["draft"] else _next_id(every)
    mail: Mail = {
        "id": key, "from": me[1], "fromName": me[0], "to": letter.to, "cc": letter.cc, "bcc": letter.bcc,
        "subject": letter.subject, "content": letter.body, "date": clock.ago(0), "time": NOW, "isRead": True,
        "starred": False, "sent": send, "draft": not send, "spam": False, "trash": False, "archived": False,
        "snoozed": False, "isReply": bool(letter.answers), "labels": [],
    }  # fmt: skip
    if letter.answers:
        mail["replyTo"] = letter.answers
    every[key] = mail
    set_message(state, "Message sent" if send else "Draft saved")
    return mail


def discard(state: Tree, key: str) -> str:
    """Drop a draft for good; what is no draft stays."""
    if (mail := mails(state).get(key)) and mail["draft"]:
        del mails(state)[key]
    return set_message(state, "Draft discarded")


def _set(**values: bool) -> Callable[[Mail], None]:
    return lambda mail: mail.update(values)


def _wake(mail: Mail) -> None:
    mail["snoozed"] = False
    mail.pop("snoozeUntil", None)


def _archive(mail: Mail) -> None:
    _wake(mail)
    mail["archived"] = True


def _to_inbox(mail: Mail) -> None:
    _wake(mail)
    mail.update(trash=False, spam=False, archived=False)


ACTIONS: dict[str, tuple[str, Callable[[Mail], None]]] = {
    "read": ("marked as read", _set(isRead=True)),
    "unread": ("marked as unread", _set(isRead=False)),
    "star": ("starred", _set(starred=True)),
    "unstar": ("unstarred", _set(starred=False)),
    "archive": ("archived", _archive),
    "trash": ("moved to Trash", _set(trash=True)),
    "spam": ("reported as spam", _set(spam=True)),
    "inbox": ("moved to Inbox", _to_inbox),
}


def _count(keys: list[str]) -> str:
    return f"{len(keys)} conversation{'' if len(keys) == 1 else 's'}"


def act(state: Tree, keys: list[str], action: str) -> str:
    """Do one of ACTIONS to these mails; the sentence that says so. Doing it twice is doing it once."""
    done, change = ACTIONS[action]
    for key in keys:
        change(mails(state)[key])
    return set_message(state, f"{_count(keys)} {done}")


def delete_forever(state: Tree, keys: list[str]) -> str:
    """Remove mails that are in Trash or Spam; others stay, since nothing brings them back."""
    gone = [k for k in keys if not _here(mails(state)[k])]
    for key in gone:
        del mails(state)[key]
    return set_message(state, f"{_count(gone)} deleted forever")


def snooze(state: Tree, keys: list[str], days: str, clock: Clock) -> str:
    """Take mails out of the inbox until a day. It does not come while an attempt lasts: the site's day stands still."""
    for key in keys:
        until = clock.today + timedelta(days=int(days))
        mails(state)[key].update(snoozed=True, archived=False, snoozeUntil=until.isoformat())
    return set_message(state, f"{_count(keys)} snoozed until {clock.until(days)}")


def set_label(state: Tree, keys: list[str], label: str, *, on: bool) -> str:
    """Put a label on mails, or take it off."""
    for key in keys:
        mail = mails(state)[key]
        mail["labels"] = sorted({*mail["labels"], label} - (set() if on else {label}), key=int)
    name = labels(state)[label]["label"]
    return set_message(state, f"{_count(keys)} {'added to' if on else 'removed from'} “{name}”")


def create_label(state: Tree, name: str) -> str | None:
    """Make a label; None when it is made, else the sentence that says why not."""
    name = " ".join(name.split())
    if not name:
        return "Type a name for the label."
    if len(name) > LONGEST_LABEL:
        return f"A label's name has {LONGEST_LABEL} characters at most."
    taken = [*(e["label"] for e in labels(state).values()), *(title for title, _ in FOLDERS.values())]
    if name.casefold() in map(str.casefold, taken):
        return f"There is a label or folder “{name}” already."
    if len(labels(state)) >= MOST_LABELS:
        return f"There can be {MOST_LABELS} labels at most. Delete one first."
    key = _next_id(labels(state))
    labels(state)[key] = {"id": key, "label": name}
    set_message(state, f"Label “{name}” created")
    return None


def delete_label(state: Tree, key: str) -> str:
    """Remove a label everywhere."""
    name = labels(state).pop(key)["label"]
    for mail in mails(state).values():
        if key in mail["labels"]:
            mail["labels"] = [x for x in mail["labels"] if x != key]
    return set_message(state, f"Label “{name}” deleted")
