"""A report with a model's claims made again from its traces: its own words aside, whatever is changed is found."""

from typing import Any

import pytest
from claims_handed_in import asking, claimed, handed_in

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.claims.report_with_claims import report_with_claims
from halo_opt.analysis.claims.verify import verify_document
from halo_opt.core.report_records import Report
from halo_opt.mining.mine import measured_store
from halo_opt.reporting.files import json_text
from halo_opt.store import Store


def written(store: Store, claims: list[Claim], asked: Hypotheses | None = None) -> Report:
    """The report with all of mining's behaviours, as it is read back from its file."""
    with measured_store(store, guarded=asking(store)) as mined:
        made = report_with_claims(mined, store, [], handed_in(claims, asked=asked), title="t", made_at="now")
    return Report.model_validate_json(json_text(made))


@pytest.fixture(scope="module")
def whole(store: Store, quote: dict[str, Any]) -> Report:
    """A claim with a finding of its own, one that picks the same attempts, a wrong one, and two questions."""
    asked = Hypotheses()
    asked.add("Uses a tool", "SELECT trace_id FROM steps WHERE tool IS NOT NULL")
    asked.add("Peeks", "SELECT trace_id FROM attempts AS a WHERE to_json(a)->>'outcome' = 'failure'")
    return written(
        store,
        [
            claimed(quote),
            claimed(quote, predicate_sql="SELECT trace_id FROM attempts WHERE steps >= 5"),
            claimed(quote, predicate_sql="SELECT trace_id FROM attempts WHERE score < 1"),
        ],
        asked,
    )


def test_a_report_with_claims_of_a_model_is_made_again_as_it_was(store: Store, whole: Report) -> None:
    assert any(finding.model_claims for finding in whole.findings)
    assert whole.unsupported
    assert len(whole.made_with.asked) == 4
    assert verify_document(whole, store, query=asking(store)) == []


def test_each_change_in_the_finding_of_a_model_is_found(store: Store, whole: Report) -> None:
    report = whole
    change = {
        "category": "grader",
        "claim": "It is always so.",
        "confounders": ["none"],
        "remedies": [],
        "level": "proven",
    }
    place = next(at for at, finding in enumerate(report.findings) if finding.model_claims)
    findings = list(report.findings)
    findings[place] = findings[place].model_copy(update=change)
    found = verify_document(report.model_copy(update={"findings": findings}), store, query=asking(store))
    for part in change:
        own = f"{findings[place].id}.{part}"
        assert any(mismatch.where.startswith(own) for mismatch in found), (part, found)


def test_each_change_in_the_level_of_a_claim_is_found(store: Store, whole: Report) -> None:
    # The reason for the level follows from the corrections.
    change = {"level": "proven", "to_lift": "Nothing.", "corrections": []}
    place = next(at for at, finding in enumerate(whole.findings) if finding.model_claims)
    finding = whole.findings[place]
    claim = finding.model_claims[0].model_copy(update=change)
    changed = finding.model_copy(update={"model_claims": [claim, *finding.model_claims[1:]]})
    findings = [*whole.findings[:place], changed, *whole.findings[place + 1 :]]
    found = verify_document(whole.model_copy(update={"findings": findings}), store, query=asking(store))
    for part in ("level", "to_lift", "level_reason"):
        own = f".levels.{claim.claim}.{part}"
        assert any(mismatch.where.endswith(own) for mismatch in found), (part, found)


@pytest.mark.parametrize(
    ("part", "change", "wheres"),
    [
        (
            "model_analysis",
            {"predicates": 1, "confirmed": 7, "salvaged": True},
            ["model_analysis.predicates", "model_analysis.confirmed", "caveats"],
        ),
        ("made_with", {"asked": []}, ["tested.asked_"]),
    ],
)
def test_each_change_in_what_is_said_of_the_analysis_is_found(
    store: Store, whole: Report, part: str, change: dict[str, Any], wheres: list[str]
) -> None:
    changed = whole.model_copy(update={part: getattr(whole, part).model_copy(update=change)})
    found = verify_document(changed, store, query=asking(store))
    for where in wheres:
        assert any(mismatch.where.startswith(where) for mismatch in found), (where, found)
