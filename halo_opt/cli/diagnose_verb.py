"""The verb diagnose: the first decisive step of each failed attempt."""

from typing import Annotated

import typer

from halo_opt.cli.options import (
    FormatName,
    FormatOption,
    Json,
    NameMapFile,
    Quiet,
    Store,
    SuccessAt,
    TracesArgument,
    rows_format,
)
from halo_opt.cli.query_options import Agent, Limit, MaxBytes, Outcome, Run, Task, filter_of, print_answer
from halo_opt.cli.stores import open_store
from halo_opt.core.console import Console
from halo_opt.core.report_records import Diagnosis
from halo_opt.mining.diagnosis import diagnose
from halo_opt.mining.mine import measured_store
from halo_opt.store import Store as TraceStore
from halo_opt.store.queries.answers import Answer, Section, cells_of
from halo_opt.store.queries.filters import TraceFilter, need_agent
from halo_opt.store.queries.show import trace_id_of

COLUMNS = ("trace_id", "task_id", "agent", "step", "problem", "fault", "quote", "finding", "rule", "by", "checked")


class Diagnoses(Answer):
    """Diagnosed attempts; `total` is how many there are to diagnose."""

    rows: list[Diagnosis]
    total: int

    def sections(self) -> list[Section]:
        """A row an attempt."""
        return [Section("", COLUMNS, cells_of(self.rows, COLUMNS))]

    def remarks(self) -> list[str]:
        """How many attempts are left."""
        left = self.total - len(self.rows)
        more = f"; raise --limit for the other {left}" if left else ""
        return [f"{len(self.rows)} of {self.total} attempts{more}"] if self.rows else []

    def narrower(self) -> str:
        """What to ask instead."""
        return "ask with a lower --limit"


def diagnose_verb(
    *,
    traces: TracesArgument = None,
    trace: Annotated[
        str | None, typer.Option("--trace", help="Only the attempt with this id, or these first characters of it.")
    ] = None,
    outcome: Outcome = None,
    task: Task = None,
    run: Run = None,
    agent: Agent = None,
    limit: Limit = 50,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    max_bytes: MaxBytes = None,
    format_: FormatOption = FormatName.TABLE,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Name the first decisive step of each failed attempt, what was wrong there, and whose fault it is.

    Each row has the step, what was wrong in words, the exact words of the trace at that step, the finding that the
    attempt belongs to, and the rule that chose the step. Without --outcome and --trace, failures are diagnosed.
    """
    console = Console(quiet=quiet)
    with open_store(traces, store, console, contents=True, names=map_, success_at=success_at) as found:
        if trace is not None:
            trace = trace_id_of(found, trace)
        chosen = filter_of(locals())
        need_agent(found, chosen)
        if trace is None and outcome is None:
            chosen = chosen.model_copy(update={"outcome": "failure"})
        listed, reason = _chosen(found, chosen)
        rows = _diagnosed(found, listed[:limit], console) if listed else []
    if rows or format_ is not FormatName.TABLE or json_ or not reason:
        print_answer(Diagnoses(rows=rows, total=len(listed)), console, rows_format(format_, json_), max_bytes)
    if reason:
        console.say(reason)


def _chosen(store: TraceStore, chosen: TraceFilter) -> tuple[list[str], str]:
    """The attempts to diagnose, and why there are none."""
    where, params = chosen.where()
    rows = store.rows(f"SELECT a.trace_id, a.outcome FROM attempts a WHERE {where} ORDER BY task_id, trace_id", params)
    listed = [str(trace_id) for trace_id, outcome in rows if outcome != "success"]
    if listed:
        return listed, ""
    if rows:
        which = f"attempt {rows[0][0]} is a success" if len(rows) == 1 else f"these {len(rows)} attempts are successes"
        return [], f"{which}, so there is nothing to diagnose"
    if store.rows("SELECT 1 FROM attempts WHERE outcome IS NOT NULL LIMIT 1"):
        return [], "no attempt that was asked for failed, so there is nothing to diagnose"
    return [], (
        "these traces do not say how attempts ended, so none is known to have failed; give outcomes with"
        " 'halo-opt import --scores FILE', or diagnose all with --outcome unknown"
    )


def _diagnosed(store: TraceStore, trace_ids: list[str], console: Console) -> list[Diagnosis]:
    with console.working("measuring behaviours"), measured_store(store) as mined:
        report = mined.report((), title="", made_at="")
        return diagnose(mined.store, report, trace_ids)
