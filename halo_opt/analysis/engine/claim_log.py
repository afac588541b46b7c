"""The claims of one agent: each is checked when it is recorded, and its agent is told the result."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from halo_opt.analysis.claims.check import check_claim
from halo_opt.analysis.claims.claim_levels import LABELLED
from halo_opt.analysis.claims.hypotheses import Hypotheses, behaviour_sql
from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.claims.sources import ClaimSources
from halo_opt.analysis.records import RecordedClaim
from halo_opt.analysis.tools.base import ToolRefused
from halo_opt.analysis.tools.scope import EVERYTHING, Scope
from halo_opt.core.errors import InputError
from halo_opt.core.prompts import fence
from halo_opt.mining.measure import Measured
from halo_opt.store.guarded.sql_text import layout_free


@dataclass
class ClaimLog:
    """The claims of one agent, and those of its sub-agents once they are merged. Used by one thread at a time.

    `known` holds the keys of claims that agents above this one had recorded before it began. Numbers are counted over
    the attempts of `scope`.
    """

    agent: str
    sources: ClaimSources
    hypotheses: Hypotheses
    known: frozenset[str] = frozenset()
    scope: Scope = EVERYTHING
    claims: list[RecordedClaim] = field(default_factory=list)
    _own: int = field(default=0, init=False)

    def record(self, claim: Claim) -> tuple[RecordedClaim, Measured | None]:
        """Check a claim and record it.

        The predicate may be the name of a contrast that was made. A claim with the predicate of an earlier one, or that
        names it in `replaces`, takes the earlier one's place and id.

        Returns:
            The claim as checked, and its behaviour as measured (None where the predicate cannot be measured).

        Raises:
            ToolRefused: the same is claimed already, or there is no claim that it could replace.
        """
        contrast = self.hypotheses.named(claim.predicate_sql.strip())
        if contrast is not None:
            claim = claim.model_copy(update={"predicate_sql": contrast.predicate_sql})
        claim = claim.model_copy(
            update={"numbers": [one.model_copy(update={"sql": self.scope.over(one.sql)}) for one in claim.numbers]}
        )
        earlier = self._earlier(claim)
        self.hypotheses.add(claim.title, claim.predicate_sql, self.agent)
        if earlier is None:
            self._own += 1
        name = earlier.id if earlier else f"{self.agent}.c{self._own}"
        checked, measured = check_claim(
            claim,
            self.sources.store,
            self.sources.rows,
            name=f"claim_{name.replace('.', '_')}",
            first_steps=self.sources.first_steps,
            harness=self.sources.harness,
            of_findings=self.sources.of_findings,
        )
        if label := self.hypotheses.label_of(claim.predicate_sql):
            checked = checked.model_copy(update={"corrections": [*checked.corrections, f"{LABELLED}: {label}"]})
        scope = "" if self.scope.sql is None else self.scope.words
        made = RecordedClaim(id=name, agent=self.agent, checked=checked, scope=scope, told=_told(claim))
        if earlier is None:
            self.claims = [*self.claims, made]
        else:
            same = _key(claim)
            others = [old for old in self.claims if old is earlier or _key(old.checked.claim) != same]
            self.claims = [made if old is earlier else old for old in others]
        return made, measured

    def _earlier(self, claim: Claim) -> RecordedClaim | None:
        """The claim that this one replaces; None where it is new. Raises ToolRefused as `record` does."""
        key = _key(claim)
        same = next((old for old in self.claims if _key(old.checked.claim) == key), None)
        if same is not None and same.told == _told(claim):
            raise ToolRefused(f"this is claimed already as {same.id}; claim something else, or submit")
        if claim.replaces.strip():
            named = self._named(claim.replaces.strip())
            if named is None:
                there = ", ".join(old.id for old in self.claims) or "none yet"
                raise ToolRefused(f"there is no claim {claim.replaces[:40]!r} to replace; there are: {there}")
            return named
        if key in self.known:
            raise ToolRefused("this predicate is claimed already; claim something else, or submit")
        return same

    def _named(self, name: str) -> RecordedClaim | None:
        """The claim with this id, which may be given without the agent's name: `c1` for `root.c1`."""
        wanted = name.lower()
        ids = {old.id.lower(): old for old in self.claims}
        return ids.get(wanted) or ids.get(f"{self.agent}.{wanted}".lower())

    def merge(self, claims: Sequence[RecordedClaim]) -> None:
        """Add the claims of a sub-agent whose predicates are not recorded yet."""
        keys = self.keys
        self.claims += [claim for claim in claims if _key(claim.checked.claim) not in keys]

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all claims recorded so far, by this agent and those above it."""
        return self.known | {_key(old.checked.claim) for old in self.claims}


def _told(claim: Claim) -> str:
    """A claim as it was made, to tell whether another says the same."""
    return claim.model_copy(update={"replaces": ""}).model_dump_json()


def _key(claim: Claim) -> str:
    return layout_free(claim.predicate_sql)


def check_result_text(recorded: RecordedClaim, measured: Measured | None) -> str:
    """The result of a claim's check, for the model that made the claim."""
    checked = recorded.checked
    lines = [f"{recorded.id}: {checked.level}."]
    if checked.level == "unsupported":
        lines.append("Claim it again with the same predicate and better evidence, or drop it.")
    if measured is not None:
        lines.append(
            f"Shown by {measured.failures_with} of {measured.failures} failures and {measured.successes_with} of"
            f" {measured.successes} successes."
        )
        contrast = measured.contrast
        if contrast is not None and contrast.difference is not None:
            p_value = f", p = {contrast.p_value:.3g}" if contrast.p_value is not None else ""
            lines.append(f"Difference within the same tasks {contrast.difference:+.3f}{p_value}.")
        elif measured.reason:
            lines.append(f"No contrast: {measured.reason}.")
    if checked.level == "suspected":
        lines.append("The report also compares whole runs: there, what marks a run that does worse becomes shown.")
    # The error of a failed query may quote a trace.
    claim = checked.claim
    data = [f"unsupported: {reason}" for reason in checked.reasons]
    if not checked.reasons and checked.level_reason:
        data += [f"why not higher: {checked.level_reason}", f"what would lift it: {checked.to_lift}"]
    if checked.unchecked:
        data.append(f"figures of title and claim that no placeholder gave: {', '.join(checked.unchecked)}")
    data += [f"not as you wrote it: {correction}" for correction in checked.corrections]
    if (checked.title, checked.words) != (claim.title, claim.claim):
        data.append(f"it reads: {checked.title}: {checked.words}")
    text = " ".join(lines)
    return "\n".join([text, fence("\n".join(data))]) if data else text


def quote_hint(recorded: RecordedClaim, sources: ClaimSources) -> str:
    """Two failures in which a quote for a claim can be found; '' where no failure shows it."""
    shown = behaviour_sql(recorded.checked.claim.predicate_sql)
    sql = (
        f"SELECT trace_id FROM ({shown}) AS b JOIN attempts USING (trace_id) WHERE b.value AND outcome = 'failure'"
        " ORDER BY trace_id LIMIT 2"
    )
    try:
        found = [str(trace_id) for (trace_id,) in sources.rows.rows(sql)]
    except InputError:
        return ""
    if not found:
        return ""
    return "\nIt needs a quote. Show one of these failures and copy from it:\n" + fence("\n".join(found))
