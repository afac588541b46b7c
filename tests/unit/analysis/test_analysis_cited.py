"""What an answer may cite by name: contrasts and findings, measured anew, and nothing that goes by the verdict."""

import pytest
from tool_contexts import RUNS

from halo_opt.analysis.claims.answer_check import cited_contrast
from halo_opt.analysis.claims.hypotheses import Hypotheses, behaviour_sql
from halo_opt.analysis.records import CitedContrast
from halo_opt.core.errors import InputError
from halo_opt.core.report_records import Finding, Number, Report
from halo_opt.mining.mine import mine_store
from halo_opt.store import Store, build_store
from halo_opt.store.guarded.guarded_rows import GuardedRows

LONG = "SELECT trace_id FROM attempts WHERE steps >= 12"
LONG_SHOWN = behaviour_sql(LONG)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("cited") / "s.duckdb"
    build_store(RUNS, path)
    return Store.open(path)


@pytest.fixture(scope="module")
def report(store: Store) -> Report:
    return mine_store(store, [], title="t", made_at="", patterns=False)


def cited(store: Store, report: Report, predicate: str) -> CitedContrast:
    asked = Hypotheses()
    name = asked.add("Takes long", predicate, "root.1").name
    return cited_contrast(name, report, asked, GuardedRows(store), {})


def test_a_contrast_is_counted_again(store: Store, report: Report) -> None:
    found = cited(store, report, LONG)
    [(failures_with, failures)] = store.rows(
        "SELECT count(*) FILTER (steps >= 12), count(*) FROM attempts WHERE outcome = 'failure'"
    )
    assert (found.counts["failures_with"], found.counts["failures"]) == (failures_with, failures)
    assert "difference" in found.counts
    assert {row[0]: row[1:] for row in store.rows(found.sql)}["failure"] == (failures, failures_with)


@pytest.mark.parametrize("numbers", [{}, {"difference": Number(value=0.9, sql="SELECT 1")}])
def test_a_finding_is_counted_again_and_has_a_difference_where_it_was_tested(
    store: Store, report: Report, numbers: dict[str, Number]
) -> None:
    finding = Finding.model_construct(id="F1", behaviour="b", title="Long", predicate_sql=LONG_SHOWN, numbers=numbers)
    told = report.model_copy(update={"findings": [finding]})
    found = cited_contrast(" f1 ", told, Hypotheses(), GuardedRows(store), {})
    assert (found.name, found.title) == ("F1", "Long")
    contrast = cited(store, report, LONG).counts
    assert found.counts == {name: value for name, value in contrast.items() if numbers or name != "difference"}


def test_what_lists_its_attempts_has_counts_and_no_difference(store: Store, report: Report) -> None:
    [(trace_id,)] = store.rows("SELECT min(trace_id) FROM attempts WHERE outcome = 'failure'")
    found = cited(store, report, f"SELECT trace_id FROM attempts WHERE trace_id = '{trace_id}'")
    assert (found.counts["failures_with"], found.counts["successes_with"]) == (1, 0)
    assert "difference" not in found.counts


@pytest.mark.parametrize(
    "predicate",
    [
        "SELECT trace_id FROM attempts WHERE outcome = 'failure'",
        "SELECT t FROM (SELECT * FROM attempts) AS a(t, b, c, d, e, f) WHERE f = 'failure'",
        "SELECT nonsense",
    ],
)
def test_what_goes_by_the_verdict_or_cannot_run_is_refused(store: Store, report: Report, predicate: str) -> None:
    with pytest.raises(InputError, match="shows nothing"):
        cited(store, report, predicate)


def test_nothing_has_a_name_that_nobody_asked(store: Store, report: Report) -> None:
    with pytest.raises(InputError, match="there is no contrast or finding 'asked_12345678'"):
        cited_contrast("asked_12345678", report, Hypotheses(), GuardedRows(store), {})
