"""Whether a harness keeps the harness contract: one attempt is run, and its result and spans are looked at."""

from collections.abc import Iterator
from pathlib import Path

from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import HaloError
from halo_opt.core.harness_commands import list_tasks
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import ContractIssue, Outcome
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.command import last_lines
from halo_opt.experiment.runner import harness_environment, new_run
from halo_opt.experiment.splits import Split, make_splits
from halo_opt.llm.endpoint import Endpoint
from halo_opt.store import Store, build_store

# Columns of the store that behaviours are computed from, and what cannot be had without each. An attempt without any
# failed action has no `error_type`, so its absence is no issue and it is not listed.
_USEFUL_COLUMNS = {
    "observation": "a report cannot show what the agent saw",
    "reply": "behaviours of the output format cannot be detected",
    "tool": "hardly any behaviour can be detected",
    "page_changed": "actions without effect cannot be detected",
}


def attempt_issues(config: LoopConfig, *, endpoint: Endpoint | None, folder: Path) -> Iterator[ContractIssue]:
    """Run one attempt of the train split with the harness in the working tree and yield what is wrong with it.

    Args:
        config: The loop file.
        endpoint: The worker's model, None when the harness brings its own.
        folder: An empty folder for the run and its index.
    """
    key = make_splits(list_tasks(config), config.splits)[Split.TRAIN][0]
    run = new_run(config, "check", purpose="check", revision="check")
    env = harness_environment(config, endpoint, run)
    options = config.collect.model_copy(update={"workers": 1, "retry_errors": 0})
    try:
        tail = collect(Job(run, [key], folder / "check", config.harness_root, env, options))
    except HaloError as error:
        yield ContractIssue(part="command", required=True, message=str(error))
        return
    for rejected in tail.rejected:
        message = f"line {rejected.line}: {rejected.reason}"
        yield ContractIssue(part="results.jsonl", required=True, message=message)
    result = tail.results[key]
    if result.outcome is Outcome.ERROR:
        printed = last_lines((RunPaths(folder / "check").logs / "harness.log").read_text(encoding="utf-8"))
        output = f"the command printed: {printed}" if printed else "the command printed nothing"
        message = f"the attempt at {key.task_id} ended as an error ({result.cause}); {output}"
        yield ContractIssue(part="command", required=True, message=message)
        return
    if result.tokens_in is None:
        message = "results have no tokens_in and tokens_out: spend is unknown, and best-of-k cannot match it"
        yield ContractIssue(part="results.jsonl", required=False, message=message)
    yield from _span_issues(folder / "check", folder / "check.duckdb")


def _span_issues(run: Path, store_path: Path) -> Iterator[ContractIssue]:
    build_store([run], store_path)
    with Store.open(store_path) as store:
        for line, field, head, reason in store.rows("SELECT line, field, head, reason FROM rejects"):
            value = "" if field is None else f", {field} {head!r}"
            yield ContractIssue(part="spans", required=True, message=f"line {line}{value}: {reason}")
        if not store.rows("SELECT 1 FROM spans LIMIT 1"):
            message = "the attempt wrote no spans, so nothing can be mined"
            yield ContractIssue(part="spans", required=True, message=message)
            return
        if store.rows("SELECT 1 FROM attempts WHERE goal IS NULL"):
            message = "the root span has no goal (attribute halo.goal or input.value)"
            yield ContractIssue(part="spans", required=False, message=message)
        for column, loss in _USEFUL_COLUMNS.items():
            if store.rows(f"SELECT count({column}) FROM steps")[0][0] == 0:
                yield ContractIssue(part="spans", required=False, message=f"no step has {column}: {loss}")
