"""Reading a built store through a read-only DuckDB connection.

SQL from a model or from somebody's report must go through `guarded.guarded_query`; only our own SQL, and what the user
types at the command line, comes here.
"""

import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.store import schema
from halo_opt.store.index.summary import ImportSummary

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Our own queries need neither files nor the network: a trace's text that found its way into SQL must find them shut.
LOCKED = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
}


class Store:
    """A store opened for reading; use it as a context manager. Several may read one file while nothing writes it.

    It may be asked from several threads at once. Each has a connection of its own, since of two queries on one the
    later takes the rows of the earlier away; so a temporary table is there for the thread that made it.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self._connection = connection
        self._here = threading.local()
        self._here.connection = connection
        # A thread's connection goes with the thread; those of threads that live on are closed with the store.
        self._others: weakref.WeakSet[duckdb.DuckDBPyConnection] = weakref.WeakSet()
        self._opening = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a store file read-only. Raises InputError when it is missing, not a store, or of another version.

        Example:
            >>> with Store.open(Path("traces.duckdb")) as store:
            ...     print(store.rows("SELECT outcome, count(*) FROM attempts GROUP BY outcome"))
        """
        if not path.is_file():
            raise InputError(f"{path} is not there; build a store with 'halo-opt import PATH'")
        try:
            connection = duckdb.connect(str(path), read_only=True, config=dict(LOCKED))
        except duckdb.Error as error:
            raise InputError(f"{path} cannot be opened as a store ({_first_line(error)}); import it again") from error
        try:
            row = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        except duckdb.Error as error:
            connection.close()
            raise InputError(f"{path} is a database but not a store; import the traces again") from error
        if row is None or row[0] != str(schema.VERSION):
            connection.close()
            raise InputError(f"{path} was made by another version of halo-opt; import the traces again")
        return cls(path, connection)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query. Raises InputError with DuckDB's words when the SQL cannot run."""
        return self._execute(sql, params).fetchall()

    def arrays(self, sql: str, params: Sequence[Any] = ()) -> "dict[str, NDArray[Any]]":
        """The columns of one query as arrays: for numbers of millions of rows, which as tuples would take seconds."""
        return self._execute(sql, params).fetchnumpy()

    def columns(self, sql: str, params: Sequence[Any] = ()) -> list[str]:
        """The column names that a query gives, without fetching its rows."""
        return [column[0] for column in self._execute(sql, params).description or []]

    def records(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of one query by their columns' names."""
        result = self._execute(sql, params)
        names = [column[0] for column in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def summary(self) -> ImportSummary:
        """What the import that built this store read, skipped and rejected."""
        [(text,)] = self.rows("SELECT value FROM meta WHERE key = 'summary'")
        return ImportSummary.model_validate_json(text)

    def close(self) -> None:
        """Close all its connections; a closed store cannot be asked again."""
        with self._opening:
            for connection in (*self._others, self._connection):
                connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _execute(self, sql: str, params: Sequence[Any]) -> duckdb.DuckDBPyConnection:
        try:
            return self._mine().execute(sql, list(params))
        except duckdb.Error as error:
            raise InputError(f"the query cannot run on {self.path}: {str(error).strip()}") from error

    def _mine(self) -> duckdb.DuckDBPyConnection:
        """The connection of this thread."""
        connection: duckdb.DuckDBPyConnection | None = getattr(self._here, "connection", None)
        if connection is None:
            with self._opening:
                connection = self._here.connection = self._connection.cursor()
                self._others.add(connection)
        return connection


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
