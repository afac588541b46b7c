"""Records as JSON files, and sets of files that are written whole or not at all.

JSON keeps the order of the record's fields and 12 significant digits, so that the same record is the same bytes and a
number survives the round trip.
"""

import contextlib
import errno
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from halo_common.text import nearest
from halo_opt.core.errors import InputError
from halo_opt.core.records import Record, json_of

R = TypeVar("R", bound=Record)
SIGNIFICANT_DIGITS = 12


def significant(value: Any) -> Any:
    """Plain data with floats at 12 significant digits; NaN and infinity become None, as they are no numbers."""
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: significant(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [significant(inner) for inner in value]
    return value


def json_text(record: Record) -> str:
    """A record as an indented JSON document that ends in a newline."""
    return json.dumps(significant(json_of(record)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_files(texts: Mapping[Path, str]) -> None:
    """Write each text to its path, folders made; every file is whole on disk before the first one takes its name.

    Raises InputError when a path cannot be written; what was there before then stays.
    """
    waiting: list[tuple[Path, Path]] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            waiting.append((temporary, path))
            with temporary.open("wb") as file:
                # A lone surrogate, which a trace may hold, becomes its escape instead of failing the whole report.
                file.write(text.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
        if folder := next((path for path in texts if path.is_dir()), None):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(folder))
        for temporary, path in waiting:
            temporary.replace(path)
    except OSError as error:
        where = error.filename or next(iter(texts))
        raise InputError(f"cannot write {where}: {error.strerror}; choose another folder with --out") from error
    finally:
        for temporary, _ in waiting:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def need_place(path: Path, option: str) -> None:
    """Raise InputError where no file could be made at `path`, before the work for it is done.

    `option` is where the user named it.
    """
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; name a file")
    for above in path.parents:
        if above.exists():
            if not above.is_dir():
                raise InputError(f"{option} {path} cannot be written, as {above} is a file; choose another place")
            return


def read_record(kind: type[R], path: Path, *, made_by: str) -> R:
    """The record of one JSON file; `made_by` is the command that the error message points to.

    Raises InputError when the file is missing, is not JSON, is of another schema version, or does not fit the record.
    """
    data = _read_object(path, made_by)
    expected = _schema_version(kind)
    found = data.get("schema_version", expected)
    if found != expected:
        raise InputError(
            f"{path} has schema_version {found!r:.40}, this halo-opt reads {expected}; make it again with '{made_by}'"
        )
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path} is not what '{made_by}' writes: {_first_problem(error, kind)}") from None


def _read_object(path: Path, made_by: str) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; make it with '{made_by}'") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text (byte {error.start}); make it again with '{made_by}'") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise InputError(f"{path} is not JSON ({place}); make it again with '{made_by}'") from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply to be a report; make it again with '{made_by}'") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} holds a JSON {type(data).__name__}, not an object; make it again with '{made_by}'")
    return data


def _schema_version(kind: type[Record]) -> Any:
    field = kind.model_fields.get("schema_version")
    return field.default if field else None


def _first_problem(error: ValidationError, kind: type[Record]) -> str:
    """The first thing wrong, with where it is and the nearest name that exists."""
    problem = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the document"
    rest = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] == "extra_forbidden":
        close = nearest(str(problem["loc"][-1]), kind.model_fields)
        hint = f"; did you mean '{close}'?" if close else ""
        return f"unknown field '{place}'{hint}{rest}"
    if problem["type"] == "missing":
        return f"field '{place}' is missing{rest}"
    return f"field '{place}': {problem['msg']}{rest}"
