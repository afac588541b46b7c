"""The pages that show mail, and their buttons. A GET request only marks mails as read."""

from dataclasses import replace

from starlette.responses import Response

from harness.sites.base.changes import Tree
from harness.sites.base.site import Page
from harness.sites.base.visit import Form, NotHere, Visit
from harness.sites.gomail import mailbox
from harness.sites.gomail.clock import Clock
from harness.sites.gomail.listing import PAGE_SIZE, Listing, listing, listing_at, page_count
from harness.sites.gomail.mailbox import ACTIONS, FOLDERS, Mail

NOTHING_TICKED = "Nothing is selected. Tick at least one conversation first."
NO_BUTTON = "Nothing was done. Press the button of what you want to do."
# After these actions the visitor stays on the message's page.
STAYING = ("star", "unstar", "label", "unlabel")


def _tools(place: str) -> set[str]:
    """The buttons that do something in a folder; a search or a label has mails from everywhere, so nearly all."""
    everywhere = {"read", "unread"}
    if place in ("trash", "spam"):
        return everywhere | {"inbox", "delete"}
    usual = everywhere | {"archive", "trash", "spam", "snooze", "label", "inbox"}
    return usual - {"inbox": {"inbox"}, "sent": {"inbox", "snooze"}, "drafts": {"inbox", "snooze"}}.get(place, set())


def _place(mail: Mail) -> str:
    return next((name for name in ("trash", "spam", "inbox", "sent") if FOLDERS[name][1](mail)), "")


def mail_at(visit: Visit, key: str) -> Mail:
    """The mail with this id, or a page that says there is none."""
    if found := mailbox.mails(visit.state).get(key):
        return found
    raise NotHere(f"There is no message with the id {key[:40]}.")


class MailViews:
    """Lists, messages and what can be done to them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def pages(self) -> tuple[Page, ...]:
        """Every address served from here."""
        return (
            *(Page(path, self.show_list) for path in ("/", "/mail/{key}", "/label/{key}", "/search")),
            Page("/message/{id}", self.show_message),
            Page("/conversations", self.change, ("POST",)),
        )

    async def show_list(self, visit: Visit) -> Response:
        """A folder, a label or what a search found."""
        here = listing(*visit.address)
        if here is None or not here.exists(visit.state):
            raise NotHere("There is no such folder or label.")
        found = here.mails(visit.state, self._clock)
        here = here.within(len(found))
        visit.session.memo["list"] = replace(here, select="none").address
        return visit.page(
            "list.html",
            here=here,
            q=here.key if here.kind == "search" else "",
            tools=_tools(here.key if here.kind == "folder" else ""),
            title=here.title(visit.state),
            found=found,
            shown=here.shown(found),
            ticked=here.ticked(found),
            first=(here.page - 1) * PAGE_SIZE + 1,
            pages=page_count(len(found)),
            at=lambda **changed: replace(here, **changed).address,
        )

    async def show_message(self, visit: Visit) -> Response:
        """One message with the answers to it; it counts as read from now on."""
        mail = mail_at(visit, visit.part("id"))
        if mail["draft"]:
            return visit.redirect(f"/compose?draft={mail['id']}")
        mail["isRead"] = True
        answers = mailbox.matching(visit.state, lambda m: m.get("replyTo") == mail["id"] and not m["draft"])
        return visit.page(
            "message.html",
            title=mail["subject"] or "(no subject)",
            mail=mail,
            tools=_tools(_place(mail)) - {"read"},
            answers=answers[::-1],
            back=visit.session.memo.get("list", "/"),
        )

    async def change(self, visit: Visit) -> Response:
        """A button of a list's or a message's toolbar, or a star."""
        form = await visit.form()
        here = listing_at(form.one("where")) or Listing()
        if not here.exists(visit.state):
            here = Listing()
        action, keys = self._requested(visit, form, here)
        back = replace(here, select="none").address
        if "message" in form and action in STAYING:
            back = f"/message/{mail_at(visit, form.one('message'))['id']}"
        if action == "none":
            return visit.redirect(here.address, alert=NO_BUTTON)
        if not keys:
            return visit.redirect(back, alert=NOTHING_TICKED)
        message = self._do(visit, form, action, keys)
        return visit.redirect(back, notice=message) if message else visit.redirect(back, alert="Choose a label first.")

    def _requested(self, visit: Visit, form: Form, here: Listing) -> tuple[str, list[str]]:
        """What is to be done, and to which mails. A star's button stands for its own mail, whatever is ticked."""
        for one in ("star", "unstar"):
            if one in form:
                return one, [mail_at(visit, form.one(one))["id"]]
        action = form.one("do")
        if action == "read_all":
            return "read", [m["id"] for m in here.mails(visit.state, self._clock)]
        ticked = dict.fromkeys(form.all("id"))
        if form.one("scope") == "all":
            found = here.mails(visit.state, self._clock)
            # Boxes of this page may have been emptied again by hand; the other pages show none.
            empty = {m["id"] for m in here.within(len(found)).shown(found)} - ticked.keys()
            return action, [m["id"] for m in found if m["id"] not in empty]
        every = mailbox.mails(visit.state)
        return action, [k for k in ticked if k in every]

    def _do(self, visit: Visit, form: Form, action: str, keys: list[str]) -> str:
        """Do it and say so; an empty sentence where a label is needed and none was chosen."""
        state = visit.state
        if action in ACTIONS:
            return mailbox.act(state, keys, action)
        if action == "delete":
            return mailbox.delete_forever(state, keys)
        if action == "snooze":
            days = form.one("until")
            return mailbox.snooze(state, keys, days if days in dict(self._clock.snoozes()) else "1", self._clock)
        if action in ("label", "unlabel"):
            label = form.one("label")
            return mailbox.set_label(state, keys, label, on=action == "label") if label in mailbox.labels(state) else ""
        raise NotHere("There is no such action.")


def frame(state: Tree) -> dict[str, object]:
    """What the page around the mail shows: folders and labels with how much is unread."""
    unread = sum(not m["isRead"] for m in mailbox.matching(state, FOLDERS["inbox"][1]))
    return {
        "folders": [(name, title, unread if name == "inbox" else 0) for name, (title, _) in FOLDERS.items()],
        "labels": sorted(mailbox.labels(state).values(), key=lambda e: e["label"].casefold()),
        "q": "",
    }
