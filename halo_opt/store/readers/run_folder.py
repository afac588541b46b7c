"""Reader for our own run folders: run.json, results.jsonl, and span files `<mode>/<task>__seed_<s>__attempt_<k>.jsonl`.

results.jsonl says which attempts there are; of several lines for one key the last that is not an error counts, else the
last. Spans without a result line belong to an attempt that was killed in flight: they are counted and left out.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from halo_opt.core.records import AttemptKey, AttemptResult, Outcome
from halo_opt.core.validation import result_problem
from halo_opt.store import values
from halo_opt.store.files.folders import SKIPPED_FOLDERS, files_under
from halo_opt.store.files.lines import HEAD, decode_json, head_of, read_objects
from halo_opt.store.outcomes import OutcomeRule
from halo_opt.store.readers.base import SourceError
from halo_opt.store.readers.span_lines import traces_of
from halo_opt.store.readers.span_trace import trace_of
from halo_opt.store.rows import AttemptRow, RejectRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import NOT_A_TIME, Sink

RUN, RESULTS = "run.json", "results.jsonl"
_NO_SPANS_HERE = SKIPPED_FOLDERS | {"artifacts", "logs"}
# Lists of attempts, not spans.
_NOT_SPANS = {RESULTS, "attempts.jsonl", "errors.jsonl", "rollout_summary.jsonl"}


class RunFolderReader:
    """A folder that a harness command wrote."""

    name = "run-folder"
    meaning = "a run folder with run.json, results.jsonl and span files"

    def sniff(self, path: Path) -> bool:
        """Whether it is a folder with run.json or results.jsonl."""
        return path.is_dir() and ((path / RUN).is_file() or (path / RESULTS).is_file())

    def read(self, path: Path, sink: Sink) -> None:
        """Read every finished attempt of the run. Raises SourceError when there is none."""
        run = _run(path, sink)
        results = _Results(path, sink)
        if not results.chosen:
            raise SourceError(path, results.why_empty())
        sink.run(run)
        waiting: dict[str, tuple[AttemptResult, int]] = {}
        for result, line in results.chosen.values():
            if waiting.setdefault(result.trace_id, (result, line))[1] != line:
                sink.reject(str(results.path), line, "duplicate trace id", result.trace_id)
        files = [
            file
            for file in files_under(path, skip=_NO_SPANS_HERE)
            if file.suffix == ".jsonl" and not (file.parent == path and file.name in _NOT_SPANS)
        ]
        for trace_id, found in traces_of(files, sink.reject, own_fields=sink.names is not None):
            spans = found if sink.names is None else sink.names.spans(found)
            if trace_id in waiting:
                result, line = waiting.pop(trace_id)
                sink.trace(_finished(trace_of(spans, run_id=run.run_id), result, line, run, sink.rule))
            elif trace_id not in results.trace_ids:
                sink.counts["unfinished"] += 1
        for result, line in waiting.values():
            sink.counts["without_spans"] += 1
            bare = Trace(AttemptRow(result.trace_id, run.run_id, result.task_id))
            sink.trace(_finished(bare, result, line, run, sink.rule))


class _Results:
    """The result lines of a run, one chosen for each key."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.path = folder / RESULTS
        self.folder = folder
        self.rejected = 0
        self.first_problem = ""
        self.trace_ids: set[str] = set()
        self.chosen: dict[AttemptKey, tuple[AttemptResult, int]] = {}
        if self.path.is_file():
            self._read(sink)

    def why_empty(self) -> str:
        """One sentence on why no attempt can be read."""
        again = "collect into it again with 'halo-opt collect'"
        if self.rejected:
            return f"no line of {self.path} can be used (the first: {self.first_problem}); {again}"
        return f"{self.folder} is an empty run, {RESULTS} holds no finished attempt; {again}, or leave it out"

    def _read(self, sink: Sink) -> None:
        for line in read_objects(self.path):
            result, problem = (None, line.reason) if line.value is None else _result(line.value)
            if result is None:
                self.rejected += 1
                self.first_problem = self.first_problem or problem or "it holds no result"
                sink.reject(str(self.path), line.number, problem or "no result", line.head or str(line.value))
                continue
            for field, time in (("started_at", result.started_at), ("ended_at", result.ended_at)):
                if isinstance(values.time(time), values.UnreadTime):
                    place = (str(self.path), line.number, line.offset)
                    sink.put_reject(RejectRow(*place, NOT_A_TIME, time[:HEAD], f"attempts.{field}"))
            self.trace_ids.add(result.trace_id)
            earlier = self.chosen.get(result.key)
            if earlier is None:
                self.chosen[result.key] = result, line.number
                continue
            keep_earlier = result.outcome is Outcome.ERROR and earlier[0].outcome is not Outcome.ERROR
            dropped = result if keep_earlier else earlier[0]
            sink.counts["retried_errors" if dropped.outcome is Outcome.ERROR else "superseded"] += 1
            if not keep_earlier:
                self.chosen[result.key] = result, line.number


def _result(value: dict[str, Any]) -> tuple[AttemptResult | None, str | None]:
    try:
        return AttemptResult.model_validate(value), None
    except ValidationError as error:
        return None, result_problem(error)


def _run(folder: Path, sink: Sink) -> RunRow:
    """The run that run.json describes; without it, or where it is not JSON, a run named after the folder."""
    path, fields = folder / RUN, {}
    if path.is_file():
        raw = path.read_bytes()
        value, reason = decode_json(raw)
        if isinstance(value, dict):
            fields = value
        else:
            sink.reject(str(path), 1, reason or "not an object", head_of(raw))
    return RunRow(
        run_id=sink.unique_run_id(values.text(fields.get("run_id")) or folder.resolve().name),
        format=RunFolderReader.name,
        harness_revision=values.text(fields.get("harness_revision")),
        model=values.text(fields.get("model")),
        mode=values.text(fields.get("mode")),
        purpose=values.text(fields.get("purpose")),
        source=str(folder),
    )


def _finished(trace: Trace, result: AttemptResult, line: int, run: RunRow, rule: OutcomeRule) -> Trace:
    """The trace with the values of its result line, which take precedence over those of its spans."""
    spans_say = trace.attempt
    score = None if result.outcome is Outcome.ERROR else result.score
    trace.attempt = spans_say._replace(
        run_id=run.run_id,
        task_id=result.task_id,
        seed=result.seed,
        attempt=result.attempt,
        outcome=rule.leaves(result.outcome, score),
        score=score,
        cause=str(result.cause) if result.cause is not None else None,
        end_reason=spans_say.end_reason or ("error" if result.outcome is Outcome.ERROR else None),
        mode=spans_say.mode or run.mode,
        model=spans_say.model or run.model,
        harness_revision=spans_say.harness_revision or run.harness_revision,
        steps=spans_say.steps if trace.spans else result.steps,
        tokens_in=result.tokens_in if result.tokens_in is not None else spans_say.tokens_in,
        tokens_out=result.tokens_out if result.tokens_out is not None else spans_say.tokens_out,
        cost_usd=result.cost_usd if result.cost_usd is not None else spans_say.cost_usd,
        started_at=values.time(result.started_at) or spans_say.started_at,
        ended_at=values.time(result.ended_at) or spans_say.ended_at,
        source=str(Path(run.source) / RESULTS),
        line=line,
    )
    trace.scores = (
        [ScoreRow(result.trace_id, "reward", score, result.outcome.value, "harness")] if score is not None else []
    )
    return trace
