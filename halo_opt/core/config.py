"""loop.yaml as a frozen LoopConfig.

Relative paths are relative to the file, so that a loop means the same from every working directory.
"""

from io import StringIO
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from halo_common.text import nearest
from halo_opt.core.errors import ConfigError


class Section(BaseModel):
    """Base of every block: frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class HarnessConfig(Section):
    """The program that is optimized, and which of its files may change."""

    root: Path = Field(default=Path(), description="Folder inside the harness's git repository to run from")
    command: list[str] = Field(min_length=1, description="Runs attempts; holds {attempts} and {out}")
    describe: list[str] | None = Field(default=None, description="Prints the settings, prompts and remedies as JSON")
    check: list[str] | None = Field(default=None, description="Exits 0 when config and prompts are valid")
    editable: list[str] = Field(default=[], description="Globs, relative to root: all that a patch may touch")
    conditions_on: list[str] = Field(
        default=[],
        description="Variables that conditions in prompts may test although they tell tasks apart, such as page",
    )
    env: dict[str, str] = Field(default={}, description="Added to the command's environment")

    @model_validator(mode="after")
    def _placeholders(self) -> Self:
        words = " ".join(self.command)
        missing = [mark for mark in ("{attempts}", "{out}") if mark not in words]
        if missing:
            raise ValueError(
                f"the command lacks {' and '.join(missing)}, the places of the attempts file and of the run folder"
            )
        return self


class TasksConfig(Section):
    """Which tasks there are: exactly one of a list, a file with one id a line, or a command that prints ids."""

    ids: list[str] | None = None
    file: Path | None = None
    command: list[str] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("ids", "file", "command") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of ids, file, command (found: {', '.join(given) or 'none'})")
        return self


class SplitConfig(Section):
    """The tasks and seeds of one split. Different splits have different seeds."""

    tasks: int | list[str] = Field(description="How many tasks to draw at random, or a list of task ids")
    seeds: int = Field(ge=1, le=1000)

    @field_validator("tasks", mode="before")
    @classmethod
    def _count_or_ids(cls, given: Any) -> Any:
        named = isinstance(given, list) and bool(given) and all(isinstance(task, str) for task in given)
        counted = isinstance(given, int) and not isinstance(given, bool) and given >= 1
        if not named and not counted:
            raise ValueError("give a number of tasks, at least 1, or a list of task ids")
        return given


class SplitsConfig(Section):
    """Three disjoint sets of tasks: one to find failures in, one that decides, one looked at once at the end."""

    train: SplitConfig
    gate: SplitConfig
    sealed: SplitConfig
    shuffle_seed: int = Field(default=0, description="Which tasks fall into which split")


class CollectConfig(Section):
    """How attempts are run."""

    workers: int = Field(default=1, ge=1, le=64, description="Harness processes at a time")
    attempt_seconds: float = Field(
        default=120, gt=0, description="Seconds without a finished attempt after which a harness process is killed"
    )
    retry_errors: int = Field(
        default=2, ge=0, le=10, description="How often an attempt that ended as an error is run again"
    )


class GateConfig(Section):
    """What a patch must show to be kept."""

    alpha: float = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="One-sided level of the paired test, shared by the candidates of an iteration",
    )
    min_gain: float = Field(default=0.0, ge=0, le=1, description="Smallest difference worth keeping")
    guards: list[str] = Field(default=[], description="Tasks that a patch may not make worse")
    futility: bool = Field(default=True, description="Stop trying a patch when the first seed shows no gain")


class IterateConfig(Section):
    """How many patches to try."""

    iterations: int = Field(default=3, ge=0, le=100)
    candidates: int = Field(default=2, ge=1, le=20, description="Patches that an iteration may try")
    max_parts: int = Field(default=4, ge=1, le=20, description="Remedies that one patch may combine")


class BudgetConfig(Section):
    """Limits for the whole loop; None is no limit."""

    usd: float | None = Field(default=None, gt=0)
    attempts: int | None = Field(default=None, gt=0)


class MiningConfig(Section):
    """Detectors beside those that come with halo-opt."""

    detectors: list[Path] = Field(default=[], description="YAML files of detectors of your own; see docs/mining.md")
    experimental: bool = Field(default=False, description="Also use the detectors that are marked experimental")


class AnalyzerConfig(Section):
    """The model that analyzes the train traces of an iteration, beside mining, and its budget."""

    model: str | None = Field(default=None, description="A model spec; without one, no model analyzes")
    roles: dict[str, str] = Field(default={}, description="Other models for parts: sub, map, compact")
    budget: str | None = Field(default=None, description="For each iteration: 1usd, 200000tokens, 100calls")
    context: int | str | dict[str, int | str] | None = Field(
        default=None, description="Tokens of the model's context, or of each role's; default: as the server says"
    )
    turns: int = Field(default=40, ge=1, le=1000, description="Turns of the leading agent at most")


class LoopConfig(Section):
    """Everything that `halo-opt run` needs to know."""

    loop_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    model: str = Field(default="local", description="The worker's model spec; `none` when the harness brings its own")
    proposer: Literal["playbook", "model"] = "playbook"
    proposer_model: str | None = Field(default=None, description="The patch writer's model; default: the worker's")
    playbook: Path | None = Field(default=None, description="A playbook of your own instead of the bundled one")
    harness: HarnessConfig
    tasks: TasksConfig
    splits: SplitsConfig
    collect: CollectConfig = CollectConfig()
    loop: IterateConfig = IterateConfig()
    gate: GateConfig = GateConfig()
    mining: MiningConfig = MiningConfig()
    analyzer: AnalyzerConfig = AnalyzerConfig()
    budget: BudgetConfig = BudgetConfig()
    traces: Path = Path("traces")
    reports: Path = Path("reports")
    base: Path = Field(default=Path(), exclude=True, description="Folder of the file itself; not a key")

    def resolve(self, path: Path) -> Path:
        """A path of the loop file as an absolute path."""
        return (self.base / path).resolve()

    @property
    def loop_folder(self) -> Path:
        """`reports/<loop_id>/` as an absolute path."""
        return self.resolve(self.reports) / self.loop_id

    @property
    def harness_root(self) -> Path:
        """The absolute path of the folder that harness commands run in."""
        return self.resolve(self.harness.root)


def load_config(path: Path, overrides: dict[str, Any] | None = None) -> LoopConfig:
    """Read a loop file.

    Args:
        path: The file.
        overrides: Values that replace the file's, by dotted key (`collect.workers`).

    Raises:
        ConfigError: Names the file, the key and the remedy.

    Example:
        >>> config = load_config(Path("loop.yaml"), {"collect.workers": 4})
        >>> config.collect.workers
        4
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; name the configuration file of your loop with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    try:
        data = YAML(typ="safe", pure=True).load(StringIO(text))
    except YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} must contain keys and values, not a {type(data).__name__}")
    if "base" in data:
        raise ConfigError(f"{path}: 'base' is not a key; paths are relative to the file")
    for key, value in (overrides or {}).items():
        _put(data, key, value)
    try:
        return LoopConfig(**{**data, "base": path.parent.resolve()})
    except ValidationError as error:
        raise ConfigError(_explain(path, error)) from None


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
    data[last] = value


def _explain(path: Path, error: ValidationError) -> str:
    """The first mistake as one sentence with the nearest valid key."""
    # A mistyped key is also a missing one: the first is what the person can see in the file.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = _keys_at(first["loc"][:-1])
        near = nearest(str(first["loc"][-1]), known, cutoff=0.5)
        hint = f"did you mean '{near}'?" if near else f"known keys: {', '.join(sorted(known))}"
        return f"{path}: there is no key '{where}'; {hint}"
    if first["type"] == "missing":
        return f"{path}: the key '{where}' is missing"
    return f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}"


def _keys_at(parents: tuple[int | str, ...]) -> list[str]:
    """The keys that the block at this place may hold."""
    block: type[BaseModel] = LoopConfig
    for part in parents:
        annotation = block.model_fields[str(part)].annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            block = annotation
    return [name for name in block.model_fields if name != "base"]
