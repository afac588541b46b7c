"""Reads the syntax tree of a SELECT: whether it contains its own result, and which outcomes and bounds it names.

The SQL must have run guarded before, so that parsing it is safe.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

import duckdb

from halo_opt.store.guarded.sql_text import alone
from halo_opt.store.guarded.worker import folded, nodes_with_ctes
from halo_opt.store.schema import BY_NAME

# Constants that turn a count into a share, a percentage or another unit.
_SCALING = {0.0, 1.0, 60.0, 100.0, 1000.0}
# Functions whose arguments after the first are places or precisions, not amounts.
_PLACES = {
    "round", "trunc", "quantile", "quantile_cont", "quantile_disc", "approx_quantile", "left", "right", "substr",
    "substring", "lpad", "rpad", "split_part", "list_extract", "array_extract", "date_part", "date_trunc",
    "regexp_extract", "json_extract", "json_extract_string", "strftime",
}  # fmt: skip
_NEGATED = {"COMPARE_NOTEQUAL", "COMPARE_DISTINCT_FROM", "COMPARE_NOT_IN", "OPERATOR_NOT"}
_COUNTING = {"count_star", "count", "sum"}


def figure_in_sql(sql: str) -> str | None:
    """Why the result of a SELECT is not counted in the traces (a constant, rows of its own); None where it is."""
    try:
        statement = _tree(sql)
        nodes = list(_every(statement))
    except RecursionError:
        return "its SQL is nested too deeply to be read"
    if not _tables(statement) & set(BY_NAME):
        return "its SQL looks at no table"
    if any(_makes_rows(node) for node in nodes):
        return "its SQL makes rows of its own"
    if any(n.get("type") == "LIMIT_MODIFIER" and _constant(n.get("limit")) not in {None, 1.0} for n in nodes):
        return "its SQL counts what LIMIT left of the rows"
    top = statement.get("node", {}).get("select_list", [])
    own = any(_of_its_own(column) for node in nodes for column in node.get("select_list") or ())
    return "its SQL writes a figure itself" if own or not all(_reads(column) for column in top) else None


def names_a_schema(sql: str) -> bool:
    """Whether SQL reads a table by more than its plain name."""
    return any(node.get("type") == "BASE_TABLE" and node.get("schema_name") for node in _every(_tree(sql)))


def outcomes_named(sql: str) -> set[str]:
    """The outcomes (`failure`, `success`) that SQL compares with; both where it excludes one of them."""
    nodes = list(_every(_tree(sql)))
    named = set(_outcomes(nodes))
    negated = any(str(node.get("type")) in _NEGATED and any(_outcomes(_every(node))) for node in nodes)
    return {"failure", "success"} if negated else named


def _outcomes(nodes: Iterable[dict[str, Any]]) -> Iterator[str]:
    texts = (str((node.get("literal") or {}).get("text", "")) for node in nodes)
    return (text for text in texts if text in {"failure", "success"})


def bounds(sql: str) -> frozenset[float]:
    """The constants that SQL compares columns and counts with: `steps > 30` has 30."""
    found = set()
    for node in _every(_tree(sql)):
        sides = [node.get(side) for side in ("left", "right")]
        if node.get("class") == "COMPARISON" and any(_reads(side) for side in sides):
            found |= {value for side in sides if (value := _constant(side)) is not None}
    return frozenset(found)


_LOCK = threading.Lock()


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """The connection that parses SQL. It is opened once, as opening takes longer than parsing."""
    return duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": "1"})


@lru_cache(maxsize=256)
def _tree(sql: str) -> dict[str, Any]:
    """The syntax tree of the first statement; empty where there is none. It is cached: callers must not change it."""
    with _LOCK:
        [(text,)] = _parser().execute("SELECT json_serialize_sql(?)", [alone(sql)]).fetchall()
    return dict((json.loads(text).get("statements") or [{}])[0])


def _every(value: Any) -> Iterator[dict[str, Any]]:
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            yield top
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)


def _tables(statement: dict[str, Any]) -> set[str]:
    """The tables that a query reads, without the CTEs that it defines itself."""
    found = [(node, ctes) for node, ctes in nodes_with_ctes(statement) if node.get("type") == "BASE_TABLE"]
    named = [(folded(node["table_name"]), bool(node.get("schema_name")), ctes) for node, ctes in found]
    return {name for name, qualified, ctes in named if qualified or name not in ctes}


def _makes_rows(node: dict[str, Any]) -> bool:
    name = node.get("function_name")
    return (
        node.get("type") == "EXPRESSION_LIST"
        or name in {"range", "generate_series"}
        or (name == "unnest" and not _reads(node.get("arguments")))
    )


def _reads(part: Any) -> bool:
    """Whether an expression reads the rows: a column, or a count of rows."""
    return any(
        node.get("class") in {"COLUMN_REF", "STAR", "POSITIONAL_REFERENCE"} or node.get("function_name") in _COUNTING
        for node in _every(part)
    )


def _of_its_own(expression: Any) -> bool:
    """Whether an expression contains a constant that is no scale, place or precision, or bound of a comparison."""
    stack: list[tuple[Any, bool]] = [(expression, False)]
    while stack:
        part, place = stack.pop()
        if isinstance(part, list):
            stack.extend((item, place) for item in part)
        elif isinstance(part, dict) and not _compares(part):
            value, name = _constant(part), part.get("function_name")
            if value is not None and not place and abs(value) not in _SCALING:
                return True
            arguments = [argument.get("expression", argument) for argument in part.get("arguments") or []]
            if name is not None and not place and (_cancels(name, arguments) or _brings_along(name, arguments)):
                return True
            if name is not None:
                stack.extend((argument, name in _PLACES and at > 0) for at, argument in enumerate(arguments))
            elif value is None:
                stack.extend((inner, place) for key, inner in part.items() if key != "when_expr")
    return False


def _compares(part: dict[str, Any]) -> bool:
    kind = str(part.get("type", ""))
    return part.get("class") in {"COMPARISON", "BETWEEN", "CONJUNCTION"} or kind.startswith("COMPARE_")


def _cancels(name: str, sides: list[Any]) -> bool:
    """Whether a function removes what was measured: a product with 0, `x / x` or `x - x`."""
    if name == "*":
        return any(_constant(side) == 0.0 for side in sides)
    return name in {"/", "//", "-"} and len(sides) == 2 and _text(_unscaled(sides[0])) == _text(_unscaled(sides[1]))


def _brings_along(name: str, arguments: list[Any]) -> bool:
    """Whether a function has only constant arguments: `length('xx')` is 2 over any traces."""
    if not arguments or _reads(arguments) or name in _COUNTING:
        return False
    return not (name in {"-", "+"} and all(abs(_constant(side) or 0.0) in _SCALING for side in arguments))


def _unscaled(part: Any) -> Any:
    """An expression without constant factors and casts."""
    while isinstance(part, dict):
        arguments = [argument.get("expression", argument) for argument in part.get("arguments") or []]
        others = [argument for argument in arguments if _reads(argument)]
        if part.get("function_name") == "*" and len(others) == 1:
            part = others[0]
        elif part.get("class") == "CAST":
            part = part.get("child")
        else:
            break
    return part


def _text(part: Any) -> str:
    """An expression as text, without its positions in the query."""
    if isinstance(part, dict):
        return "{" + ",".join(f"{k}:{_text(v)}" for k, v in sorted(part.items()) if "query_location" not in k) + "}"
    return "[" + ",".join(map(_text, part)) + "]" if isinstance(part, list) else repr(part)


def _constant(part: Any) -> float | None:
    """The value of a numeric constant; None for any other expression."""
    if not isinstance(part, dict) or part.get("class") != "CONSTANT":
        return None
    try:
        return float((part.get("literal") or {})["text"])
    except (KeyError, TypeError, ValueError):
        return None
