"""How well the traces support a model's claim: what its test says, limited by what of its evidence holds."""

from collections.abc import Sequence

from halo_opt.analysis.claims.direction import Shown
from halo_opt.mining.levels import Support
from halo_opt.mining.measure import NOTHING_VARIES, WHOLE_ATTEMPT
from halo_opt.store.guarded.sql_checks import LISTED

# The note at a claim whose predicate takes the labels of `llm_map`.
LABELLED = "its attempts were labelled by a model"
# Corrections that say nothing against the claim itself begin with one of these.
_NOTES = (
    LISTED,
    LABELLED,
    "it picks the same attempts as",
    "it picks nearly the same attempts as",
    "the fix",
    "lines ",
    "a counter-quote",
)


def claim_support(
    test: Support,
    shown: Shown,
    *,
    reasons: Sequence[str],
    corrections: Sequence[str],
    unchecked: Sequence[str],
    listed: bool,
    tested: bool,
) -> Support:
    """The level of a claim.

    Args:
        test: What mining says of the behaviour: from its test, or from the comparison of whole runs.
        shown: How many failures and successes show it.
        reasons: Why nothing of the claim stands; empty where something does.
        corrections: What differed when the claim was checked.
        unchecked: Figures in its title and words that no checked number gave.
        listed: Whether its predicate lists attempts by name.
        tested: Whether a test was made.
    """
    if reasons:
        return Support("unsupported", _sentence(reasons[0]), "Claim it again with what is missing.")
    if wrong := lowering(corrections):
        return Support("suspected", f"Not all of it holds: {wrong[0]}.", "Claim it again with what the traces give.")
    if unchecked:
        reason = "Some figures of its words come from no checked number."
        return Support("suspected", reason, "A number with its SQL for each, named by a placeholder.")
    if listed:
        return Support("suspected", _sentence(LISTED), "A predicate that finds these attempts by what they did.")
    by_construction = any(reason in test.reason for reason in (NOTHING_VARIES, WHOLE_ATTEMPT))
    untested = test.level == "suspected" and not tested and not by_construction
    effect = shown.effect
    if untested and shown.failures_with and effect is not None and effect >= 0:
        return Support("shown", test.reason, test.to_lift)
    return test


def lowering(corrections: Sequence[str]) -> list[str]:
    """The corrections that speak against the claim itself."""
    return [one for one in corrections if not one.startswith(_NOTES)]


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
