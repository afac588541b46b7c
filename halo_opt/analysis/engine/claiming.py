"""Claims and answers as agents hand them in: checked at once, and the verdict told. Believes nothing of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from halo_opt.analysis.claims import MAX_LIST, Claim, check, rerun, stands, strike
from halo_opt.analysis.guarded_rows import GuardedRows
from halo_opt.analysis.hypotheses import Hypotheses
from halo_opt.analysis.records import Answer, AnswerPoint, CheckedPoint, RecordedClaim
from halo_opt.analysis.tools.base import Arguments, ToolRefused
from halo_opt.analysis.tools.data_marks import fence
from halo_opt.mining.cells import Measured
from halo_opt.store import Store

MAX_SUMMARY = 4_000


class ClaimArguments(Arguments, Claim):
    """A claim as a tool's arguments."""


class ReportArguments(Arguments):
    """What ends an agent's work."""

    summary: str = Field(max_length=MAX_SUMMARY, description="what you found, in a few sentences")
    claims: list[Claim] = Field(default=[], max_length=MAX_LIST, description="claims not recorded yet")


class AnswerArguments(Arguments):
    """What ends the work on a question."""

    points: list[AnswerPoint] = Field(
        min_length=1, max_length=MAX_LIST, description="short points; each needs a number with its SQL, or a quote"
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
        """The claim as checked. One that was not confirmed may be made again; raises ToolRefused for the others."""
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
    return " ".join(claim.predicate_sql.split()).rstrip("; ")


def verdict(recorded: RecordedClaim, measured: Measured | None) -> str:
    """What the check of a claim said, for the model that made it."""
    checked = recorded.checked
    said = [f"{recorded.id}: {checked.status}."]
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
    said += [f"Unsupported: {reason}." for reason in checked.reasons]
    if checked.corrections:
        # They repeat what was struck, and that may be a trace's words.
        said.append(f"Corrected:\n{fence(chr(10).join(checked.corrections))}\n")
    if checked.status == "unsupported":
        said.append("Claim it again with the same predicate and better evidence, or leave it.")
    return " ".join(said)


def checked_answer(points: Sequence[AnswerPoint], evidence: Evidence) -> Answer:
    """What stands of an answer: a point of which no number and no quote stands is dropped."""
    kept: list[CheckedPoint] = []
    dropped: list[str] = []
    for place, point in enumerate(points, 1):
        corrections: list[str] = []
        numbers = list(rerun(point.numbers, evidence.store, evidence.rows, corrections))
        quotes = [quote for quote in point.quotes if stands(quote, evidence.store, corrections)]
        if not numbers and not quotes:
            why = "; ".join(corrections) or "it cites nothing"
            dropped.append(f"point {place} was dropped: {why}")
            continue
        text = strike(point.text, [number.value for number in numbers], corrections)
        standing = AnswerPoint(text=text, numbers=numbers, quotes=quotes)
        kept.append(CheckedPoint(point=standing, corrections=corrections))
    return Answer(points=kept, dropped=dropped)
