"""Which proposals come out of a report, in which order, and what a verdict does to the next ones."""

from typing import Any

import pytest
from patching_samples import REMEDIES, SCHEMA

from halo_opt.core.errors import ConfigError
from halo_opt.core.playbook import Playbook, load_playbook
from halo_opt.core.records import Proposal, ScoreDiff, Verdict
from halo_opt.core.report_records import Finding, Number, Report
from halo_opt.patching.edits import apply_edits
from halo_opt.patching.propose import Trial, edits_key, propose
from halo_opt.patching.surface import HarnessDescription

VOCABULARY = {
    "show_element_state", "constrain_targets", "address_by_label", "applicable_actions", "few_shot_examples",
    "state_rules", "show_history", "loop_guard", "ban_no_effect", "submit_check", "done_check", "retry_invalid",
    "raise_step_limit", "compact_observation", "lower_temperature",
}  # fmt: skip
BOOK = Playbook.model_validate(
    {
        "version": 1,
        "behaviours": {
            "loops": {
                "meaning": "m",
                "remedies": [{"word": "loop_guard", "because": "b1", "lowers": ["loops", "limit"]},
                             {"word": "show_history", "because": "b2"}],
            },
            "hurries": {"meaning": "m", "remedies": [{"word": "submit_check", "because": "b3"},
                                                     {"word": "state_rules", "because": "b4"}]},
            "wanders": {"meaning": "m", "remedies": [{"word": "address_by_label", "because": "b5"},
                                                     {"word": "few_shot_examples", "because": "b6"}]},
        },
        "otherwise": [{"word": "lower_temperature", "because": "b7"}],
    }
)  # fmt: skip


def finding(place: int, behaviour: str, *, q: float | None = None, category: str = "harness", **more: Any) -> Finding:
    level = "proven" if q is not None and q <= 0.05 else "suspected"
    return Finding.model_validate(
        {
            "id": f"F{place}", "behaviour": behaviour, "title": f"It {behaviour}", "claim": "c", "category": category,
            "predicate_sql": "SELECT 1", "numbers": {"q_value": Number(value=q, sql="SELECT 1")}, "exemplars": [],
            "counter_examples": [], "remedies": [], "level": level, **more,
        }
    )  # fmt: skip


def report(*findings: Finding) -> Report:
    return Report(
        made_at="2026-01-01T00:00:00Z", title="t", inputs=[], overview={}, findings=list(findings), tested=[],
        triage={}, ceiling={}, method="m", caveats=[], spend={},
    )  # fmt: skip


def verdict(proposal: Proposal, *, accepted: bool = False, difference: float | None = -0.1) -> Trial:
    diff = ScoreDiff(
        before="a", after="b", pairs=9, tasks=3, rate_before=0.5, rate_after=0.5, difference=difference, interval=None,
        p_value=None, gained=[], lost=[], behaviours=[], errors_before=0, errors_after=0, unpaired=[],
    )  # fmt: skip
    return Trial(
        proposal,
        Verdict(
            proposal_id=proposal.id, accepted=accepted, reason="r", diff=diff, broken_guards=[], mechanism_fired=None
        ),
    )


def proposals(*arguments: Any, **options: Any) -> list[Proposal]:
    return propose(*arguments, **options).proposals


def words(proposal: Proposal) -> set[str]:
    return {word for word in REMEDIES if f"{word}:" in proposal.hypothesis}


THREE = report(finding(1, "loops"), finding(2, "hurries"), finding(3, "wanders"))


def test_the_first_candidate_combines_the_best_remedy_of_each_finding(description: Any, files: Any) -> None:
    first = proposals(THREE, description, files, max_parts=3, playbook=BOOK)[0]
    assert words(first) == {"loop_guard", "submit_check", "address_by_label"}
    assert first.findings == ["F1", "F2", "F3"]
    assert [p.behaviour for p in first.predictions] == ["loops", "limit", "hurries", "wanders"]
    assert first.id == f"P1-{edits_key(first.edits)[:8]}"
    assert first.source == "playbook"
    assert "b1" in first.hypothesis


def test_room_that_is_left_goes_to_second_remedies(description: Any, files: Any) -> None:
    first = proposals(THREE, description, files, max_parts=5, playbook=BOOK)[0]
    assert words(first) == {"loop_guard", "submit_check", "address_by_label", "show_history", "state_rules"}


