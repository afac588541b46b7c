"""What a store holds and what its imports left out: a record that is shown to the user and kept in the store."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import duckdb
from pydantic import Field

from halo_opt.core.records import Record
from halo_opt.core.report_records import InputFile
from halo_opt.store.outcomes import SCORE_FIELD
from halo_opt.store.schema import TASKS_TOLD_APART

UNKNOWN_FORMAT = "the content is of no known trace format"
_REMEDIES = {UNKNOWN_FORMAT: "'halo-opt formats' shows what is understood, and --map FILE makes other names known"}
# So many files are named where several have one fault.
NAMED_FILES = 3
# What is counted of a source that rightly gives no attempt: another source holds what it says.
_ELSEWHERE = ("continuations", "superseded", "unfinished")
_REDACTED = "redacted:"


class NotRecognised(Record):
    """A file that gave no attempt, and why."""

    path: str
    reason: str
    expected: bool = Field(default=False, description="lies beside traces and holds none, such as a licence or a note")


class ImportSummary(Record):
    """Counts of one import. Attempts are those that count; what was left out is counted beside them."""

    found_again: int = Field(
        default=0, description="times that an attempt stood in the inputs once more; the table duplicates lists them"
    )
    tasks_told_apart: int = Field(
        default=0, description="task ids whose attempts had different goals, and were given a hash of the goal"
    )
    files: list[InputFile] = Field(description="recognised files; a run folder counts as one")
    attempts: int
    spans: int
    rejects: int = Field(description="lines that could not be used; each is in the table rejects")
    rejected_values: dict[str, int] = Field(
        default_factory=dict, description="values that their columns cannot hold, by column; each is in rejects too"
    )
    unusable_scores: dict[str, int] = Field(
        default_factory=dict,
        description="scores that no outcome can be made from, as stated: how often each, the commonest ten",
    )
    kept_errors: int = Field(default=0, description="errors that a scores file gives no success to, and so stay errors")
    unfinished: int = Field(description="traces in run folders without a result line: killed in flight")
    retried_errors: int = Field(default=0, description="error tries that a later try of the same key replaced")
    superseded: int = Field(default=0, description="other result lines that a later line of the same key replaced")
    without_spans: int = Field(default=0, description="attempts whose result is there but whose spans are not")
    by_format: dict[str, int] = Field(description="attempts by format")
    reject_reasons: dict[str, int] = Field(default_factory=dict)
    redacted: dict[str, int] = Field(default_factory=dict, description="secrets that were taken out, by kind")
    not_recognised: list[NotRecognised] = Field(
        default_factory=list, description="files that no reader knows or that cannot be read"
    )
    without_attempts: list[NotRecognised] = Field(
        default_factory=list, description="sources of a known format in which no attempt was found"
    )
    without_contents: int = Field(default=0, description="attempts of which only the index was asked for so far")
    wrong_types: int = Field(
        default=0, description="span lines with a value of the wrong type for its field; the value counts as not known"
    )
    duplicate_keys: int = Field(
        default=0, description="JSON keys that one object had twice, counted while contents were read"
    )
    warnings: list[str] = Field(
        default_factory=list, description="what was recognised and gave attempts without steps or without tool calls"
    )
    vanished: int = Field(default=0, description="spans whose line was gone when their contents were read")
    totals_differ: int = Field(
        default=0, description="attempts whose own result file states other totals than their trajectory or run"
    )


def notes_on_files(summary: ImportSummary) -> list[str]:
    """A sentence for each reason why files gave no attempt: how many, which, and what to do."""
    return [*notes_on(summary.not_recognised), *notes_on(summary.without_attempts)]


def notes_on(files: Sequence[NotRecognised]) -> list[str]:
    """A sentence for each reason why some files gave no attempt.

    The files of one reason are named together, because a folder may hold hundreds. Files that are expected to lie
    beside traces are left out.
    """
    groups: dict[str, list[str]] = {}
    for file in files:
        if not file.expected:
            groups.setdefault(file.reason, []).append(file.path)
    notes = []
    for reason, paths in groups.items():
        remedy = f"; {_REMEDIES[reason]}" if reason in _REMEDIES else ""
        if len(paths) == 1:
            notes.append(f"{paths[0]} was left out: {reason}{remedy}")
        else:
            more = f" and {len(paths) - NAMED_FILES} more" if len(paths) > NAMED_FILES else ""
            notes.append(f"{len(paths)} files were left out ({', '.join(paths[:NAMED_FILES])}{more}): {reason}{remedy}")
    return notes


def summarize(connection: duckdb.DuckDBPyConnection, not_recognised: list[NotRecognised]) -> ImportSummary:
    """The summary of a store that is open for writing."""
    # The readers of all formats, which whoever only opens a store does without.
    from halo_opt.store.index.empty_sources import empty_sources

    def one(sql: str) -> int:
        return int(connection.execute(sql).fetchall()[0][0])

    def pairs(sql: str) -> dict[str, int]:
        return dict(connection.execute(sql).fetchall())

    counts: Counter[str] = Counter()
    counts_sql = "SELECT counts FROM inputs UNION ALL SELECT value FROM meta WHERE key = 'counts'"
    for (found,) in connection.execute(counts_sql).fetchall():
        counts.update(json.loads(found))
    files = connection.execute("SELECT path, format, sha256, bytes FROM inputs").fetchall()
    return ImportSummary(
        files=[InputFile(path=p, format=f, sha256=s or "", bytes=b) for p, f, s, b in files],
        found_again=one("SELECT count(*) FROM duplicates"),
        tasks_told_apart=one(TASKS_TOLD_APART),
        attempts=one("SELECT count(*) FROM attempts"),
        spans=one("SELECT count(*) FROM spans"),
        rejects=one("SELECT count(*) FROM rejects WHERE field IS NULL"),
        rejected_values=pairs(
            "SELECT field, count(*) FROM rejects WHERE field IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        unusable_scores=pairs(
            f"SELECT head, count(*) FROM rejects WHERE field = '{SCORE_FIELD}' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10"
        ),
        kept_errors=one(
            "SELECT count(DISTINCT trace_id) FROM scores JOIN attempts a USING (trace_id)"
            " WHERE name = 'reward' AND label = 'failure' AND a.outcome = 'error'"
        ),
        unfinished=counts["unfinished"],
        retried_errors=counts["retried_errors"],
        superseded=counts["superseded"],
        without_spans=counts["without_spans"],
        by_format=_attempts_by_format(connection),
        reject_reasons=pairs(
            "SELECT split_part(reason, ' (', 1), count(*) FROM rejects WHERE field IS NULL"
            " GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        redacted={name.removeprefix(_REDACTED): n for name, n in counts.items() if name.startswith(_REDACTED)},
        not_recognised=not_recognised,
        without_attempts=_without_attempts(connection),
        without_contents=one("SELECT count(*) FROM pending"),
        wrong_types=counts["wrong_types"],
        duplicate_keys=counts["duplicate_keys"],
        vanished=counts["vanished"],
        warnings=empty_sources(connection),
        totals_differ=counts["totals_differ"],
    )


def formats_of_sources(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The format of each source that an attempt names. A file in a folder that was read as one has the folder's."""
    formats: dict[str, str] = dict(connection.execute("SELECT path, format FROM inputs").fetchall())
    found = {}
    for (source,) in connection.execute("SELECT DISTINCT source FROM attempts").fetchall():
        places = map(str, (Path(source), *Path(source).parents))
        found[source] = formats.get(source) or next((formats[place] for place in places if place in formats), "unknown")
    return found


