"""The description of a stand-in site: its pages, its seed, and what graders look at."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import Response

from harness.sites.base.changes import Collection, Tree
from harness.sites.base.visit import Visit


@dataclass(frozen=True)
class Page:
    """An address, and the function that answers requests to it."""

    path: str
    answer: Callable[[Visit], Awaitable[Response]]
    methods: tuple[str, ...] = ("GET",)


@dataclass(frozen=True)
class Site:
    """A stand-in site: `folder` holds its templates/ and static/, `seed()` makes a fresh initial state.

    `shared` are values that every page of the site may use; `frame(state)` are those that depend on the state.
    """

    name: str
    title: str
    folder: Path
    seed: Callable[[], Tree]
    pages: tuple[Page, ...]
    collections: tuple[Collection, ...]
    shared: dict[str, Any]
    frame: Callable[[Tree], dict[str, Any]]

    @property
    def cookie(self) -> str:
        """Named after the site: cookies ignore ports, and all sites share one host."""
        return f"{self.name}_session"
