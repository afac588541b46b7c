"""Lines of trace files at the places that the store has for them; a line that has changed since counts as missing."""

from collections.abc import Iterator, Sequence
from io import FileIO
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from halo_opt.core.errors import InputError
from halo_opt.store.files.lines import decode_object
from halo_opt.store.rows import is_stored_as

# Bytes between two lines that cost less to read than another read costs.
_NEAR = 16_384


class LinePlace(NamedTuple):
    """Where a span's line is."""

    source: str
    offset: int
    length: int
    trace_id: str
    span_id: str


class SpanLine(NamedTuple):
    """A span's line as it is in its file, and as an object."""

    raw: bytes
    record: dict[str, Any]


def lines_at(places: Sequence[LinePlace], store_path: Path) -> list[SpanLine]:
    """The lines at these places, in this order. Raises InputError when a file is gone or another line is there."""
    found: dict[LinePlace, SpanLine] = {}
    for source in dict.fromkeys(place.source for place in places):
        here = sorted((place for place in places if place.source == source), key=_OFFSET)
        try:
            with Path(source).open("rb", buffering=0) as file:
                for together in _neighbours(here):
                    start = together[0].offset
                    file.seek(start)
                    raw = _all_of(file, together[-1].offset + together[-1].length - start)
                    for place in together:
                        line = raw[place.offset - start : place.offset - start + place.length]
                        found[place] = _checked(line, place, store_path)
        except OSError as error:
            raise gone(source, error.strerror or "cannot be read") from error
    return [found[place] for place in places]


_OFFSET = attrgetter("offset")


def _neighbours(places: Sequence[LinePlace]) -> Iterator[list[LinePlace]]:
    """Places that one read fetches: the lines of an attempt mostly follow each other."""
    together: list[LinePlace] = []
    for place in places:
        if together and place.offset - together[-1].offset - together[-1].length > _NEAR:
            yield together
            together = []
        together.append(place)
    if together:
        yield together


def _all_of(file: FileIO, size: int) -> bytes:
    """Bytes of a file, fewer only at its end."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _checked(raw: bytes, place: LinePlace, store_path: Path) -> SpanLine:
    record = _object(raw)
    if (
        record is None
        or record.get("span_id") != place.span_id
        or not is_stored_as(record.get("trace_id"), place.trace_id)
    ):
        raise changed(place.source, store_path)
    return SpanLine(raw, record)


def _object(raw: bytes) -> dict[str, Any] | None:
    """A line as an object, as the import reads it; most are what the quick decoder takes."""
    try:
        record = msgspec.json.decode(raw)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        record, _ = decode_object(raw)
    return record if isinstance(record, dict) else None


def changed(source: str, store_path: Path) -> InputError:
    """The error for a file that has changed since it was imported."""
    return InputError(f"{source} has changed since {store_path} was built from it; run 'halo-opt import' on it again")


def gone(source: str, why: str) -> InputError:
    """The error for a file that cannot be read."""
    return InputError(
        f"{source} cannot be read ({why}), and its spans' texts are only there; put it back, or import what is left"
    )