def _attempts_by_format(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many attempts there are of each format, the commonest first. A run may hold several formats."""
    formats = formats_of_sources(connection)
    counts: Counter[str] = Counter()
    for source, count in connection.execute("SELECT source, count(*) FROM attempts GROUP BY 1 ORDER BY 1").fetchall():
        counts[formats[source]] += count
    return dict(counts.most_common())


def _without_attempts(connection: duckdb.DuckDBPyConnection) -> list[NotRecognised]:
    """The recognised sources from which no attempt, no span and no copy of an attempt came, each with the reason."""
    holding: set[str] = set()
    for (source,) in connection.execute("SELECT source FROM attempts UNION SELECT source FROM duplicates").fetchall():
        place = Path(source)
        holding.update((source, *map(str, place.parents)))
    inputs = connection.execute("SELECT path, format, counts FROM inputs ORDER BY path").fetchall()
    empty = [row for row in inputs if row[0] not in holding and not json.loads(row[2]).keys() & {*_ELSEWHERE}]
    if not empty:
        return []
    # A trace may lie in several files; its attempt names only the one of its root.
    spans = {row[0] for row in connection.execute("SELECT DISTINCT source FROM spans").fetchall()}
    return [
        NotRecognised(path=path, reason=_why_empty(connection, path, format_name))
        for path, format_name, _ in empty
        if path not in spans
    ]


def _why_empty(connection: duckdb.DuckDBPyConnection, path: str, format_name: str) -> str:
    reasons = connection.execute(
        "SELECT reason, count(*) FROM rejects WHERE field IS NULL AND (source = ? OR starts_with(source, ? || '/'))"
        " GROUP BY 1 ORDER BY 2 DESC, 1",
        [path, path],
    ).fetchall()
    if not reasons:
        return f"read as {format_name}, but no attempt was found; 'halo-opt formats {format_name}' shows an example"
    count = sum(row[1] for row in reasons)
    lines = "the only line was rejected" if count == 1 else f"all {count} lines were rejected"
    more = f", and {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
    return f"read as {format_name}, but {lines}: {reasons[0][0]}{more}; the table rejects lists the lines"
