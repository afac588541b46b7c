"""What other rooms need of a store: rows of a read-only query. Importing it loads no database."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

# Runs one SELECT and gives its rows; raises HaloError where it cannot be run.
Query = Callable[[str], Sequence[tuple[Any, ...]]]


class Rows(Protocol):
    """A store, or anything else that answers read-only SQL over its tables."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one query."""
        ...
