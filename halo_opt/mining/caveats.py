"""The method and the caveats of a report."""

from collections.abc import Mapping, Sequence

from halo_opt.core.text import counted, listed
from halo_opt.mining.comparisons import LEAST_TASKS, MOST_GROUPS, Comparisons, holds, is_clear_without, lost_and_won
from halo_opt.mining.findings import HELD_FIXED
from halo_opt.mining.levels import FALSE_DISCOVERY
from halo_opt.mining.measure import MIN_FAILURES, MIN_WITH, Measured
from halo_opt.mining.run_wide import MOST_NAMED, NEARLY_ALL, NEARLY_NONE, RunWide
from halo_opt.mining.totals import MOST_RUNS
from halo_opt.store.index.summary import ImportSummary, notes_on
from halo_opt.store.protocols import Rows
from halo_opt.store.schema import TASKS_TOLD_APART

_FEW_TASKS = 10
_FEW_SUCCESSES = 10


def method_of(measured: Sequence[Measured], first_steps: Mapping[str, int]) -> str:
    """How the findings were made, for somebody who wants to do it again."""
    tested = [m for m in measured if m.p_value is not None]
    schemes = sorted({m.contrast.stratified_by for m in tested if m.contrast})
    compared = "; ".join(HELD_FIXED[scheme].lower() for scheme in schemes)
    sentences = [
        f"{len(measured)} behaviours were looked for and {len(tested)} could be tested (at least {MIN_FAILURES}"
        f" failures, {MIN_WITH} attempts that show the behaviour, and both outcomes).",
        f"Attempts were compared {compared}." if compared else "No attempts could be compared.",
        "p-values come from exact two-sided permutation tests of outcomes within these groups.",
        "Differences and ratios are Mantel-Haenszel estimates; each interval is the wider of Sato's and one clustered"
        " by task.",
        f"q-values are p-values after the Benjamini-Hochberg correction for all {len(tested)} tests; a finding is"
        f" called proven at q <= {FALSE_DISCOVERY}.",
        "A proven behaviour is listed under another one, as related to it, if three things hold: at least half of its"
        " failures show the other one too, which is more than by chance; with the other one held fixed, attempts that"
        " show it no longer fail measurably more often; and it is not seen before the other one.",
        "Proven findings are ranked by the number of failures that they explain. Of the others, those with an"
        " uncorrected p-value of at most 0.05 come first, then those that more failures show.",
        "Behaviours that are symptoms of failing, such as reaching the step limit, are not ranked.",
        "No random sampling was used.",
    ]
    if first_steps:
        sentences.append(
            "In runs where success ends an attempt, failures are longer by construction. There only the first steps are"
            " compared, among attempts that lasted at least that long."
        )
    return " ".join(sentences)


def comparison_method(compared: Comparisons) -> list[str]:
    """How groups of attempts were compared, in sentences; none where there are no two groups to compare."""
    if not compared.pairs:
        return []
    sentences = [
        f"{counted(len(compared.pairs), 'pair')} of groups (runs, modes, models, harness revisions) that share at least"
        f" {LEAST_TASKS} tasks were compared: by task, which of the two has the higher success rate, with the exact"
        " two-sided sign test. The p-values of these comparisons are corrected together (Benjamini-Hochberg), apart"
        " from those of behaviours.",
        f"A behaviour marks the group that does worse if at least {NEARLY_ALL:.0%} of its failures show it and at most"
        f" {NEARLY_NONE:.0%} of the attempts of a group that does better (q <= {FALSE_DISCOVERY}) at the same tasks."
        " Such a finding is called shown if this holds for all groups that do better together; it says that the group"
        " and the behaviour go together, not which of them is the cause.",
    ]
    if compared.left_out:
        sentences.append(f"Of each kind only the {MOST_GROUPS} groups with the most attempts were compared.")
    return sentences


