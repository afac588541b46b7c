"""The only writer of the program: data goes to stdout, words and progress to stderr.

Nothing else in halo_opt prints. Text that comes from traces is hostile to a terminal, so everything passes `printable`
first; a writer here must never emit control characters it did not make itself, and never animate a stream that is not a
terminal. Warnings and errors are written even with `--quiet`.
"""

import csv
import io
import json
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TextIO

from rich import box
from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from halo_opt.records import Outcome, json_of

Format = Literal["table", "json", "csv"]
PLAIN_LINE_SECONDS = 10.0  # closer together, the log of a long run is mostly progress lines

_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\Z)"  # OSC and other strings: window titles, links, clipboard
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
# C0 but tab and newline, DEL, C1, soft hyphen, line separators, bidirectional overrides, zero-width and annotation
# characters, lone surrogates, and the plane of tags and variation selectors, in which whole sentences can be hidden.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    """Text without escape sequences and control, bidirectional or invisible characters; tabs and newlines stay."""
    return _HIDDEN.sub("", _SEQUENCES.sub("", text.replace("\r\n", "\n")))


def visible(text: str) -> str:
    """The same text with every hidden character spelled out, as in `\\u202e`: for pages and files that people read."""
    return _HIDDEN.sub(lambda found: json.dumps(found.group())[1:-1], text.replace("\r\n", "\n"))


def duration(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


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
    return visible(text)  # as JSON escapes the document says the same, and a terminal obeys none of it


def _unique(columns: Sequence[str]) -> list[str]:
    """Column names with repeats numbered, so that a JSON object loses none of them."""
    seen: dict[str, int] = {}
    names = []
    for name in columns:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


class Progress:
    """Counts of a long piece of work; given by `Console.progress`. Safe to advance from several threads."""

    def __init__(
        self, total: int, already: int, clock: Callable[[], float], show: Callable[["Progress"], None]
    ) -> None:
        self.total = total
        self.already = already
        self.counts = dict.fromkeys(Outcome, 0)
        self.finished = already
        self.cost_usd: float | None = None
        self._clock = clock
        self._began = clock()
        self._show = show
        self._lock = threading.Lock()

    def advance(self, outcome: Outcome | str, cost_usd: float | None = None, *, final: bool = True) -> None:
        """Count one attempt. `final=False` is an error that will be tried again: counted, but nothing is finished."""
        with self._lock:
            self.counts[Outcome(outcome)] += 1
            self.finished += final
            if cost_usd is not None:
                self.cost_usd = (self.cost_usd or 0.0) + cost_usd
            self._show(self)

    @property
    def seconds_left(self) -> float | None:
        """The rest at the pace of this session; None before the first attempt of this session is finished."""
        fresh = self.finished - self.already
        if not fresh:
            return None
        return (self._clock() - self._began) / fresh * max(0, self.total - self.finished)

    def words(self) -> str:
        """Counts, spend and time left: `3 successes, 9 failures, 0 errors, $0.0123, about 4 min 10 s left`."""
        plural = {Outcome.SUCCESS: "successes", Outcome.FAILURE: "failures", Outcome.ERROR: "errors"}
        said = [f"{n} {plural[o] if n != 1 else o.value}" for o, n in self.counts.items()]
        if self.cost_usd is not None:
            said.append(f"${self.cost_usd:.4f}")
        left = self.seconds_left
        if left is not None and self.finished < self.total:
            said.append(f"about {duration(left)} left")
        return ", ".join(said)


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
        self._rich = RichConsole(file=self._err, force_terminal=self._live, highlight=False)

    # --- data, to stdout

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], format: Format = "table") -> None:
        """Rows as an aligned table, a JSON list of objects, or CSV with a header (values as they are)."""
        if format == "json":
            names = _unique(columns)
            self.document([dict(zip(names, row, strict=True)) for row in rows])
        elif format == "csv":
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([["" if v is None else v for v in row] for row in rows])
            # A file gets the values untouched; a terminal never does.
            self._data(printable(text.getvalue()) if self._out.isatty() else text.getvalue())
        else:
            self._data(self._drawn(columns, rows))

    def document(self, value: Any) -> None:
        """A record, or plain data, as one indented JSON document."""
        self._data(_json_text(value) + "\n")

    def text(self, text: str) -> None:
        """Text as data (Markdown, a trace, an answer), made safe to print."""
        self._data(printable(text).rstrip("\n") + "\n")

    def _drawn(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
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
            self._rich.print(Text(label, style=style) + Text(words), soft_wrap=True)
        else:
            encoding = self._err.encoding or "utf-8"
            self._err.write(f"{label}{words}\n".encode(encoding, "replace").decode(encoding))
            self._err.flush()

    @contextmanager
    def working(self, words: str) -> Iterator[None]:
        """A spinner while the body runs; one plain line where there is no terminal."""
        if self._live and not self.quiet:
            with self._rich.status(Text(printable(words))):
                yield
        else:
            self.say(f"{words} ...")
            yield

    @contextmanager
    def progress(self, total: int, *, already: int = 0, words: str = "attempts") -> Iterator[Progress]:
        """Progress over `total` attempts, of which `already` were done by an earlier session."""
        if self._live and not self.quiet:
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
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[said]}", markup=False),
        )
        with RichProgress(*columns, console=self._rich) as bar:
            task = bar.add_task(printable(words), total=total, completed=already, said="")
            yield Progress(
                total, already, self._clock, lambda p: bar.update(task, completed=p.finished, said=p.words())
            )
