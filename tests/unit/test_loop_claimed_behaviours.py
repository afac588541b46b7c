"""What a model claimed, measured before and after a patch."""

import json
from pathlib import Path

import pytest

from halo_opt.analysis.session.write_report import guarded_rows
from halo_opt.core.report_records import AskedBehaviour, Finding, MadeWith, ModelClaim, Report
from halo_opt.loop.claimed_behaviours import claimed_behaviours, without_unseen
from halo_opt.mining.mine import behaviour_rates
from halo_opt.store import Store, build_store


def report(predicate: str, *, listed: bool = False) -> Report:
    claim = ModelClaim(
        claim="c1", model="strong", agent="root", title="Three steps", words="", predicate_sql=predicate,
        listed=listed, numbers={}, quotes=[], category="harness", triaged=None,
    )  # fmt: skip
    finding = Finding(
        id="M1", behaviour="claim_1", title="Three steps", claim="", category="harness", predicate_sql="SELECT 1",
        numbers={}, exemplars=[], counter_examples=[], remedies=[], model_claims=[claim],
    )  # fmt: skip
    asked = AskedBehaviour(
        name="claim_1", title="Three steps", meaning="m", predicate_sql=predicate, model="strong", claim="c1"
    )
    return Report(
        made_at="", title="t", inputs=[], overview={}, findings=[finding], tested=[], triage={}, ceiling={},
        method="m", caveats=[], spend={}, made_with=MadeWith(asked=[asked]),
    )  # fmt: skip


def test_a_claim_is_measured_like_a_detector(tmp_path: Path) -> None:
    traces, rows = tmp_path / "t.jsonl", []
    for name, word in (("t1", "fence"), ("t2", "plain")):
        said = [{"role": "user", "content": word}, {"role": "assistant", "content": "done"}]
        rows.append(json.dumps({"trace_id": name, "task_id": "a", "outcome": "failure", "messages": said}))
    traces.write_text("\n".join(rows) + "\n")
    path = tmp_path / "s.duckdb"
    build_store([traces], path)
    [claimed] = claimed_behaviours(report("SELECT trace_id FROM attempts WHERE goal = 'fence'"))
    with Store.open(path) as store:
        assert behaviour_rates(store, behaviours=[claimed], guarded=guarded_rows(store)) == {"claim_1": 0.5}


@pytest.mark.parametrize("predicate", ["SELECT trace_id FROM attempts WHERE outcome = 'failure'", "SELECT random()"])
def test_a_predicate_that_may_not_be_tested_is_not_measured(predicate: str) -> None:
    assert claimed_behaviours(report(predicate)) == ()


def test_a_predicate_by_names_is_not_measured() -> None:
    assert claimed_behaviours(report("SELECT trace_id FROM attempts", listed=True)) == ()


def test_a_claim_that_neither_run_shows_says_nothing() -> None:
    claimed = claimed_behaviours(report("SELECT trace_id FROM attempts"))
    assert without_unseen({"claim_1": 0.0, "a": 0.0}, {"claim_1": 0.0, "a": 0.1}, claimed) == ({"a": 0.0}, {"a": 0.1})
    assert without_unseen({"claim_1": 0.5}, {"claim_1": 0.0}, claimed) == ({"claim_1": 0.5}, {"claim_1": 0.0})