def unmarked(store: Rows, compared: Comparisons, marked: Sequence[RunWide]) -> list[str]:
    """The groups that do worse than another though no behaviour marks them, nor a part that accounts for it."""
    known = [one.best.group for one in marked]
    notes = []
    for group in compared.worse_groups:
        parts = [one for one in known if holds(store, group, one)]
        pairs = compared.better_than(group)
        if group not in known and (not parts or any(is_clear_without(store, pair, parts) for pair in pairs)):
            results = listed([lost_and_won(pair) for pair in pairs], MOST_NAMED)
            words = f"{group.words[0].upper()}{group.words[1:]}"
            notes.append(f"{words} does worse {results}. Nothing that was looked for marks this {group.by}.")
    return notes


def caveats_of(store: Rows, measured: Sequence[Measured], first_steps: Mapping[str, int], *, found: int) -> list[str]:
    """Limits of the data and of the comparison, one sentence or two each.

    Args:
        store: The attempts.
        measured: Every measured behaviour.
        first_steps: By run in which success ends an attempt: how many first steps are compared.
        found: How many findings are proven or shown.
    """
    [(attempts, successes, failures, unknown, errors, tasks, runs)] = store.rows(
        "SELECT count(*), count(*) FILTER (outcome = 'success'), count(*) FILTER (outcome = 'failure'), count(*)"
        " FILTER (outcome IS NULL), count(*) FILTER (outcome = 'error'), count(DISTINCT task_id), count(DISTINCT"
        " run_id) FROM attempts"
    )
    notes = _outcomes(store, attempts, successes, failures, unknown)
    if 0 < tasks < _FEW_TASKS:
        there = "There is only" if tasks == 1 else "There are only"
        notes.append(f"{there} {counted(tasks, 'task')}: the findings may not hold for other tasks.")
    if found == 0 and successes and failures:
        notes.append("No behaviour is proven to be more common in failures than in successes.")
    if errors:
        were = "It was" if errors == 1 else "They were"
        notes.append(
            f"{counted(errors, 'attempt')} ended in an error. {were} not measured: neither a failure nor a success."
        )
    if runs > 1:
        notes += _runs(store, runs)
    notes += _identity(store)
    notes += _single_attempts(store)
    if first_steps:
        names = listed(sorted(first_steps))
        notes.append(
            "In these runs an attempt goes on until it succeeds or reaches the step limit, so failures are longer by"
            f" construction and only first steps are compared: {names}."
        )
    if store.rows("SELECT count(*) FROM scores WHERE name = 'turn_reward'")[0][0]:
        notes.append(
            "Some runs were scored after every turn, and the agent may have seen these scores (InterCode's multi-turn"
            " mode shows them). Such an agent knows whether it has solved the task; in real use it would not."
        )
    notes += [
        f"{m.behaviour.title}: {m.failures_with} of {m.failures} failures and {m.successes_with} of {m.successes}"
        " successes. This is a symptom of failing, not a cause, so it is not a finding."
        for m in measured
        if m.state == "consequence" and m.failures_with
    ]
    notes += _import_notes(store)
    notes += [
        f"Detector {m.behaviour.name} failed and was skipped: {m.reason}" for m in measured if m.state == "failed"
    ]
    return notes


def left_out(store: Rows) -> list[str]:
    """A sentence for each reason why files beside the traces could not be read."""
    summary = _import_summary(store)
    return [] if summary is None else [f"{note}." for note in notes_on(summary.not_recognised)]


def _import_summary(store: Rows) -> ImportSummary | None:
    found = store.rows("SELECT value FROM meta WHERE key = 'summary'")
    return ImportSummary.model_validate_json(found[0][0]) if found else None


def _import_notes(store: Rows) -> list[str]:
    """What the import of the traces found without attempts, without steps, or stated in two ways."""
    summary = _import_summary(store)
    if summary is None:
        return []
    notes = [f"{note}." for note in notes_on(summary.without_attempts)]
    notes += [f"{warning[0].upper()}{warning[1:]}." for warning in summary.warnings]
    if summary.totals_differ:
        notes.append(
            f"In {counted(summary.totals_differ, 'attempt')} the result file states other tokens or costs than the"
            " trajectory or the run. Those of the result file are used."
        )
    return notes


def _endings(store: Rows) -> str:
    """What ended the failures, as a sentence after another; '' where no trace says so."""
    rows = store.rows(
        "SELECT replace(end_reason, '_', ' '), count(*) FROM attempts WHERE outcome = 'failure' AND end_reason IS NOT"
        " NULL GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 4"
    )
    return f" What ended them: {listed([f'{reason} ({count})' for reason, count in rows])}." if rows else ""


