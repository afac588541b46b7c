"""Named task subsets of the config, resolved against the ids that there are. Pure."""

from collections.abc import Mapping, Sequence

from harness.errors import UsageError
from harness.nearest import did_you_mean


def site_of_task(task_id: str) -> str:
    """The site of a versioned task id: `gomail` of `v2.gomail-5`; empty where the id has no site."""
    version, _, rest = task_id.partition(".")
    return rest.rsplit("-", 1)[0] if version.startswith("v") and version[1:].isdigit() and "-" in rest else ""


def subset_ids(subsets: Mapping[str, Sequence[str]], name: str, known: Sequence[str]) -> list[str]:
    """The ids of a named subset among those known, in their order. Raises UsageError for a name or word of no task."""
    if name not in subsets:
        raise UsageError(f"there is no subset '{name}'; {did_you_mean(name, subsets)}")
    sites = {site_of_task(task) for task in known} - {""}
    for word in subsets[name]:
        if word not in sites and word not in known:
            raise UsageError(
                f"subset '{name}': there is no task or site '{word}'; {did_you_mean(word, [*sites, *known])}"
            )
    words = set(subsets[name])
    return [task for task in known if task in words or site_of_task(task) in words]
