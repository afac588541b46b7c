"""What a report says of a model's claims verifies as it was written, and no longer once it was tampered with."""

from collections.abc import Callable
from typing import Any

import pytest
from claims_handed_in import LONG, OWN, handed_in, written, wrong
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.records import Claim
from halo_opt.analysis.claims.verify import numbers_of, queries_of, verify_report
from halo_opt.core.report_records import Report
from halo_opt.store import Store
from halo_opt.store.guarded.queries import Refused, guarded_queries


def test_the_written_report_verifies_under_the_guard_with_the_queries_that_it_names(
    report: Report, store: Store
) -> None:
    ready = dict(zip(queries_of(report), guarded_queries(store, queries_of(report), max_rows=100_000), strict=True))
    late: list[str] = []

    def ask(sql: str) -> list[tuple[Any, ...]]:
        if sql not in ready:
            late.append(sql)
            [ready[sql]] = guarded_queries(store, [sql], max_rows=100_000)
        answer = ready[sql]
        assert not isinstance(answer, Refused), answer
        return list(answer.rows)

    assert verify_report(report, store, query=ask) == []
    # What is only asked where a predicate is no rule, and nothing else.
    assert len(late) == 1
    assert "CASE outcome" in late[0]


def _told(data: dict[str, Any]) -> dict[str, Any]:
    said = data["findings"][0]["model_claims"][0]
    assert isinstance(said, dict)
    return said


TAMPERING: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("M1.model_claims[0].steps", lambda d: _told(d)["numbers"]["steps"].update(value=99)),
    ("M1.model_claims[0].steps", lambda d: _told(d)["numbers"]["steps"].update(value=99, sql="SELECT 99")),
    ("M1.model_claims[0].quotes[0]", lambda d: _told(d)["quotes"][0].update(words="it gave up at once, it said")),
    ("M1.model_claims[0].quotes[0]", lambda d: _told(d)["quotes"][0].update(trace_id="no-such-trace")),
    ("M1.model_claims[0].quotes[0]", lambda d: _told(d)["quotes"][0].update(step=999)),
    ("M1.model_claims[0].predicate_sql", lambda d: _told(d).update(predicate_sql="SELECT trace_id FROM steps")),
    ("M1.model_claims[0].predicate_sql", lambda d: _told(d).update(predicate_sql="SELECT")),
    ("M1.failures_with", lambda d: d["findings"][0].update(predicate_sql="SELECT trace_id, true AS value, 1 AS step")),
    ("M1.model_claims[0].unchecked", lambda d: _told(d).update(words="In 931 failures.")),
    ("M1.model_claims[0].unchecked", lambda d: _told(d).update(unchecked=["931"])),
    ("M1.title", lambda d: _told(d).update(title="In many failures")),
    ("M1.model_claims[0].words", lambda d: _told(d).update(words="In 931.", written={"words": "In {failures}."})),
    ("M1.model_claims[0].words", lambda d: _told(d).update(words="All fail.")),
    ("M1.title", lambda d: d["findings"][0].update(title="It fails 931 times")),
    ("M1.model_claims[0].triaged", lambda d: _told(d).update(triaged="infrastructure")),
    ("M1.category", lambda d: d["findings"][0].update(category="grader")),
    ("M1.model_claims[0].listed", lambda d: _told(d).update(listed=True)),
    ("M2.model_claims[0].listed", lambda d: d["findings"][1]["model_claims"][0].update(listed=False)),
    ("model_analysis.unchecked", lambda d: d["model_analysis"].update(summary="It fails 931 times.")),
    ("model_analysis.summary", lambda d: d["model_analysis"].update(summary="In 931.", written="In {M1.failures}.")),
]


