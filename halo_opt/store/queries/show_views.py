"""Records of an attempt and its spans, and how they are shown as text."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field

from halo_opt.core.records import Record
from halo_opt.store.queries.answers import Answer, Rendered, Section, cells_of, clipped

# How much of each text is shown of an attempt that is too big, from the most to the least that is of use.
_CLIPS = (8_000, 2_000, 500, 120)
_DEEPEST = 20


class Text(Record):
    """A text of a span; `label` is input, output, call or the role of a message."""

    label: str
    text: str


class SpanView(Record):
    """One span in the tree of its attempt; `seconds` is how long it took, `after` how long after the start."""

    span_id: str
    parent_span_id: str
    depth: int
    name: str
    kind: str
    after: float | None
    seconds: float | None
    status: str
    status_message: str | None
    error_type: str | None
    model: str | None
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    tool: str | None
    agent: str | None = None
    texts: list[Text]


class TraceView(Answer):
    """One attempt, its spans in order with children after their parents."""

    trace_id: str
    facts: dict[str, Any] = Field(description="the columns of the attempt that hold something")
    scores: list[tuple[str, float | None, str | None, str]]
    unplaced: list[Text] = Field(description="texts that belong to no span in particular")
    spans: list[SpanView]

    def sections(self) -> list[Section]:
        """The spans, without what they say."""
        columns = [name for name in SpanView.model_fields if name != "texts"]
        return [Section("", columns, cells_of(self.spans, columns))]

    def narrower(self) -> str:
        """What to ask instead."""
        return f"ask for one span with 'halo-opt show {self.trace_id} --span SPAN_ID', or search it with --trace"

    def lines(self, clip: int | None = None) -> Iterator[str]:
        """Facts, then every span with its texts."""
        for name, value in self.facts.items():
            yield f"{name}: {clipped(str(value), clip)}"
        for name, number, label, source in self.scores:
            yield f"score {name}: {number if number is not None else label} (from {source})"
        several = len({span.agent for span in self.spans if span.agent}) > 1
        for span in self.spans:
            yield ""
            yield from _span_lines(span, clip, with_agent=several)
        if self.unplaced:
            yield ""
            yield from _text_lines(self.unplaced, "", clip)

    def _smaller(self, text: str, size: int, max_bytes: int, remarks: bool) -> Rendered:
        """First long texts are shortened, so that every span is still seen; only then is the end cut off."""
        for clip in _CLIPS:
            text = self._text(clip, remarks=remarks)
            text += f"\n[{size} bytes in all; texts are shown up to {clip} characters; {self.narrower()}]\n"
            if len(text.encode("utf-8", "replace")) <= max_bytes:
                return Rendered(text, size, True)
        return super()._smaller(text, size, max_bytes, remarks)


class SpanDetail(Answer):
    """One span with all its attributes."""

    span: SpanView
    attributes: dict[str, Any]

    def sections(self) -> list[Section]:
        """The attributes."""
        return [Section("", ["attribute", "value"], list(self.attributes.items()))]

    def narrower(self) -> str:
        """What to ask instead."""
        return "search it with 'halo-opt search REGEX --trace TRACE_ID', or raise --max-bytes"

    def lines(self, clip: int | None = None) -> Iterator[str]:
        """The span, then its attributes."""
        yield from _span_lines(self.span.model_copy(update={"texts": [], "depth": 0}), clip)
        texts = [Text(label=name, text=str(value)) for name, value in self.attributes.items()]
        yield from _text_lines(texts, "", clip)


class RawLines(Answer):
    """The lines of an attempt or a span as they are in the trace files, in the order of the tree."""

    raw: list[str]

    def sections(self) -> list[Section]:
        """The lines."""
        return [Section("", ["line"], [[line] for line in self.raw])]

    def lines(self, clip: int | None = None) -> Iterator[str]:
        """The lines."""
        yield from (clipped(line, clip) for line in self.raw)

    def narrower(self) -> str:
        """What to ask instead."""
        return "ask for one span with --span SPAN_ID, or raise --max-bytes"


def _span_lines(span: SpanView, clip: int | None, *, with_agent: bool = False) -> Iterator[str]:
    """The heading of a span with its facts, its error, and its texts below."""
    margin = "  " * min(span.depth, _DEEPEST)
    facts = [span.kind, span.name]
    if with_agent and span.agent:
        facts.append(f"agent {span.agent}")
    if span.after is not None:
        facts.append(f"+{span.after:.3f}s")
    if span.seconds is not None:
        facts.append(f"took {span.seconds:.3f}s")
    if span.model is not None:
        facts.append(span.model)
    if span.tokens_in is not None or span.tokens_out is not None:
        facts.append(f"tokens {_known(span.tokens_in)} in {_known(span.tokens_out)} out")
    if span.cost_usd is not None:
        facts.append(f"${span.cost_usd:.6g}")
    yield f"{margin}{'  '.join(facts)}  [{span.span_id}]"
    if span.status == "error" or span.error_type is not None:
        words = ": ".join(part for part in (span.error_type, span.status_message) if part)
        yield from _text_lines([Text(label="ERROR", text=words)], margin, clip)
    yield from _text_lines(span.texts, margin, clip)


def _text_lines(texts: Sequence[Text], margin: str, clip: int | None) -> Iterator[str]:
    for one in texts:
        head, *more = clipped(one.text, clip).splitlines() or [""]
        yield f"{margin}  {one.label + ': ' if one.label else ''}{head}"
        yield from (f"{margin}    {line}" for line in more)


def _known(value: int | None) -> str:
    return "?" if value is None else str(value)
