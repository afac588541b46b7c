"""Finds the first decisive step of a failed attempt by rules over its steps, and says what was wrong there.

The rules are tried in the order of `RULES`, and the first that holds decides. Whose fault it is, and the finding that
the attempt belongs to, are those of the report's triage.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

from halo_opt.core.report_records import Category, Diagnosis, Report
from halo_opt.core.text import counted
from halo_opt.mining.exemplars import first_difference, nearest_attempt
from halo_opt.mining.facts import facts_sql
from halo_opt.mining.measure import literal
from halo_opt.store.protocols import Rows

UNRECOVERED = "unrecovered error"
PARTING = "differs from a success"
LOOP = "repeated action"
LIMIT = "limit reached"
LAST = "last step"
NO_STEPS = "no steps"
RULES = {
    UNRECOVERED: "the first call that failed and whose tool (in a shell: whose program) never worked again",
    PARTING: "the first step at which it did something else than the nearest success at the same task",
    LOOP: "the first repetition of an action that was done at least three times with the same result",
    LIMIT: "the last step before a limit ended the attempt",
    LAST: "the last step, because no other rule applies",
    NO_STEPS: "the trace records no steps",
}
_REPEATS = 3
# Characters of a quote, and of an action within a sentence.
_QUOTE, _ACTION = 200, 90
# Characters of a long text that are read.
_READ = 4000


@dataclass(frozen=True, slots=True)
class Acted:
    """One step as the rules see it.

    Attributes:
        step: Its number in the attempt, from 0.
        agent: Who acted, '' where the trace names no agents.
        tool: '' where no action could be read.
        head: The tool, or in a shell the first program of the command.
        malformed: Whether the harness could not run what the model wrote as an action.
    """

    step: int
    agent: str = ""
    tool: str = ""
    arguments: str = ""
    reply: str = ""
    result: str = ""
    error: str = ""
    error_type: str = ""
    head: str = ""
    failed: bool = False
    malformed: bool = False

    @property
    def words(self) -> str:
        """What was done, on one line."""
        if not self.tool:
            return f"the reply “{_short(self.reply)}”" if self.reply.strip() else "an empty reply"
        return _short(f"{self.tool} {self.arguments}")


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, as far as its trace says: see the columns of `attempts`."""

    end_reason: str = ""
    steps: int | None = None
    step_limit: int | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Parting:
    """The nearest success at the same task: where the failure first differs from it, and what it did there."""

    trace_id: str
    step: int
    there: Acted | None


class Decided(NamedTuple):
    """What a rule says of an attempt: the place of the step in its list of steps, the sentence, and the quote."""

    rule: str
    place: int | None
    problem: str
    quote: str


def decide(steps: Sequence[Acted], ending: Ending, parting: Parting | None = None) -> Decided:
    """Find the first decisive step of an attempt by the first rule that holds."""
    if not steps:
        why = f" It ended because of this: {ending.cause}." if ending.cause else ""
        return Decided(NO_STEPS, None, f"The trace records no step of the agent.{why}", "")
    return (
        unrecovered(steps)
        or (_parted(steps, parting) if parting else None)
        or _repeated(steps)
        or _limited(steps, ending)
        or _last(steps)
    )


def unrecovered(steps: Sequence[Acted]) -> Decided | None:
    """The first call that failed and whose tool never worked again; None where there is none.

    A reply that could not be run as an action is recovered by any later step that worked.
    """
    last_worked: dict[str, int] = {}
    worked = -1
    for place, step in enumerate(steps):
        if not step.failed:
            last_worked[step.head], worked = place, place
    for place, step in enumerate(steps):
        again = worked if step.malformed or not step.head else last_worked.get(step.head, -1)
        if step.failed and again < place:
            said = step.error.strip() or step.error_type or step.result.strip()
            ending = "and was the last step" if place == len(steps) - 1 else _not_again(step)
            return Decided(UNRECOVERED, place, f"{step.words} failed ({_short(said)}), {ending}.", _line(said, step))
    return None


def _not_again(step: Acted) -> str:
    if step.malformed or not step.head:
        return "and no later step worked"
    return f"and no later {'command' if step.head != step.tool else 'call'} of this kind ({_short(step.head)}) worked"


def _parted(steps: Sequence[Acted], parting: Parting) -> Decided | None:
    place = next((place for place, step in enumerate(steps) if step.step == parting.step), None)
    there = f"did {parting.there.words}" if parting.there else "had ended"
    if place is None:
        if parting.there is None:
            return None
        last = steps[-1]
        problem = f"It ended after {last.words}, while the success {parting.trace_id} went on: it {there}."
        return Decided(PARTING, len(steps) - 1, problem, _line("", last))
    step = steps[place]
    problem = f"It did {step.words}, while the success {parting.trace_id} {there}."
    return Decided(PARTING, place, problem, _line("", step))


def _repeated(steps: Sequence[Acted]) -> Decided | None:
    actions = [(step.tool, step.arguments or step.reply, step.result) for step in steps]
    times = Counter(actions)
    seen: set[Any] = set()
    for place, action in enumerate(actions):
        if action in seen and times[action] >= _REPEATS:
            step = steps[place]
            first = steps[actions.index(action)].step
            problem = f"It did the same as at step {first}, {times[action]} times in all: {step.words}."
            return Decided(LOOP, place, problem, _line("", step))
        seen.add(action)
    return None


