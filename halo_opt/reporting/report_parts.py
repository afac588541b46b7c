"""The parts of a report that are more than a list of numbers: tiles, plots, and tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from halo_opt.core.records import Interval, Value
from halo_opt.core.report_records import Diagnosis, Finding, GroupTable, Number, Report
from halo_opt.core.text import counted
from halo_opt.reporting.formatting import (
    SMALLEST_P_VALUE,
    Figure,
    count,
    figure,
    figures,
    interval_name,
    interval_text,
    p_value_text,
    percent,
    title_of,
)
from halo_opt.reporting.plots import Bar, bars

NO_COUNT = "-"
WIDE, NARROW = 760, 340
FALSE_DISCOVERY = 0.05  # what the reports' method calls proven
NO_OWN_REMEDY = "No specific remedy is known for this. General rules in the prompt may help."
LONGEST_TILE = 14  # longer values (times, lists of models) stand in the list of numbers below the tiles


class GroupLines(NamedTuple):
    """A table of groups as text: its title, what it shows, and a row for each group (see `GROUP_COLUMNS`)."""

    title: str
    note: str
    rows: list[tuple[str, str, str, str]]
    sql: str


GROUP_COLUMNS = ("Group", "Attempts that show it", "Interval of the share", "Failures that show it")


def none_found(report: Report) -> str:
    """Why a report has no findings: nothing stands out, or there is no failure in which anything could."""
    failures = report.overview.get("failures")
    if failures is not None and failures.value == 0:
        below = f" {COUNTS_TITLE} is counted below." if report.counts else ""
        return f"No attempt in these traces is known to have failed, so there is no failure to explain.{below}"
    return (
        "No behaviour was measurably more common in failures than in successes. With few attempts, only large"
        " differences can be seen."
    )


def group_lines(finding: Finding) -> list[GroupLines]:
    """Where a finding is seen, by each kind of group that its attempts fall into."""
    found = []
    for table in finding.groups:
        rows = [
            (
                row.group or "unknown",
                f"{count(row.shown)} of {count(row.attempts)}",
                interval_text(row.interval),
                f"{count(row.failures_shown)} of {count(row.failures)}",
            )
            for row in table.rows
        ]
        found.append(GroupLines(f"By {table.by}", _group_note(table), rows, table.sql))
    return found


def _group_note(table: GroupTable) -> str:
    if table.q_value is None:
        return "These attempts do not allow a comparison of the groups."
    sign = "" if table.q_value < SMALLEST_P_VALUE else "= "
    note = table.note or "The groups do not differ measurably."
    return f"{note} (q {sign}{p_value_text(table.q_value)})"


CAUSE_COLUMNS = (
    "Finding",
    "Level",
    "What goes wrong",
    "Where",
    "Best explanation of",
    "In failures",
    "In successes",
)
# Findings that are neither proven nor shown, and are written out before the fold.
_OPEN_SUSPECTED = 3
MORE_FINDINGS = "{} that are only suspected and explain fewer failures"
TRIAGE_NOTE = (
    "Failed attempts by their best explanation. In the SQL of these numbers, the table triage stands for the query"
    " triage_sql of report.json, which gives a row an attempt."
)
LEVEL_MEANINGS = {
    "proven": "Proven: a corrected test says that attempts which show it fail more often.",
    "shown": "Shown: it goes with a whole run that does worse on the same tasks, or nearly all attempts show it where"
    " none succeeds.",
    "suspected": "Suspected: failures show it, and no test has ruled out chance.",
}


def cause_rows(findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """The findings of a report in short, a row of `CAUSE_COLUMNS` each."""
    return [
        (
            finding.id,
            finding.level,
            finding.title,
            finding.scope or "all attempts",
            _explains(finding),
            _part_of(finding, "failures"),
            _part_of(finding, "successes"),
        )
        for finding in findings
    ]


def _explains(finding: Finding) -> str:
    value = finding.explains.value if finding.explains else None
    return counted(value, "failure") if isinstance(value, int) else NO_COUNT


def leading(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """The findings that are written out, and those that are folded: suspected ones that explain fewer failures."""
    sure = [finding for finding in findings if finding.level in ("proven", "shown")]
    others = [finding for finding in findings if finding.level not in ("proven", "shown")]
    return [*sure, *others[:_OPEN_SUSPECTED]], others[_OPEN_SUSPECTED:]


def level_note(findings: Sequence[Finding]) -> str:
    """What the levels of these findings mean, a sentence each; '' without findings."""
    used = {finding.level for finding in findings}
    return " ".join(meaning for level, meaning in LEVEL_MEANINGS.items() if level in used)


def level_words(finding: Finding) -> str:
    """A finding's level with the reason why it is not higher and what data would lift it."""
    lift = f" What would lift it: {finding.to_lift}" if finding.to_lift else ""
    return f"Level: {finding.level}. {finding.level_reason}{lift}".rstrip()


