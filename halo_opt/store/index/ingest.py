"""Building a store and keeping it up to date: find the trace files and read what is new with the right reader.

The new store is built in a second file, from a copy of the old one where that saves reading, and renamed at the end, so
that programs which have the old one open are not disturbed.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from halo_opt.core.errors import InputError
from halo_opt.redaction import RedactionRules, Redactor
from halo_opt.store import schema
from halo_opt.store.index.location import fingerprint
from halo_opt.store.index.summary import ImportSummary, NotRecognised, summarize
from halo_opt.store.outcomes import OutcomeRule, checked_threshold
from halo_opt.store.sink import StoreNotWritten
from halo_opt.store.store import Store

if TYPE_CHECKING:
    from halo_opt.store.index.build import Progress
    from halo_opt.store.name_map import NameMap


@dataclass(frozen=True)
class Options:
    """How traces are read. A store built with other options is built anew.

    `contents`: also read what was said and done (messages, steps, tool calls, attributes), not the index alone.
    `format`: the reader to use for every file, instead of what its content looks like.
    `scores`: a file with outcomes that lie outside the traces.
    `success_at`: the score from which on an attempt is a success, where no verdict is stated; None for a full score.
    `names`: a mapping file, with the user's own names of attributes and fields.
    `redact`: which secrets are taken out before anything is stored; None stores everything as it is.
    """

    contents: bool = True
    format: str | None = None
    scores: Path | None = None
    success_at: float | None = None
    names: Path | None = None
    redact: RedactionRules | None = field(default_factory=RedactionRules)

    def text(self) -> str:
        """What beside inputs and contents decides what a store holds; a store of another text is built anew."""
        rules = self.redact
        # Rules may name secrets, which a store must not hold.
        known = hashlib.sha256(repr(rules.known).encode("utf-8", "replace")).hexdigest() if rules else None
        settings = {
            "format": self.format,
            "scores": str(self.scores.resolve()) if self.scores else None,
            "scores_stamp": fingerprint([self.scores]) if self.scores else None,
            "success_at": checked_threshold(self.success_at),
            "names": str(self.names.resolve()) if self.names else None,
            "names_stamp": fingerprint([self.names]) if self.names else None,
            "redact": [rules.environment, rules.personal] if rules else None,
            "known": known,
        }
        return json.dumps(settings)


def options_of(store_path: Path) -> Options | None:
    """How the store at a path was read, but for secrets named by hand; None without a store of this version."""
    try:
        with Store.open(store_path) as store:
            found = store.rows("SELECT value FROM meta WHERE key = 'options'")
    except InputError:
        return None
    return options_from(json.loads(found[0][0]))


def options_from(settings: Mapping[str, Any]) -> Options:
    """The options that `Options.text` wrote as JSON, but for secrets named by hand. Raises LookupError, TypeError."""
    rules = (
        RedactionRules(environment=settings["redact"][0], personal=settings["redact"][1])
        if settings["redact"]
        else None
    )
    return Options(
        format=settings["format"],
        scores=Path(settings["scores"]) if settings["scores"] else None,
        success_at=settings["success_at"],
        names=Path(settings["names"]) if settings["names"] else None,
        redact=rules,
    )


def build_store(
    inputs: Sequence[Path],
    store_path: Path,
    *,
    options: Options = Options(),
    progress: "Progress | None" = None,
) -> ImportSummary:
    """Make the store at `store_path` hold exactly these trace files and folders, of any recognised formats.

    What an earlier store at that path holds of them already is kept: of flat span files only new bytes are read, other
    sources are read again when they changed. Raises InputError when a path is missing, a run folder has no results, or
    nothing at all is recognised. Lines that cannot be used are counted and kept in the table `rejects`.

    Example:
        >>> summary = build_store([Path("traces/")], Path("traces.duckdb"))
        >>> print([file.path for file in summary.files])
    """
    # The readers of all formats: what only opens a store does without them.
    from halo_opt.store.index.build import Build
    from halo_opt.store.index.discovery import discover

    stamp = fingerprint(inputs, options.text())
    names = None
    if options.names is not None:
        from halo_opt.store.name_map import read_name_map

        names = read_name_map(options.names)
    sources, unknown = discover(inputs, format_name=options.format, names=names)
    store_path.parent.mkdir(parents=True, exist_ok=True)
    beside = store_path.with_name(f"{store_path.name}.{os.getpid()}.new")
    with _alone(store_path):
        try:
            with _opened_beside(store_path, beside, options.text()) as connection:
                redactor = Redactor(options.redact) if options.redact is not None else None
                build = Build(
                    connection,
                    beside,
                    sources,
                    redactor=redactor,
                    contents=options.contents,
                    scores=options.scores,
                    rule=OutcomeRule(options.success_at),
                    names=names,
                )
                useless = [NotRecognised(path=str(e.path), reason=str(e)) for e in build.run(progress)]
                summary = summarize(connection, [*unknown, *useless])
                if names is not None and build.read_all:
                    summary = summary.model_copy(
                        update={"warnings": [*summary.warnings, *_unused_names(names, options.names)]}
                    )
                facts = {
                    "version": str(schema.VERSION),
                    "fingerprint": stamp,
                    "options": options.text(),
                    "summary": summary.model_dump_json(),
                }
                # One statement: each is a transaction, which costs more than the rows.
                places = ", ".join(["(?, ?)"] * len(facts))
                connection.execute(f"INSERT OR REPLACE INTO meta VALUES {places}", list(chain(*facts.items())))
            beside.replace(store_path)
        except (OSError, duckdb.Error) as error:
            raise StoreNotWritten(store_path, error) from error
        finally:
            for leftover in (beside, beside.with_name(f"{beside.name}.wal")):
                leftover.unlink(missing_ok=True)
    return summary


def _unused_names(names: "NameMap", path: Path | None) -> list[str]:
    """A warning about names of a mapping file that no record has. Raises InputError where none has any of them."""
    unused = ", ".join(names.unused)
    if not names.is_used:
        raise InputError(
            f"{path} has no effect: nothing in these traces has one of its names ({unused}); write the names as they "
            "stand in the spans or records, or leave --map out"
        )
    if not unused:
        return []
    return [f"nothing in these traces has these names of {path}: {unused}; correct them where the traces do have it"]


def fresh(store_path: Path, inputs: Sequence[Path], *, options: Options = Options()) -> bool:
    """Whether the store was built from exactly these inputs as they are now, so that a rebuild can be skipped."""
    if not store_path.is_file():
        return False
    try:
        with Store.open(store_path) as store:
            rows = store.rows("SELECT value FROM meta WHERE key = 'fingerprint'")
            lacking = options.contents and store.rows("SELECT 1 FROM pending LIMIT 1")
    except InputError:
        return False
    return not lacking and rows == [(fingerprint(inputs, options.text()),)]


@contextmanager
def _alone(store_path: Path) -> Iterator[None]:
    """One build of a store at a time; a second one waits and then finds most of its work done."""
    lock = store_path.with_name(f".{store_path.name}.lock")
    while True:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Whoever held it before has removed it: only the file of that name now keeps others out.
            if not lock.exists() or not os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                continue
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return


def _opened_beside(store_path: Path, beside: Path, options: str) -> duckdb.DuckDBPyConnection:
    """A copy of the store, opened for writing, when it was made by this version with the same options; else a new one.

    The copy is looked at, not the store: starting the database a second time would cost as much as a small append.
    """
    beside.unlink(missing_ok=True)
    if store_path.is_file():
        shutil.copyfile(store_path, beside)
        with suppress(duckdb.Error):
            connection = _connected(beside)
            if _reusable(connection, options):
                return connection
            connection.close()
        beside.unlink()
    connection = _connected(beside)
    connection.execute(f"BEGIN; {schema.ddl()} COMMIT")
    return connection


def _connected(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), config={"storage_compatibility_version": "latest"})


def _reusable(connection: duckdb.DuckDBPyConnection, options: str) -> bool:
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('version', 'options')").fetchall())
    except duckdb.Error:
        return False  # a database, but no store
    return meta == {"version": str(schema.VERSION), "options": options}
