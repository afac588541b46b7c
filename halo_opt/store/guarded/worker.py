"""The child process that runs guarded SQL. Messages: settings in, what guards it out; then a query in, its answer out.

It imports nothing of halo_opt, so that it starts fast and holds nothing worth stealing.
"""

import importlib
import importlib.util
import json
import resource
import signal
import string
import sys
import sysconfig
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from halo_common.child_main import Channel

ALLOWED = (
    "allowed is one SELECT (with CTEs, joins, set operations, window functions) over the store's tables and the table "
    "functions range, generate_series, unnest, json_each, json_tree"
)
TABLE_FUNCTIONS = {"range", "generate_series", "unnest", "json_each", "json_tree"}
QUERY_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
TABLE_REFS = {"BASE_TABLE", "JOIN", "SUBQUERY", "EMPTY", "EXPRESSION_LIST", "TABLE_FUNCTION", "SHOW_REF", "PIVOT"}
MODIFIERS = {"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"}
EXPRESSIONS = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "WINDOW",
    "TYPE",
}
SHOWN = {"DESCRIBE", "SUMMARY"}
# DuckDB calls these harmless for its optimizer; they reach settings, the environment, other SQL, or waste time.
FORBIDDEN = {
    "getenv",
    "current_setting",
    "getvariable",
    "json_serialize_sql",
    "json_serialize_plan",
    "json_deserialize_sql",
    "json_execute_serialized_sql",
    "parse_duckdb_log_message",
    "write_log",
    "sleep_ms",
    "nextval",
    "currval",
    "setval",
    "setseed",
    "query",
    "query_table",
    "pg_sleep",
    # These take bytes apart that only DuckDB itself should have made.
    "combine",
    "combine_aggr",
    "finalize",
    "to_aggregate_state",
    "variant_bytes_to_variant",
    "variant_to_parquet_variant",
}
# Values of these are places in memory, or are trusted to have been made by DuckDB.
TYPES_OF_MEMORY = {"POINTER", "AGGREGATE_STATE", "LAMBDA"}
# Not in DuckDB's list of plain functions or marked volatile, and yet harmless.
HARMLESS = {"unnest", "now", "today", "current_date", "get_current_timestamp", "random", "row", "struct_pack"}
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "memory_limit": "1GB",
    "temp_directory": "",
}


ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

# DuckDB asks these how much memory and how many processors there are, and ends the process if it may not.
MACHINE = ("/proc/self/cgroup", "/proc/self/mountinfo", "/proc/meminfo", "/sys/fs/cgroup", "/sys/devices/system/cpu")


class RefusedSql(Exception):
    """The words that the asker reads."""


class Opened(NamedTuple):
    """The store, opened and locked; what SQL over it may name."""

    connection: Any
    tables: set[str]
    functions: set[str]


def main(channel: "Channel") -> None:
    """Shut this process in, say how well, and answer queries until there are no more."""
    settings = channel.receive()
    sys.path[:] = [*sys.path, *(entry for entry in settings["path"] if entry not in sys.path)]
    limit(settings["memory"], settings["seconds"] * settings["queries"])
    channel.send({"landlock": shut_in(settings["database"])})
    opened: Opened | None = None
    while True:
        sql = channel.receive()
        # SIGALRM's default action ends the process even while DuckDB computes and Python handlers cannot run.
        signal.setitimer(signal.ITIMER_REAL, settings["seconds"] + 2)
        try:
            opened = opened or open_store(settings)
            answer = run(settings, opened, sql)
        except RefusedSql as error:
            answer = {"refused": str(error)}
        except MemoryError:
            answer = {"refused": "the query needs more memory than it may have; ask for less at a time"}
        except Exception as error:  # whatever a value does to the code that reads it is no reason to say nothing
            answer = {"refused": f"the answer cannot be read ({type(error).__name__}); cast the columns to VARCHAR"}
        if "refused" in answer and opened is not None:
            # What fails may leave DuckDB unfit for the next query; what does not, leaves nothing.
            opened.connection.close()
            opened = None
        channel.send(answer)
        signal.setitimer(signal.ITIMER_REAL, 0)


