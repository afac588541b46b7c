"""Detectors are declared in YAML files: the built-in ones in `detectors/`, and those that users name.

There are no detectors in Python. Files of detectors travel with traces and reports, and SQL that runs guarded can do no
harm, while an imported module can do anything. A report holds the SQL, so `verify` can run it again without the file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from halo_opt.core.errors import ConfigError
from halo_opt.core.playbook import Playbook
from halo_opt.core.report_records import Category
from halo_opt.core.validation import first_problem
from halo_opt.mining.behaviour import Behaviour
from halo_opt.mining.condition import FRAMES, RECORDED, Condition, self_contained_sql
from halo_opt.mining.facts import FACTS
from halo_opt.store.guarded.sql_checks import MAX_SQL, outcome_word
from halo_opt.store.guarded.sql_text import alone, bare, pieces
from halo_opt.store.schema import BY_NAME

BUILT_IN = Path(__file__).parent / "detectors"
# The order of the files is the order of equally strong findings.
FAMILIES = (
    "repeats",
    "effects",
    "exploring",
    "errors",
    "replies",
    "endings",
    "limits",
    "changes",
    "answers",
    "talk",
    "services",
    "outliers",
)
_SNIPPET = re.compile(r"\$\{(\w+)\}")


class _Detector(BaseModel):
    """One entry of a file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: str = Field(min_length=1, max_length=200)
    meaning: str = Field(min_length=1, max_length=1000)
    sql: str = ""
    facts: dict[str, str] = {}
    windows: dict[str, str] = {}
    where: str = ""
    having: str = ""
    value: str = ""
    before: str = ""
    among: str = ""
    in_runs: tuple[str, ...] = ()
    applies: str = ""
    needs: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    category: Category | None = None
    consequence: bool = False
    general: bool = False
    experimental: bool = False


