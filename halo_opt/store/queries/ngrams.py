"""Sequences of actions, by how the attempts that contain them ended. A difference here is a lead, not a proof."""

from pydantic import Field

from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.store.queries.actions import OUTCOMES, Outcomes, outcomes, rate, with_actions, with_chosen
from halo_opt.store.queries.answers import Answer, Section
from halo_opt.store.queries.filters import TraceFilter
from halo_opt.store.store import Store

LONGEST = 5
AT_LEAST = 5


class Gram(Record):
    """A sequence of actions; `difference` is the success rate with them less that without, None if one is unknown."""

    actions: list[str]
    outcomes: Outcomes
    rate_with: float | None
    rate_without: float | None
    difference: float | None


class Grams(Answer):
    """Sequences of actions, those with the greatest difference first."""

    n: int
    at_least: int
    grams: list[Gram]
    more_grams: int = Field(description="grams that are common enough but beyond the limit")
    rare_grams: int = Field(description="grams of too few attempts to compare")
    all_attempts: Outcomes

    def sections(self) -> list[Section]:
        """A row a gram."""
        columns = ["actions", "attempts", "success", "failure", "rate with", "rate without", "difference"]
        rows = [
            (
                " > ".join(gram.actions),
                gram.outcomes.attempts,
                gram.outcomes.success,
                gram.outcomes.failure,
                gram.rate_with,
                gram.rate_without,
                gram.difference,
            )
            for gram in self.grams
        ]
        return [Section("", columns, rows)]

    def remarks(self) -> list[str]:
        """What is left out."""
        remarks = [f"{self.more_grams} more are not listed"] if self.more_grams else []
        if self.rare_grams:
            remarks.append(
                f"{self.rare_grams} more are in fewer than {self.at_least} attempts; see them with --at-least 1"
            )
        unmeasured = self.all_attempts.error + self.all_attempts.unknown
        if unmeasured:
            words = "attempts ended in an error or have no outcome; they are left out of all rates"
            remarks.append(f"{unmeasured} of {self.all_attempts.attempts} {words}")
        return remarks


def ngrams(
    store: Store, chosen: TraceFilter | None = None, *, n: int = 3, at_least: int = AT_LEAST, limit: int = 50
) -> Grams:
    """Every sequence of `n` calls, with the outcomes of the attempts that contain it and of those that do not."""
    if not 1 <= n <= LONGEST:
        raise InputError(f"n is {n}; choose 1 to {LONGEST} actions in a row")
    head, params = with_actions(chosen)
    listed = ", ".join(f"lead(tool, {k}) OVER w" if k else "tool" for k in range(n))
    rows = store.rows(
        f"{head}, grams AS (SELECT DISTINCT trace_id, gram FROM (SELECT trace_id, [{listed}] AS gram,"
        f" lead(tool, {n - 1}) OVER w AS last FROM actions WINDOW w AS (PARTITION BY trace_id ORDER BY n))"
        " WHERE last IS NOT NULL)"
        f" SELECT gram, {OUTCOMES} FROM grams JOIN chosen USING (trace_id) GROUP BY gram",
        params,
    )
    head, params = with_chosen(chosen)
    [counts] = store.rows(f"{head} SELECT {OUTCOMES} FROM chosen", params)
    whole = outcomes(counts)
    common = [_gram(row[0], outcomes(row[1:]), whole) for row in rows if row[1] >= at_least]
    common.sort(key=lambda gram: (-abs(gram.difference or 0), -gram.outcomes.attempts, gram.actions))
    return Grams(
        n=n,
        at_least=at_least,
        grams=common[:limit],
        more_grams=len(common[limit:]),
        rare_grams=len(rows) - len(common),
        all_attempts=whole,
    )


def _gram(actions: list[str], inside: Outcomes, whole: Outcomes) -> Gram:
    without = rate(whole.success - inside.success, whole.failure - inside.failure)
    difference = None if inside.rate is None or without is None else inside.rate - without
    return Gram(actions=actions, outcomes=inside, rate_with=inside.rate, rate_without=without, difference=difference)
