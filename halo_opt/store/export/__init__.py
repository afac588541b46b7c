"""Traces of a store written for other programs: flat spans, OTLP JSON, or Parquet.

What a format can hold comes back when the export is imported again; the rest is counted in the summary.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import duckdb
from pydantic import Field

from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.store import schema
from halo_opt.store.export import otlp
from halo_opt.store.export.agreement import agreed
from halo_opt.store.export.attempts import attempts_of, wanted_ids
from halo_opt.store.export.output import check_place, written, written_folder
from halo_opt.store.export.records import SpanRecord, encoded, records_of
from halo_opt.store.index.span_places import SpanLines
from halo_opt.store.rows import ScoreRow
from halo_opt.store.store import Store

Target = Literal["spans", "otlp", "parquet"]
# Called with how many attempts are done and how many there are.
Progress = Callable[[int, int], None]
_TABLES_OF_TRACES = {table.name for table in schema.TABLES if table.columns[0].name == "trace_id"}


class ExportSummary(Record):
    """What was written, and what was not, with reasons."""

    target: Target
    path: str
    traces: int
    spans: int
    left_out: dict[str, int] = Field(default_factory=dict, description="traces that were left out, by reason")
    lost: dict[str, int] = Field(
        default_factory=dict, description="in how many traces a `table.column` will not come back from this format"
    )
    notes: list[str] = Field(default_factory=list, description="what else the export lacks")


def export_traces(
    store_path: Path,
    out: Path,
    *,
    target: Target,
    trace_ids: Sequence[str] = (),
    force: bool = False,
    progress: Progress | None = None,
) -> ExportSummary:
    """Write the attempts of a store (all, or these) to `out`, a file, or for Parquet a folder.

    Raises InputError for a trace id that is not there, when `out` exists and `force` is not given or is one of the
    store's own sources, and when every attempt would be left out.
    """
    with Store.open(store_path) as store:
        ids = wanted_ids(store, trace_ids)
        check_place(out, force=force, folder=target == "parquet")
        _check_not_a_source(store, out)
        if target == "parquet":
            return _tables(store, out, ids if trace_ids else None)
        return _lines(store, out, target, ids, progress)


def _check_not_a_source(store: Store, out: Path) -> None:
    paths = store.rows("SELECT path FROM inputs UNION SELECT DISTINCT source FROM spans")
    if out.exists() and out.resolve() in {store.path.resolve(), *(Path(path).resolve() for (path,) in paths)}:
        raise InputError(f"{out} is what the traces are read from; name another place with --out")


def _tables(store: Store, out: Path, ids: list[str] | None) -> ExportSummary:
    with written_folder(out) as folder:
        _write_tables(store.path, folder, ids)
    which = "" if ids is None else "WHERE trace_id IN (SELECT unnest(?::VARCHAR[]))"
    params = [] if ids is None else [ids]
    [(traces,)] = store.rows(f"SELECT count(*) FROM attempts {which}", params)
    [(count,)] = store.rows(f"SELECT count(*) FROM spans {which}", params)
    [(pending,)] = store.rows(f"SELECT count(*) FROM pending {which}", params)
    notes = [f"{pending} traces have no messages, steps or tool calls: their contents were not imported"]
    return ExportSummary(target="parquet", path=str(out), traces=traces, spans=count, notes=notes if pending else [])


def _lines(
    store: Store, out: Path, target: Literal["spans", "otlp"], ids: list[str], progress: Progress | None
) -> ExportSummary:
    left_out: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    traces = count = shortened = scores = 0
    with SpanLines() as lines, written(out) as file:
        for done, trace in enumerate(attempts_of(store, ids)):
            if progress is not None:
                progress(done, len(ids))
            made = records_of(trace, lines)
            if made is None:
                sources = sorted({span.source for span in trace.spans if span.byte_offset is not None})
                left_out[f"{', '.join(sources)} is gone or has changed since it was imported"] += 1
                continue
            records, losses = agreed(trace, made.records)
            scores += _WRITERS[target](file, records, trace.scores)
            lost.update(losses)
            traces, count, shortened = traces + 1, count + len(records), shortened + made.shortened
        if not traces:
            reason = next(iter(left_out), "the store holds none")
            raise InputError(f"no trace could be exported: {reason}; put the file back, or import the traces again")
    notes = []
    if shortened:
        notes.append(f"{shortened} prompts hold only what is new: with the whole conversation they would be too long")
    if scores:
        notes.append(f"{scores} scores beside the reward have no place in this format")
    return ExportSummary(
        target=target,
        path=str(out),
        traces=traces,
        spans=count,
        left_out=dict(left_out),
        lost=dict(sorted(lost.items())),
        notes=notes,
    )


def _write_spans(file: BinaryIO, records: Sequence[SpanRecord], scores: Sequence[ScoreRow]) -> int:
    """The spans of one attempt, lines that were read as they are; returns how many scores flat spans have no place for.

    The reward has one: it is the attempt's outcome.
    """
    for record in records:
        file.write(record.raw if record.raw is not None else encoded(record.value))
        file.write(b"\n")
    return sum(score.name != "reward" for score in scores)


_WRITERS = {"spans": _write_spans, "otlp": otlp.write_trace}


def _write_tables(store: Path, folder: Path, trace_ids: Sequence[str] | None) -> None:
    """Write the tables of a store; with `trace_ids` only what belongs to those attempts, in the tables of traces."""
    try:
        # A connection of its own: those of `Store` are shut off from files, and this SQL holds no text of a trace.
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {_quoted(store)} AS store (READ_ONLY)")
            connection.execute("CREATE TEMP TABLE wanted AS SELECT unnest(?::VARCHAR[]) AS id", [list(trace_ids or ())])
            for table in schema.TABLES:
                which = "" if trace_ids is None else _condition(table.name)
                connection.execute(
                    f"COPY (SELECT * FROM store.{table.name}{which}) TO {_quoted(folder / f'{table.name}.parquet')}"
                    " (FORMAT parquet, COMPRESSION zstd)"
                )
    except duckdb.Error as error:
        raise InputError(f"Parquet files cannot be written to {folder.parent} ({error}); name another --out") from error


def _condition(table: str) -> str:
    if table in _TABLES_OF_TRACES:
        return " WHERE trace_id IN (SELECT id FROM wanted)"
    if table == "runs":
        return " WHERE run_id IN (SELECT run_id FROM store.attempts WHERE trace_id IN (SELECT id FROM wanted))"
    return ""


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


__all__ = ["ExportSummary", "Target", "export_traces"]
