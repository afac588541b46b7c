"""What a later iteration is told of earlier ones."""

from halo_opt.core.records import BehaviourShift, Prediction, Proposal, ScoreDiff, SetValue, Verdict
from halo_opt.core.report_records import Finding, Report
from halo_opt.loop.memory import memory_text
from halo_opt.patching.propose import Trial


def report(title: str) -> Report:
    finding = Finding(
        id="F1", behaviour="repeated_action", title=title, claim="Seen in 9 of 12.", category="harness",
        predicate_sql="SELECT 1", numbers={}, exemplars=[], counter_examples=[], remedies=[], level="proven",
    )  # fmt: skip
    return Report(
        made_at="", title="t", inputs=[], overview={}, findings=[finding], tested=[], triage={}, ceiling={},
        method="m", caveats=[], spend={},
    )  # fmt: skip


def trial() -> Trial:
    proposal = Proposal(
        id="P1-a", findings=["F1"], levels={"F1": "proven"}, hypothesis="Repeats go unnoticed.",
        edits=[SetValue(type="set", path="config.yaml", key="guards.loop", value="block")],
        predictions=[Prediction(behaviour="repeated_action", direction="down")], source="model",
    )  # fmt: skip
    shifts = [
        BehaviourShift(behaviour="slow", before=0.0, after=0.9),
        BehaviourShift(behaviour="repeated_action", before=0.6, after=0.3),
    ]
    diff = ScoreDiff(
        before="a", after="b", pairs=8, tasks=4, rate_before=0.08, rate_after=0.16, difference=0.08,
        interval=(-0.05, 0.21), p_value=0.2, gained=[], lost=[], behaviours=shifts, errors_before=0, errors_after=0,
        unpaired=[],
    )  # fmt: skip
    verdict = Verdict(
        proposal_id="P1-a", accepted=False, reason="may be noise", diff=diff, broken_guards=[], mechanism_fired=True
    )
    return Trial(proposal, verdict)


def test_the_first_iteration_is_told_nothing() -> None:
    assert memory_text([], []) == ""


def test_a_finding_is_told_with_id_level_and_words() -> None:
    assert "Iteration 1, F1 (proven), repeated_action: Repeats. Seen in 9 of 12." in memory_text(
        [(1, report("Repeats."))], []
    )


def test_a_trial_is_told_with_verdict_edits_effect_and_predicted_behaviours_first() -> None:
    text = memory_text([], [trial()])
    assert "P1-a: dropped, may be noise" in text
    assert "guards.loop = 'block' in config.yaml" in text
    assert "8% before, 16% after (95% interval of the difference -5 to +21 points)" in text
    assert "repeated_action 60% to 30%, slow 0% to 90%" in text


def test_the_text_stays_short() -> None:
    many = [(number, report("x" * 200)) for number in range(50)]
    assert len(memory_text(many, [trial()] * 100)) < 12_000