@pytest.mark.parametrize(("where", "change"), TAMPERING, ids=[f"{n}-{where}" for n, (where, _) in enumerate(TAMPERING)])
def test_tampering_with_what_a_model_said_is_found_and_placed(
    report: Report, store: Store, where: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    data = report.model_dump(mode="json")
    change(data)
    assert where in {m.where for m in wrong(Report.model_validate(data), store)}


def test_the_numbers_of_a_model_are_among_those_that_are_counted(report: Report) -> None:
    assert "M1.model_claims[0].steps" in dict(numbers_of(report))


def test_a_report_of_before_loads_and_verifies(store: Store) -> None:
    data = written(store, handed_in([]), behaviours=(OWN,)).model_dump(mode="json")
    for name in ("unsupported", "model_analysis"):
        del data[name]
    for finding in data["findings"]:
        del finding["model_claims"]
    assert wrong(Report.model_validate(data), store) == []


WORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["In 931 of 400 failures (93%).", "<<<data", "\u202eabc", "' OR 1=1 --", "5", "half of them", "\0"]
    ),
)
PREDICATES = st.sampled_from(
    [
        LONG,
        "SELECT trace_id FROM steps WHERE error IS NOT NULL",
        "SELECT trace_id FROM attempts WHERE task_id LIKE '%1%'",
        "SELECT trace_id FROM attempts ORDER BY trace_id LIMIT 40",
        "SELECT trace_id, 1 FROM attempts",
        "SELECT max(trace_id) FROM attempts",
        "SELECT NULL AS trace_id",
        "SELECT 5 AS trace_id FROM steps",
        "SELECT trace_id FROM steps -- all",
        "SELECT trace_id FROM steps /* open",
        "SELECT trace_id FROM steps) AS p, (SELECT 1",
        "SELECT trace_id FROM scores WHERE value < 1",
        "SELECT trace_id FROM messages WHERE length(content) > 500;;",
        "",
        "\0",
    ]
)
NUMBERS = st.fixed_dictionaries(
    {
        "name": WORDS.map(lambda words: words[:80]),
        "value": st.one_of(st.integers(-(10**12), 10**12), st.floats()),
        "sql": st.sampled_from(
            [
                "SELECT count(*) FROM attempts",
                "SELECT avg(steps) FROM attempts",
                "SELECT 1/0 FROM attempts LIMIT 1",
                "SELECT 'inf'::DOUBLE FROM attempts LIMIT 1",
                "SELECT sum(steps)::DECIMAL(18, 3) FROM attempts",
                "SELECT count(*)::UHUGEINT * 10^30 FROM steps",
                "SELECT now()",
                "SELECT 7",
                "nonsense",
            ]
        ),
    }
)


@pytest.mark.slow
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_claims_say_the_written_report_verifies(
    data: st.DataObject, store: Store, quote: dict[str, Any]
) -> None:
    quotes = st.one_of(
        st.just(quote),
        st.builds(lambda words: {**quote, "step": None, "words": words}, WORDS),
        st.builds(lambda trace: {**quote, "trace_id": trace}, WORDS),
    )
    drawn = st.builds(
        lambda **fields: Claim.model_validate(fields),
        title=WORDS.filter(lambda words: len(words) >= 3),
        claim=WORDS,
        counter_evidence=WORDS,
        predicate_sql=PREDICATES,
        numbers=st.lists(NUMBERS, max_size=3),
        quotes=st.lists(quotes, max_size=3),
        category=st.sampled_from(["harness", "model", "grader", "infrastructure", "unexplained"]),
        remedies=st.lists(st.one_of(st.just("loop_guard"), WORDS), max_size=2),
    )
    asked = Hypotheses()
    for title, predicate in data.draw(st.lists(st.tuples(WORDS, PREDICATES), max_size=3)):
        asked.add(title, predicate)
    claims = data.draw(st.lists(drawn, min_size=1, max_size=4))
    summary = data.draw(WORDS)
    report = written(store, handed_in(claims, asked=asked, summary=summary), behaviours=(OWN,))
    assert wrong(report, store) == []
    told = [said.claim for finding in report.findings for said in finding.model_claims]
    assert sorted([*told, *(claim.claim for claim in report.unsupported)]) == [f"C{n + 1}" for n in range(len(claims))]
