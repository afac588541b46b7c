"""The words of a report about itself: how it was made and what it cannot know. Only reads."""

from collections.abc import Mapping, Sequence

from halo_opt.core.text import counted
from halo_opt.mining.cells import MIN_FAILURES, MIN_WITH, Measured
from halo_opt.mining.findings import FALSE_DISCOVERY, HELD_FIXED
from halo_opt.store.protocols import Rows

_FEW_TASKS = 10
_FEW_SUCCESSES = 10


def method_of(measured: Sequence[Measured], first_steps: Mapping[str, int]) -> str:
    """How the findings were made, for somebody who wants to do it again."""
    tested = [m for m in measured if m.p_value is not None]
    schemes = sorted({m.contrast.stratified_by for m in tested if m.contrast})
    held = "; ".join(HELD_FIXED[scheme].lower() for scheme in schemes) or "nothing could be compared"
    text = (
        f"{len(measured)} behaviours were looked for and {len(tested)} could be tested (at least {MIN_FAILURES}"
        f" failures,"
        f" {MIN_WITH} attempts that show it, both outcomes). Compared: {held}. p-values are exact permutation tests"
        f" of outcomes"
        " within these groups, two-sided; differences and ratios are Mantel-Haenszel, with the wider of Sato's interval"
        " and one clustered by task; q-values are"
        f" Benjamini-Hochberg over the {len(tested)} tested, and a finding is called proven at q <= {FALSE_DISCOVERY}."
        " A proven finding that says nothing more once another one is held fixed, and does not come before it, is"
        " folded under it (at least half of its failures in common, more than chance would have)."
        " Proven findings are ranked by failures explained; others, which are not proven, by how many failures show"
        " them."
        " Behaviours that only show that an attempt goes wrong are listed as consequences and not ranked. Nothing was"
        " drawn"
        " at random."
    )
    if first_steps:
        text += (
            " In runs where success ends an attempt, longer attempts are failures by construction; there only the"
            " first steps"
            " are compared, in attempts that lasted as long."
        )
    return text


def caveats_of(store: Rows, measured: Sequence[Measured], first_steps: Mapping[str, int], *, found: int) -> list[str]:
    """What a reader should hold against the report."""
    [(attempts, successes, failures, unknown, errors, tasks, runs)] = store.rows(
        "SELECT count(*), count(*) FILTER (outcome = 'success'), count(*) FILTER (outcome = 'failure'),"
        " count(*) FILTER (outcome IS NULL), count(*) FILTER (outcome = 'error'), count(DISTINCT task_id),"
        " count(DISTINCT run_id) FROM attempts"
    )
    notes = _outcomes(attempts, successes, failures, unknown)
    if 0 < tasks < _FEW_TASKS:
        there = "There is only" if tasks == 1 else "There are only"
        notes.append(f"{there} {counted(tasks, 'task')}: what holds there need not hold elsewhere.")
    if found == 0 and successes and failures:
        notes.append("No behaviour is proven to separate failures from successes here.")
    if errors:
        notes.append(f"{errors} attempts ended in an error and were not measured; they count neither way.")
    if runs > 1:
        notes.append(
            f"{runs} runs are mixed here, of {_mixture(store)}; the success rate of each is in the overview, and"
            f" comparisons"
            " were made within runs."
        )
    notes += _once(store)
    if first_steps:
        names = ", ".join(sorted(first_steps))
        notes.append(
            f"In {names} an attempt goes on until it succeeds or runs out of steps: failures are longer for that alone."
        )
    if store.rows("SELECT count(*) FROM scores WHERE name = 'turn_reward'")[0][0]:
        notes.append(
            "Some runs were scored after every turn, and the agent may have seen that score (InterCode's multi-turn"
            " mode shows"
            " it): it then knows that it has not solved the task, which it would not know in use."
        )
    notes += [
        f"{m.behaviour.title}: {m.failures_with} of {m.failures} failures and {m.successes_with} of {m.successes}"
        f" successes."
        " That is how failing looks, not why."
        for m in measured
        if m.state == "consequence" and m.failures_with
    ]
    notes += [
        f"Detector {m.behaviour.name} failed and was skipped: {m.reason}" for m in measured if m.state == "failed"
    ]
    return notes


def _outcomes(attempts: int, successes: int, failures: int, unknown: int) -> list[str]:
    if attempts == 0:
        return ["There are no attempts."]
    notes = []
    if unknown:
        notes.append(f"{unknown} of {attempts} attempts have no outcome and take no part in any comparison.")
    if successes + failures == 0:
        notes.append("No attempt has an outcome, so behaviours are only counted.")
    elif successes == 0:
        notes.append("All measured attempts failed: behaviours are described, and nothing can be compared.")
    elif failures == 0:
        notes.append("All measured attempts succeeded: there is no failure to explain.")
    elif successes < _FEW_SUCCESSES:
        notes.append(
            f"Only {successes} of {successes + failures} attempts succeeded: what failures have in common can be"
            f" described, but"
            " hardly compared."
        )
    return notes


def _mixture(store: Rows) -> str:
    [(models, modes, revisions)] = store.rows(
        "SELECT count(DISTINCT model), count(DISTINCT mode), count(DISTINCT harness_revision) FROM attempts"
    )
    return f"{models} models, {modes} modes and {revisions} harness revisions as far as the traces tell"


def _once(store: Rows) -> list[str]:
    [(largest,)] = store.rows(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM attempts WHERE outcome IN ('success', 'failure')"
        " GROUP BY run_id, task_id)"
    )
    if largest == 1:
        return ["Each run tried each task once: chance and difficulty cannot be told apart within a task."]
    return []


def too_long(standing: Sequence[Measured], judged: int) -> list[str]:
    """What the triage had to leave out, of the findings that blame the harness."""
    left = [m for m in standing if m.behaviour.category == "harness"][judged:]
    if not left:
        return []
    names = ", ".join(m.behaviour.name for m in left)
    return [f"The triage goes by the first {judged} proven findings; {names} would make its SQL too long to run again."]
