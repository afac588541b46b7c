"""SQL that somebody else wrote: what analyses need runs, everything else is refused in words, and nothing hangs."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from halo_opt.store import Refused, Store, build_store, guarded_query, schema
from halo_opt.store.guarded import worker as guarded_worker
from halo_opt.store.guarded.queries import _read, guarded_queries, guards

DATA = Path(__file__).parents[2] / "data"
COUNT = "SELECT count(*) FROM attempts"


def statements(name: str) -> list[str]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("-- SQL")]


ATTACKS = statements("attacks.sql")
GREEDY = statements("attacks_greedy.sql")

ANALYSES = [
    "SELECT outcome, count(*) FROM attempts GROUP BY ALL ORDER BY ALL",
    "WITH n AS (SELECT trace_id, count(*) AS k FROM steps GROUP BY 1) SELECT avg(k), median(k) FROM n",
    "SELECT tool, lag(tool) OVER (PARTITION BY trace_id ORDER BY step) FROM steps LIMIT 5",
    "SELECT count(*) FILTER (WHERE error_type IS NOT NULL) FROM steps",
    "SELECT key FROM spans, json_each(attributes) LIMIT 3",
    "SELECT attributes->>'$.\"halo.step.index\"' FROM spans LIMIT 2",
    "DESCRIBE attempts",
    "SUMMARIZE scores",
    "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t WHERE a < 5) SELECT * FROM t",
    "SELECT regexp_extract(observation, '[A-Z]+') FROM steps WHERE observation ILIKE '%a%' LIMIT 2",
    "SELECT [x * 2 FOR x IN [1, 2]], list_transform([1], lambda x: x + 1), {'a': 1}",
    "FROM attempts SELECT outcome QUALIFY row_number() OVER (PARTITION BY task_id ORDER BY seed) = 1",
    "SELECT * EXCLUDE (goal) FROM attempts ORDER BY task_id LIMIT 1",
    "(SELECT 1 UNION ALL SELECT 2) EXCEPT SELECT 2",
    "SELECT corr(a.steps, a.score), arg_max(task_id, steps) FROM attempts a JOIN runs USING (run_id)",
    "SELECT date_trunc('hour', started_at), epoch(ended_at - started_at) FROM attempts LIMIT 1",
    "SELECT * FROM (PIVOT attempts ON outcome IN ('success', 'failure') USING count(*) GROUP BY task_id) LIMIT 2",
    "SELECT r.range FROM range(3) r, LATERAL (SELECT count(*) FROM steps WHERE step = r.range)",
    "VALUES (1), (2)",
    "SELECT 1; -- and no more",
    "WITH a AS (SELECT task_id, avg(score) s FROM attempts GROUP BY 1), b AS (FROM a WHERE s < 1) SELECT * FROM b",
    "SELECT tool, count(*) n, n / sum(n) OVER () AS share FROM tool_calls GROUP BY tool ORDER BY n DESC",
    "SELECT trace_id, list(tool ORDER BY step) AS tools, list_distinct(list(tool)) FROM steps GROUP BY ALL",
    "SELECT t, count(*) FROM (SELECT trace_id, unnest(list_distinct(list(tool))) t FROM steps GROUP BY 1) GROUP BY t",
    "SELECT ntile(2) OVER w, first_value(tool) OVER w FROM steps WINDOW w AS (PARTITION BY trace_id ORDER BY step)",
    "SELECT a.trace_id, s.step FROM attempts a LEFT JOIN steps s ON s.trace_id = a.trace_id AND s.error IS NOT NULL",
    "SELECT * FROM attempts a WHERE NOT EXISTS (FROM steps s WHERE s.trace_id = a.trace_id AND error IS NOT NULL)",
    "SELECT a.task_id, b.seed FROM attempts a ASOF JOIN attempts b ON a.task_id = b.task_id AND a.seed >= b.seed",
    "SELECT outcome, count(*) FROM attempts GROUP BY ROLLUP (outcome) HAVING count(*) > 0",
    "SELECT arguments::JSON->>'$.order_id', try_cast(arguments AS JSON) IS NOT NULL FROM tool_calls LIMIT 3",
    "SELECT json_extract_string(attributes, ['$.a', '$.b']), json_keys(attributes) FROM spans LIMIT 3",
    "SELECT j.key, count(*) FROM spans s, json_each(s.attributes) j GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5",
    "SELECT string_agg(role, ' > ' ORDER BY position) FROM messages GROUP BY trace_id",
    "SELECT split_part(content, ' ', 1) w, length(content), left(content, 20) FROM messages WHERE content LIKE '%a%'",
    "SELECT histogram(steps), mode(steps), quantile_cont(steps, [0.1, 0.5, 0.9]), stddev(steps) FROM attempts",
    "SELECT CASE WHEN steps > 5 THEN 'long' ELSE 'short' END l, avg(score) FROM attempts GROUP BY l",
    "UNPIVOT (SELECT steps, tokens_in FROM attempts) ON COLUMNS(*) INTO NAME what VALUE n",
    "SELECT COLUMNS('tokens_.*') FROM attempts",
    "SELECT count(*) FROM attempts USING SAMPLE 100%",
    "SELECT * FROM attempts POSITIONAL JOIN runs LIMIT 2",
    "SELECT strftime(now(), '%Y') > '2000', coalesce(score, 0), score IS DISTINCT FROM 1 FROM attempts",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    place = tmp_path_factory.mktemp("guarded") / "s.duckdb"
    build_store([DATA / "tau-bench"], place)
    with Store.open(place) as opened:
        yield opened


@pytest.mark.parametrize("sql", ANALYSES)
def test_ordinary_analyses_run_and_agree_with_the_store(store, sql):
    table = guarded_query(store, sql)
    assert table.columns == store.columns(sql)
    assert len(table.rows) == len(store.rows(sql))


@pytest.fixture(scope="module")
def parser() -> Iterator[tuple[duckdb.DuckDBPyConnection, set[str]]]:
    with duckdb.connect() as connection:
        connection.execute(schema.ddl())
        yield connection, guarded_worker.known_functions(connection)


@pytest.mark.parametrize("sql", ATTACKS)
def test_everything_else_is_refused_by_its_parsed_tree(parser, sql):
    connection, functions = parser
    with pytest.raises(guarded_worker.RefusedSql):
        [text] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
        guarded_worker.check(json.loads(text), set(schema.BY_NAME), functions)


@pytest.mark.parametrize(
    ("attacks", "seconds"),
    [
        (ATTACKS[::15], 10),
        pytest.param(ATTACKS, 10, marks=[pytest.mark.slow]),
    ],
)
def test_every_refusal_says_what_is_allowed_and_the_next_query_is_answered(store, attacks, seconds):
    answers = guarded_queries(store, [sql for attack in attacks for sql in (attack, COUNT)], seconds=seconds)
    assert [answer.rows for answer in answers[1::2]] == [[(4,)]] * len(attacks)
    silent = [a for a, r in zip(attacks, answers[::2], strict=True) if "allowed is one SELECT" not in str(r)]
    assert silent == []
    assert all(isinstance(answer, Refused) for answer in answers[::2])


@pytest.mark.slow
def test_greedy_queries_come_to_an_end_and_the_next_one_is_answered(store):
    for sql in GREEDY:
        greedy, after = guarded_queries(store, [sql, COUNT], seconds=2)
        assert isinstance(greedy, Refused) or len(greedy.model_dump_json()) < 300_000, sql
        assert after.rows == [(4,)], sql


@pytest.mark.parametrize("sql", ATTACKS[::40])
def test_refused_sql_reads_and_writes_nothing(store, tmp_path, sql):
    secret = tmp_path / "secret.txt"
    secret.write_text("a,b\n1,CANARY\n")
    before = store.path.read_bytes()
    with pytest.raises(Refused) as refused:
        guarded_query(store, sql.replace("{F}", str(secret)))
    assert "CANARY" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]
    assert store.path.read_bytes() == before


# Even if the tree check were wrong, the connection underneath must hold by itself.
@pytest.mark.parametrize("sql", ATTACKS[::5])
def test_connection_alone_withstands_what_the_check_refuses(store, tmp_path, monkeypatch, sql):
    secret = tmp_path / "secret.txt"
    secret.write_text("a,b\n1,CANARY\n")
    monkeypatch.setattr(guarded_worker, "check", lambda *_: None)
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(store.path.read_bytes())
    request = {"database": str(copy), "max_rows": 9, "max_bytes": 9999, "threads": 2}
    try:
        with guarded_worker.open_store(request).connection as connection:
            opened = guarded_worker.Opened(connection, set(), set())
            answer = str(guarded_worker.run(request, opened, sql.replace("{F}", str(secret))))
    except guarded_worker.RefusedSql as error:
        answer = str(error)
    assert "CANARY" not in answer
    assert {path.name for path in tmp_path.iterdir()} == {"secret.txt", "copy.duckdb"}
    assert copy.read_bytes() == store.path.read_bytes()


def test_queries_after_one_that_fails_are_answered_and_know_nothing_of_those_before(store):
    queries = [
        "SELECT count(*) FROM attempts",
        "SELECT * FROM range(3) LIMIT 2",
        "SELECT error('no')",
        "SET threads = 1",
        "SELECT repeat('x', 3000000000)",
        "WITH attempts AS (SELECT 1 AS n) SELECT n FROM attempts",
        "SELECT count(*) FROM attempts",
    ]
    answers = guarded_queries(store, queries)
    assert [isinstance(answer, Refused) for answer in answers] == [False, False, True, True, True, False, False]
    assert answers[0] == answers[-1]


@pytest.mark.parametrize("sql", ["SELECT * FROM read_text('/etc/passwd')", "DROP TABLE attempts", "SELECT 1; SELECT 2"])
def test_refusal_says_what_is_allowed(store, sql):
    with pytest.raises(Refused, match="allowed is one SELECT"):
        guarded_query(store, sql)


def test_unknown_table_is_answered_with_the_tables_there_are(store):
    with pytest.raises(Refused, match=r"no table 'trajectories'; tables are artifacts, attempts, "):
        guarded_query(store, "SELECT * FROM trajectories")


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE t(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM t) SELECT count(*) FROM t",
        "SELECT levenshtein(repeat('a', 900000), repeat('b', 900000))",
    ],
)
def test_endless_queries_are_ended(store, sql):
    with pytest.raises(Refused, match="longer than 1 s"):
        guarded_query(store, sql, seconds=1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 3000000000) || repeat('y', 3000000000))",
        "SELECT count(DISTINCT range) FROM range(2000000000)",
        "SELECT count(*) FROM (SELECT unnest(range(1000000000)))",
        "SELECT " + "(" * 9000 + "1" + ")" * 9000,
        "SELECT " + "NOT " * 4900 + "true",
        "SELECT 1 -- " + "x" * 20_000,
        "SELECT 'a\0b'",
    ],
)
def test_greedy_or_malformed_queries_are_refused(store, sql):
    with pytest.raises(Refused):
        guarded_query(store, sql, seconds=3)


def test_answers_are_capped_in_rows_and_bytes(store):
    few = guarded_query(store, "SELECT * FROM range(50)", max_rows=10)
    assert (len(few.rows), few.truncated) == (10, True)
    whole = guarded_query(store, "SELECT * FROM range(10)", max_rows=10)
    assert (len(whole.rows), whole.truncated) == (10, False)
    short = guarded_query(store, "SELECT repeat('x', 1000) FROM range(50)", max_bytes=5_000)
    assert (len(short.rows), short.truncated) == (4, True)
    with pytest.raises(Refused, match=r"one row is longer than 5000 bytes; select fewer columns"):
        guarded_query(store, "SELECT repeat('x', 10000)", max_bytes=5_000)


def test_values_come_back_as_plain_data(store):
    sql = "SELECT 1.5::DECIMAL(4,2), TIMESTAMP '2026-05-04 10:00:00', [1, NULL], {'a': DATE '2026-05-04'}, 'ä', true"
    row = (1.5, "2026-05-04T10:00:00", [1, None], {"a": "2026-05-04"}, "ä", True)
    assert guarded_query(store, sql).rows == [row]


def test_child_process_gets_no_environment(store, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert guarded_query(store, "SELECT count(*) FROM attempts").rows == [(4,)]


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"columns": 1}', b'{"columns": [], "rows": [], "run": "this"}'])
def test_answer_of_another_shape_is_not_trusted(answer):
    assert "no readable answer" in str(_read(answer))


def test_store_answers_as_before_after_a_refusal(store):
    with pytest.raises(Refused):
        guarded_query(store, "DROP TABLE attempts")
    assert store.rows("SELECT count(*) FROM attempts") == [(4,)]


def test_a_query_that_ends_its_process_takes_only_itself_down(store):
    deadly = "SELECT levenshtein(repeat('a', 900000), repeat('b', 900000))"
    count = "SELECT count(*) FROM attempts"
    answers = guarded_queries(store, [count, deadly, "x" * 30_000, count, "DROP TABLE attempts"], seconds=2)
    assert [type(answer).__name__ for answer in answers] == ["Table", "Refused", "Refused", "Table", "Refused"]
    assert "longer than 2 s" in str(answers[1])
    assert "longer than 20000 bytes" in str(answers[2])
    assert answers[3].rows == [(4,)]


def test_times_with_a_zone_can_be_read_inside_the_sandbox(store):
    [(when,)] = guarded_query(store, "SELECT TIMESTAMPTZ '2026-05-04 10:00:00+00'").rows
    assert when.startswith("2026-05-04T10:00:00")


def test_child_says_what_guards_it(store, monkeypatch):
    assert guards(store).landlock >= 0
    monkeypatch.setattr("halo_opt.store.guarded.queries._WORKER", Path("/no/such/worker"))
    with pytest.raises(Refused):
        guards(store)
