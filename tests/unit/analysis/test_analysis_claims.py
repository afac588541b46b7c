"""Claims are held against the traces: what is wrong is corrected or struck, and what has no support is set apart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from halo_opt.analysis.claims import STRUCK, CheckedClaim, Claim, ClaimNumber, Quote, check, strike
from halo_opt.analysis.guarded_rows import GuardedRows
from halo_opt.store import Store, build_store

DATA = Path(__file__).parents[2] / "data"
RUNS = [DATA / "tau-bench" / "gpt-4o-airline.jsonl", DATA / "intercode"]
SHOWS = "SELECT trace_id FROM attempts WHERE outcome = 'failure'"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("claims") / "s.duckdb"
    build_store(RUNS, path)
    with Store.open(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def failure(store: Store) -> tuple[str, int, str]:
    """(trace, step, words) of a failure."""
    [row] = store.rows(
        "SELECT s.trace_id, s.step, s.arguments FROM steps AS s JOIN attempts AS a USING (trace_id)"
        " WHERE a.outcome = 'failure' AND length(s.arguments) > 20 ORDER BY ALL LIMIT 1"
    )
    return str(row[0]), int(row[1]), str(row[2])


def claim(failure: tuple[str, int, str], **changes: object) -> Claim:
    trace, step, words = failure
    fields: dict[str, object] = {
        "title": "Gives up",
        "claim": "It gives up.",
        "predicate_sql": SHOWS,
        "quotes": [Quote(trace_id=trace, step=step, words=words[:200])],
    }
    return Claim.model_validate(fields | changes)


def checked(store: Store, told: Claim) -> CheckedClaim:
    return check(told, store, GuardedRows(store), name="claim_1", first_steps={})[0]


def test_a_true_claim_is_confirmed_as_it_stands(store: Store, failure: tuple[str, int, str]) -> None:
    [(failures,)] = store.rows("SELECT count(*) FROM attempts WHERE outcome = 'failure'")
    number = ClaimNumber(name="failures", value=failures, sql="SELECT count(*) FROM attempts WHERE outcome = 'failure'")
    told = claim(failure, claim=f"It gives up in {failures} failures, 100% of them.", numbers=[number])
    found = checked(store, told)
    assert (found.status, found.corrections, found.reasons) == ("confirmed", [], [])
    assert found.claim == told


def test_a_wrong_number_takes_the_value_of_its_sql_and_is_marked(store: Store, failure: tuple[str, int, str]) -> None:
    sql = "SELECT count(*) FROM attempts"
    found = checked(store, claim(failure, numbers=[ClaimNumber(name="attempts", value=77, sql=sql)]))
    [(attempts,)] = store.rows(sql)
    assert [number.value for number in found.claim.numbers] == [attempts]
    assert found.corrections == [f"number attempts was 77; its SQL gives {attempts}"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT nonsense FROM attempts", "cannot be run"),
        ("COPY attempts TO 'x.csv'", "cannot be run"),
        ("SELECT 1, 2", "does not give one number"),
        ("SELECT 'many'", "does not give one number"),
        ("SELECT trace_id FROM attempts WHERE false", "does not give one number"),
    ],
)
def test_a_number_without_a_query_that_gives_it_is_struck(
    store: Store, failure: tuple[str, int, str], sql: str, words: str
) -> None:
    found = checked(store, claim(failure, numbers=[ClaimNumber(name="n", value=1, sql=sql)]))
    assert found.claim.numbers == []
    assert words in found.corrections[0]


def test_figures_in_the_words_that_nothing_bears_out_are_struck(store: Store, failure: tuple[str, int, str]) -> None:
    found = checked(store, claim(failure, claim="It is seen in 93 of 412 failures (23%)."))
    assert found.claim.claim == f"It is seen in {STRUCK} of {STRUCK} failures ({STRUCK})."
    assert len(found.corrections) == 3


def test_altered_and_invented_quotes_are_struck_and_leave_the_claim_unsupported(
    store: Store, failure: tuple[str, int, str]
) -> None:
    trace, step, words = failure
    for quote in (
        Quote(trace_id=trace, step=step, words=words[:40] + " and lies"),
        Quote(trace_id="no-such-trace", step=0, words=words[:40]),
        Quote(trace_id=trace, step=step + 1000, words=words[:40]),
        Quote(trace_id=trace, step=step, words="the"),
    ):
        found = checked(store, claim(failure, quotes=[quote]))
        assert found.status == "unsupported"
        assert found.claim.quotes == []
        assert found.reasons == ["no quote of an attempt that shows it stands in the traces"]


def test_words_of_an_attempt_that_does_not_show_it_prove_nothing(store: Store, failure: tuple[str, int, str]) -> None:
    others = f"SELECT trace_id FROM attempts WHERE outcome = 'failure' AND trace_id <> '{failure[0]}'"
    found = checked(store, claim(failure, predicate_sql=others))
    assert f"attempt {failure[0]} does not show it" in found.corrections[0]
    assert found.status == "unsupported"


@pytest.mark.parametrize(
    ("predicate", "reason"),
    [
        ("SELECT trace_id FROM attempts WHERE false", "no attempt shows it"),
        ("SELECT trace_id FROM attempts WHERE outcome = 'success'", "no failure shows it"),
        ("SELECT 'x' AS trace_id", "no attempt shows it"),
        ("DROP TABLE attempts", "its predicate cannot be run"),
        ("SELECT trace_id FROM read_csv('/etc/passwd')", "its predicate cannot be run"),
        ("SELECT trace_id FROM attempts; SELECT 1", "its predicate cannot be run"),
        ("SELECT count(*) FROM attempts", "its predicate cannot be run"),
        ("attempts) UNION SELECT 'x' FROM (SELECT 1", "its predicate cannot be run"),
    ],
)
def test_a_predicate_that_holds_for_no_failure_or_cannot_run_leaves_it_unsupported(
    store: Store, failure: tuple[str, int, str], predicate: str, reason: str
) -> None:
    found = checked(store, claim(failure, predicate_sql=predicate))
    assert found.status == "unsupported"
    assert found.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("words", "known", "kept"),
    [
        ("12 of 40", [12, 40], "12 of 40"),
        ("12.0 of 1,040", [12, 1040], "12.0 of 1,040"),
        ("30% more", [0.3], "30% more"),
        ("30.4% more", [0.3041], "30.4% more"),
        ("31% more", [0.3041], f"{STRUCK} more"),
        ("down -5 points", [5], "down -5 points"),
        ("gpt-4o at step3", [], "gpt-4o at step3"),
        ("v2.gomail", [], "v2.gomail"),
        ("7 times", ["7", None], f"{STRUCK} times"),
    ],
)
def test_only_figures_that_a_checked_number_says_stay(words: str, known: list[float], kept: str) -> None:
    assert strike(words, known, []) == kept
