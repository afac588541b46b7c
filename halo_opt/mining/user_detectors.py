"""Detectors that users add, read from a YAML file. Never runs anything: what a file says is data until it is guarded.

Only YAML, never Python: a file of detectors travels with traces and reports, and SQL under the guard can do no harm,
while a module that is imported can do anything. Whatever a detector needs can be said in SQL, and only SQL can stand in
a report for `verify` to run again without the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from halo_opt.core.errors import ConfigError
from halo_opt.core.validation import first_problem
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.facts import FACTS
from halo_opt.mining.shape import Shape, alone_sql
from halo_opt.store.guarded.honest_sql import MAX_SQL, judged_by
from halo_opt.store.guarded.sqltext import alone, bare, pieces
from halo_opt.store.schema import BY_NAME


class _Detector(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: str = Field(min_length=1, max_length=200)
    meaning: str = Field(min_length=1, max_length=1000)
    sql: str | None = None
    where: str | None = None
    facts: dict[str, str] = {}
    windows: dict[str, str] = {}
    needs: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    consequence: bool = False


@dataclass(frozen=True, slots=True)
class Detectors:
    """What files declare: behaviours, and a sentence (file, detector, reason) for each that had to be skipped."""

    behaviours: tuple[Behaviour, ...] = ()
    skipped: tuple[str, ...] = ()


NO_DETECTORS = Detectors()


def load_detectors(paths: Sequence[Path], known: Sequence[Behaviour]) -> Detectors:
    """The detectors of some files, in order. Raises ConfigError for a file that cannot be read as one at all."""
    behaviours: list[Behaviour] = []
    skipped: list[str] = []
    names = {behaviour.name for behaviour in known}
    for path in paths:
        for place, entry in enumerate(_entries(path), start=1):
            name = str(entry.get("name", f"number {place}")) if isinstance(entry, dict) else f"number {place}"
            try:
                found = _behaviour(path, entry)
                if found.name in names:
                    raise ValueError("the name is taken; choose another")
            except ValueError as error:
                reason = first_problem(error, "the entry") if isinstance(error, ValidationError) else str(error)
                skipped.append(f"{path}: detector {name[:64]} was skipped: {reason}")
                continue
            names.add(found.name)
            behaviours.append(found)
    return Detectors(tuple(behaviours), tuple(skipped))


def _entries(path: Path) -> list[Any]:
    if path.suffix == ".py":
        raise ConfigError(f"{path} is Python; detectors are declared in YAML, with SQL or a condition on a step")
    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())[:200]
        raise ConfigError(f"{path} cannot be read as detectors: {reason}") from error
    entries = data.get("detectors") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        raise ConfigError(f"{path} holds no list 'detectors'; begin it with 'detectors:' and one entry a detector")
    return entries


def _behaviour(path: Path, entry: Any) -> Behaviour:
    """One detector. Raises ValueError with the reason why it cannot be one."""
    told = _Detector.model_validate(entry)
    if (told.sql is None) == (told.where is None):
        raise ValueError("give sql (a SELECT of trace_id, value, step) or where (a condition on one step), one of them")
    if told.sql is not None and (told.facts or told.windows):
        raise ValueError("facts and windows go with where, not with sql")
    if taken := sorted(set(told.facts) & set(FACTS)):
        raise ValueError(f"{taken[0]} is a fact already; choose another name")
    for need in told.needs:
        table, _, column = need.partition(".")
        if table not in BY_NAME or column not in {c.name for c in BY_NAME[table].columns}:
            raise ValueError(f"it needs {need}, which is no column; see 'halo-opt schema'")
    shape = Shape(facts=told.facts, windows=told.windows, where=told.where or "")
    written = told.sql if told.sql is not None else alone_sql(shape, told.needs)
    sql = alone(written)
    if len(sql.encode()) > MAX_SQL:
        raise ValueError(f"its SQL is longer than {MAX_SQL} bytes")
    if "/*" in bare(written) or any(piece.kind == "comment" for piece in pieces(written)):
        raise ValueError("its SQL holds a comment; put it above the entry, behind a #")
    if judged := judged_by(sql):
        raise ValueError(f"it looks at {judged}: a behaviour defined by failing explains nothing")
    return Behaviour(
        name=told.name,
        title=told.title,
        meaning=told.meaning,
        sql=sql,
        needs=told.needs,
        remedies=told.remedies,
        consequence=told.consequence,
        source=str(path),
    )