def _outcomes(store: Rows, attempts: int, successes: int, failures: int, unknown: int) -> list[str]:
    if attempts == 0:
        return ["There are no attempts."]
    notes = []
    if unknown:
        notes.append(f"{unknown} of {attempts} attempts have no outcome and are left out of all comparisons.")
    if successes + failures == 0:
        known = "has an outcome" if unknown == attempts else "succeeded or failed"
        counted_alone = ", so behaviours are only counted" if unknown else ", so there is nothing to compare"
        notes.append(f"No attempt {known}{counted_alone}.")
    elif successes == 0:
        notes.append(
            "All measured attempts failed: behaviours are counted, but there are no successes to compare with."
            f"{_endings(store)}"
        )
    elif failures == 0:
        notes.append("All measured attempts succeeded: there is no failure to explain.")
    elif successes < _FEW_SUCCESSES:
        notes.append(
            f"Only {successes} of {successes + failures} attempts succeeded. What failures have in common can be"
            " described, but there is little to compare it with."
        )
    return notes


def _runs(store: Rows, runs: int) -> list[str]:
    """That there are several runs, and how they are compared."""
    [(singles,)] = store.rows("SELECT count(*) FROM (SELECT 1 FROM attempts GROUP BY run_id HAVING count(*) = 1)")
    several = runs - singles
    notes = []
    if several > 1:
        shown = "the success rate of each run" if several <= MOST_RUNS else f"the success rates of {MOST_RUNS} of them"
        notes.append(
            f"The traces come from {runs} runs ({_mixture(store)}). The overview has {shown}, and attempts were"
            " compared within runs."
        )
    if several > MOST_RUNS:
        notes.append(
            f"For the rates of all {runs} runs: halo-opt sql \"SELECT run_id, avg((outcome = 'success')::INT)"
            " FROM attempts WHERE outcome IN ('success', 'failure') GROUP BY run_id ORDER BY run_id\" --store STORE"
        )
    if singles > 1:
        notes.append(f"{singles} runs have one attempt each. These attempts were compared with each other, as one run.")
    return notes


def _identity(store: Rows) -> list[str]:
    """What was found twice, and what one name was used for several things."""
    [(copies, kept)] = store.rows("SELECT count(*), count(DISTINCT trace_id) FROM duplicates")
    notes = []
    if copies:
        notes.append(
            f"{counted(kept, 'attempt')} stood in the files more than once. Each counts once:"
            f" {counted(copies, 'copy was', 'copies were')} left out."
        )
    [(told_apart,)] = store.rows(TASKS_TOLD_APART)
    if told_apart:
        notes.append(
            f"{counted(told_apart, 'task id')} had attempts with different goals. Each goal counts as a task of its"
            " own, with a hash of the goal in its id."
        )
    return notes


def _mixture(store: Rows) -> str:
    [(models, modes, revisions)] = store.rows(
        "SELECT count(DISTINCT model), count(DISTINCT mode), count(DISTINCT harness_revision) FROM attempts"
    )
    numbers = {"model": models, "mode": modes, "harness revision": revisions}
    return ", ".join(counted(n, name) if n else f"{name} not recorded" for name, n in numbers.items())


def _single_attempts(store: Rows) -> list[str]:
    [(largest,)] = store.rows(
        "SELECT max(n) FROM (SELECT count(*) AS n FROM attempts WHERE outcome IN ('success', 'failure') GROUP BY"
        " run_id, task_id)"
    )
    if largest == 1:
        return ["Each run has one attempt per task, so a hard task cannot be distinguished from an unlucky attempt."]
    return []


def too_long(standing: Sequence[Measured], judged: int) -> list[str]:
    """A caveat on the findings that the triage leaves out because its SQL would be too long; none where it is not."""
    left = [m for m in standing if m.behaviour.category == "harness"][judged:]
    if not left:
        return []
    names = listed([m.behaviour.name for m in left])
    return [
        f"The triage uses the first {judged} proven findings only, because its SQL would be too long to run again with"
        f" the others: {names}."
    ]
