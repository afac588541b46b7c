"""Reader for terminal-bench's `results.json`: each trial, whether it was resolved, and every test's verdict.

A folder as `tb run` writes it holds each trial twice: in the results of the run and in a file of its own, which counts.
There are no steps, only a root span. A trial that broke for a reason of the infrastructure is an error, not a failure.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from halo_opt.store import values
from halo_opt.store.files.folders import files_under
from halo_opt.store.files.lines import HEAD, decode_json
from halo_opt.store.outcomes import reward_rows
from halo_opt.store.readers import conventions as names
from halo_opt.store.readers.base import derived_id, whole
from halo_opt.store.readers.documents import leading_objects, records
from halo_opt.store.readers.exported import text_id
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

_ENDINGS = {
    "agent_timeout": "time_limit",
    "context_length_exceeded": "context_limit",
    "output_length_exceeded": "output_limit",
}
# A trial whose tests ran out of time or could not be read has no verdict.
_CAUSES = {
    "agent_installation_failed": "environment_error",
    "test_timeout": "environment_error",
    "parse_error": "environment_error",
    "unknown_agent_error": "harness_crashed",
    "unknown": "harness_crashed",
    "unknown_harness_error": "harness_crashed",
}
_CORE = (None, "terminal-bench-core", "terminal-bench")
_VERDICTS = {"passed": 1.0, "failed": 0.0}
_NUMBER = re.compile(r"\.(\d+)-of-\d+")
RESULTS, _METADATA = "results.json", "run_metadata.json"
# What must be equal where a trial has results in two places.
_TOTALS = ("is_resolved", "total_input_tokens", "total_output_tokens", "total_cost")


class TerminalBenchReader:
    """terminal-bench results."""

    name = "terminal-bench"
    meaning = (
        "terminal-bench results.json, {results: [{task_id, is_resolved, failure_mode, parser_results, ...}]}, or the"
        " folder of a run"
    )

    def sniff(self, path: Path) -> bool:
        """Whether it is a document with results of tasks or one such result, or the folder of a run with results."""
        if path.is_dir():
            return any("results" in record and _has_result(record) for record in _leading(path / RESULTS))
        return any(_has_result(record) for record in _leading(path))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every result that names a task, each trial of a run's folder once."""
        file, folder = (path / RESULTS, path) if path.is_dir() else (path, path.parent)
        found = list(_results(file, sink))
        if path.is_file() and len(found) == 1:
            folder = _run_folder(path, found[0].result)
        if path.is_dir():
            found = _joined(found, _trials(path, sink), sink)
        about = _metadata(folder / _METADATA)
        run_id = sink.run_of_folder(folder)
        model, revision = values.text(about.get("model_name")), values.text(about.get("commit_hash"))
        mode = values.text(about.get("agent_name"))
        # Tasks of the core set are known by their names alone.
        suite = {} if about.get("dataset_name") in _CORE else {"dataset": about.get("dataset_name")}
        sink.run(RunRow(run_id, self.name, revision, model, mode, None, str(path)))
        for result, source, line in found:
            task = names.with_suite(values.text(result["task_id"]) or "", suite)
            known = AttemptRow(
                text_id(result.get("id")) or derived_id(run_id, task, result.get("trial_name"), source.name, line),
                run_id,
                task,
                mode=mode,
                model=model,
                harness_revision=revision,
                source=str(source),
                line=line,
            )
            trial = _NUMBER.search(values.text(result.get("trial_name")) or "")
            counted = sink.attempt_number(run_id, task, None)
            known = known._replace(attempt=int(trial.group(1)[:9]) - 1 if trial else counted)
            trace = _trace(result, known)
            trace.named = text_id(result.get("id")) is not None
            sink.trace(trace)


class _Found(NamedTuple):
    """A result and its place."""

    result: Record
    source: Path
    line: int

    @property
    def trial(self) -> object:
        """What the trial is known by in both of its places."""
        return self.result.get("trial_name") or self.result.get("id") or (self.source, self.line)