def shut_in(database: str) -> int:
    """Have the kernel refuse all files but the database; the version of Landlock that does, 0 where there is none."""
    database_module()  # could not be loaded afterwards

    # DuckDB wants pytz for times with a zone, and only then; it brings a file for each zone.
    pytz = importlib.util.find_spec("pytz")
    zones = [str(Path(pytz.origin).parent)] if pytz is not None and pytz.origin else []
    spec = importlib.util.spec_from_file_location("landlock", Path(__file__).parents[2] / "confinement" / "landlock.py")
    if spec is None or spec.loader is None:
        return 0
    landlock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(landlock)
    return int(landlock.lock([database, *MACHINE, *zones, sysconfig.get_path("stdlib")]))


def database_module() -> ModuleType:
    """DuckDB itself, without the package around it, which takes three times as long to load and is not needed here."""
    try:
        return importlib.import_module("_duckdb")
    except ImportError:
        return importlib.import_module("duckdb")


def limit(memory: int, seconds: float) -> None:
    """Bounds that the kernel keeps: address space, processor time of all threads, no files written, few open."""
    processor = int(seconds * 2) + 3
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def open_store(request: dict[str, Any]) -> Opened:
    """The store, so that nothing else can be reached through it any more."""
    duckdb = database_module()
    try:
        settings = {**SETTINGS, "threads": str(request["threads"])}
        connection = duckdb.connect(request["database"], read_only=True, config=settings)
        tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        functions = known_functions(connection)
        connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as error:
        raise RefusedSql(f"the query cannot run: {str(error).strip()[:1000]}") from error
    return Opened(connection, tables, functions)


def run(request: dict[str, Any], opened: Opened, sql: str) -> dict[str, Any]:
    """Check the SQL, run it, and shape what it gives."""
    duckdb = database_module()
    try:
        [serialized] = opened.connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("{}",)
        check(json.loads(serialized), opened.tables, opened.functions)
        cursor = opened.connection.execute(sql)
        columns = [column[0] for column in cursor.description or []]
        rows, truncated = capped(cursor, request["max_rows"], request["max_bytes"])
    except duckdb.Error as error:
        raise RefusedSql(f"the query cannot run: {str(error).strip()[:1000]}") from error
    except RecursionError:
        raise RefusedSql("the query is nested too deeply") from None
    return {"columns": columns, "rows": rows, "truncated": truncated}


def known_functions(connection: Any) -> set[str]:
    """The functions that always give the same for the same, and a few more."""
    rows = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() WHERE database_name = 'system' AND "
        "(function_type IN ('aggregate', 'macro', 'window') OR (function_type = 'scalar' AND stability = 'CONSISTENT'))"
    ).fetchall()
    return {row[0] for row in rows if not row[0].startswith("__internal")} - FORBIDDEN | HARMLESS


def check(tree: dict[str, Any], tables: set[str], functions: set[str]) -> None:
    """Refuse a tree that holds anything beyond what is allowed."""
    if tree.get("error"):
        message = str(tree.get("error_message", "it cannot be parsed"))
        if message.startswith("Only SELECT"):
            message = "this is no SELECT"  # DuckDB speaks of JSON here, of which the asker knows nothing
        raise RefusedSql(f"{message}; {ALLOWED}")
    if len(tree.get("statements", [])) != 1:
        raise RefusedSql(f"not exactly one statement; {ALLOWED}")
    for node, ctes in nodes_with_ctes(tree["statements"][0]):
        check_node(node, tables, ctes, functions)


def nodes_with_ctes(tree: Any) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """All objects of a syntax tree, each with the names of the CTEs that are visible there.

    A CTE is visible in the query that its WITH belongs to, in all that this query contains, and in the CTEs after it.
    A recursive one is also visible in its own recursive part. Nothing here recurses, as the SQL sets the tree's depth.
    """
    stack: list[tuple[Any, frozenset[str]]] = [(tree, frozenset())]
    while stack:
        part, ctes = stack.pop()
        if isinstance(part, list):
            stack.extend((item, ctes) for item in part)
        elif isinstance(part, dict):
            for entry in (part.get("cte_map") or {}).get("map", []):
                stack.append((entry["value"], ctes))
                ctes |= {folded(entry["key"])}
            yield part, ctes
            recursive = part.get("type") == "RECURSIVE_CTE_NODE"
            for key, inner in part.items():
                own = {folded(part["cte_name"])} if recursive and key == "right" else set()
                if key != "cte_map":
                    stack.append((inner, ctes | own))


