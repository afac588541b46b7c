"""Which tasks a verb runs, from its options. Pure: the same options and the same table give the same tasks, always."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from halo_common.text import did_you_mean
from harness.core.errors import UsageError
from harness.envs.base import TaskInfo
from harness.evaluation.jobs import subsets, words_of

NOTHING_ASKED = "say which tasks: --tasks a,b, --task-type NAME, or --site NAME"
Named = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class TaskOptions:
    """The options that choose tasks. None where one was not given."""

    tasks: str | None = None
    task_type: str | None = None
    site: str | None = None
    sample_size: int | None = None
    seed: int = 0

    @property
    def something(self) -> bool:
        """Whether any tasks were asked for."""
        return any(option is not None for option in (self.tasks, self.task_type, self.site))


def site_of(task_id: str) -> str:
    """`gomail` of `v2.gomail-5`; for a benchmark without sites its own name, as `miniwob` of `miniwob.click-test`."""
    benchmark, _, name = task_id.partition(".")
    return name.rpartition("-")[0] or name if benchmark.startswith("v") and benchmark[1:].isdigit() else benchmark


def _of_entry(entry: str, usable: Sequence[TaskInfo]) -> list[TaskInfo]:
    """Tasks of one entry of a named subset: an id, or a site that stands for all its tasks."""
    return [t for t in usable if entry in {t.id, site_of(t.id)}]


def of_type(table: Sequence[TaskInfo], name: str, named: Named) -> list[TaskInfo]:
    """The usable tasks of a named subset of the config, or of one that is a rule over the task table."""
    usable, rules = [t for t in table if t.usable], subsets(table)
    if name in named:
        known = {word for t in table for word in (t.id, site_of(t.id))}
        for entry in named[name]:
            if entry not in known:
                raise UsageError(f"subset '{name}': there is no task or site '{entry}'; {did_you_mean(entry, known)}")
        found = {t.id: t for entry in named[name] for t in _of_entry(entry, usable)}
        if not found:
            raise UsageError(f"task type '{name}' fits no task here; see `subsets` in the config, and 'tasks list'")
        return [t for t in usable if t.id in found]
    if name not in rules:
        raise UsageError(f"there is no task type '{name}'; {did_you_mean(name, {*named, *rules})}")
    return rules[name]


def of_sites(tasks: Sequence[TaskInfo], sites: str) -> list[TaskInfo]:
    """Those of the tasks that are on the sites."""
    there = {site_of(t.id) for t in tasks}
    wanted = words_of(sites)
    for site in wanted:
        if site not in there:
            raise UsageError(f"no task to choose from is on site '{site}'; {did_you_mean(site, there)}")
    return [t for t in tasks if site_of(t.id) in wanted]


def sampled(ids: Sequence[str], size: int, seed: int) -> list[str]:
    """`size` of the ids in their order. A larger sample of one seed holds the smaller ones; another seed, others."""

    def rank(task_id: str) -> bytes:
        return hashlib.sha256(f"{seed}|{task_id}".encode()).digest()

    kept = set(sorted(ids, key=rank)[:size])
    return [one for one in ids if one in kept]


def select(table: Sequence[TaskInfo], asked: TaskOptions, named: Named) -> list[str]:
    """The ids of the tasks that were asked for, in the table's order, or in the order of --tasks.

    Ids of --tasks are not checked here. Without any option that names tasks: all usable ones.
    """
    if asked.tasks is not None:
        if asked.task_type is not None or asked.site is not None:
            raise UsageError("--tasks says exactly which; leave out --task-type and --site, or leave out --tasks")
        ids = words_of(asked.tasks)
    else:
        picked = of_type(table, asked.task_type or "all", named)
        ids = [t.id for t in (of_sites(picked, asked.site) if asked.site is not None else picked)]
    if not ids:
        raise UsageError(NOTHING_ASKED)
    return sampled(ids, asked.sample_size, asked.seed) if asked.sample_size is not None else ids
