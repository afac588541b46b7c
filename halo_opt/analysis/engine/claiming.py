"""Claims as agents make them and hand them in: checked at once, and the verdict told. Believes nothing of them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from halo_opt.analysis.claims.check import check
from halo_opt.analysis.claims.hypotheses import Hypotheses, behaviour_sql
from halo_opt.analysis.claims.records import MAX_LIST, Claim
from halo_opt.analysis.records import AnswerPoint, RecordedClaim
from halo_opt.analysis.tools.base import Arguments, ToolRefused
from halo_opt.analysis.tools.data_marks import fence
from halo_opt.core.errors import InputError
from halo_opt.mining.cells import Measured
from halo_opt.store import Store
from halo_opt.store.guarded.rows import GuardedRows
from halo_opt.store.guarded.sqltext import layout_free

MAX_SUMMARY = 4_000


class ClaimArguments(Arguments, Claim):
    """A claim as a tool's arguments."""


class ReportArguments(Arguments):
    """What ends an agent's work."""

    summary: str = Field(min_length=1, max_length=MAX_SUMMARY, description="what you found, in a few sentences")
    claims: list[Claim] = Field(default=[], max_length=MAX_LIST, description="claims not recorded yet")


class AnswerArguments(Arguments):
    """What ends the work on a question."""

    points: list[AnswerPoint] = Field(
        min_length=1,
        max_length=MAX_LIST,
        description="short points; each needs a contrast, a number with its SQL, or a quote",
    )


@dataclass(frozen=True)
class Evidence:
    """What claims are held against; without a `harness` where a fix lies is not checked."""

    store: Store
    rows: GuardedRows
    first_steps: Mapping[str, int]
    harness: Path | None = None


@dataclass
class Recorded:
    """The claims of one agent, and of its sub-agents once they are handed over. Used by one thread at a time."""

    agent: str
    evidence: Evidence
    hypotheses: Hypotheses
    known: frozenset[str] = frozenset()
    claims: list[RecordedClaim] = field(default_factory=list)
    made: int = 0

    def record(self, claim: Claim) -> tuple[RecordedClaim, Measured | None]:
        """The claim as checked. One that was not confirmed may be made again; raises ToolRefused for the others.

        Its predicate may be the name of a contrast that was made, which is shorter and cannot be mistyped unseen.
        """
        contrasted = self.hypotheses.named(claim.predicate_sql.strip())
        if contrasted is not None:
            claim = claim.model_copy(update={"predicate_sql": contrasted.predicate_sql})
        key = _key(claim)
        earlier = next((old for old in self.claims if _key(old.checked.claim) == key), None)
        if key in self.known or (earlier and earlier.checked.status == "confirmed"):
            name = f" as {earlier.id}" if earlier else ""
            raise ToolRefused(f"this predicate is claimed already{name}; claim something else, or hand in")
        self.hypotheses.add(claim.title, claim.predicate_sql, self.agent)
        self.made += earlier is None
        name = earlier.id if earlier else f"{self.agent}.c{self.made}"
        evidence = self.evidence
        checked, measured = check(
            claim,
            evidence.store,
            evidence.rows,
            name=f"claim_{name.replace('.', '_')}",
            first_steps=evidence.first_steps,
            harness=evidence.harness,
        )
        made = RecordedClaim(id=name, agent=self.agent, checked=checked)
        self.claims = [made if old is earlier else old for old in self.claims] if earlier else [*self.claims, made]
        return made, measured

    def take(self, claims: Sequence[RecordedClaim]) -> None:
        """The claims of a sub-agent, save those whose predicate is here already."""
        here = {_key(old.checked.claim) for old in self.claims} | self.known
        self.claims += [claim for claim in claims if _key(claim.checked.claim) not in here]

    @property
    def keys(self) -> frozenset[str]:
        """What a sub-agent need not claim again."""
        return self.known | {_key(old.checked.claim) for old in self.claims}


def _key(claim: Claim) -> str:
    return layout_free(claim.predicate_sql)


def verdict(recorded: RecordedClaim, measured: Measured | None) -> str:
    """What the check of a claim said, for the model that made it."""
    checked = recorded.checked
    said = [f"{recorded.id}: {checked.status}."]
    if checked.status == "unsupported":
        said.append("Claim it again with the same predicate and better evidence, or leave it.")
    if measured is not None:
        said.append(
            f"Shown by {measured.failures_with} of {measured.failures} failures and {measured.successes_with} of"
            f" {measured.successes} successes."
        )
        contrast = measured.contrast
        if contrast is not None and contrast.difference is not None:
            sure = f", p = {contrast.p_value:.3g}" if contrast.p_value is not None else ""
            said.append(f"Difference within the same tasks {contrast.difference:+.3f}{sure}.")
        elif measured.reason:
            said.append(f"No contrast: {measured.reason}.")
    # The words of a failed query may hold words of a trace.
    told = [f"unsupported: {reason}" for reason in checked.reasons]
    told += [f"corrected: {correction}" for correction in checked.corrections]
    return "\n".join([" ".join(said), *([fence("\n".join(told))] if told else [])])


def to_look_at(recorded: RecordedClaim, evidence: Evidence) -> str:
    """Where a quote for a claim without one can be found: two failures that show it; '' where none does."""
    shown = behaviour_sql(recorded.checked.claim.predicate_sql)
    sql = (
        f"SELECT trace_id FROM ({shown}) AS b JOIN attempts USING (trace_id) WHERE b.value AND outcome = 'failure'"
        " ORDER BY trace_id LIMIT 2"
    )
    try:
        found = [str(trace_id) for (trace_id,) in evidence.rows.rows(sql)]
    except InputError:
        return ""
    return (
        "\nIt needs a quote. Show one of these failures and copy from it:\n" + fence("\n".join(found)) if found else ""
    )


def whatever_fits(said: Mapping[str, Any], text: str) -> ReportArguments:
    """A last report from a reply that may break the form: its summary, or all its words, and the claims that are whole.

    Raises ValidationError where there are no words at all.
    """
    summary = said.get("summary") or ("" if text.lstrip().startswith("{") else text.strip())
    claims: list[Claim] = []
    told = said.get("claims")
    for claim in told if isinstance(told, list) else []:
        with suppress(ValidationError):
            claims.append(Claim.model_validate(claim))
    return ReportArguments(summary=str(summary)[:MAX_SUMMARY], claims=claims[:MAX_LIST])
