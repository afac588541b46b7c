"""Claims as a model hands them in, and the report that is written of them, for this folder."""

from collections.abc import Callable
from functools import cache
from typing import Any

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.records import CheckedClaim, Claim
from halo_opt.analysis.claims.report_with_claims import AnalysisOutput, report_with_claims
from halo_opt.analysis.claims.verify import verify_report
from halo_opt.analysis.claims.verify_claims import Mismatch
from halo_opt.analysis.records import AnalysisResult, Ended, RecordedClaim
from halo_opt.core.report_records import Report
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.mine import measured_store
from halo_opt.store import Store

LONG = "SELECT trace_id FROM steps GROUP BY trace_id HAVING count(*) >= 5"
OWN = Behaviour(
    name="own_long",
    title="Goes on for long",
    meaning="m",
    sql="SELECT trace_id, steps >= 5 AS value, NULL::INTEGER AS step FROM attempts WHERE outcome <> 'error'",
)


def claimed(quote: dict[str, Any], **changes: Any) -> Claim:
    fields: dict[str, Any] = {
        "title": "Goes on and on",
        "claim": "It goes on.",
        "predicate_sql": LONG,
        "quotes": [quote],
        "numbers": [{"name": "steps", "value": 1, "sql": "SELECT count(*) FROM steps"}],
        "category": "model",
        "remedies": ["loop_guard"],
    }
    return Claim.model_validate(fields | changes)


def handed_in(claims: list[Claim], *, asked: Hypotheses | None = None, **changes: Any) -> AnalysisOutput:
    """A result with claims that nobody has checked yet: what writes the report must not rely on it."""
    fields: dict[str, Any] = {
        "summary": "It goes on.",
        "claims": [
            RecordedClaim(
                id=f"C{place}",
                agent="root" if place == 1 else "root.1",
                checked=CheckedClaim(claim=claim),
            )
            for place, claim in enumerate(claims, start=1)
        ],
        "ended": Ended.SUBMITTED,
        "salvaged": False,
        "models": {"root": "big", "sub": "small"},
        "agents": 2,
        "turns": 9,
        "tools": {"sql": 4},
        "faults": {},
        "calls": 11,
        "tokens_in": 1000,
        "tokens_out": 100,
        "cost_usd": 0.25,
        "seconds": 3.5,
        "python": "no Landlock here",
    }
    return AnalysisOutput(AnalysisResult.model_validate(fields | changes), asked or Hypotheses())


@cache
def asking(store: Store) -> Callable[[str], Any]:
    """What the store answers, asked once by all tests: most of what they verify is the same."""
    return cache(store.rows)


def wrong(report: Report, store: Store) -> list[Mismatch]:
    return verify_report(report, store, query=asking(store))


def written(store: Store, output: AnalysisOutput, behaviours: tuple[Behaviour, ...] = ()) -> Report:
    """The report as it is read back from its file."""
    with measured_store(store, behaviours=behaviours, guarded=asking(store), patterns=False) as mined:
        made = report_with_claims(mined, store, [], output, title="t", made_at="2026-01-01T00:00:00+00:00")
    return Report.model_validate_json(made.model_dump_json())
