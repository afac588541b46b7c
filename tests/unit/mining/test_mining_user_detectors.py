"""Detectors of the user's own: what a file may say, what is skipped with which words, and how they reach a report."""

import json
from pathlib import Path

import pytest
from mining_fixture import TinyStore, step

from halo_opt.analysis.claims.verify import verify_report
from halo_opt.core.errors import ConfigError
from halo_opt.mining.detector_files import Detectors, built_in, load_detectors, unfit
from halo_opt.mining.mine import behaviour_rates, mine_store
from halo_opt.store.guarded.sql_checks import blind_sql

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
    return load_detectors([path])


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
    rates = behaviour_rates(tiny, ["searched_twice"], behaviours=[*built_in(), *found.behaviours], guarded=tiny.rows)
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
        ("own", "value: score < 1", "it looks at score"),
        ("own", "having: max(step), value: 'held > 1 AND a.outcome IS NULL'", "it looks at outcome"),
        ("own", "where: x, before: y AS (SELECT * FROM scores)", "it looks at scores"),
        ("own", "where: x -- hm", "holds a comment"),
        ("own", "where: 'tool = ${unknown}'", "${unknown} is no snippet"),
        ("own", "sql: SELECT 1, facts: {a: b}", "facts goes with where, having or value, not with sql"),
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
        load_detectors([path])
    with pytest.raises(ConfigError, match=r"absent\.yaml cannot be read"):
        load_detectors([tmp_path / "absent.yaml"])


EVERYTHING = """
snippets:
  looks: search|find
  usual: usual AS (SELECT run_id, median(steps) AS steps FROM attempts GROUP BY run_id)
detectors:
  - name: many_searches
    title: Searches far more than usual
    meaning: m
    facts: {searching: "coalesce(regexp_matches(tool, '${looks}'), false)"}
    windows: {searches: "count(*) FILTER (searching) ${so_far}"}
    where: searching AND searches > 2
    having: bool_or(searching)
    before: ${usual}
    value: held AND a.steps > (SELECT steps FROM usual WHERE usual.run_id = a.run_id)
    among: count(*) > 1
    in_runs: [bool_or(searching)]
    applies: a.goal IS NOT NULL
    category: infrastructure
"""


def test_a_file_may_say_all_that_the_built_in_detectors_say(tmp_path: Path, tiny: TinyStore) -> None:
    for count, goal in ((3, "g"), (1, "g"), (2, "g"), (2, "g"), (3, None)):
        tiny.add([SEARCH] * count, goal=goal)
    found = load(tmp_path, EVERYTHING)
    assert found.skipped == ()
    [behaviour] = found.behaviours
    assert behaviour.category == "infrastructure"
    seen = sorted(tiny.rows(behaviour.sql))
    assert seen == [("trace-0000", True, 2), ("trace-0002", False, None), ("trace-0003", False, None)]


def test_an_experimental_detector_is_off_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(ENTRY.format(name="own", rest="where: acting, experimental: true"), encoding="utf-8")
    assert load_detectors([path]).behaviours == ()
    assert "own" in {behaviour.name for behaviour in load_detectors([path], experimental=True).behaviours}


def test_a_list_of_patterns_is_one_pattern_of_alternatives(tmp_path: Path) -> None:
    snippets = "snippets:\n  looks: [search, find]\n"
    found = load(tmp_path, snippets + ENTRY.format(name="own", rest="where: \"tool ~ '${looks}'\""))
    assert "tool ~ 'search|find'" in found.behaviours[0].sql


def test_no_built_in_detector_says_what_a_user_may_not() -> None:
    assert [reason for behaviour in built_in(experimental=True) for reason in unfit(behaviour.sql)] == []


def test_the_example_of_the_page_on_mining_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "mining.md").read_text(encoding="utf-8")
    example = page.partition("```yaml\n")[2].partition("```")[0]
    found = load(tmp_path, example)
    assert found.skipped == ()
    assert [behaviour.name for behaviour in found.behaviours] == ["searched_twice", "many_calls"]


