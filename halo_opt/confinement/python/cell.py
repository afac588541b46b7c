"""Running one cell inside the sandbox's child process: code in; printed text, last value and error out.

The worker loads this file by its path, and it imports nothing of halo_opt. It runs on the untrusted side: the cell may
change all of it, so nothing here protects anything.
"""

import ast
import builtins
import io
import linecache
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, ModuleType
from typing import Any

FRAMES = 6
MODULES = (
    "ast base64 bisect calendar cmath collections contextlib copy csv dataclasses datetime decimal difflib enum "
    "fnmatch fractions functools graphlib hashlib heapq html html.parser io itertools json math numbers operator "
    "pprint random re shlex statistics string struct textwrap time traceback types typing unicodedata urllib.parse "
    "uuid warnings xml.etree.ElementTree zlib"
)
TOO_SLOW = (
    "CellTimeout: the cell ran longer than {:g} s and was interrupted; the variables are kept. "
    "Do less at a time: aggregate in SQL, take fewer rows, bound every loop."
)
ADVICE: dict[type[BaseException], str] = {
    MemoryError: "A cell may use {:g} GB; let SQL aggregate, take fewer rows, or del what you no longer need.",
    ImportError: f"Only numpy and these modules are here: {', '.join(MODULES.split())}.",
    RecursionError: "Use a loop, or recurse less deeply.",
    OSError: (
        "There are no files, processes, settings or network here; get data from the functions that you were given "
        "and keep it in variables, which last from cell to cell."
    ),
    EOFError: "Nobody answers input() here; write the value into the code.",
    SystemExit: "The session goes on; a cell ends at its last line.",
}
NO_THREADS = "There are no threads here; use a plain loop."


class CellTimeout(BaseException):
    """Raised in a cell that ran too long. Not an Exception, so that a cell's own handlers let it through."""


class HostError(RuntimeError):
    """A host function refused or failed; the words say why and what to do instead."""


class Printed(io.TextIOBase):
    """Collects what a cell prints: the first `max_chars` characters, and the number of the rest."""

    def __init__(self, max_chars: int) -> None:
        self.kept: list[str] = []
        self.room = max_chars
        self.cut = 0

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        piece = text[: self.room]
        if piece:
            self.kept.append(piece)
        self.room -= len(piece)
        self.cut += len(text) - len(piece)
        return len(text)


class Session:
    """Runs cells over variables that last."""

    def __init__(self, *, output_chars: int, memory_bytes: int, seconds: float) -> None:
        self.cell = 0
        self.names: dict[str, object] = {}
        self._output_chars = output_chars
        self._gigabytes = memory_bytes / 2**30
        self._seconds = seconds
        self._running = self._protected = self._due = False
        # Dataclasses and pickling look for the module that a class was made in.
        self._main = sys.modules["__main__"] = ModuleType("__main__")
        self._variables: dict[str, Any] = vars(self._main)
        self._variables["__builtins__"] = builtins
        signal.signal(signal.SIGINT, self._interrupt)

    def run(self, number: int, code: str) -> dict[str, Any]:
        """Run a cell to its end; an error of the cell is part of the result."""
        self.cell, self._due = number, False
        printed = Printed(self._output_chars)
        name = f"<cell {number}>"
        # The host's functions are bound anew, as a variable of that name would hide one for good.
        self._variables.update(self.names)
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        result: dict[str, Any] = {"value": None, "value_cut": 0, "error": None}
        sys.stdout = sys.stderr = printed
        error = self._guarded(lambda: self._evaluate(name, code, result))
        if error is not None:
            result["error"] = self._guarded_words(error)
        return {**result, "stdout": "".join(printed.kept), "stdout_cut": printed.cut}

    def _evaluate(self, name: str, code: str, result: dict[str, Any]) -> None:
        body, last = _compiled(name, code)
        exec(body, self._variables)
        value = eval(last, self._variables) if last is not None else None
        if value is not None:
            self._variables["_"] = value
            words = repr(value)
            result["value"], result["value_cut"] = words[: self._output_chars], max(0, len(words) - self._output_chars)

    def _guarded(self, work: Callable[[], None]) -> BaseException | None:
        # An interrupt that arrives between the cell's end and the first line after it lands in the outer handler.
        try:
            try:
                self._running = True
                work()
            finally:
                self._running = False
        except BaseException as error:
            self._running = False
            return error
        return None

    def _guarded_words(self, error: BaseException) -> str:
        words: list[str] = []
        # Turning an exception into words runs the cell's code once more, in __str__.
        failure = self._guarded(lambda: words.append(self._words(error)))
        return words[0] if failure is None else f"{type(error).__name__}: its text cannot be shown"

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._protected:
            self._due = True
        elif self._running:
            raise CellTimeout

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        """Delay an interrupt to the end of the block: half a message would end the sandbox."""
        self._protected = True
        try:
            yield
        finally:
            self._protected = False
        if self._due:
            self._due = False
            raise CellTimeout

    def _words(self, error: BaseException) -> str:
        """The frames of cells alone, the message, and what to do instead where that is known."""
        if isinstance(error, CellTimeout):
            message = TOO_SLOW.format(self._seconds)
        elif isinstance(error, SyntaxError):
            message = "".join(traceback.format_exception_only(type(error), error)).strip()
        else:
            message = f"{type(error).__name__}: {error}"
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<cell ")]
        lines = [f"{f.filename[1:-1]}, line {f.lineno}, in {f.name}: {(f.line or '')[:200]}" for f in frames]
        if len(lines) > FRAMES:
            lines = [*lines[:2], f"... {len(lines) - FRAMES} more", *lines[2 - FRAMES :]]
        advice = next((words for kind, words in ADVICE.items() if isinstance(error, kind)), "")
        if isinstance(error, RuntimeError) and "thread" in str(error):
            advice = NO_THREADS
        advice = advice.format(self._gigabytes)
        return "\n".join([*lines, message[: self._output_chars], *([advice] if advice else [])])


def _compiled(name: str, code: str) -> tuple[CodeType, CodeType | None]:
    """The statements, and the last one apart when it is an expression whose value is to be shown."""
    tree = ast.parse(code, name)
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return compile(tree, name, "exec"), None
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    return compile(tree, name, "exec"), compile(ast.Expression(last.value), name, "eval")