def diagnosis_words(one: Diagnosis) -> str:
    """A diagnosis as one line: step, what was wrong, whose fault, by which rule."""
    place = "No step" if one.step is None else f"Step {one.step}"
    who = f" ({one.agent})" if one.agent else ""
    return f"{place}{who}: {one.problem} Fault: {one.fault}. Decided by: {one.rule}."


def _part_of(finding: Finding, whole: str) -> str:
    part, every = number_of(finding, f"{whole}_with"), number_of(finding, whole)
    return NO_COUNT if part is None or every is None else f"{count(part)} of {count(every)}"


class CountLines(NamedTuple):
    """A table of counts as text: a row (what, attempts that show it, interval of the share) each, with its SQL."""

    title: str
    rows: list[tuple[str, str, str]]
    sqls: list[str]


COUNT_COLUMNS = ("What", "Attempts that show it", "95% interval of the share")
COUNTS_TITLE = "What the attempts show"
COUNTS_NOTE = "Counted over all attempts but those that ended in an error, whatever their outcome."


def count_lines(report: Report) -> list[CountLines]:
    """What the attempts show, by kind."""
    return [
        CountLines(
            table.title,
            [
                (row.title, f"{figure('shown', row.shown.value)} of {figure('attempts', row.attempts.value)} attempts",
                 interval_text(pair(row.interval.value)) if row.interval.value else "too few tasks")
                for row in table.rows
            ],
            [row.interval.sql for row in table.rows],
        )
        for table in report.counts
    ]  # fmt: skip


def has_triage(report: Report) -> bool:
    """Whether there is a failure or an error to divide by likely origin."""
    return any(report.triage[name].value for name in ("failures", "errors") if name in report.triage)


def has_ceiling(report: Report) -> bool:
    """Whether a task was measured."""
    return "tasks" not in report.ceiling or bool(report.ceiling["tasks"].value)


class Plot(NamedTuple):
    """A drawing for wide pages and one for narrow ones, with its caption."""

    caption: str
    wide: Markup
    narrow: Markup


class TestedRow(NamedTuple):
    """One behaviour that was looked for: its name, its cells and the SQL of its counts, where the report has it."""

    title: str
    cells: list[str]
    sql: str | None


class TestedTable(NamedTuple):
    """Everything that was looked for; `numeric` are the columns (from 0, after the title) to align right."""

    columns: list[str]
    rows: list[TestedRow]
    numeric: list[int]


def plotted(caption: str, draw: Callable[[int], Markup]) -> Plot:
    """The same plot at both widths."""
    return Plot(caption, draw(WIDE), draw(NARROW))


def overview_tiles(numbers: Mapping[str, Number]) -> list[Figure]:
    """The figures short enough to stand large. What was not measured, and what is of one run only, is in the list."""
    known = {name for name, number in numbers.items() if number.value is not None or name == "success_rate"}
    return [f for f in figures(numbers) if f.name in known and " of " not in f.name and len(f.value) <= LONGEST_TILE]


def runs_plot(numbers: Mapping[str, Number]) -> Plot | None:
    """Success rate by run, where the report has several runs."""
    rows = []
    for name, number in numbers.items():
        if name.startswith("success_rate of ") and isinstance(number.value, float | int):
            ends = interval_name(name, numbers)
            interval = pair(numbers[ends].value) if ends else None
            rate = float(number.value)
            rows.append(Bar(name.removeprefix("success_rate of "), rate, interval, percent(rate, digits=1)))
    if not rows:
        return None
    caption = "Success rate by run. Whiskers are 95% intervals."
    return plotted(caption, lambda width: bars(rows, width=width, label="Success rate by run"))