def folded(name: str) -> str:
    """A name as DuckDB compares it: without the case of ASCII letters. Other letters stay as they are."""
    return name.translate(ASCII_LOWER)


def check_node(node: dict[str, Any], tables: set[str], ctes: frozenset[str], functions: set[str]) -> None:
    """Refuse one object of the tree unless it is of an allowed kind."""
    kind = node.get("type")
    if "class" in node:
        if node["class"] not in EXPRESSIONS:
            raise RefusedSql(f"{node['class']} expressions are not allowed; {ALLOWED}")
    elif isinstance(kind, str) and kind.endswith("_NODE") and kind not in QUERY_NODES:
        raise RefusedSql(f"{kind.removesuffix('_NODE').replace('_', ' ')} is not allowed; {ALLOWED}")
    elif ("alias" in node and "sample" in node and kind not in TABLE_REFS) or (
        isinstance(kind, str) and kind.endswith("_MODIFIER") and kind not in MODIFIERS
    ):
        raise RefusedSql(f"{kind} is not allowed; {ALLOWED}")
    if kind == "BASE_TABLE":
        check_table(node, tables, ctes)
    elif kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name"))
        if name.lower() not in TABLE_FUNCTIONS:
            raise RefusedSql(f"the table function {name} is not allowed; {ALLOWED}")
    elif kind == "TYPE" and str(node.get("type_name")).upper() in TYPES_OF_MEMORY:
        raise RefusedSql(f"the type {node['type_name']} is not allowed; {ALLOWED}")
    elif kind == "SHOW_REF" and (node.get("show_type") not in SHOWN or node.get("query") is None):
        raise RefusedSql(f"SHOW is not allowed, DESCRIBE and SUMMARIZE of a table are; {ALLOWED}")
    elif "function_name" in node:
        check_function(node, functions)


def check_table(node: dict[str, Any], tables: set[str], ctes: frozenset[str]) -> None:
    """Only tables of the store and, by their plain names, the CTEs that are visible there."""
    name, schema = node["table_name"], node.get("schema_name")
    path = (node.get("qualified_name") or {}).get("path", [name])
    if node.get("catalog_name") or node.get("at_clause") is not None or path not in ([name], ["main", name]):
        raise RefusedSql(f"{name} is not a plain table of the store; {ALLOWED}")
    if schema == "" and folded(name) in ctes:
        return
    if schema not in ("", "main") or folded(name) not in {folded(table) for table in tables}:
        raise RefusedSql(f"there is no table {name[:100]!r}; tables are {', '.join(sorted(tables))[:500]}; {ALLOWED}")


def check_function(node: dict[str, Any], functions: set[str]) -> None:
    """Only known functions, by their plain name."""
    name = str(node["function_name"]).lower()
    if node.get("schema") not in ("", "main", None) or node.get("catalog"):
        raise RefusedSql(f"the function {name} may only be called by its plain name; {ALLOWED}")
    if name not in functions and name not in TABLE_FUNCTIONS:
        raise RefusedSql(
            f"the function {name} is not allowed or does not exist; {ALLOWED}, and functions without effects"
        )


def capped(cursor: Any, max_rows: int, max_bytes: int) -> tuple[list[list[Any]], bool]:
    """Rows up to both caps, and whether there were more. Raises RefusedSql when not even one row fits."""
    rows: list[list[Any]] = []
    size = 0
    while (row := cursor.fetchone()) is not None:
        plain_row = [plain(value) for value in row]
        size += len(json.dumps(plain_row))
        if len(rows) == max_rows or size > max_bytes:
            if not rows and max_rows > 0:
                raise RefusedSql(f"one row is longer than {max_bytes} bytes; select fewer columns or left(column, 500)")
            return rows, True
        rows.append(plain_row)
    return rows, False


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else plain_scalar(value)


def plain_scalar(value: Any) -> float | str:
    """A number for decimals and seconds for durations, ISO text for times, words for the rest."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)
