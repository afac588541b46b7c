"""What the tools say of real traces, what they refuse, and what they say to do instead."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from tool_contexts import TOOLS, ask, context_over, plant

from halo_opt.analysis.tools.all import ALL, READING
from halo_opt.analysis.tools.base import ToolContext, ToolRefused
from halo_opt.analysis.tools.contrast import contrast_predicate
from halo_opt.store import Store, build_store

ERRORS = "SELECT trace_id FROM steps WHERE error_type IS NOT NULL"


def trace(context: ToolContext, where: str) -> str:
    [(found,)] = context.store.rows(f"SELECT trace_id FROM attempts WHERE {where} ORDER BY steps DESC, 1 LIMIT 1")
    return str(found)


def data(answer: str) -> list[str]:
    """The lines between the marks."""
    match = re.search(r"(?s)<<<data (\w+)\n(.*)\n\1>>>", answer)
    assert match
    return match[2].split("\n")


def test_every_tool_is_named_once_and_says_what_it_is_for() -> None:
    assert len(TOOLS) == len(ALL) == 13
    assert {tool.name for tool in ALL} - {tool.name for tool in READING} == {"python", "llm_map", "delegate"}
    assert all(tool.purpose and "\n" not in tool.purpose for tool in ALL)
    assert {tool.name for tool in ALL if tool.in_order} == {"contrast", "python"}


def test_the_overview_counts_and_names_the_tables(real_context: ToolContext) -> None:
    answer = ask(real_context, "overview")
    [(attempts,)] = real_context.store.rows("SELECT count(*) FROM attempts")
    assert any(line.startswith(f"{attempts}\t") for line in data(answer))
    assert "steps(trace_id, step, span_id, observation" in answer
    assert "page_changed BOOLEAN: the page changed" in ask(real_context, "overview", table="steps")
    with pytest.raises(ToolRefused, match="the tables are runs, attempts"):
        ask(real_context, "overview", table="step")


def test_findings_are_listed_told_in_full_and_those_not_found_are_told_too(real_context: ToolContext) -> None:
    [finding, *_] = real_context.report.findings
    assert finding.title in ask(real_context, "findings")
    told = ask(replace(real_context, answer_bytes=50_000), "findings", id=finding.id.lower())
    assert "contrast takes its id" in told and finding.claim in told and finding.exemplars[0].excerpt in told
    by_name = contrast_predicate(real_context, finding.title, finding.id)
    assert by_name.failures_with == finding.numbers["failures_with"].value
    tested = ask(real_context, "findings", tested=True)
    assert "\tno attempt shows it" in tested and tested.index("p_value") < tested.index("not compared, by reason")
    with pytest.raises(ToolRefused, match="there is no finding 'F999'; there are: F1"):
        ask(real_context, "findings", id="F999")


def test_sql_gives_rows_with_a_header(real_context: ToolContext) -> None:
    answer = ask(
        real_context, "sql", query="SELECT outcome, count(*) AS n, NULL AS none FROM attempts GROUP BY 1 ORDER BY 1"
    )
    expected = real_context.store.rows("SELECT outcome, count(*) FROM attempts GROUP BY 1 ORDER BY 1")
    assert data(answer) == ["outcome\tn\tnone", *(f"{outcome}\t{n}\tNULL" for outcome, n in expected)]
    assert answer.startswith(f"{len(expected)} rows\n")


def test_rows_that_do_not_fit_are_counted(real_context: ToolContext) -> None:
    answer = ask(real_context, "sql", query="SELECT * FROM steps ORDER BY ALL")
    [(steps,)] = real_context.store.rows("SELECT count(*) FROM steps")
    assert re.search(rf"\[\d+ of {steps} rows are shown", answer)
    assert "more than 1000 rows" in ask(real_context, "sql", query="SELECT * FROM range(5000)")


@pytest.mark.parametrize(
    ("sql", "instead"),
    [
        ("SELECT outcom FROM attempts", "the nearest column is outcome; attempts has trace_id, "),
        ("SELECT s.outcome FROM steps AS s", "outcome is a column of attempts; join it USING"),
        (
            "SELECT a.tool FROM tool_calls AS t JOIN attempts AS a USING (trace_id)",
            "write t.tool, as tool_calls has it",
        ),
        (
            "SELECT a.outcome, a.arguments FROM tool_calls JOIN attempts a USING (trace_id)",
            "write tool_calls.arguments, as tool_calls has it",
        ),
        ('SELECT "failure" FROM attempts', "a text value stands in single quotes"),
        ("SELECT * FROM step", "the nearest table is steps"),
        ("SELECT task_id, count(*) FROM attempts", "GROUP BY ALL"),
        ("SELECT 1; SELECT 2", "send one SELECT"),
        ("DELETE FROM attempts", "write a SELECT"),
        ("SELECT random()", "ORDER BY hash"),
        ("SELECT * FROM attempts USING SAMPLE 5", "ORDER BY hash"),
        ("SELECT current_date", "write a fixed value"),
        ("SELECT CAST(goal AS INT) FROM attempts", "TRY_CAST"),
        ("SELECT steps FROM attempts WHERE count(*) > 1", "HAVING"),
        ("SELEC 1", "dialect is DuckDB"),
        ("SELECT read_file('x')", "use a plain DuckDB function"),
        (f"SELECT '{'x' * 20_001}'", "ask for less"),
    ],
)
def test_sql_that_cannot_run_is_answered_with_what_to_do(real_context: ToolContext, sql: str, instead: str) -> None:
    with pytest.raises(ToolRefused, match=re.escape(instead)):
        ask(real_context, "sql", query=sql)


def test_a_word_in_a_string_is_not_taken_for_a_function(real_context: ToolContext) -> None:
    assert "1 row" in ask(real_context, "sql", query="SELECT count(*) FROM steps WHERE reply LIKE '%now()%'")


def test_traces_are_filtered_sorted_and_paged(real_context: ToolContext) -> None:
    first = ask(real_context, "traces", outcome="failure", sort="steps", descending=True, limit=2)
    [(failures,)] = real_context.store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'")
    assert first.startswith(f"1 to 2 of {failures} attempts (0 successes, {failures} failures)")
    assert data(first)[1].startswith(trace(real_context, "outcome = 'failure'"))
    second = ask(real_context, "traces", outcome="failure", sort="steps", descending=True, limit=2, offset=2)
    assert not set(data(first)[1:]) & set(data(second)[1:])
    with_error = real_context.store.rows(
        "SELECT count(DISTINCT trace_id) FROM steps WHERE regexp_matches(error, 'E.r')"
    )
    assert f"of {with_error[0][0]} attempts" in ask(real_context, "traces", error="E.r")
    assert ask(real_context, "traces", task="no-such-*") == "no attempt matches the filters"
    with pytest.raises(ToolRefused, match="not a pattern of RE2"):
        ask(real_context, "traces", error="(?=x)")


def test_traces_that_show_a_finding_are_those_of_its_numbers(real_context: ToolContext) -> None:
    [finding, *_] = real_context.report.findings
    answer = ask(real_context, "traces", finding=finding.id)
    failures, successes = (finding.numbers[name].value for name in ("failures_with", "successes_with"))
    assert f"({successes} successes, {failures} failures)" in answer


def test_an_attempt_is_shown_step_by_step_and_the_rest_is_said(real_context: ToolContext) -> None:
    longest = trace(real_context, "true")
    answer = ask(replace(real_context, answer_bytes=1_500), "show", trace_id=longest)
    match = re.search(r"ask with first=(\d+)", answer)
    assert match
    following = ask(real_context, "show", trace_id=longest[:14], first=int(match[1]))
    assert data(following)[0].startswith(f"step {match[1]}")
    whole = ask(replace(real_context, answer_bytes=10**7), "show", trace_id=longest)
    for (text,) in real_context.store.rows(
        "SELECT result FROM steps WHERE trace_id = ? AND result IS NOT NULL", [longest]
    ):
        assert str(text)[:10].split("\n")[0] in whole
    assert "not shown" not in whole


def test_messages_are_shown_where_asked_and_a_part_that_is_not_there_is_said(real_context: ToolContext) -> None:
    one = trace(real_context, "task_id LIKE 'airline%' OR task_id LIKE 'tau%'")
    assert "message 0 system: " in ask(real_context, "show", trace_id=one, part="messages", last=2)
    assert "there are none of these steps" in ask(real_context, "show", trace_id=one, first=5_000)
    with pytest.raises(ToolRefused, match="there is no attempt 'nope'; 'traces' lists their ids"):
        ask(real_context, "show", trace_id="nope")
    with pytest.raises(ToolRefused, match="the beginning of several"):
        ask(real_context, "show", trace_id="")


def test_a_search_counts_all_and_shows_one_hit_an_attempt_first(real_context: ToolContext) -> None:
    answer = ask(real_context, "search", pattern="ERROR", limit=3)
    [(places, traces)] = real_context.store.rows(
        " UNION ALL ".join(
            f"SELECT trace_id FROM steps WHERE {name} ILIKE '%error%'"
            for name in ("reply", "tool", "arguments", "target", "error", "result", "observation")
        ).join(("SELECT count(*), count(DISTINCT trace_id) FROM (", ")"))
    )
    [said] = re.findall(r"^(\d+) texts of (\d+) attempts", answer)
    assert int(said[0]) >= places and int(said[1]) >= traces
    hits = [line.split("\t") for line in data(answer)[1:]]
    assert len({hit[0] for hit in hits}) == len(hits) == min(3, int(said[1]))
    assert all("error" in hit[5].lower() for hit in hits)
    assert ask(real_context, "search", pattern="ERROR", ignore_case=False, trace_id=hits[0][0]) != answer
    assert ask(real_context, "search", pattern="zzzz not there").startswith("no match; ")
    assert "\tmessage\tsystem: " in ask(real_context, "search", pattern="policy|book", field="message")
    with pytest.raises(ToolRefused, match="without lookaround"):
        ask(real_context, "search", pattern="(?=x)")


def test_a_contrast_counts_compares_and_is_counted(real_context: ToolContext) -> None:
    answer = ask(real_context, "contrast", title="meets an error", predicate_sql=f"{ERRORS}; -- any")
    [(fw, f, sw, s)] = real_context.store.rows(
        "SELECT count(*) FILTER (outcome = 'failure' AND e), count(*) FILTER (outcome = 'failure'), count(*) FILTER"
        " (outcome = 'success' AND e), count(*) FILTER (outcome = 'success')"
        f" FROM (SELECT outcome, trace_id IN ({ERRORS}) AS e FROM attempts)"
    )
    assert f"{fw} of {f} failures" in answer and f"{sw} of {s} successes" in answer
    assert "you have tested 1 hypothesis so far, and nothing here corrects for that" in answer
    again = contrast_predicate(real_context, "the same", ERRORS)
    assert (again.hypotheses_tested, [h.title for h in real_context.hypotheses.all]) == (1, ["meets an error"])
    narrow = real_context.within(
        real_context.scope.narrowed("SELECT trace_id FROM attempts LIMIT 1", "one"), agent="root.1"
    )
    # Within a scope, too, all attempts are compared: one that holds failures alone would prove anything.
    assert contrast_predicate(narrow, "other", ERRORS).failures == f


def test_a_contrast_names_up_to_three_failures_that_show_it_between_marks(real_context: ToolContext) -> None:
    named = data(
        ask(real_context, "contrast", title="meets an error", predicate_sql=ERRORS).partition("successes that")[0]
    )
    failing = f"SELECT trace_id FROM attempts WHERE outcome = 'failure' AND trace_id IN ({ERRORS}) ORDER BY 1"
    assert named == [trace_id for (trace_id,) in real_context.store.rows(f"{failing} LIMIT 3")]
    one = f"SELECT trace_id FROM ({failing} LIMIT 1)"
    [(only,)] = real_context.store.rows(one)
    said = ask(real_context, "contrast", title="is that one", predicate_sql=f"SELECT '{only}' AS trace_id")
    assert data(said.partition("by run:")[0]) == [only]
    won = "SELECT trace_id FROM attempts WHERE outcome = 'success' ORDER BY 1 LIMIT 1"
    [(success,)] = real_context.store.rows(won)
    said = ask(real_context, "contrast", title="is a success", predicate_sql=f"SELECT '{success}' AS trace_id")
    assert "warning: no failure shows it" in said and data(said.partition("by run:")[0]) == [success]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT trace_id FROM attempts WHERE outcome = 'failure'", "the predicate looks at outcome"),
        ("SELECT trace_id FROM scores", "the predicate looks at scores"),
        ("SELECT trace_id FROM attempts AS a WHERE a::VARCHAR LIKE '%failure%'", "when outcome and score are hidden"),
        ("SELECT t FROM attempts AS a(t, r, k, s, n, o) WHERE o = 'failure'", "when outcome and score are hidden"),
        ("SELECT trace_id, tool FROM steps", "SELECT trace_id alone, or trace_id and step"),
        ("SELECT trace_id, step, tool FROM steps", "SELECT trace_id alone, or trace_id and step"),
        ("SELECT step FROM steps", "instead: "),
        ("SELECT nope FROM steps", "instead: steps has trace_id, step"),
        ("SELECT 1) AS p; DELETE FROM attempts; SELECT (1", "instead: "),
    ],
)
def test_a_predicate_that_restates_the_verdict_or_cannot_run_is_no_hypothesis(
    real_context: ToolContext, sql: str, words: str
) -> None:
    with pytest.raises(ToolRefused, match=words):
        ask(real_context, "contrast", title="a lie", predicate_sql=sql)
    assert real_context.hypotheses.all == []


def test_a_contrast_says_what_tells_nothing(real_context: ToolContext) -> None:
    every = ask(real_context, "contrast", title="is there", predicate_sql="SELECT trace_id FROM attempts")
    assert "every attempt shows it, so it explains nothing" in every
    none = ask(real_context, "contrast", title="is not", predicate_sql="SELECT trace_id FROM steps WHERE tool = 'nope'")
    assert none.startswith("no attempt shows it, so nothing was tested")
    measured = "SELECT trace_id FROM attempts WHERE outcome IS DISTINCT FROM 'error'"
    assert "every attempt" in ask(real_context, "contrast", title="measured", predicate_sql=measured)
    with pytest.raises(ValidationError):
        ask(real_context, "contrast", title="", predicate_sql=ERRORS)


def test_a_failure_and_a_success_are_held_side_by_side_from_where_they_part(real_context: ToolContext) -> None:
    rows = real_context.store.rows(
        "SELECT f.trace_id, f.task_id FROM attempts AS f JOIN attempts AS s USING (task_id) WHERE f.outcome = 'failure'"
        " AND s.outcome = 'success' ORDER BY 1 LIMIT 1"
    )
    [(failure, task)] = rows
    for arguments in ({"trace_id": failure}, {"task": task}):
        answer = ask(real_context, "diverge", **arguments)
        match = re.search(r"differ at step (\d+)", answer)
        assert match
        assert any(line.startswith(f"failure: step {match[1]}") for line in data(answer))
        assert data(answer)[1].startswith("success: ")
    success = data(ask(real_context, "diverge", trace_id=failure))[1].removeprefix("success: ")
    assert data(ask(real_context, "diverge", trace_id=success))[1] == f"success: {success}"


def test_an_attempt_without_another_to_compare_is_told_so(real_context: ToolContext) -> None:
    lone = trace(real_context, "task_id NOT IN (SELECT task_id FROM attempts WHERE outcome = 'success')")
    with pytest.raises(ToolRefused, match="has no success to compare it with"):
        ask(real_context, "diverge", trace_id=lone)
    with pytest.raises(ToolRefused, match="'traces' lists task ids"):
        ask(real_context, "diverge", task="nope")


def test_the_same_question_gives_the_same_text_in_any_thread_and_within_few_bytes(real_context: ToolContext) -> None:
    longest = trace(real_context, "true")
    questions: list[tuple[str, dict[str, object]]] = [
        ("overview", {}), ("findings", {}), ("findings", {"id": "F1"}), ("findings", {"tested": True}),
        ("sql", {"query": "SELECT tool, count(*) FROM steps GROUP BY 1"}), ("traces", {"called": "*"}),
        ("show", {"trace_id": longest}), ("search", {"pattern": "the"}), ("diverge", {"trace_id": longest}),
    ]  # fmt: skip
    small = replace(real_context, answer_bytes=1_200)

    def asked(question: tuple[str, dict[str, object]]) -> str:
        try:
            return ask(small, question[0], **question[1])
        except ToolRefused as error:
            return str(error)

    alone = [asked(question) for question in questions]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(asked, questions * 4))
    assert together == alone * 4
    assert all(len(answer.encode()) <= 1_200 for answer in alone)


def test_without_arguments_a_pair_is_picked_and_the_choice_is_said(real_context: ToolContext) -> None:
    answer = ask(real_context, "diverge")
    assert "picked from " in answer and "of run " in answer
    failure, success = (line.split(": ")[1] for line in data(answer)[:2])
    sql = "SELECT count(DISTINCT task_id), count(*) FROM attempts WHERE trace_id IN (?, ?)"
    assert real_context.store.rows(sql, [failure, success]) == [(1, 2)]


def test_a_contrast_counts_by_run(real_context: ToolContext) -> None:
    [(shown, attempts)] = real_context.store.rows(
        f"SELECT count(*) FILTER (trace_id IN ({ERRORS})), count(*) FROM attempts WHERE run_id LIKE '%gpt-3.5%'"
        " AND outcome IN ('success', 'failure')"
    )
    told = ask(real_context, "contrast", title="meets an error", predicate_sql=ERRORS)
    assert f"{shown} of {attempts}\t" in told.partition("by run:")[2]


def test_a_behaviour_that_marks_a_run_is_said_to(real_context: ToolContext) -> None:
    one = "SELECT trace_id FROM attempts WHERE run_id LIKE '%react%'"
    told = ask(real_context, "contrast", title="thinks aloud", predicate_sql=one)
    assert "it marks whole runs: nearly all attempts of the first run below" in told
    assert "marks whole runs" not in ask(real_context, "contrast", title="meets an error", predicate_sql=ERRORS)


def test_a_prompt_is_given_uncut_up_to_the_bytes_and_goes_on(real_context: ToolContext) -> None:
    [(policy,)] = real_context.store.rows(
        "SELECT trace_id FROM messages WHERE role = 'system' AND length(content) > 3000 LIMIT 1"
    )
    small = real_context.replaced(answer_bytes=2_000)
    first = ask(small, "show", trace_id=policy, part="prompt")
    following = int(first.rpartition("offset=")[2].rstrip("]\n"))
    rest = ask(small, "show", trace_id=policy, part="prompt", offset=following)
    whole = ask(real_context.replaced(answer_bytes=100_000), "show", trace_id=policy, part="prompt")
    assert "\n".join([*data(first), *data(rest)]).replace("\n", "") in "\n".join(data(whole)).replace("\n", "")


def test_where_no_instructions_are_recorded_it_is_said(real_context: ToolContext) -> None:
    [(trace_id,)] = real_context.store.rows("SELECT min(trace_id) FROM attempts WHERE run_id LIKE '%react%'")
    told = ask(real_context, "show", trace_id=trace_id, part="prompt", first=1)
    assert "holds no system message, so the harness's instructions are not recorded" in told
    with pytest.raises(ToolRefused, match="no step 99: it has steps 0 to"):
        ask(real_context, "show", trace_id=trace_id, part="prompt", first=99)


def test_without_successes_what_all_failures_share_is_a_candidate(real_context: ToolContext, tmp_path: Path) -> None:
    plant(tmp_path / "p.jsonl")
    lines = [json.loads(line) | {"reward": 0.0} for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    build_store([tmp_path / "p.jsonl"], tmp_path / "s.duckdb")
    with Store.open(tmp_path / "s.duckdb") as store:
        lost = context_over(store, real_context.report)
        told = ask(lost, "contrast", title="finds a flight", predicate_sql="SELECT trace_id FROM tool_calls")
        assert "no attempt succeeds, so nothing can be compared" in told and "explains nothing" not in told
        with pytest.raises(ToolRefused, match="so there is no pair"):
            ask(lost, "diverge")


def test_a_predicate_may_give_the_step(real_context: ToolContext) -> None:
    plain = contrast_predicate(real_context, "meets an error", ERRORS)
    stepped = contrast_predicate(real_context, "meets an error", ERRORS.replace("trace_id", "trace_id, step"))
    assert (stepped.failures_with, stepped.successes_with) == (plain.failures_with, plain.successes_with)
    assert not any("without a step is not tested" in warning for warning in stepped.warnings)
