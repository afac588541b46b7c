"""What may be edited: the plain files of a git revision that the globs of loop.yaml match, and the harness's settings.

A link, a submodule, an executable, or a file that configures git, tests or the loop itself is not editable, whatever
the globs say.
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from halo_opt.core.config import LoopConfig
from halo_opt.core.errors import ConfigError, HaloError, InputError
from halo_opt.core.harness_commands import describe, harness_check
from halo_opt.core.records import ContractIssue, Edit
from halo_opt.core.validation import first_problem
from halo_opt.git import reading as gitread
from halo_opt.patching.edits import SettingsFile

_PLAIN = "100644"
_MAX_FILE = 200_000
# Files that make git, the test runner, Python or the loop behave differently.
_CONFIGURE_TOOLS = (".git*", ".env*", "conftest.py", "sitecustomize.py", "usercustomize.py", "*.pth", "loop.yaml",
                    "loop.yml", "pyproject.toml", "makefile")  # fmt: skip
_KINDS = {"120000": "a symbolic link", "160000": "a submodule", "100755": "an executable file"}


class HarnessDescription(BaseModel):
    """What `harness.describe` printed: where its settings are, what they may be, its prompts, and its remedies.

    `editable` maps the keys of settings, or of groups of them, that patches may set to narrower bounds as JSON Schema;
    without it, patches may set every setting of the schema.

    `remedies` maps a remedy word to the typed edits that bring it about in this harness. Unlisted fields are ignored,
    so that a harness may say more than this version reads.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    config: str | None = None
    settings_schema: dict[str, Any] = Field(default_factory=dict, alias="schema")
    editable: dict[str, dict[str, Any]] | None = None
    prompts: list[str] = []
    remedies: dict[str, list[Edit]] = {}

    @cached_property
    def settings(self) -> SettingsFile | None:
        """The settings file and its schema; None for a harness that declares none."""
        if self.config is None:
            return None
        return SettingsFile(path=self.config, json_schema=self.settings_schema, editable=self.editable)


def parse_description(text: str, *, where: str = "harness.describe") -> HarnessDescription:
    """The description in a command's output; raises ConfigError that says what is wrong with it."""
    try:
        data = json.loads(text)
    except ValueError as error:
        head = " ".join(text.split())[:80] or "nothing"
        raise ConfigError(f"{where} must print one JSON object; it printed {head!r} ({error})") from error
    try:
        return HarnessDescription.model_validate(data)
    except ValidationError as error:
        problem = first_problem(error, "the top")
        raise ConfigError(f"{where} printed a description that cannot be used: {problem}") from error


@dataclass(frozen=True)
class Surface:
    """The editable files of one revision: path -> bytes, and matched paths that are not editable -> why.

    `repo` is the top of the repository and `inside` the harness's folder in it ("" when they are the same, else ending
    in /). Paths are relative to the harness's folder, as the globs and the harness's own edits are.
    """

    repo: Path
    inside: str
    revision: str
    files: dict[str, bytes]
    refused: dict[str, str]

    def in_repo(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those of `files` that differ from the surface, by their paths in the repository."""
        return {self.inside + path: content for path, content in files.items() if self.files.get(path) != content}


def resolve_surface(root: Path, revision: str, editable: Sequence[str]) -> Surface:
    """The files of `revision` that `editable` means, for the harness in folder `root` of a git repository.

    Raises ConfigError when a glob cannot be used or nothing editable matches.
    """
    editable_path = re.compile("|".join(glob_pattern(glob).pattern for glob in editable) or r"(?!)")
    repo = gitread.open_repo(root)
    inside = root.resolve().relative_to(repo).as_posix() + "/" if root.resolve() != repo else ""
    commit = gitread.resolve(repo, revision)
    entries = [
        replace(e, path=e.path.removeprefix(inside)) for e in gitread.tree(repo, commit) if e.path.startswith(inside)
    ]
    matched = [e for e in entries if editable_path.fullmatch(e.path)]
    refused = {e.path: reason for e in matched if (reason := _reason(e))}
    chosen = [e for e in matched if e.path not in refused]
    if not chosen:
        why = "; ".join(f"{path} is {reason}" for path, reason in refused.items()) or "no tracked file matches"
        raise ConfigError(
            f"harness.editable ({', '.join(editable) or 'empty'}) leaves nothing to edit at {commit[:10]}: {why}"
        )
    contents = gitread.blobs(repo, [e.blob for e in chosen])
    return Surface(repo, inside, commit, {e.path: contents[e.blob] for e in chosen}, refused)


def surface_issues(config: LoopConfig) -> Iterator[ContractIssue]:
    """Yield what keeps patches of the harness in the working tree from being proposed, made or checked."""
    harness = config.harness
    try:
        resolve_surface(config.harness_root, "HEAD", harness.editable)
    except InputError as error:
        yield ContractIssue(part="editable", required=True, message=str(error))
    if harness.describe is None:
        message = "there is no harness.describe command, so the playbook knows no settings and no remedies"
        yield ContractIssue(part="describe", required=False, message=message)
    else:
        try:
            found = parse_description(describe(harness.describe, config.harness_root))
        except HaloError as error:
            yield ContractIssue(part="describe", required=True, message=str(error))
        else:
            if not found.remedies:
                message = "harness.describe offers no remedies, so only a model can propose patches"
                yield ContractIssue(part="describe", required=False, message=message)
    if harness.check is None:
        message = "there is no harness.check command, so a patch that breaks the harness costs a run of attempts"
        yield ContractIssue(part="check", required=False, message=message)
    else:
        try:
            harness_check(harness.check)(config.harness_root)
        except HaloError as error:
            yield ContractIssue(part="check", required=True, message=str(error))


def glob_pattern(glob: str) -> re.Pattern[str]:
    """A glob as a pattern for whole paths: `*` and `?` stay inside one name, `**` spans folders."""
    path = PurePosixPath(glob)
    if not glob or path.is_absolute() or ".." in path.parts or "\\" in glob or "//" in glob:
        raise ConfigError(f"harness.editable: {glob!r} is not a path inside the repository, with / between names")
    out = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", glob):
        out += {"**/": "(?:[^/]+/)*", "**": ".+", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part))
    return re.compile(out)


def _reason(entry: gitread.TreeEntry) -> str | None:
    """Why a matched file may not be edited; None when it may."""
    if entry.mode != _PLAIN:
        return _KINDS.get(entry.mode, f"of git mode {entry.mode}")
    if any(_configures_tools(name.lower()) for name in entry.path.split("/")):
        return "a file that configures git, Python, tests or the loop, which patches may not edit"
    if entry.size > _MAX_FILE:
        return f"{entry.size} bytes long; at most {_MAX_FILE} can be edited"
    return None


def _configures_tools(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in _CONFIGURE_TOOLS)
