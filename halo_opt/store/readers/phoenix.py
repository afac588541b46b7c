"""Reader for Arize Phoenix span exports: records of the spans dataframe, or spans of its interface and command line.

Names are flat (`context.trace_id`, `attributes.llm.model_name`) or nested. A dataframe written without its index has
lost the span ids; its spans are still read, in time order. Annotations count where spans hold them. A trace may be
spread over several files of one folder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.readers.base import FolderReader
from halo_opt.store.readers.exported import (
    Object,
    Platform,
    Records,
    an_object,
    flat,
    import_traces,
    objects,
    opened,
    sniffed,
    text_id,
    without_nulls,
)
from halo_opt.store.readers.judged import Judgement, judged, judgement
from halo_opt.store.readers.span_lines import Span
from halo_opt.store.readers.span_trace import trace_of
from halo_opt.store.rows import Trace
from halo_opt.store.sink import Sink

_STATUS = {"OK": "ok", "ERROR": "error"}
_PREFIX = "attributes."


class PhoenixReader(FolderReader):
    """Arize Phoenix span exports."""

    name = "phoenix"
    meaning = "Arize Phoenix spans, JSONL or JSON of {context: {trace_id, span_id}, parent_id, span_kind, attributes}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first records is a span of the dataframe or of the interface."""
        return any(_context(record, "trace_id") and "span_kind" in record for record in sniffed(path))

    def read_files(self, paths: Sequence[Path], sink: Sink) -> None:
        """Read every trace of some files of one folder."""
        import_traces(paths, sink, Platform(self.name, _problem, _trace_id, _trace))


def _context(record: Object, name: str) -> str | None:
    return text_id(record.get(f"context.{name}")) or text_id(an_object(record.get("context")).get(name))


def _problem(record: Object) -> str | None:
    return None if _context(record, "trace_id") else "missing field context.trace_id"


def _trace_id(record: Object) -> str:
    return _context(record, "trace_id") or ""


def _trace(records: Records, run_id: str, source: str) -> Trace:
    spans = [_span(record, source, line, place) for place, (line, record) in enumerate(records)]
    judgements = [j for _, record in records for j in _annotations(record)]
    return judged(trace_of(spans, run_id=run_id), judgements)


def _span(record: Object, source: str, line: int, place: int) -> Span:
    attributes = _attributes(record)
    kind = record.get("span_kind")
    if isinstance(kind, str) and kind.upper() != "UNKNOWN":
        attributes["openinference.span.kind"] = kind.upper()
    status = str(record.get("status_code")).upper()
    events = objects(opened(record.get("events")))
    return Span(
        _trace_id(record),
        _context(record, "span_id") or f"row-{place}",
        text_id(record.get("parent_id")) or "",
        values.text(record.get("name")) or "",
        values.time(record.get("start_time")),
        values.time(record.get("end_time")),
        _STATUS.get(status, "unset"),
        values.text(record.get("status_message")) or _exception(events),
        {**attributes, **({"phoenix.events": events} if events else {})},
        {},
        {},
        source,
        line,
    )


def _attributes(record: Object) -> dict[str, Any]:
    """The attributes of the span under dotted names, from a flat or a nested record."""
    columns = {name.removeprefix(_PREFIX): value for name, value in record.items() if name.startswith(_PREFIX)}
    found = flat({name: _readable(name, value) for name, value in columns.items()})
    nested = an_object(opened(record.get("attributes")))
    return found | flat({str(name): _readable(str(name), value) for name, value in nested.items()})


def _readable(name: str, value: Any) -> Any:
    """The attributes with metadata decoded where it is JSON text: it may name the task."""
    return opened(value) if name == "metadata" else value


def _exception(events: list[dict[str, Any]]) -> str | None:
    found = [flat(event) for event in events if event.get("name") == "exception"]
    return next((values.text(exception.get("attributes.exception.message")) for exception in found), None)


def _annotations(record: Object) -> list[Judgement]:
    """The annotations that the record holds; those of the root are of the whole trace."""
    whole = not record.get("parent_id")
    found: list[Judgement | None] = []
    listed = record.get("annotations") or record.get("span_annotations")
    for note in objects(opened(listed)):
        result = an_object(note.get("result")) or note
        who = " ".join(["phoenix", *filter(None, [text_id(note.get("annotator_kind"))])])
        found.append(judgement(note.get("name"), result.get("score"), who, label=result.get("label"), whole=whole))
    # The dataframe's spelling: a column for each annotation's score and label.
    columns = without_nulls({name: value for name, value in record.items() if name.startswith("annotations.")})
    for name in dict.fromkeys(name.split(".")[1] for name in columns):
        score, label = columns.get(f"annotations.{name}.score"), columns.get(f"annotations.{name}.label")
        found.append(judgement(name, score, "phoenix", label=label, whole=whole))
    return [note for note in found if note is not None]
