"""One pass for all detectors gives what each gives alone, on real runs; and what a detector of a file may not do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from mining_fixture import TinyStore, step

from halo_opt.core.errors import InputError
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import Condition
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.materialized import MaterializedStore
from halo_opt.mining.sequences import sequences
from halo_opt.mining.signatures import offered
from halo_opt.store import Store, build_store

ALL = built_in(experimental=True)
DATA = Path(__file__).parents[2] / "data"
LS = step("execute", "ls", result="a")


@pytest.fixture(scope="module", params=["tau-bench", "intercode", "run-folder"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path = tmp_path_factory.mktemp("together") / "store.duckdb"
    build_store([DATA / request.param], path)
    with Store.open(path) as store:
        yield store


def test_every_detector_gives_the_same_alone_and_in_one_pass(real: Store) -> None:
    with MaterializedStore(real) as materialized:
        materialized.add(ALL)
        for behaviour in ALL:
            alone = sorted(map(str, real.rows(behaviour.sql)))
            assert sorted(map(str, materialized.rows(behaviour.sql))) == alone, behaviour.name


def test_mined_patterns_give_the_same_alone_and_in_one_pass(real: Store) -> None:
    with MaterializedStore(real) as materialized:
        mined = [*offered(materialized).behaviours, *sequences(materialized).behaviours]
        materialized.add(mined)
        for behaviour in mined:
            alone = sorted(map(str, real.rows(behaviour.sql)))
            assert sorted(map(str, materialized.rows(behaviour.sql))) == alone, behaviour.title
            assert any(value == "True" for _, value, _ in (row.split(", ") for row in alone))


def test_many_buckets_give_what_one_gives(real: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("halo_opt.mining.materialized.BUCKET_STEPS", 7)
    with MaterializedStore(real) as materialized:
        materialized.add(ALL)
        for behaviour in ALL[::7]:
            alone = sorted(map(str, real.rows(behaviour.sql)))
            assert sorted(map(str, materialized.rows(behaviour.sql))) == alone, behaviour.name


def test_the_answers_stand_within_longer_queries_and_nothing_stays_behind(tiny: TinyStore) -> None:
    tiny.add([LS, LS])
    tiny.add([LS])
    behaviour = ALL[0]
    with MaterializedStore(tiny) as materialized:
        materialized.add(ALL)
        assert materialized.rows(f"SELECT count(*) FROM ({behaviour.sql}) WHERE value") == [(1,)]
    assert tiny.rows("SELECT count(*) FROM duckdb_tables() WHERE temporary") == [(0,)]
    assert materialized.rows(f"SELECT count(*) FROM ({behaviour.sql}) WHERE value") == [(1,)]


def test_a_store_without_steps_can_be_asked(tiny: TinyStore) -> None:
    tiny.add([])
    with MaterializedStore(tiny) as materialized:
        materialized.add(ALL)
        assert materialized.rows(ALL[0].sql) == [("trace-0000", False, None)]


def test_two_meanings_of_one_name_are_an_error(tiny: TinyStore) -> None:
    def of(name: str, fact: str) -> Behaviour:
        return Behaviour(name=name, title="t", meaning="m", condition=Condition(facts={"x": fact}, where="x"))

    with (
        MaterializedStore(tiny) as materialized,
        pytest.raises(ValueError, match="two gives the name x another meaning"),
    ):
        materialized.add([of("one", "tool = 'a'"), of("two", "tool = 'b'")])


def of_file(sql: str) -> Behaviour:
    return Behaviour(name="mine", title="t", meaning="m", sql=sql, source="mine.yaml")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT trace_id, true AS value, 0 AS step FROM attempts, range(2)", "more than one row for an attempt"),
        ("SELECT trace_id, 1 AS value, 0 AS step FROM attempts", "value must be true or false"),
        ("SELECT trace_id, NULL::BOOLEAN AS value, 0 AS step FROM attempts", "value must be true or false"),
        ("SELECT 1 AS trace_id, true AS value, 0 AS step FROM attempts", "trace_id must be the id"),
        ("SELECT trace_id, true AS value, 'x' AS step FROM attempts", "step must be the number of a step"),
        ("SELECT broken FROM attempts", "cannot run"),
    ],
)
def test_a_detector_of_a_file_that_gives_nonsense_is_refused_by_name(tiny: TinyStore, sql: str, reason: str) -> None:
    tiny.add([LS])
    with MaterializedStore(tiny, guarded=tiny.rows) as materialized:
        materialized.add([of_file(sql)])
        for _ in range(2):
            with pytest.raises(InputError, match=f"mine.yaml: detector mine: .*{reason}"):
                materialized.rows(f"SELECT count(*) FROM ({sql})")


def test_sql_of_a_file_goes_the_guarded_way_and_no_other(tiny: TinyStore) -> None:
    tiny.add([LS])
    sql = "SELECT trace_id, true AS value, 0 AS step FROM attempts"
    asked: list[str] = []

    def guarded(query: str) -> list[tuple[object, ...]]:
        asked.append(query)
        return tiny.rows(query)

    with MaterializedStore(tiny, guarded=guarded) as materialized:
        materialized.add([of_file(sql)])
        assert materialized.rows(f"SELECT count(*) FROM ({sql}) WHERE value") == [(1,)]
        assert materialized.rows(f"SELECT max(step) FROM ({sql})") == [(0,)]
    assert len(asked) == 2  # as it is, and once with the outcomes hidden
    with MaterializedStore(tiny) as materialized:
        materialized.add([of_file(sql)])
        with pytest.raises(InputError, match="may only be run guarded"):
            materialized.rows(f"SELECT count(*) FROM ({sql})")