def test_smaller_sets_and_singles_follow_and_no_set_comes_twice(description: Any, files: Any) -> None:
    found = proposals(THREE, description, files, max_parts=4, playbook=BOOK)
    sizes = [len(words(p)) for p in found]
    assert sizes[0] == 4
    assert sizes[1:3] == [2, 2]
    assert sizes[-1] == 1
    assert {frozenset(words(p)) for p in found} >= {frozenset({w}) for w in REMEDIES if w != "raise_step_limit"}
    assert len({edits_key(p.edits) for p in found}) == len(found)
    assert len({p.id for p in found}) == len(found)


def test_every_proposal_passes_the_guard(description: Any, files: Any) -> None:
    for proposal in proposals(THREE, description, files, playbook=BOOK):
        assert apply_edits(files, proposal.edits, config=description.settings) != files


def test_the_order_is_the_same_every_time(description: Any, files: Any) -> None:
    assert proposals(THREE, description, files, playbook=BOOK) == proposals(THREE, description, files, playbook=BOOK)


def test_proven_findings_come_before_descriptive_ones(description: Any, files: Any) -> None:
    mixed = report(finding(1, "loops", q=0.4), finding(2, "hurries"), finding(3, "wanders", q=0.01))
    assert words(proposals(mixed, description, files, max_parts=1, playbook=BOOK)[0]) == {"address_by_label"}


def test_findings_that_no_harness_can_answer_are_passed_over_and_said(description: Any, files: Any) -> None:
    found = propose(report(finding(1, "loops", category="grader")), description, files, playbook=BOOK)
    assert [words(p) for p in found.proposals] == [{"lower_temperature"}]
    assert "F1 (loops) is caused by the grader, so no patch of the harness answers it" in found.notes


def test_a_remedy_that_is_not_offered_is_passed_over_and_said(description: Any, files: Any) -> None:
    found = propose(THREE, description, files, playbook=BOOK)
    assert any("does not offer" in note and "few_shot_examples" in note for note in found.notes)
    assert all("few_shot" not in p.hypothesis for p in found.proposals)


def test_remedies_that_are_not_offered_are_named_in_one_note(description: Any, files: Any) -> None:
    offers_nothing = description.model_copy(update={"remedies": {}})
    notes = propose(THREE, offers_nothing, files, playbook=BOOK).notes
    assert sum("does not offer" in note for note in notes) == 1


def test_a_behaviour_that_the_playbook_does_not_know_uses_the_words_of_the_analysis(
    description: Any, files: Any
) -> None:
    found = propose(
        report(finding(1, "new", remedies=["loop_guard"]), finding(2, "odd")), description, files, playbook=BOOK
    )
    assert words(found.proposals[0]) >= {"loop_guard"}
    assert "F2: the playbook has no remedy for odd" in found.notes


def test_what_is_in_force_is_not_proposed_again(description: Any, files: Any) -> None:
    first = proposals(THREE, description, files, max_parts=3, playbook=BOOK)[0]
    patched = apply_edits(files, first.edits, config=description.settings)
    history = [verdict(first, accepted=True, difference=0.3)]
    after = proposals(THREE, description, patched, history=history, max_parts=3, playbook=BOOK)
    assert words(after[0]) == {"show_history", "state_rules"}
    assert {"show_history", "state_rules", "lower_temperature"} in [words(p) for p in after]
    assert after[0].id.startswith("P2-")
    assert not any(words(p) & words(first) for p in after)


def test_after_a_rejection_without_gain_the_set_is_halved(description: Any, files: Any) -> None:
    first = proposals(THREE, description, files, max_parts=4, playbook=BOOK)[0]
    after = proposals(THREE, description, files, history=[verdict(first)], max_parts=4, playbook=BOOK)
    assert [len(words(p)) for p in after[:2]] == [2, 2]
    assert words(after[0]) | words(after[1]) == words(first)
    assert edits_key(first.edits) not in {edits_key(p.edits) for p in after}