def _limited(steps: Sequence[Acted], ending: Ending) -> Decided | None:
    count = len(steps) if ending.steps is None else ending.steps
    by_steps = ending.step_limit is not None and count >= ending.step_limit
    if not (ending.end_reason.endswith("_limit") or by_steps):
        return None
    name = ending.end_reason.replace("_", " ") if ending.end_reason.endswith("_limit") else "step limit"
    most = f" of {counted(ending.step_limit, 'step')}" if name == "step limit" and ending.step_limit else ""
    step = steps[-1]
    problem = f"The {name}{most} ended the attempt; its last action was {step.words}."
    return Decided(LIMIT, len(steps) - 1, problem, _line("", step))


def _last(steps: Sequence[Acted]) -> Decided:
    step = steps[-1]
    errors = "Each error was recovered" if any(one.failed for one in steps) else "No call failed"
    problem = f"{errors}, and no other rule applies; the last step was {step.words}."
    return Decided(LAST, len(steps) - 1, problem, _line("", step))


def _line(first: str, step: Acted) -> str:
    """The first line with words of the first text that has any, as it stands in the trace."""
    for text in (first, step.arguments, step.reply, step.error, step.result):
        for line in text.splitlines():
            if line.strip():
                return line.strip()[:_QUOTE].strip()
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _ACTION else line[: _ACTION - 1] + "…"


_TEXTS = ", ".join(f"left({name}, {_READ})" for name in ("arguments", "reply", "result", "error"))


def acted(store: Rows, trace_id: str) -> list[Acted]:
    """The steps of an attempt as the rules see them."""
    source = f"(SELECT * FROM steps WHERE trace_id = {literal(trace_id)})"
    facts = facts_sql(["head", "failed", "malformed"], source=source)
    rows = store.rows(
        f"SELECT step, agent, tool, {_TEXTS}, error_type, head, failed, malformed FROM {facts} ORDER BY step"
    )
    return [_acted(row) for row in rows]


def _acted(row: tuple[Any, ...]) -> Acted:
    number, *texts, failed, malformed = row
    agent, tool, arguments, reply, result, error, error_type, head = (text or "" for text in texts)
    return Acted(
        int(number), agent, tool, arguments, reply, result, error, error_type, head, bool(failed), bool(malformed)
    )


def diagnose(store: Rows, report: Report, trace_ids: Sequence[str]) -> list[Diagnosis]:
    """The diagnosis of each of these attempts, in their order.

    Args:
        store: The traces; it also runs the report's triage, so the report must be our own.
        report: What mining found, with `triage_sql` as `explanations.with_explanations` leaves it.
        trace_ids: Attempts of the store.
    """
    causes = _causes(store, report, trace_ids)
    return [_diagnosis(store, trace_id, *causes.get(trace_id, ("unexplained", None))) for trace_id in trace_ids]


def _causes(store: Rows, report: Report, trace_ids: Sequence[str]) -> dict[str, tuple[Category, str | None]]:
    """Whose fault each attempt is by the report's triage, and the finding that explains it."""
    if report.triage_sql is None or not trace_ids:
        return {}
    listed = ", ".join(map(literal, sorted(set(trace_ids))))
    rows = store.rows(
        f"SELECT trace_id, class, finding FROM (\n{report.triage_sql}\n) AS t WHERE trace_id IN ({listed})"
    )
    known = get_args(Category)
    return {str(trace): (fault if fault in known else "unexplained", finding) for trace, fault, finding in rows}


def _diagnosis(store: Rows, trace_id: str, fault: Category, finding: str | None) -> Diagnosis:
    [(task, *ending)] = store.rows(
        "SELECT task_id, coalesce(end_reason, ''), steps, step_limit, coalesce(cause, '') FROM attempts"
        f" WHERE trace_id = {literal(trace_id)}"
    )
    steps = acted(store, trace_id)
    # The nearest success is only looked for where no error decides: it takes several queries.
    decided = unrecovered(steps) or decide(steps, Ending(*ending), _parting(store, trace_id) if steps else None)
    at = None if decided.place is None else steps[decided.place]
    return Diagnosis(
        trace_id=trace_id,
        task_id=task,
        agent=at.agent if at else "",
        step=at.step if at else None,
        problem=decided.problem,
        fault=fault,
        quote=decided.quote,
        finding=finding,
        rule=decided.rule,
    )


def _parting(store: Rows, trace_id: str) -> Parting | None:
    other = nearest_attempt(store, trace_id, "success")
    step = None if other is None else first_difference(store, trace_id, other)
    if other is None or step is None:
        return None
    there = next((one for one in acted(store, other) if one.step == step), None)
    return Parting(other, step, there)


def with_diagnoses(store: Rows, report: Report) -> Report:
    """The report with the diagnosis of each failure that stands as an exemplar at a finding."""
    shown = sorted({one.trace_id for finding in report.findings for one in finding.exemplars})
    found = {one.trace_id: one for one in diagnose(store, report, shown)}
    findings = []
    for finding in report.findings:
        exemplars = [one.model_copy(update={"diagnosis": found[one.trace_id]}) for one in finding.exemplars]
        findings.append(finding.model_copy(update={"exemplars": exemplars}))
    return report.model_copy(update={"findings": findings})