def seen_plot(findings: Sequence[Finding]) -> Plot | None:
    """How much of the failures, and of the successes, shows each finding; None when no finding has the counts."""
    rows = []
    for finding in findings:
        failures, successes = share(finding, "failures"), share(finding, "successes")
        if failures is None:
            continue
        against = f" vs {percent(successes)}" if successes is not None else ""
        rows.append(Bar(f"{finding.id} {finding.title}", failures, None, f"{percent(failures)}{against}", successes))
    if not rows:
        return None
    caption = "How many failures show each finding (bar), and how many successes do (circle)."
    return plotted(caption, lambda width: bars(rows, width=width, label="Share of failures that show each finding"))


def explained_plot(findings: Sequence[Finding]) -> Plot | None:
    """Failures explained, with intervals, of the proven findings: for others it would claim what nothing shows."""
    rows = []
    for finding in findings:
        value = number_of(finding, "explained")
        ends = finding.numbers.get("explained_interval")
        interval = pair(ends.value) if ends else None
        if value is not None and interval is not None and proven(finding):
            rows.append(Bar(f"{finding.id} {finding.title}", value, interval, f"about {count(value)}"))
    if not rows:
        return None
    caption = "Failures that each proven finding would explain if it is the cause. Whiskers are 95% intervals."
    return plotted(caption, lambda width: bars(rows, width=width, label="Failures explained", unit="count"))


def proven(finding: Finding) -> bool | None:
    """Whether a finding stands after correction for all that was tested; None when it has no q-value."""
    q = number_of(finding, "q_value")
    return None if q is None else q <= FALSE_DISCOVERY


def share(finding: Finding, whole: str) -> float | None:
    """The part of all failures (or successes) that shows a finding, from its two counts."""
    part, all_of = number_of(finding, f"{whole}_with"), number_of(finding, whole)
    return part / all_of if part is not None and all_of else None


def number_of(finding: Finding, name: str) -> float | None:
    """A number of a finding as a float; None when it is missing or no number."""
    value = finding.numbers[name].value if name in finding.numbers else None
    return float(value) if isinstance(value, float | int) and not isinstance(value, bool) else None


def pair(value: Value) -> Interval | None:
    """A value as an interval, if it is one."""
    return (float(value[0]), float(value[1])) if isinstance(value, list) and len(value) == 2 else None


def table_of_tested(rows: Sequence[Mapping[str, Value]]) -> TestedTable:
    """The table of everything tested. A count is shown with its total, and an interval beside its difference."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    first = "title" if "title" in names else next(iter(names), "")
    wholes = {name.removesuffix("_with") for name in names if name.endswith("_with")}
    hidden = {first, "sql", *wholes, *(["behaviour"] if first == "title" else [])}
    # Reasons are long: at the end they push no number out of sight.
    shown = sorted((name for name in names if name not in hidden), key=lambda name: name in ("reason", "stratified_by"))
    made = [TestedRow(_cell(first, row), _cells(shown, row), _sql(row)) for row in rows]
    if "attempts_with" in names:  # no test was made, and every behaviour but those that do not apply has its count
        made = [row._replace(cells=[cell or NO_COUNT for cell in row.cells]) for row in made]
    numeric = [at for at, name in enumerate(shown) if not _is_text(name, rows)]
    titles = [title_of(name.removesuffix("_with") if name.endswith("_with") else name) for name in shown]
    return TestedTable([title_of(first) if first != "title" else "Behaviour", *titles], made, numeric)


def _is_text(name: str, rows: Sequence[Mapping[str, Value]]) -> bool:
    return any(isinstance(row.get(name), str) for row in rows)


def _cells(names: Sequence[str], row: Mapping[str, Value]) -> list[str]:
    return [_cell(name, row) for name in names]


def _sql(row: Mapping[str, Value]) -> str | None:
    sql = row.get("sql")
    return sql if isinstance(sql, str) else None


def _cell(name: str, row: Mapping[str, Value]) -> str:
    """The text of one cell; '' where the row has no value, because what was not tested has no numbers."""
    value = row.get(name)
    if value is None:
        return ""
    whole = name.removesuffix("_with")
    if whole != name and whole in row:
        if not row[whole]:
            return ""
        return f"{figure(name, value)} of {figure(whole, row[whole])}"
    return figure("difference_interval" if name == "interval" else name, value)
