"""REAL Bench's tasks: read from the installed SDK's files, or from a snapshot of them.

The SDK's files decide what runs. A snapshot records what they were, so that a change of the SDK is reported instead of
silently changing what a score means.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.core.errors import EnvironmentMissing, UsageError
from harness.envs.base import TaskInfo
from harness.envs.miniwob import PREFIX as MINIWOB

REAL = "v2."
SNAPSHOT = "real-tasks.json"
INSTALL = "pip install --no-deps -r requirements-nodeps.txt"
# Found by running the graders: nothing passes the first, an empty state passes the second.
BROKEN = {
    "v2.gocalendar-11": "its grader is an empty file: nothing can pass",
    "v2.gomail-21": "its grader passes a run in which nothing was done",
}
SUSPECT = {"v2.dashdish-10": "it asks for a total under $15, and its grader accepts $20"}


class RealTask(BaseModel):
    """One task of REAL Bench. `grader` is the SHA-256 of what grades it: its scripts and their settings."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    site: str
    goal: str
    grader: str
    points: float
    difficulty: str
    possible: bool

    @property
    def broken(self) -> str:
        """Why its score means nothing, or empty."""
        return BROKEN.get(self.id, "" if self.possible else "the SDK says that it is not possible")

    @property
    def note(self) -> str:
        """What to know about its grader; empty where nothing is."""
        return self.broken or (f"suspect: {SUSPECT[self.id]}" if self.id in SUSPECT else "")


class Registry(BaseModel):
    """REAL Bench's tasks at one time. `source` names where they were read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sdk: str = "agisdk"
    sdk_version: str
    tasks: tuple[RealTask, ...]
    source: str = ""

    def counts(self) -> dict[str, int]:
        """Tasks by site."""
        sites = [t.site for t in self.tasks]
        return {site: sites.count(site) for site in sorted(set(sites))}


def benchmark_of(task_id: str) -> str:
    """`miniwob` or `real`, by the task's prefix."""
    return "miniwob" if task_id.startswith(MINIWOB) else "real"


def sdk_folder() -> Path | None:
    """The installed SDK's folder of version 2, or None. It is located, not imported, which would take two seconds."""
    spec = importlib.util.find_spec("agisdk")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "REAL" / "browsergym" / "webclones" / "v2"
        if (folder / "tasks").is_dir():
            return folder
    return None


def _task_in(path: Path, scripts: Path) -> RealTask:
    data = json.loads(path.read_text(encoding="utf-8"))
    digest = hashlib.sha256(json.dumps(data["evals"], sort_keys=True).encode())
    for one in data["evals"]:
        script = scripts / str(one.get("script", ""))
        digest.update(script.read_bytes() if script.is_file() else b"missing")
    return RealTask(
        id=REAL + path.stem,
        site=data["website"]["id"],
        goal=" ".join(data["goal"].split()),
        grader=digest.hexdigest(),
        points=float(data["points"]),
        difficulty=data["difficulty"],
        possible=bool(data["possible"]),
    )


def _order(task: RealTask) -> tuple[str, list[int], str]:
    return task.site, [int(n) for n in re.findall(r"\d+$", task.id)], task.id


def sdk_registry() -> Registry | None:
    """The installed SDK's tasks, or None where it is not installed."""
    folder = sdk_folder()
    if folder is None:
        return None
    version = importlib.metadata.version("agisdk")
    found = [_task_in(path, folder / "eval_scripts") for path in (folder / "tasks").glob("*.json")]
    return Registry(sdk_version=version, tasks=tuple(sorted(found, key=_order)), source=f"agisdk {version}")


def read_snapshot(path: Path) -> Registry:
    """A snapshot file. Raises UsageError when it is not one."""
    try:
        taken = Registry.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(p) for p in first["loc"])
        raise UsageError(
            f"{path} is not a task snapshot ({where or 'the file'}: {first['msg']}); make one with 'tasks snapshot'"
        ) from None
    return taken.model_copy(update={"source": f"{path} (agisdk {taken.sdk_version})"})


def write_snapshot(registry: Registry, path: Path) -> None:
    """Pin the tasks in a file."""
    try:
        path.write_text(registry.model_dump_json(indent=1, exclude={"source"}) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error}") from None


def changes(taken: Registry, installed: Registry) -> list[str]:
    """What has changed since the snapshot was taken, one line for each kind of change."""
    old, new = {t.id: t for t in taken.tasks}, {t.id: t for t in installed.tasks}
    both = sorted(set(old) & set(new))
    found = {
        "added": sorted(set(new) - set(old)),
        "removed": sorted(set(old) - set(new)),
        "goal changed": [i for i in both if old[i].goal != new[i].goal],
        "grader changed": [i for i in both if old[i].grader != new[i].grader],
        "site, points, difficulty or possible changed": [
            i for i in both if _rest(old[i]) != _rest(new[i])
        ],
    }  # fmt: skip
    return [f"{change}: {', '.join(ids)}" for change, ids in found.items() if ids]


def _rest(task: RealTask) -> dict[str, object]:
    return task.model_dump(exclude={"goal", "grader"})


def load_registry(given: Path | None) -> tuple[Registry, list[str]]:
    """Load REAL Bench's tasks, from a snapshot where there is one, else from the installed SDK.

    Args:
        given: The snapshot file; None for `real-tasks.json` in the working directory, if it exists.

    Returns:
        The tasks, and lines for the user about what differs between snapshot and SDK.

    Raises:
        UsageError: `given` does not exist or is not a snapshot.
        EnvironmentMissing: There is neither a snapshot nor the SDK.
    """
    if given is not None and not given.is_file():
        raise UsageError(f"{given} does not exist; make it with 'tasks snapshot --out {given}'")
    path = given or (Path(SNAPSHOT) if Path(SNAPSHOT).is_file() else None)
    installed = sdk_registry()
    if path is None:
        if installed is None:
            raise EnvironmentMissing(
                f"REAL Bench's SDK is not installed and there is no {SNAPSHOT} here; run '{INSTALL}'"
            )
        return installed, []
    taken = read_snapshot(path)
    if installed is None:
        return taken, []
    moved = changes(taken, installed)
    if not moved:
        return taken, []
    head = f"{path} was taken from agisdk {taken.sdk_version}, installed is {installed.sdk_version}"
    return taken, [head, *moved, "the installed tasks run; if the change is intended, take a new snapshot"]


def as_tasks(registry: Registry) -> list[TaskInfo]:
    """The tasks as TaskInfo. All count as usable; broken graders are checked elsewhere."""
    return [TaskInfo(id=t.id, family=t.site, horizon=None, usable=True) for t in registry.tasks]


def wrong_version(task_id: str, known: Iterable[str]) -> str | None:
    """The error for a REAL Bench id without a version or of another version; None for anything else."""
    ids = set(known)
    name = task_id.partition(".")[2] if re.match(r"v\d+\.", task_id) else task_id
    there = REAL + name if REAL + name in ids else None
    if task_id.startswith("v1."):
        offer = f"; did you mean {there}?" if there else ""
        return (
            f"'{task_id}' is of version 1, which is not run here: its tasks differ, some graded by a paid model{offer}"
        )
    if there and there != task_id:
        return f"task '{task_id}' needs its version: {task_id} -> {there}"
    return None
