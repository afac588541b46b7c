"""What a user would do for each gomail task, as steps by role and name; and how the SDK's own graders judge it.

A step is (what to do, role, accessible name[, text]). Nothing here knows addresses, ids or the state: only what the
accessibility tree shows.
"""

import json
from typing import Any

from playwright.sync_api import Page

Step = tuple[str, ...]

# The SDK's grader cannot be passed by doing what the task asks: it looks the alert mails up among those that were
# removed for good, and snoozing removes none.
UNSOLVABLE = ("gomail-21",)


def search(query: str) -> list[Step]:
    return [("fill", "searchbox", "Search mail", query), ("click", "button", "Search")]


def tick_all(then: str) -> list[Step]:
    return [("click", "link", "Select all on this page"), ("click", "button", then)]


def letter(to: str, subject: str, body: str) -> list[Step]:
    return [
        ("click", "link", "Compose"),
        ("fill", "textbox", "To", to),
        ("fill", "textbox", "Subject", subject),
        ("fill", "textbox", "Message", body),
        ("click", "button", "Send"),
    ]


SOLUTIONS: dict[str, list[Step]] = {
    "gomail-1": [("click", "button", "Mark all as read"), *search("amazon"), *tick_all("Delete")],
    "gomail-2": [*search("uber"), *tick_all("Delete"), *search("notifications"), *tick_all("Delete")],
    "gomail-4": letter("Alexa Richardson", "The files", "Hi Alexa, please let me know when the files come in."),
    "gomail-5": [
        ("click", "link", "Starred"),
        *tick_all("Delete"),
        *letter("alexa.richardson@example.com", "Signing my work permit", "Could you sign my work permit, please?"),
    ],
    "gomail-7": letter("ashley campbell", "Team dinner", "Are you coming to the team dinner on Friday?"),
    "gomail-8": letter("Kevin Moore", "Warehouse project", "Could you send me the details of the project?"),
    "gomail-9": [
        ("click", "link", "Contacts"),
        ("click", "link", "Write to Barbara Thomas"),
        ("fill", "textbox", "Subject", "Project plan"),
        ("fill", "textbox", "Message", "Here are my thoughts on the project plan."),
        ("click", "button", "Send"),
    ],
    "gomail-11": [*search("older_than:2m"), *tick_all("Delete")],
    "gomail-12": letter("Charles", "New clients", "Have you found any new clients at the fair?"),
    "gomail-13": letter("Carol", "Meeting moved", "The meeting has a new time: it is now at 8:30 AM."),
    "gomail-14": tick_all("Delete"),
    "gomail-15": letter("Danielle", "New system", "The new system update has been launched."),
    "gomail-16": [
        ("click", "link", "Create label"),
        ("fill", "textbox", "New label name", "Support Emails"),
        ("click", "button", "Create label"),
    ],
    "gomail-17": [
        ("check", "checkbox", "Select Keys for the meeting room"),
        ("check", "checkbox", "Select Comments on your slides"),
        ("check", "checkbox", "Select Your Thursday morning trip with Uber"),
        ("click", "button", "Archive"),
    ],
    "gomail-18": letter("Brian King", "Meeting notes", "Hi Brian, please send me the meeting notes."),
    "gomail-19": letter("Angela White", "FTA", "Hi Angela, when do you go on FTA?"),
    "gomail-20": [("click", "link", "Select all on every page"), ("click", "button", "Delete")],
    "gomail-21": [
        *search("alerts"),
        ("click", "link", "Select all on this page"),
        ("select", "combobox", "Snooze until", "In 7 days (Thu, Jul 25)"),
        ("click", "button", "Snooze"),
    ],
    "gomail-23": [
        ("click", "link", "Jane Smith: Lunch next week?, Jul 17, unread"),
        ("click", "link", "Reply"),
        ("fill", "textbox", "Message", "Hi Jane, Wednesday suits me well."),
        ("click", "button", "Send"),
        *search("subject:support"),
        *tick_all("Delete"),
    ],
    "gomail-24": [*search('from:"John Doe"'), *tick_all("Delete")],
    "gomail-26": [*search("no-reply"), *tick_all("Delete")],
}


def do(page: Page, steps: list[Step]) -> None:
    """Do the steps; a name that is not there, or there twice, fails."""
    for what, role, name, *text in steps:
        target = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
        if what == "click":
            with page.expect_navigation():  # everything that is clicked leads somewhere, if only back here
                target.click()
        elif what == "fill":
            target.fill(text[0])
        elif what == "select":
            target.select_option(label=text[0])
        else:
            getattr(target, what)()


def begin(page: Page, url: str, task: str) -> None:
    """Start the site for a task as the SDK does, with the double slash that its addresses lead to."""
    page.goto(f"{url}/config?run_id=0&task_id=v2.{task}&latency=0")


def final_state(page: Page, url: str) -> dict[str, Any]:
    """What /finish shows, read in a second page as the SDK does."""
    other = page.context.new_page()
    try:
        other.goto(url + "/finish")
        found: dict[str, Any] = json.loads(other.locator("pre").inner_text())
        return found
    finally:
        other.close()


def reward(task: str, state: dict[str, Any]) -> float:
    """The SDK's own verdict on a state."""
    from agisdk.REAL.browsergym.webclones.evaluate import WebCloneEvaluator
    from agisdk.REAL.browsergym.webclones.task_config import TaskConfig

    evaluator = WebCloneEvaluator(TaskConfig(task, "v2"))
    return float(evaluator.evaluate(state, "")[0])
