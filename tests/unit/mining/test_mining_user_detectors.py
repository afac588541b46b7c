"""Detectors of the user's own: what a file may say, what is skipped with which words, and how they reach a report."""

from pathlib import Path

import pytest
from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.verify import verify_report
from halo_opt.core.errors import ConfigError
from halo_opt.mining.detectors import ALL
from halo_opt.mining.mine import behaviour_rates, mine_store
from halo_opt.mining.user_detectors import Detectors, load_detectors

GOOD = """
detectors:
  - name: searched_twice
    title: Searches twice in a row
    meaning: Two searches with nothing between.
    windows: {tool1: lag(tool) OVER w}
    where: tool = 'search' AND tool1 = 'search'
    remedies: [show_history]
  - name: many_steps
    title: Takes many steps
    meaning: More than two steps.
    sql: SELECT trace_id, steps > 2 AS value, NULL::INTEGER AS step FROM attempts WHERE outcome IS DISTINCT FROM 'error'
"""
SEARCH = step("search", "{}", result="x")


def load(tmp_path: Path, text: str) -> Detectors:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_detectors([path], ALL)


def test_a_condition_and_a_query_become_behaviours_that_are_measured_and_verified(
    tmp_path: Path, tiny: TinyStore
) -> None:
    for task in range(8):
        for outcome, steps in (("failure", [SEARCH] * 3), ("success", [SEARCH])):
            for _ in range(2):
                tiny.add(steps, outcome=outcome, task=f"t{task}")
    found = load(tmp_path, GOOD)
    assert found.skipped == ()
    report = mine_store(tiny, [], title="t", made_at="now", detectors=found, guarded=tiny.rows)
    by_name = {line["behaviour"]: line for line in report.tested}
    assert (by_name["searched_twice"]["failures_with"], by_name["many_steps"]["failures_with"]) == (16, 16)
    told = {name for f in report.findings for name in (f.behaviour, *(one.behaviour for one in f.consequences))}
    assert {"searched_twice", "many_steps"} <= told
    assert verify_report(report, tiny) == []
    rates = behaviour_rates(tiny, ["searched_twice"], behaviours=[*ALL, *found.behaviours], guarded=tiny.rows)
    assert rates == {"searched_twice": 0.5}


ENTRY = "detectors:\n  - {{name: {name}, title: t, meaning: m, {rest}}}\n"


@pytest.mark.parametrize(
    ("name", "rest", "reason"),
    [
        ("own", "where: x, sql: y", "one of them"),
        ("own", "needs: []", "one of them"),
        ("Own", "where: x", "name: String should match"),
        ("own", "were: x", "were: Extra inputs are not permitted"),
        ("repeated_action", "where: x", "the name is taken"),
        ("own", "where: x, facts: {acting: y}", "acting is a fact already"),
        ("own", "where: x, needs: [steps.colour]", "needs steps.colour, which is no column"),
        ("own", "sql: 'SELECT trace_id, score < 1 AS value, 0 AS step FROM attempts'", "it looks at score"),
        ("own", "sql: SELECT trace_id FROM attempts WHERE outcome = 'failure'", "it looks at outcome"),
        ("own", "sql: SELECT 1 -- hm", "holds a comment"),
        ("own", "sql: SELECT 1, facts: {a: b}", "facts and windows go with where"),
    ],
)
def test_what_cannot_be_a_detector_is_skipped_with_file_name_and_reason(
    tmp_path: Path, name: str, rest: str, reason: str
) -> None:
    found = load(tmp_path, ENTRY.format(name=name, rest=rest))
    assert found.behaviours == ()
    [said] = found.skipped
    assert said.startswith(f"{tmp_path / 'own.yaml'}: detector {name} was skipped: ")
    assert reason in said


def test_one_bad_entry_does_not_take_the_others_down_and_the_report_counts_it(tmp_path: Path, tiny: TinyStore) -> None:
    tiny.add([SEARCH])
    found = load(tmp_path, GOOD + "  - just words\n  - name: wrong\n    title: t\n    meaning: m\n    where: no_such\n")
    assert [behaviour.name for behaviour in found.behaviours] == ["searched_twice", "many_steps", "wrong"]
    report = mine_store(tiny, [], title="t", made_at="now", detectors=found, guarded=tiny.rows)
    said = "\n".join(report.caveats)
    assert "detector number 3 was skipped" in said
    assert "1 detectors of your own were skipped." in said
    assert "Detector wrong failed and was skipped" in said
    assert "own.yaml: detector wrong" in said


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("own.yaml", "a: [", "cannot be read as detectors"),
        ("own.yaml", "rules: []", "holds no list 'detectors'"),
        ("own.py", "BEHAVIOURS = ()", "is Python; detectors are declared in YAML"),
    ],
)
def test_a_file_that_is_none_is_an_error_that_names_it(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_detectors([path], ALL)
    with pytest.raises(ConfigError, match=r"absent\.yaml cannot be read"):
        load_detectors([tmp_path / "absent.yaml"], ALL)