@dataclass(frozen=True, slots=True)
class Detectors:
    """What is looked for beside the usual built-in detectors.

    `behaviours` are the users' own and, where they were asked for, the experimental built-in ones. `skipped` holds a
    sentence (file, detector, reason) for each that cannot be used. `playbook` names the remedies against what is found,
    None for the bundled one.
    """

    behaviours: tuple[Behaviour, ...] = ()
    skipped: tuple[str, ...] = ()
    playbook: Playbook | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One file of built-in detectors."""

    title: str
    description: str
    behaviours: tuple[Behaviour, ...]


NO_DETECTORS = Detectors()


def built_in(*, experimental: bool = False) -> tuple[Behaviour, ...]:
    """The built-in detectors, read from their files at the first call; with `experimental` those too."""
    every = [behaviour for family in families() for behaviour in family.behaviours]
    return tuple(behaviour for behaviour in every if experimental or not behaviour.experimental)


@cache
def families() -> tuple[Family, ...]:
    """The files of built-in detectors, experimental ones included."""
    return tuple(_family(BUILT_IN / f"{name}.yaml") for name in FAMILIES)


def _family(path: Path) -> Family:
    data = _read(path)
    entries = [
        _behaviour(entry, data.get("snippets", {}), source=None, category="harness") for entry in data["detectors"]
    ]
    return Family(data["title"], data["description"], tuple(entries))


def load_detectors(paths: Sequence[Path], *, experimental: bool = False, playbook: Playbook | None = None) -> Detectors:
    """The detectors of users' files, in order; with `experimental` also those that are marked so, built-in ones first.

    Raises:
        ConfigError: a file cannot be read as detectors at all. An entry that cannot be used is skipped with a reason.

    Example:
        >>> detectors = load_detectors([Path("my_detectors.yaml")])
        >>> print([behaviour.name for behaviour in detectors.behaviours], detectors.skipped)
    """
    every = built_in(experimental=True)
    taken = {behaviour.name for behaviour in every}
    behaviours = [behaviour for behaviour in every if experimental and behaviour.experimental]
    skipped: list[str] = []
    for path in paths:
        data = _read(path)
        for place, entry in enumerate(data["detectors"], start=1):
            name = str(entry.get("name", f"number {place}")) if isinstance(entry, dict) else f"number {place}"
            try:
                found = _behaviour(entry, data.get("snippets", {}), source=str(path), category=None)
                if found.name in taken:
                    raise ValueError("the name is taken; choose another")
            except ValueError as error:
                reason = first_problem(error, "the entry") if isinstance(error, ValidationError) else str(error)
                skipped.append(f"{path}: detector {name[:64]} was skipped: {reason}")
                continue
            taken.add(found.name)
            if experimental or not found.experimental:
                behaviours.append(found)
    return Detectors(tuple(behaviours), tuple(skipped), playbook)


def _read(path: Path) -> dict[str, Any]:
    """The content of a file, with a list under `detectors`. Raises ConfigError that names the file."""
    if path.suffix == ".py":
        raise ConfigError(f"{path} is Python; detectors are declared in YAML, with SQL or a condition on a step")
    try:
        data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())[:200]
        raise ConfigError(f"{path} cannot be read as detectors: {reason}") from error
    if not isinstance(data, dict) or not isinstance(data.get("detectors"), list):
        raise ConfigError(f"{path} holds no list 'detectors'; begin it with 'detectors:' and one entry a detector")
    if not isinstance(data.get("snippets", {}), dict):
        raise ConfigError(f"{path}: snippets must be names with text, such as 'agreed: yes|sure'")
    return data


def _behaviour(entry: Any, snippets: Mapping[str, Any], *, source: str | None, category: Category | None) -> Behaviour:
    """One detector; `category` is for entries without one. Raises ValueError with the reason why it cannot be one."""
    declared = _Detector.model_validate(_filled(entry, _texts(snippets)))
    shape = Condition(**{field: getattr(declared, field) for field in Condition.model_fields})
    conditions = [name for name in ("where", "having", "value") if getattr(declared, name)]
    if bool(declared.sql) == bool(conditions):
        raise ValueError("give sql (a SELECT of trace_id, value, step) or where, having or value, one of them")
    if declared.sql and shape != Condition():
        given = next(field for field in Condition.model_fields if getattr(declared, field))
        raise ValueError(f"{given} goes with where, having or value, not with sql")
    if taken := sorted(set(declared.facts) & set(FACTS)):
        raise ValueError(f"{taken[0]} is a fact already; choose another name")
    for need in declared.needs:
        if need in RECORDED and not declared.sql:
            continue
        table, _, column = need.partition(".")
        if table not in BY_NAME or column not in {c.name for c in BY_NAME[table].columns}:
            raise ValueError(f"it needs {need}, which is no column; see 'halo-opt schema'")
    written = declared.sql or self_contained_sql(shape, declared.needs)
    # Built-in ones are held to this by a test: looking at their SQL would take half the time of loading them.
    for reason in unfit(written) if source else ():
        raise ValueError(reason)
    return Behaviour(
        name=declared.name,
        title=declared.title,
        meaning=declared.meaning,
        sql=alone(written) if source else written,
        condition=shape if conditions else None,
        needs=declared.needs,
        remedies=declared.remedies,
        category=declared.category or category or ("harness" if declared.remedies else "unexplained"),
        consequence=declared.consequence,
        general=declared.general,
        experimental=declared.experimental,
        source=source,
    )


def _texts(snippets: Mapping[str, Any]) -> dict[str, str]:
    """The named pieces of SQL of a file, each with the pieces that it is made of filled in.

    A list of patterns becomes one pattern of alternatives, joined by `|`.
    """
    texts = dict(FRAMES)
    for name, given in snippets.items():
        text = "|".join(map(str, given)) if isinstance(given, list) else str(given)
        texts[str(name)] = _fill(text, texts)
    return texts


def _filled(entry: Any, texts: Mapping[str, str]) -> Any:
    """An entry of a file with its snippets filled in."""
    if isinstance(entry, str):
        return _fill(entry, texts)
    if isinstance(entry, Mapping):
        return {name: _filled(part, texts) for name, part in entry.items()}
    return [_filled(part, texts) for part in entry] if isinstance(entry, list) else entry


def _fill(text: str, texts: Mapping[str, str]) -> str:
    def text_of(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in texts:
            raise ValueError(f"${{{name}}} is no snippet; name it under 'snippets', above where it is used")
        return texts[name]

    return _SNIPPET.sub(text_of, text)


def unfit(sql: str) -> Iterator[str]:
    """Why SQL cannot be a detector's."""
    if "/*" in bare(sql) or any(piece.kind == "comment" for piece in pieces(sql)):
        yield "its SQL holds a comment; put it above the entry, behind a #"
    if len(alone(sql).encode()) > MAX_SQL:
        yield f"its SQL is longer than {MAX_SQL} bytes"
    if judged := outcome_word(sql):
        yield f"it looks at {judged}: a behaviour defined by failing explains nothing"
