"""The pages for writing mail, for labels and for contacts. A form that is submitted twice counts once."""

import secrets
from dataclasses import dataclass

from starlette.responses import Response

from harness.sites.base.site import Page
from harness.sites.base.visit import Form, NotHere, Visit
from harness.sites.gomail import mailbox
from harness.sites.gomail.clock import Clock
from harness.sites.gomail.mailbox import Letter, Mail
from harness.sites.gomail.recipients import addresses
from harness.sites.gomail.views import mail_at

LONGEST_SUBJECT = 1000
FIELDS = ("to", "cc", "bcc", "subject", "body", "answers", "draft")


def _prefixed(prefix: str, subject: str) -> str:
    return subject if subject.casefold().startswith(prefix.casefold()) else f"{prefix} {subject}"


def _quoted(mail: Mail) -> str:
    return "\n".join("> " + line for line in mail["content"].split("\n"))


def _heading(values: dict[str, str]) -> str:
    if values["answers"]:
        return "Reply"
    return "Edit draft" if values["draft"] else "New message"


@dataclass(frozen=True)
class Writer:
    """The mailbox's owner and whom they know by name."""

    clock: Clock
    me: tuple[str, str]
    people: dict[str, str]

    def pages(self) -> tuple[Page, ...]:
        """Every address served from here."""
        return (
            Page("/compose", self.compose),
            Page("/compose", self.send, ("POST",)),
            Page("/labels", self.labels),
            Page("/labels", self.change_labels, ("POST",)),
            Page("/contacts", self.contacts),
        )

    async def compose(self, visit: Visit) -> Response:
        """An empty form, or one for a reply, a forward, a draft or a contact."""
        values = dict.fromkeys(FIELDS, "")
        if key := visit.query("draft"):
            mail = mail_at(visit, key)
            if not mail["draft"]:
                raise NotHere("That message is no draft any more.")
            values |= {f: ", ".join(mail[f]) for f in ("to", "cc", "bcc")}
            values |= {"subject": mail["subject"], "body": mail["content"], "draft": key}
            values["answers"] = mail.get("replyTo", "")
        elif key := visit.query("reply"):
            mail = mail_at(visit, key)
            to = ", ".join(mail["to"]) if mail["sent"] else mail["from"]
            values |= {"to": to, "subject": _prefixed("Re:", mail["subject"]), "answers": key}
        elif key := visit.query("forward"):
            mail = mail_at(visit, key)
            head = f"\n\nForwarded message from {mail['fromName']} <{mail['from']}>:\n"
            values |= {"subject": _prefixed("Fwd:", mail["subject"]), "body": head + _quoted(mail)}
        else:
            values["to"] = visit.query("to")
        return self._form(visit, values)

    def _form(self, visit: Visit, values: dict[str, str], *, alert: str = "", form: str = "") -> Response:
        original = mailbox.mails(visit.state).get(values["answers"])
        more = {"alert": alert} if alert else {}
        return visit.page(
            "compose.html",
            status=422 if alert else 200,
            values=values,
            title=_heading(values),
            original=original,
            form=form or secrets.token_hex(8),
            **more,
        )

    async def send(self, visit: Visit) -> Response:
        """Send, keep as a draft or discard."""
        form = await visit.form()
        values = {f: form.one(f) for f in FIELDS}
        action = form.one("do", "send")
        if action == "discard":
            message = mailbox.discard(visit.state, values["draft"])
            return visit.redirect(visit.session.memo.get("list", "/"), notice=message)
        try:
            letter = self._letter(values, needs_recipient=action == "send")
        except ValueError as error:
            return self._form(visit, values, alert=str(error), form=form.one("form"))
        where = "/mail/sent" if action == "send" else "/mail/drafts"
        if not visit.session.first_time(form.one("form")):
            return visit.redirect(where, notice="That was done already.")
        mailbox.write(visit.state, letter, self.clock, me=self.me, send=action == "send")
        return visit.redirect(where, notice="Message sent" if action == "send" else "Draft saved")

    def _letter(self, values: dict[str, str], *, needs_recipient: bool) -> Letter:
        """What was written. Raises ValueError with a sentence for the user."""
        to, cc, bcc = (addresses(values[f], self.people) for f in ("to", "cc", "bcc"))
        if needs_recipient and not (to or cc or bcc):
            raise ValueError("Add at least one recipient in To, Cc or Bcc.")
        subject = " ".join(values["subject"].split())
        if len(subject) > LONGEST_SUBJECT:
            raise ValueError(f"A subject has {LONGEST_SUBJECT} characters at most.")
        return Letter(to, cc, bcc, subject, values["body"], values["answers"], values["draft"])

    async def labels(self, visit: Visit) -> Response:
        """Labels, and a form for a new one."""
        return visit.page("labels.html", title="Labels", typed="")

    async def change_labels(self, visit: Visit) -> Response:
        """Make or delete a label."""
        form: Form = await visit.form()
        if "delete" in form:
            if form.one("delete") not in mailbox.labels(visit.state):
                return visit.redirect("/labels", alert="That label is gone already.")
            return visit.redirect("/labels", notice=mailbox.delete_label(visit.state, form.one("delete")))
        name = form.one("name")
        if problem := mailbox.create_label(visit.state, name):
            return visit.page("labels.html", status=422, title="Labels", typed=name, alert=problem)
        return visit.redirect("/labels", notice=visit.state["ui"]["snackbar"]["message"])

    async def contacts(self, visit: Visit) -> Response:
        """People with their addresses."""
        return visit.page("contacts.html", title="Contacts", people=sorted(self.people.items()))
