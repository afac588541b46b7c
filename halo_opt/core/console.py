"""The only module that prints: data goes to stdout, messages and progress to stderr.

Text from traces may hold control sequences, so everything passes `printable` first. Only a terminal is animated.
rich is imported where something is drawn, because most commands draw nothing.
"""

import io
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TextIO

from halo_common.csv_text import csv_text
from halo_opt.core.progress import Progress
from halo_opt.core.records import json_of
from halo_opt.core.text import printable, visible

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType

__all__ = ["Console", "Format", "Progress"]

Format = Literal["table", "json", "csv"]
PLAIN_LINE_SECONDS = 10.0  # closer together, the log of a long run is mostly progress lines


def _cell(value: Any) -> str:
    """One value as a person reads it, on one line."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case str():
            return " ".join(printable(value).split("\n"))
        case list() | tuple() | dict():
            return printable(_json_text(value, indent=None))
    return printable(str(value))


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity; both mean that there is no number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _json_text(value: Any, *, indent: int | None = 2) -> str:
    text = json.dumps(_finite(json_of(value)), indent=indent, ensure_ascii=False, default=str)
    return visible(text)  # escaped as in JSON: the document stays the same, and a terminal obeys nothing in it


def _unique(columns: Sequence[str]) -> list[str]:
    """Column names with repeats numbered, so that a JSON object loses none of them."""
    seen: dict[str, int] = {}
    names = []
    for name in columns:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


class Console:
    """Where a command writes. Streams default to the process's own at the time of construction."""

    def __init__(
        self,
        *,
        quiet: bool = False,
        out: TextIO | None = None,
        err: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.quiet = quiet
        self._out = out if out is not None else sys.stdout
        self._err = err if err is not None else sys.stderr
        self._clock = clock
        # FORCE_COLOR and the like, common in CI, must not make rich animate a log file: only a terminal is live.
        self._live = self._err.isatty() and os.environ.get("TERM") != "dumb"

    @cached_property
    def _rich(self) -> "RichConsole":
        from rich.console import Console as RichConsole

        return RichConsole(file=self._err, force_terminal=self._live, highlight=False)

    # --- data, to stdout

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], format: Format = "table") -> None:
        """Rows as an aligned table, a JSON list of objects, or CSV with a header (see `csv_text`)."""
        if format == "json":
            names = _unique(columns)
            self.document([dict(zip(names, row, strict=True)) for row in rows])
        elif format == "csv":
            text = csv_text([columns, *rows])
            # A file gets control sequences as they are; a terminal would obey them.
            self._data(printable(text) if self._out.isatty() else text)
        else:
            self._data(self._drawn(columns, rows))

    def document(self, value: Any) -> None:
        """A record, or plain data, as one indented JSON document."""
        self._data(_json_text(value) + "\n")

    def text(self, text: str) -> None:
        """Text as data (Markdown, a trace, an answer), made safe to print."""
        self._data(printable(text).rstrip("\n") + "\n")

    def piece(self, text: str) -> None:
        """A part of a text that is still being written, made safe to print; the text's own line ends are its end."""
        self._data(printable(text))

    def _drawn(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
        from rich import box
        from rich.console import Console as RichConsole
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for position, name in enumerate(columns):
            numeric = any(isinstance(r[position], int | float) for r in rows) and all(
                r[position] is None or isinstance(r[position], int | float) for r in rows
            )
            table.add_column(Text(_cell(name)), justify="right" if numeric else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(value)) for value in row))  # Text, not str: rich would read [markup] in it
        drawn = io.StringIO()
        terminal = self._out.isatty()
        # A pipe has no width, so nothing is folded there and each row stays one line.
        rich = RichConsole(file=drawn, force_terminal=terminal, width=None if terminal else 1_000_000, highlight=False)
        rich.print(table)
        return "".join(line.rstrip() + "\n" for line in drawn.getvalue().splitlines())

    def _data(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding))
        self._out.flush()

    # --- words, to stderr

    def say(self, words: str) -> None:
        """A sentence for the person; silent with `--quiet`."""
        if not self.quiet:
            self._words("", words, "")

    def warn(self, words: str) -> None:
        """Something that may make the result less than the person thinks."""
        self._words("warning: ", words, "yellow")

    def fail(self, words: str) -> None:
        """Why the command ends without its result. Exiting is the caller's."""
        self._words("error: ", words, "bold red")

    def _words(self, label: str, words: str, style: str) -> None:
        words = printable(words).rstrip()
        if self._live:
            from rich.text import Text

            self._rich.print(Text(label, style=style) + Text(words), soft_wrap=True)
        else:
            encoding = self._err.encoding or "utf-8"
            self._err.write(f"{label}{words}\n".encode(encoding, "replace").decode(encoding))
            self._err.flush()

    @contextmanager
    def working(self, words: str) -> Iterator[None]:
        """A spinner while the body runs; one plain line where there is no terminal."""
        if self.live:
            from rich.text import Text

            with self._rich.status(Text(printable(words))):
                yield
        else:
            self.say(f"{words} ...")
            yield

    @property
    def live(self) -> bool:
        """Whether a person watches a terminal, so that a drawing can be renewed in place."""
        return self._live and not self.quiet

    @contextmanager
    def drawing(self, render: Callable[[], "RenderableType"]) -> Iterator[None]:
        """What `render` gives, drawn anew a few times a second while the body runs; nothing where it is not `live`.

        `render` is called from a thread of its own. It makes its words `printable` and hands them over as `Text`.
        """
        if not self.live:
            yield
            return
        from rich.live import Live

        with Live(get_renderable=render, console=self._rich, refresh_per_second=4, transient=True):
            yield

    @contextmanager
    def progress(self, total: int, *, already: int = 0, words: str = "attempts") -> Iterator[Progress]:
        """Progress over `total` attempts, of which `already` were done by an earlier session."""
        if self.live:
            with self._bar(total, already, words) as progress:
                yield progress
            return
        last = self._clock()

        def line(progress: Progress) -> None:
            nonlocal last
            if progress.finished < total and self._clock() - last >= PLAIN_LINE_SECONDS:
                last = self._clock()
                self.say(f"{words} {progress.finished}/{progress.total}: {progress.words()}")

        progress = Progress(total, already, self._clock, line)
        try:
            yield progress
        finally:
            self.say(f"{words} {progress.finished}/{progress.total}: {progress.words()}")

    @contextmanager
    def _bar(self, total: int, already: int, words: str) -> Iterator[Progress]:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}", markup=False),
        )
        with RichProgress(*columns, console=self._rich) as bar:
            task = bar.add_task(printable(words), total=total, completed=already, status="")
            yield Progress(
                total, already, self._clock, lambda p: bar.update(task, completed=p.finished, status=p.words())
            )
