-- SQL that must be refused; one statement a line. {F} is a file that exists.
SELECT content FROM read_text('{F}')
SELECT * FROM read_csv('{F}')
SELECT * FROM read_json_auto('{F}')
SELECT * FROM read_blob('{F}')
SELECT * FROM sniff_csv('{F}')
SELECT * FROM '{F}'
SELECT * FROM "{F}"
SELECT * FROM glob('/*')
SELECT * FROM query('SELECT 1')
SELECT * FROM query_table('attempts')
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))
SELECT json_serialize_sql('SELECT 1')
SELECT (SELECT content FROM read_text('{F}') LIMIT 1)
SELECT * FROM attempts WHERE goal IN (SELECT content FROM read_text('{F}'))
SELECT list_transform([1], lambda x: (SELECT count(*) FROM glob('/*')))
SELECT 1 UNION ALL SELECT count(*) FROM glob('/*')
WITH a AS (SELECT * FROM read_text('{F}')) SELECT * FROM a
WITH a AS (COPY (SELECT 1) TO '{F}.out') SELECT * FROM a
WITH a AS (DELETE FROM attempts RETURNING *) SELECT count(*) FROM a
WITH a AS (INSERT INTO meta VALUES ('x', 'y') RETURNING *) SELECT * FROM a
COPY attempts TO '{F}.out'
COPY (SELECT 'x') TO '{F}.out' (FORMAT parquet)
COPY meta FROM '{F}'
EXPORT DATABASE '{F}.out'
ATTACH '{F}.out' AS other
ATTACH ':memory:' AS other
DETACH s
USE memory
INSTALL httpfs
LOAD httpfs
SET lock_configuration = false
SET disabled_filesystems = ''
RESET enable_external_access
PRAGMA database_list
PRAGMA enable_profiling
CALL enable_logging()
CHECKPOINT
BEGIN
VACUUM
ANALYZE
CREATE TABLE x (a INT)
CREATE VIEW x AS SELECT 1
CREATE MACRO f() AS 1
CREATE SECRET s (TYPE http, BEARER_TOKEN 'x')
INSERT INTO meta VALUES ('a', 'b')
UPDATE attempts SET outcome = 'success'
DELETE FROM attempts
TRUNCATE attempts
DROP TABLE attempts
ALTER TABLE attempts ADD COLUMN x INT
PREPARE p AS SELECT 1
EXECUTE p
SELECT 1; SELECT 2
SELECT 1; DROP TABLE attempts
EXPLAIN ANALYZE SELECT 1
SELECT getenv('HOME')
SELECT current_setting('home_directory')
SELECT getvariable('x')
SELECT sleep_ms(60000)
SELECT nextval('s')
SELECT write_log('x')
SELECT * FROM duckdb_settings()
SELECT * FROM duckdb_secrets()
SELECT * FROM duckdb_logs()
SELECT * FROM pragma_user_agent()
SELECT * FROM information_schema.tables
SELECT * FROM pg_catalog.pg_class
SELECT * FROM sqlite_master
SELECT * FROM system.main.duckdb_tables
SELECT * FROM no_such_table
SELECT * FROM pandas_scan(1)
SELECT * FROM arrow_scan(1::POINTER, 1::POINTER, 1::POINTER)
SELECT * FROM parquet_metadata('{F}')
SELECT * FROM test_all_types()
SELECT * FROM repeat('x', 1000000000000)
SHOW ALL TABLES
SHOW DATABASES
SELECT * FROM attempts AT (VERSION => 1)
SELECT $1
not sql at all