def test_after_a_rejection_with_some_gain_parts_are_swapped(description: Any, files: Any) -> None:
    first = proposals(THREE, description, files, max_parts=4, playbook=BOOK)[0]
    after = proposals(THREE, description, files, history=[verdict(first, difference=0.1)], max_parts=4, playbook=BOOK)
    assert len(words(after[0])) == 4
    assert len(words(after[0]) & words(first)) == 2


def test_rejections_one_after_another_use_up_all_sets(description: Any, files: Any) -> None:
    history: list[Trial] = []
    while found := proposals(THREE, description, files, history=history, max_parts=4, playbook=BOOK):
        history.append(verdict(found[0], difference=0.1 if len(history) % 2 else -0.1))
        assert len(history) < 60
    keys = [edits_key(p.edits) for p, _ in history]
    assert len(set(keys)) == len(keys) > 10


def test_a_set_dropped_from_an_earlier_harness_may_be_tried_on_a_new_one_later(description: Any, files: Any) -> None:
    dropped = proposals(report(finding(1, "hurries")), description, files, max_parts=1, playbook=BOOK)[0]
    kept = proposals(report(finding(1, "wanders")), description, files, max_parts=1, playbook=BOOK)[0]
    patched = apply_edits(files, kept.edits, config=description.settings)
    history = [verdict(dropped), verdict(kept, accepted=True)]
    after = proposals(report(finding(1, "hurries"), finding(2, "loops")), description, patched, history=history,
                    max_parts=1, playbook=BOOK)  # fmt: skip
    assert words(after[0]) == {"loop_guard"}
    assert edits_key(dropped.edits) in {edits_key(p.edits) for p in after}


def test_remedies_that_contradict_each_other_are_never_in_one_set(files: Any) -> None:
    clash = {"type": "set", "path": "conf/config.yaml", "key": "defaults.guards.loop", "value": "warn"}
    remedies = {**REMEDIES, "submit_check": [clash]}
    description = HarnessDescription.model_validate(
        {"config": "conf/config.yaml", "schema": SCHEMA, "remedies": remedies}
    )
    for proposal in proposals(THREE, description, files, playbook=BOOK):
        assert not {"loop_guard", "submit_check"} <= words(proposal)


def test_a_remedy_outside_the_harness_s_own_bounds_is_passed_over_and_said(files: Any) -> None:
    wrong = {"type": "set", "path": "conf/config.yaml", "key": "defaults.steps", "value": 99}
    description = HarnessDescription.model_validate(
        {"config": "conf/config.yaml", "schema": SCHEMA, "remedies": {"loop_guard": [wrong]}}
    )
    found = propose(report(finding(1, "loops")), description, files, playbook=BOOK)
    assert found.proposals == []
    assert any("loop_guard cannot be applied" in n and "at most 30" in n for n in found.notes)


def test_a_report_without_findings_still_offers_what_helps_many(description: Any, files: Any) -> None:
    found = proposals(report(), description, files, playbook=BOOK)
    assert [words(p) for p in found] == [{"lower_temperature"}]
    assert "No finding names a remedy that is left" in found[0].hypothesis


def test_the_bundled_playbook_uses_the_vocabulary_and_gives_reasons() -> None:
    book = load_playbook()
    for entry in book.behaviours.values():
        assert {r.word for r in entry.remedies} <= VOCABULARY
        assert len({r.word for r in entry.remedies}) == len(entry.remedies)
        assert {b for r in entry.remedies for b in r.lowers} <= book.behaviours.keys()
        assert all(r.because.endswith(".") for r in entry.remedies)
    assert {r.word for r in book.otherwise} <= VOCABULARY


def test_a_behaviour_without_a_remedy_of_its_own_gets_the_general_one_with_that_reason() -> None:
    [remedy] = load_playbook().remedies_for(finding(1, "never_declines"))
    assert (remedy.word, remedy.lowers) == ("state_rules", ("never_declines",))
    assert "No specific remedy is known" in remedy.because


def test_a_behaviour_that_the_playbook_does_not_list_has_no_remedy() -> None:
    assert load_playbook().remedies_for(finding(1, "sequence_0123456789")) == []


def test_a_playbook_that_cannot_be_used_names_the_place(tmp_path: Any) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\nbehaviours:\n  loops:\n    meaning: m\n    remedies: []\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: behaviours.loops.remedies"):
        load_playbook(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_playbook(tmp_path / "none.yaml")
