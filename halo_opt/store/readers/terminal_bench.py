"""Reader for terminal-bench's `results.json`: each trial, whether it was resolved, and every test's verdict.

It has no steps, only a root span. A trial that broke for a reason of the infrastructure is an error, not a failure.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.lines import HEAD, decode_json
from halo_opt.store.outcomes import reward_rows
from halo_opt.store.readers.base import derived_id, whole
from halo_opt.store.readers.documents import leading_objects, records
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
_VERDICTS = {"passed": 1.0, "failed": 0.0}
_NUMBER = re.compile(r"\.(\d+)-of-\d+")
_METADATA = "run_metadata.json"


class TerminalBenchReader:
    """terminal-bench results."""

    name = "terminal-bench"
    meaning = "terminal-bench results.json, {results: [{task_id, is_resolved, failure_mode, parser_results, ...}]}"

    def sniff(self, path: Path) -> bool:
        """Whether it is a document with results of tasks, or one such result."""
        found = leading_objects(path) if path.is_file() else ()
        return any(_is_result(one) for record in found for one in _listed(record)[:1])

    def read(self, path: Path, sink: Sink) -> None:
        """Read every result that names a task."""
        about = _metadata(path.with_name(_METADATA))
        run_id = sink.run_id_of(path.parent)
        model, revision = values.text(about.get("model_name")), values.text(about.get("commit_hash"))
        sink.run(RunRow(run_id, self.name, revision, model, values.text(about.get("agent_name")), None, str(path)))
        for line in records(path):
            if line.value is None:
                sink.reject(str(path), line.number, line.reason or "no record", line.head)
                continue
            listed = _listed(line.value)
            for number, result in enumerate(listed, start=line.number):
                if not isinstance(result, dict) or values.text(result.get("task_id")) in (None, ""):
                    sink.reject(str(path), number, "result without task_id", str(result)[:HEAD])
                    continue
                known = AttemptRow(
                    derived_id(run_id, result["task_id"], result.get("trial_name"), path, number),
                    run_id,
                    values.text(result["task_id"]) or "",
                    mode=values.text(about.get("agent_name")),
                    model=model,
                    harness_revision=revision,
                    source=str(path),
                    line=number,
                )
                trial = _NUMBER.search(values.text(result.get("trial_name")) or "")
                counted = sink.attempt_number(run_id, known.task_id, None)
                known = known._replace(attempt=int(trial.group(1)[:9]) - 1 if trial else counted)
                sink.trace(_trace(result, known))


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
