"""What earlier iterations of a loop found and tried, as text for the models of a later one.

Of the gate split it holds verdicts and rates, as the journal does, and no trace.
"""

from collections.abc import Sequence

from halo_opt.core.report_records import Finding, Report
from halo_opt.patching.guard import replace_hidden
from halo_opt.patching.propose import Trial
from halo_opt.patching.tried import trial_texts

# How many findings of an iteration are told, those of a model first, and of how many iterations, the newest.
_FINDINGS, _ITERATIONS, _CLAIM_CHARACTERS = 8, 4, 240


def earlier_findings(reports: Sequence[tuple[int, Report]]) -> str:
    """What the newest iterations found: id, level and words of each finding; '' where there was none."""
    lines = []
    for number, report in reports[-_ITERATIONS:]:
        of_model = [finding for finding in report.findings if finding.model_claims]
        others = [finding for finding in report.findings if not finding.model_claims]
        lines += [f"Iteration {number}, {_line(finding)}" for finding in (*of_model, *others)[:_FINDINGS]]
    return replace_hidden("\n".join(lines))


def _line(finding: Finding) -> str:
    words = finding.model_claims[0].words if finding.model_claims else finding.claim
    if len(words) > _CLAIM_CHARACTERS:
        words = words[:_CLAIM_CHARACTERS].rsplit(" ", 1)[0] + " ..."
    return f"{finding.id} ({finding.level}), {finding.behaviour}: {finding.title.rstrip('.')}. {words}"


def memory_text(reports: Sequence[tuple[int, Report]], history: Sequence[Trial]) -> str:
    """What was tried, the newest first, and what was found; '' in the first iteration."""
    tried = trial_texts(history)[::-1]
    parts = []
    if tried:
        parts.append("Patches that were tried, the newest first:\n" + "\n".join(tried))
    if found := earlier_findings(reports):
        parts.append("Findings of earlier iterations:\n" + found)
    return "\n".join(parts)
