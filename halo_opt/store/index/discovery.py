"""Finding trace files under the given paths, and the reader that recognises each by its first bytes.

Links inside folders are not followed: a link could lead out of the folder, or round in a circle.
"""

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from halo_opt.core.errors import InputError
from halo_opt.core.input_paths import path_problem, shown
from halo_opt.store.files.folders import SKIPPED_FOLDERS
from halo_opt.store.index.beside import lies_beside
from halo_opt.store.index.summary import UNKNOWN_FORMAT, NotRecognised
from halo_opt.store.readers import READERS
from halo_opt.store.readers.base import first_bytes
from halo_opt.store.readers.chat import ChatReader
from halo_opt.store.readers.documents import leading_objects

if TYPE_CHECKING:
    from halo_opt.store.name_map import NameMap

_NAMES = ", ".join(reader.name for reader in READERS)


class Source(NamedTuple):
    """A path and the name of the reader that recognised it."""

    path: Path
    format: str


def discover(
    inputs: Sequence[Path], *, format_name: str | None = None, names: "NameMap | None" = None
) -> tuple[list[Source], list[NotRecognised]]:
    """All recognised sources in a stable order, each once, and the files that nothing recognised.

    With `format_name` every file is taken for that format, whatever its content looks like. Raises InputError for a
    missing path, an unknown format, and when nothing is recognised at all. With `names` a record that holds the list of
    messages which the map names is one of the format chat.
    """
    if format_name is not None and format_name not in {reader.name for reader in READERS}:
        raise InputError(f"there is no format {format_name!r}; formats are {_NAMES}")
    if not inputs:
        raise InputError("no trace files were given; give files or folders")
    sources: dict[Path, Source] = {}
    unknown: dict[Path, NotRecognised] = {}
    for path in inputs:
        if problem := path_problem(path):
            raise InputError(f"{shown(path)} {problem}; give a trace file, a run folder, or a folder that holds some")
        for candidate in _candidates(path, format_name):
            name, reason = (format_name, "") if format_name and candidate.is_file() else _recognise(candidate)
            if name is None and names is not None and _has_messages(candidate, names):
                name = ChatReader.name
            if name is not None:
                sources.setdefault(candidate.resolve(), Source(candidate, name))
            else:
                expected = candidate != path and lies_beside(candidate)
                found = NotRecognised(path=str(candidate), reason=reason, expected=expected)
                unknown.setdefault(candidate.resolve(), found)
    if not sources:
        raise InputError(_nothing(inputs, list(unknown.values())))
    return list(sources.values()), list(unknown.values())


def _candidates(path: Path, format_name: str | None) -> Iterator[Path]:
    """The path itself where it is one source; else the run folders and files inside it."""
    if path.is_file() or _recognise(path)[0] in {format_name or found.name for found in READERS}:
        yield path
        return
    for child in sorted(path.iterdir()):
        if child.is_symlink() or child.name in SKIPPED_FOLDERS:
            continue
        if child.is_dir():
            yield from _candidates(child, format_name)
        elif child.is_file():
            yield child


def _recognise(path: Path) -> tuple[str | None, str]:
    """The name of the reader that knows the path, or None and the reason."""
    try:
        for reader in READERS:
            if reader.sniff(path):
                return reader.name, ""
        if path.is_dir():
            return None, "a folder that is not a run folder"
        if path.stat().st_size == 0:
            return None, "empty file"
        if _is_foreign(first_bytes(path)):
            return None, "not UTF-8 text; traces are JSON in UTF-8"
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    return None, UNKNOWN_FORMAT


def _has_messages(path: Path, names: "NameMap") -> bool:
    try:
        return path.is_file() and any(map(names.is_conversation, leading_objects(path)))
    except OSError:
        return False


def _is_foreign(beginning: bytes) -> bool:
    """Whether no line of how a file begins is UTF-8 text: another encoding, or no text. JSON has no zero bytes."""
    return not any(b"\0" not in line and _is_utf8(line) for line in beginning.splitlines(keepends=True))


def _is_utf8(line: bytes) -> bool:
    try:
        # The last line may be cut within a character.
        codecs.getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False
    return True


def _nothing(inputs: Sequence[Path], unknown: list[NotRecognised]) -> str:
    where = ", ".join(str(path) for path in inputs)
    first = f" ({unknown[0].path}: {unknown[0].reason})" if unknown else " (no files there)"
    formats = f"known formats are {_NAMES}; 'halo-opt formats' shows what each looks like"
    return f"no traces were recognised in {where}{first}; {formats}"
