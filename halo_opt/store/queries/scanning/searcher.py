"""Matching a pattern in pieces of trace files and in texts, one piece in memory at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import re2

from .readable import may_change_in, readable
from .span_texts import Line, all_texts, decoded, texts_of
from .tasks import Excerpt, Found, Hit, Pattern, Scanned, Task

# Between texts that are searched as one: a byte that no text holds and no pattern matches, so no match crosses it.
_JOINT = b"\xff"
# Bytes of a piece in which letters are counted.
_SAMPLE = 65_536
_NO_EXCERPT: Excerpt = ("", "", "")


def _compiled_needles(needles: Iterable[str]) -> list[Any]:
    return [compiled(needle.encode(), False) for needle in needles]


class Searcher:
    """One pattern, compiled."""

    def __init__(self, pattern: Pattern) -> None:
        self.exact = compiled(pattern.pattern, pattern.ignore_case)
        self._joined = pattern.joined
        self._folded = pattern.ignore_case
        self._literal = None if pattern.literal is None else pattern.literal.encode()
        self._needles = pattern.needles and [_compiled_needles(group) for group in pattern.needles]
        self._always = _compiled_needles(pattern.always)
        # The same without the backslash, which finds some lines more.
        self._always_bare = [compiled(needle.removeprefix("\\\\").encode(), False) for needle in pattern.always]

    @property
    def has_needles(self) -> bool:
        """Whether most of the work is to look for needles, at which threads do not wait for each other."""
        return self._needles is not None

    def run(self, task: Task) -> Found:
        """Search a piece of a file."""
        return self.judge(task, self.scan(task))

    def scan(self, task: Task) -> Scanned:
        """Read a piece of a file and find the lines that may match."""
        try:
            data = _read(task)
        except OSError as error:
            return Scanned(problem=error.strerror or "cannot be read")
        return Scanned(problem="has changed") if data is None else Scanned(data, list(self._candidates(data)))

    def judge(self, task: Task, scanned: Scanned) -> Found:
        """Decode the lines that may match, and count."""
        if scanned.problem is not None:
            return Found(problem=scanned.problem)
        spans = matches = 0
        traces: dict[str, None] = {}
        hits: list[Hit] = []
        for start, end in scanned.lines:
            line = decoded(scanned.data[start:end])
            if line is None:
                return Found(problem="has changed")
            count = self._count_line(line)
            if not count:
                continue
            spans += 1
            matches += count
            traces[str(line.trace_id)] = None
            if len(hits) < task.excerpts:
                texts = texts_of(line.name, line.status, line.attributes)
                _, field, shown = self.count(texts, task.context)
                hits.append(Hit(task.start + start, str(line.span_id), count, field, shown))
        return Found(spans, matches, tuple(traces), tuple(hits))

    def _count_line(self, line: Line) -> int:
        """How often the pattern matches in a line; where the texts may be searched as one, without naming them."""
        if not self._joined:
            return self._count_each(texts_of(line.name, line.status, line.attributes), None)[0]
        texts = all_texts(line)
        text = _JOINT.join([text.encode() for text in texts])
        if may_change_in(text):
            text = _JOINT.join([readable(text).encode() for text in texts])
        if self._literal is not None:
            return (text.lower() if self._folded else text).count(self._literal)
        return _matches(self.exact, text)[0]

    def count(self, texts: Sequence[tuple[str, str]], context: int | None) -> tuple[int, str, Excerpt]:
        """How often the pattern matches in texts; of the first match its field and excerpt, unless context is None."""
        if not self._joined:
            return self._count_each(texts, context)
        text = _JOINT.join([text.encode() for _, text in texts])
        total, first = _matches(self.exact, text)
        if not total or context is None:
            return total, "", _NO_EXCERPT
        field = texts[text.count(_JOINT, 0, first[0])][0]
        begin = text.rfind(_JOINT, 0, first[0]) + 1
        end = text.find(_JOINT, first[1])
        alone = text[begin : None if end < 0 else end]
        return total, field, excerpt(alone, first[0] - begin, first[1] - begin, context)

    def _count_each(self, texts: Sequence[tuple[str, str]], context: int | None) -> tuple[int, str, Excerpt]:
        """The same for a pattern that asks where a text begins or ends."""
        total, found, shown = 0, "", _NO_EXCERPT
        for field, text in texts:
            raw = text.encode()
            count, first = _matches(self.exact, raw)
            if count and not total and context is not None:
                found, shown = field, excerpt(raw, *first, context)
            total += count
        return total, found, shown

    def _candidates(self, data: bytes) -> Iterator[tuple[int, int]]:
        """The lines that may match, in order."""
        if self._needles is None:
            yield from _all_lines(data)
            return
        found: set[int] | None = None
        for group in self._needles:
            if found != set():
                starts = {start for needle in group for start in _line_starts(needle, data)}
                found = starts if found is None else found & starts
        # RE2 stops at every byte that a needle may begin with, so the rarer one is the faster one.
        rarer = data.count(b"\\", 0, _SAMPLE) <= data.count(b"u", 0, _SAMPLE)
        needles = self._always if rarer else self._always_bare
        always = {start for needle in needles for start in _line_starts(needle, data)}
        for start in sorted(always.union(found or ())):
            end = data.find(b"\n", start)
            yield start, len(data) if end < 0 else end


def compiled(pattern: str | bytes, ignore_case: bool) -> Any:
    """The pattern as RE2 has it. Raises re2.error."""
    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.never_capture = True
    options.log_errors = False
    if isinstance(pattern, bytes):
        # A letter a byte: RE2 then looks for ASCII text of either case many bytes at a time.
        options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(pattern, options)


def _matches(pattern: Any, text: bytes) -> tuple[int, tuple[int, int]]:
    """How often a pattern matches in UTF-8, and where first. An empty match inside a character is none."""
    count = 0
    first = last = (-1, -1)
    for found in pattern.finditer(text):
        place = found.span()
        # RE2's Python says an empty match twice that it found further on.
        if place == last or (place[0] == place[1] < len(text) and text[place[0]] & 0xC0 == 0x80):
            continue
        first = first if count else place
        count, last = count + 1, place
    return count, first


def excerpt(text: bytes, start: int, end: int, context: int) -> tuple[str, str, str]:
    """The match with up to `context` characters on each side; a long match without its middle."""
    before = text[max(0, start - 4 * context) : start].decode("utf-8", "ignore")
    after = text[end : end + 4 * context].decode("utf-8", "ignore")
    match = text[start:end].decode("utf-8", "replace")
    most = 2 * context + 200
    if len(match) > most:
        match = f"{match[: most // 2]} ... {match[-(most // 2) :]}"
    return before[len(before) - min(context, len(before)) :], match, after[:context]


def _read(task: Task) -> bytes | None:
    """The bytes of a piece, or None when the file no longer has whole lines there."""
    with open(task.path, "rb") as file:  # noqa: PTH123  (a Path costs an import and gives nothing here)
        file.seek(max(0, task.start - 1))
        before = file.read(min(1, task.start))
        data = file.read(task.end - task.start)
        after = file.read(1)
    ends = before in (b"", b"\n") and after in (b"", b"\n", b"\r")
    return data if ends and len(data) == task.end - task.start else None


def _all_lines(data: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if data[start:end].strip():
            yield start, end
        start = end + 1


def _line_starts(needle: Any, data: bytes) -> Iterator[int]:
    """Where the lines that hold a needle begin."""
    place = 0
    while (match := needle.search(data, place)) is not None:
        yield data.rfind(b"\n", 0, match.start()) + 1
        place = data.find(b"\n", match.end()) + 1
        if not place:
            return