# Each reads the outcome, or what follows from it, without writing its name as code.
EVASIONS = {
    "columns": "SELECT trace_id, (COLUMNS('out.*')) = 'failure' AS value, NULL::INTEGER AS step FROM attempts",
    "score columns": "SELECT trace_id, coalesce((COLUMNS('^sc.re$')) < 1, false) AS value, NULL::INTEGER AS step"
    " FROM attempts",
    "lambda columns": "SELECT trace_id, (COLUMNS(lambda c: c LIKE 'outc%')) = 'failure' AS value,"
    " NULL::INTEGER AS step FROM attempts",
    "aliases": "SELECT trace_id, x = 'failure' AS value, NULL::INTEGER AS step FROM"
    " (SELECT trace_id, x FROM attempts AS t(trace_id, run_id, task_id, seed, attempt, x))",
    "cte aliases": "WITH t(trace_id, b, c, d, e, x) AS (SELECT * FROM attempts)"
    " SELECT trace_id, x = 'failure' AS value, NULL::INTEGER AS step FROM t",
    "subquery aliases": "SELECT t.trace_id, t.x = 'failure' AS value, NULL::INTEGER AS step"
    " FROM (FROM attempts) AS t(trace_id, b, c, d, e, x)",
    "row as JSON": "SELECT trace_id, to_json(a)::VARCHAR LIKE '%failure%' AS value, NULL::INTEGER AS step"
    " FROM attempts AS a",
    "row as text": "SELECT trace_id, a::VARCHAR LIKE '%failure%' AS value, NULL::INTEGER AS step FROM attempts AS a",
    "row hashed": "SELECT trace_id, hash(a) % 2 = 0 AS value, NULL::INTEGER AS step FROM attempts AS a",
    "field by text": "SELECT trace_id, struct_extract(a, 'outc' || 'ome') = 'failure' AS value,"
    " NULL::INTEGER AS step FROM attempts AS a",
    "unpivot": "SELECT trace_id, bool_or(v = 'failure') AS value, NULL::INTEGER AS step FROM"
    " (UNPIVOT (SELECT trace_id, COLUMNS('^outc') FROM attempts) ON COLUMNS(* EXCLUDE (trace_id)) INTO NAME n VALUE v)"
    " GROUP BY trace_id",
    "set operation": "SELECT trace_id, x = 'failure' AS value, NULL::INTEGER AS step FROM"
    " (SELECT '' AS trace_id, '' AS x WHERE false UNION ALL SELECT trace_id, COLUMNS('^outcom.$') FROM attempts)",
    "other schema": "SELECT trace_id, (COLUMNS('out.*')) = 'failure' AS value, NULL::INTEGER AS step"
    " FROM main.attempts",
    "quoted schema": "SELECT trace_id, (COLUMNS('out.*')) = 'failure' AS value, NULL::INTEGER AS step"
    ' FROM "main"."attempts"',
    "compared": "WITH t(trace_id, b, c, d, e, x) AS (SELECT * FROM attempts) SELECT trace_id,"
    " count(DISTINCT x) OVER (PARTITION BY c) > 1 AND seed > 3 AS value, NULL::INTEGER AS step FROM t JOIN"
    " (SELECT trace_id, seed FROM attempts) USING (trace_id)",
    "attribute": "SELECT trace_id, coalesce(attributes->>('halo.out' || 'come') = 'failure', false) AS value,"
    " NULL::INTEGER AS step FROM attempts JOIN spans USING (trace_id)",
    "attributes": "SELECT trace_id, attributes::VARCHAR LIKE '%failure%' AS value, NULL::INTEGER AS step"
    " FROM attempts JOIN spans USING (trace_id)",
    "status": "SELECT trace_id, status = 'error' AS value, NULL::INTEGER AS step"
    " FROM attempts JOIN spans USING (trace_id)",
}


def line_of_own(tiny: TinyStore, found: Detectors) -> dict[str, object]:
    """What a report says of the detector named own, mined alone."""
    report = mine_store(
        tiny, [], title="t", made_at="now", behaviours=(), detectors=found, guarded=tiny.rows, patterns=False
    )
    [line] = report.tested
    assert line["behaviour"] == "own"
    return dict(line)


def with_spans(tiny: TinyStore) -> None:
    for number in range(24):
        outcome = "failure" if number % 2 else "success"
        trace = tiny.add([SEARCH] * (1 + number % 2), outcome=outcome, task=f"t{number // 4}", score=1.0 - number % 2)
        tiny.rows(
            "INSERT INTO spans (trace_id, span_id, parent_span_id, kind, status, attributes) VALUES"
            " (?, 's', '', 'AGENT', ?, ?)",
            [trace, "error" if number % 2 else "ok", f'{{"halo.outcome": "{outcome}", "words": 3}}'],
        )


@pytest.mark.parametrize("sql", EVASIONS.values(), ids=list(EVASIONS))
def test_a_detector_that_reads_outcomes_under_another_name_is_skipped(
    tmp_path: Path, tiny: TinyStore, sql: str
) -> None:
    with_spans(tiny)
    path = tmp_path / "own.yaml"
    entry = {"name": "own", "title": "t", "meaning": "m", "sql": sql}
    path.write_text(json.dumps({"detectors": [entry]}), encoding="utf-8")
    found = load_detectors([path])
    assert found.skipped == ()
    line = line_of_own(tiny, found)
    assert (line["state"], "looks at outcome or score" in str(line["reason"])) == ("failed", True), line["reason"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT trace_id, steps > 1 AS value, NULL::INTEGER AS step FROM attempts"
        " WHERE outcome IS DISTINCT FROM 'error'",
        "SELECT trace_id, (COLUMNS('^steps$')) > 1 AS value, NULL::INTEGER AS step FROM attempts",
        "SELECT trace_id, attributes->>'words' = '3' AS value, NULL::INTEGER AS step"
        " FROM main.attempts JOIN spans USING (trace_id)",
        "WITH attempts AS (SELECT * FROM main.attempts) SELECT trace_id, seed > 3 AS value, NULL::INTEGER AS step"
        " FROM attempts",
    ],
)
def test_a_detector_that_reads_other_columns_of_the_same_tables_is_measured(
    tmp_path: Path, tiny: TinyStore, sql: str
) -> None:
    with_spans(tiny)
    found = load(tmp_path, ENTRY.format(name="own", rest=f"sql: {json.dumps(sql)}"))
    assert line_of_own(tiny, found)["state"] in {"tested", "described"}


def test_no_built_in_detector_gives_other_rows_when_outcomes_are_hidden(tmp_path: Path, tiny: TinyStore) -> None:
    with_spans(tiny)
    for behaviour in built_in(experimental=True):
        blind = blind_sql(behaviour.sql)
        assert blind is None or sorted(tiny.rows(blind)) == sorted(tiny.rows(behaviour.sql)), behaviour.name


def test_detectors_that_looked_at_outcomes_unseen_are_skipped_and_one_beside_them_is_not(tiny: TinyStore) -> None:
    with_spans(tiny)
    found = load_detectors([Path(__file__).parents[2] / "data" / "cases" / "detector-outcome" / "det.yaml"])
    report = mine_store(tiny, [], title="t", made_at="now", detectors=found, guarded=tiny.rows)
    states = {line["behaviour"]: line["state"] for line in report.tested}
    assert [states[name] for name in ("d_out2", "d_out3", "d_ids")] == ["failed", "failed", "described"]
