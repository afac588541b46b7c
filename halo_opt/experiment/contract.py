"""Does a harness keep the contract? One attempt is run and looked at. Never changes the harness."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import HaloError, InputError
from halo_opt.core.paths import RunPaths
from halo_opt.core.records import Outcome, Run
from halo_opt.experiment.bench import harness_environment
from halo_opt.experiment.collect import Job, collect
from halo_opt.experiment.command import tail_words
from halo_opt.experiment.splits import Split, make_splits
from halo_opt.llm.endpoint import Endpoint
from halo_opt.patching.harness_commands import describe, harness_check, list_tasks
from halo_opt.patching.surface import parse_description, resolve_surface
from halo_opt.store import Store, build_store


class Lack(NamedTuple):
    """Something that a harness does not do. `needed` means that the loop cannot work without it."""

    part: str
    needed: bool
    words: str


# Columns of the store that behaviours are read from, and what each one's absence costs.
_USEFUL = {
    "observation": "what the agent saw: exemplars cannot show it",
    "reply": "what the model said: output-format behaviours cannot be seen",
    "tool": "actions: almost no behaviour can be seen",
    "error_type": "errors of actions, if this attempt had any",
    "page_changed": "whether an action changed anything: actions without effect cannot be seen",
}


def check_contract(config: LoopConfig, *, endpoint: Endpoint | None, folder: Path) -> list[Lack]:
    """Everything that the harness of `config` lacks; an empty list when nothing is missing."""
    return [*_surface(config), *_attempt(config, endpoint, folder)]


def _surface(config: LoopConfig) -> Iterator[Lack]:
    try:
        resolve_surface(config.harness_root, "HEAD", config.harness.editable)
    except InputError as error:
        yield Lack("editable", True, str(error))
    if config.harness.describe is None:
        yield Lack("describe", False, "no harness.describe command: settings and remedies are unknown to the playbook")
    else:
        try:
            found = parse_description(describe(config.harness.describe, config.harness_root))
            if not found.remedies:
                yield Lack("describe", False, "it offers no remedies: only a model can propose patches")
        except HaloError as error:
            yield Lack("describe", True, str(error))
    if config.harness.check is None:
        yield Lack("check", False, "no harness.check command: a patch that breaks the harness is found by its attempts")
    else:
        try:
            harness_check(config.harness.check)(config.harness_root)
        except HaloError as error:
            yield Lack("check", True, str(error))


def _attempt(config: LoopConfig, endpoint: Endpoint | None, folder: Path) -> Iterator[Lack]:
    key = make_splits(list_tasks(config), config.splits)[Split.TRAIN][0]
    run = Run(
        run_id="check",
        purpose="check",
        harness_revision="check",
        model=config.model,
        command=config.harness.command,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    env = harness_environment(config, endpoint, run)
    options = config.collect.model_copy(update={"workers": 1, "retry_errors": 0})
    try:
        tail = collect(Job(run, [key], folder / "check", config.harness_root, env, options))
    except HaloError as error:
        yield Lack("command", True, str(error))
        return
    for line, reason in tail.rejected:
        yield Lack("results.jsonl", True, f"line {line}: {reason}")
    result = tail.results[key]
    if result.outcome is Outcome.ERROR:
        printed = tail_words((RunPaths(folder / "check").logs / "harness.log").read_text(encoding="utf-8"))
        words = f"it printed: {printed}" if printed else "it printed nothing"
        yield Lack("command", True, f"the attempt at {key.task_id} ended as an error ({result.cause}); {words}")
        return
    if result.tokens_in is None:
        yield Lack("results.jsonl", False, "no tokens_in, tokens_out: spend and best-of-k cannot be compared")
    yield from _spans(folder / "check", folder / "check.duckdb")


def _spans(run: Path, store_path: Path) -> Iterator[Lack]:
    build_store([run], store_path)
    with Store.open(store_path) as store:
        for line, reason in store.rows("SELECT line, reason FROM rejects"):
            yield Lack("spans", True, f"line {line}: {reason}")
        if not store.rows("SELECT 1 FROM spans LIMIT 1"):
            yield Lack("spans", True, "the attempt wrote no spans: nothing can be mined")
            return
        if store.rows("SELECT 1 FROM attempts WHERE goal IS NULL"):
            yield Lack("spans", False, "no goal on the root span (halo.goal or input.value)")
        for column, cost in _USEFUL.items():
            if store.rows(f"SELECT count({column}) FROM steps")[0][0] == 0 and column != "error_type":
                yield Lack("spans", False, f"no step has {column}: {cost}")