def _leading(path: Path) -> Iterable[Record]:
    return leading_objects(path) if path.is_file() else ()


def _has_result(record: Record) -> bool:
    return any(_is_result(one) for one in _listed(record)[:1])


def _results(path: Path, sink: Sink) -> Iterator[_Found]:
    """The results of a file that name a task; the others are rejected."""
    for line in records(path):
        if line.value is None:
            sink.reject(str(path), line.number, line.reason or "no record", line.head)
            continue
        for number, result in enumerate(_listed(line.value), start=line.number):
            if isinstance(result, dict) and values.text(result.get("task_id")) not in (None, ""):
                yield _Found(result, path, number)
            else:
                sink.reject(str(path), number, "result without task_id", str(result)[:HEAD])


def _trials(folder: Path, sink: Sink) -> Iterator[_Found]:
    """The results of single trials in the folders below a run's."""
    for path in files_under(folder):
        below = path.name == RESULTS and path.parent != folder
        if below and any(_is_result(record) for record in _leading(path)):
            yield from _results(path, sink)


def _joined(listed: Sequence[_Found], trials: Iterable[_Found], sink: Sink) -> list[_Found]:
    """Each trial once, in the run's order; its own file counts where both have it. Differences are counted."""
    found = {one.trial: one for one in listed}
    for own in trials:
        same = found.get(own.trial)
        if same is not None and any(same.result.get(name) != own.result.get(name) for name in _TOTALS):
            sink.counts["totals_differ"] += 1
        found[own.trial] = own
    return list(found.values())


def _run_folder(path: Path, result: Record) -> Path:
    """The folder of the run to which a trial's own file belongs: `<run>/<task>/<trial>/results.json`."""
    trial = path.resolve().parent
    inside = trial.name == result.get("trial_name") and trial.parent.name == result.get("task_id")
    return trial.parents[1] if inside else path.parent


def _listed(record: Record) -> list[Any]:
    found = record.get("results")
    return found if isinstance(found, list) else [record]


def _is_result(value: Any) -> bool:
    return isinstance(value, dict) and {"task_id", "is_resolved"} <= value.keys() and "messages" not in value


def _metadata(path: Path) -> dict[str, Any]:
    """The metadata of the run, from a file beside the results."""
    value = decode_json(whole(path))[0] if path.is_file() else None
    return value if isinstance(value, dict) else {}


def _trace(result: Record, known: AttemptRow) -> Trace:
    mode = values.text(result.get("failure_mode")) or ""
    cause = _CAUSES.get(mode)
    resolved = values.boolean(result.get("is_resolved"))
    outcome = None
    if resolved is not None:
        outcome = "success" if resolved else "failure"
    attempt = known._replace(
        outcome="error" if cause else outcome,
        score=None if cause or resolved is None else float(resolved),
        cause=cause,
        end_reason="error" if cause else _ENDINGS.get(mode),
        goal=values.text(result.get("instruction")),
        tokens_in=values.integer(result.get("total_input_tokens")),
        tokens_out=values.integer(result.get("total_output_tokens")),
        cost_usd=values.number(result.get("total_cost")),
        started_at=values.time(result.get("trial_started_at")),
        ended_at=values.time(result.get("trial_ended_at")),
    )
    rest = {f"terminal_bench.{name}": value for name, value in result.items() if name != "instruction"}
    return Trace(attempt, spans=synthetic_spans(attempt, [], [], rest), scores=_scores(attempt, result))


def _scores(attempt: AttemptRow, result: Record) -> list[ScoreRow]:
    rows = reward_rows(attempt, "terminal-bench")
    tests = result.get("parser_results")
    for name, verdict in tests.items() if isinstance(tests, dict) else ():
        word = values.text(verdict)
        rows.append(ScoreRow(attempt.trace_id, name, _VERDICTS.get(word or ""), word, "terminal-bench"))
    return rows
