"""Selects the tasks that a verb runs. The same options and the same task table give the same tasks."""

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
    """The options that select tasks; None for one that was not given."""

    tasks: str | None = None
    task_type: str | None = None
    site: str | None = None
    sample_size: int | None = None
    seed: int = 0

    @property
    def selects(self) -> bool:
        """Whether an option selects tasks."""
        return any(option is not None for option in (self.tasks, self.task_type, self.site))


def site_of(task_id: str) -> str:
    """A task's site: `gomail` for `v2.gomail-5`. A benchmark without sites counts as one: `miniwob`."""
    benchmark, _, name = task_id.partition(".")
    return name.rpartition("-")[0] or name if benchmark.startswith("v") and benchmark[1:].isdigit() else benchmark


def _of_entry(entry: str, usable: Sequence[TaskInfo]) -> list[TaskInfo]:
    """The tasks of one entry of a named subset: a task id, or a site for all its tasks."""
    return [t for t in usable if entry in {t.id, site_of(t.id)}]


def of_type(table: Sequence[TaskInfo], name: str, named: Named) -> list[TaskInfo]:
    """The usable tasks of a subset that the config names, or of a built-in one (see jobs.subsets)."""
    usable, rules = [t for t in table if t.usable], subsets(table)
    if name in named:
        known = {word for t in table for word in (t.id, site_of(t.id))}
        for entry in named[name]:
            if entry not in known:
                raise UsageError(f"subset '{name}': there is no task or site '{entry}'; {did_you_mean(entry, known)}")
        found = {t.id: t for entry in named[name] for t in _of_entry(entry, usable)}
        if not found:
            raise UsageError(f"task type '{name}' matches no task; see `subsets` in the config, and 'tasks list'")
        return [t for t in usable if t.id in found]
    if name not in rules:
        raise UsageError(f"there is no task type '{name}'; {did_you_mean(name, {*named, *rules})}")
    return rules[name]


def of_sites(tasks: Sequence[TaskInfo], sites: str) -> list[TaskInfo]:
    """The tasks that are on these sites."""
    there = {site_of(t.id) for t in tasks}
    wanted = words_of(sites)
    for site in wanted:
        if site not in there:
            raise UsageError(f"none of the selected tasks is on site '{site}'; {did_you_mean(site, there)}")
    return [t for t in tasks if site_of(t.id) in wanted]


def sampled(ids: Sequence[str], size: int, seed: int) -> list[str]:
    """A random sample of the ids, in their order. A larger sample of the same seed contains the smaller ones."""

    def rank(task_id: str) -> bytes:
        return hashlib.sha256(f"{seed}|{task_id}".encode()).digest()

    kept = set(sorted(ids, key=rank)[:size])
    return [one for one in ids if one in kept]


def select(table: Sequence[TaskInfo], task_options: TaskOptions, named: Named) -> list[str]:
    """The ids of the selected tasks, in the order of --tasks or of the table.

    Ids of --tasks are not checked here. Without an option that selects tasks, all usable tasks are selected.
    """
    if task_options.tasks is not None:
        if task_options.task_type is not None or task_options.site is not None:
            raise UsageError("--tasks names the tasks exactly; leave out --task-type and --site, or leave out --tasks")
        ids = words_of(task_options.tasks)
    else:
        picked = of_type(table, task_options.task_type or "all", named)
        ids = [t.id for t in (of_sites(picked, task_options.site) if task_options.site is not None else picked)]
    if not ids:
        raise UsageError(NOTHING_ASKED)
    return sampled(ids, task_options.sample_size, task_options.seed) if task_options.sample_size is not None else ids
