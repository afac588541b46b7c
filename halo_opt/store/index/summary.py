"""What a store holds and what its imports left out: a record that is shown to the user and kept in the store."""

import json
from collections import Counter

import duckdb
from pydantic import Field

from halo_opt.core.records import Record
from halo_opt.core.report_records import InputFile

_REDACTED = "redacted:"


class NotRecognised(Record):
    """A file that no reader knows, and why."""

    path: str
    reason: str


class ImportSummary(Record):
    """Counts of one import. Attempts are those that count; what was left out is counted beside them."""

    files: list[InputFile] = Field(description="recognised files; a run folder counts as one")
    attempts: int
    spans: int
    rejects: int = Field(description="lines that could not be used; each is in the table rejects")
    rejected_values: dict[str, int] = Field(
        default_factory=dict, description="values that their columns cannot hold, by column; each is in rejects too"
    )
    unfinished: int = Field(description="traces in run folders without a result line: killed in flight")
    retried_errors: int = Field(default=0, description="error tries that a later try of the same key replaced")
    superseded: int = Field(default=0, description="other result lines that a later line of the same key replaced")
    without_spans: int = Field(default=0, description="attempts whose result is there but whose spans are not")
    by_format: dict[str, int] = Field(description="attempts by format")
    reject_reasons: dict[str, int] = Field(default_factory=dict)
    redacted: dict[str, int] = Field(default_factory=dict, description="secrets that were taken out, by kind")
    not_recognised: list[NotRecognised] = Field(default_factory=list)
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
        default=0, description="attempts whose result file states other tokens or costs than their trajectory"
    )


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
        attempts=one("SELECT count(*) FROM attempts"),
        spans=one("SELECT count(*) FROM spans"),
        rejects=one("SELECT count(*) FROM rejects WHERE field IS NULL"),
        rejected_values=pairs(
            "SELECT field, count(*) FROM rejects WHERE field IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        unfinished=counts["unfinished"],
        retried_errors=counts["retried_errors"],
        superseded=counts["superseded"],
        without_spans=counts["without_spans"],
        by_format=pairs(
            "SELECT r.format, count(*) FROM attempts a JOIN runs r USING (run_id) GROUP BY 1 ORDER BY 2 DESC"
        ),
        reject_reasons=pairs(
            "SELECT split_part(reason, ' (', 1), count(*) FROM rejects WHERE field IS NULL"
            " GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        redacted={name.removeprefix(_REDACTED): n for name, n in counts.items() if name.startswith(_REDACTED)},
        not_recognised=not_recognised,
        without_contents=one("SELECT count(*) FROM pending"),
        wrong_types=counts["wrong_types"],
        duplicate_keys=counts["duplicate_keys"],
        vanished=counts["vanished"],
        warnings=empty_sources(connection),
        totals_differ=counts["totals_differ"],
    )
