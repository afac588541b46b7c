"""Reads config.yaml and resolves it for one mode and model.

What overrides what, strongest first:

1. `HALO_MODEL`, which an optimizer sets for a run: the worker's model. With `OPENAI_BASE_URL` also its address; the key
   is then `OPENAI_API_KEY`, and nothing below decides about the worker's endpoint.
2. `HALO_WORKER_BACKEND` (a backend, mostly vllm or local) and `HALO_WORKER_MODEL` for the worker, `HALO_MANAGER_MODEL`
   for the manager. A mode with `fixed: true` keeps its model's name; a different HALO_MODEL is then an error.
3. The address in `OPENAI_BASE_URL` (openai, openai_compatible, local) or `HALO_VLLM_URL` (vllm), for a model that uses
   the key which belongs to that variable.
4. The config: the overlay of the model's name, then that of the mode, then `defaults`.
5. The backend's own address and key variable.

Each variable is read from the environment, else from `.env` in the working directory. An empty one counts as unset.
"""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.tokens import AliasToken, AnchorToken, TagToken

from halo_common.text import did_you_mean
from harness.core.errors import UsageError
from harness.settings.backends import backend_named, resolved
from harness.settings.env_file import ENV_FILE, with_env_file
from harness.settings.schema import ConfigFile, HarnessSettings, ModelSettings

DEFAULT_CONFIG = Path(__file__).parent.parent / "config.yaml"
MAX_BYTES = 200_000
# Keys of earlier versions, by their present names.
RENAMED = {"gate": "escalation"}


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist; give a config file with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if len(text) > MAX_BYTES:
        raise UsageError(f"{path} is {len(text)} characters long; a config file has at most {MAX_BYTES}")
    try:
        for token in YAML(typ="safe", pure=True).scan(text):
            if isinstance(token, AliasToken | AnchorToken | TagToken):
                line = token.start_mark.line + 1
                raise UsageError(f"{path}, line {line}: anchors, aliases and tags are not allowed; write the value out")
        data = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{path} must hold keys and values, not {type(data).__name__}")
    return data


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `over` laid on top, key by key."""
    out = dict(base)
    for key, value in over.items():
        inner = out.get(key)
        out[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return out


def _fields_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The valid keys beside the last part of `loc`."""
    here: type[BaseModel] = model
    for part in loc[:-1]:
        field = here.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return []
        here = field.annotation
    return list(here.model_fields)


def sentence(path: Path, error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """The first validation error as one sentence that names file, key and remedy."""
    first = error.errors()[0]
    loc = first["loc"]
    key = prefix + ".".join(str(p) for p in loc)
    if first["type"] == "extra_forbidden":
        if loc[-1] in RENAMED:
            return f"{path}: the key '{key}' is now called '{RENAMED[str(loc[-1])]}'; rename it"
        return f"{path}: unknown key '{key}'; {did_you_mean(str(loc[-1]), _fields_at(model, loc))}"
    return f"{path}: {key or 'the file'}: {first['msg']}, not {first.get('input')!r}"


def _resolve(path: Path, data: dict[str, Any], parts: list[tuple[str, dict[str, Any]]]) -> HarnessSettings:
    settings = HarnessSettings.model_validate(data.get("defaults") or {})
    for where, overlay in parts:
        try:
            settings = HarnessSettings.model_validate(merged(settings.model_dump(), overlay))
        except ValidationError as error:
            raise UsageError(sentence(path, error, HarnessSettings, where + ".")) from None
    return settings


def load_file(path: Path) -> ConfigFile:
    """The validated file, with every mode and overlay validated as well."""
    data = _read(path)
    try:
        file = ConfigFile.model_validate(data)
    except ValidationError as error:
        raise UsageError(sentence(path, error, ConfigFile)) from None
    if file.mode not in file.modes:
        raise UsageError(f"{path}: mode: '{file.mode}' is not one of `modes`; {did_you_mean(file.mode, file.modes)}")
    for where, overlay in _overlays(file):
        _resolve(path, data, [(where, overlay)])
    return file


def _overlays(file: ConfigFile) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((f"modes.{name}", overlay) for name, overlay in file.modes.items())
    yield from ((f"overlays.{name}", overlay) for name, overlay in file.overlays.items())


def load_settings(
    path: Path, mode: str | None = None, *, environ: MutableMapping[str, str] | None = None, folder: Path | None = None
) -> tuple[str, HarnessSettings]:
    """The settings of a mode, with both models' endpoints as they will be used.

    Args:
        path: The config file.
        mode: The mode; None for the config's own.
        environ: The environment; the process's own where not given. A key that one of the models needs is copied into
            it from `.env`, for child processes.
        folder: The folder with `.env`; the working directory where not given.

    Returns:
        The mode's name and its settings.
    """
    environ = os.environ if environ is None else environ
    # Relative where it can be: the message then names the file as the user does.
    variables = with_env_file(environ, Path(ENV_FILE) if folder is None else folder / ENV_FILE)
    file = load_file(path)
    mode = mode or file.mode
    settings = mode_settings(path, file, mode, variables)
    for variable in {settings.model.api_key_env, settings.manager.api_key_env}:
        if variable in variables:
            environ[variable] = variables[variable]
    return mode, settings


def mode_settings(path: Path, file: ConfigFile, mode: str, variables: Mapping[str, str]) -> HarnessSettings:
    """The settings of one mode of a file, with what the environment variables change."""
    if mode not in file.modes:
        raise UsageError(f"mode '{mode}' is not in {path}; {did_you_mean(mode, file.modes)}")
    data = file.model_dump()
    parts = [(f"modes.{mode}", file.modes[mode])]
    name = _worker_name(_resolve(path, data, parts), variables, mode)
    if name in file.overlays:
        parts.append((f"overlays.{name}", file.overlays[name]))
    settings = _resolve(path, data, parts)
    worker = _worker(settings.model.model_copy(update={"name": name}), variables)
    manager = settings.manager
    if not manager.fixed:
        manager = manager.model_copy(update={"name": variables.get("HALO_MANAGER_MODEL") or manager.name})
    return settings.model_copy(update={"model": resolved(worker, variables), "manager": resolved(manager, variables)})


def _worker_name(settings: HarnessSettings, variables: Mapping[str, str], mode: str) -> str:
    """The name of the worker's model. Raises UsageError where HALO_MODEL differs from a fixed one."""
    model, wanted = settings.model, variables.get("HALO_MODEL")
    if wanted and model.fixed and wanted != model.name and settings.worker != "rules":
        raise UsageError(
            f"mode '{mode}' runs only the model '{model.name}', but HALO_MODEL is '{wanted}'; unset HALO_MODEL, or "
            "choose a mode whose model is not fixed"
        )
    if wanted or model.fixed:
        return wanted or model.name
    return variables.get("HALO_WORKER_MODEL") or model.name


def _worker(model: ModelSettings, variables: Mapping[str, str]) -> ModelSettings:
    """The worker's settings with the backend that the environment sets; an address of another backend is removed."""
    elsewhere = {"base_url": "", "api_key_env": ""}
    if variables.get("HALO_MODEL"):
        if not variables.get("OPENAI_BASE_URL"):
            return model
        return model.model_copy(update={"backend": "openai_compatible", **elsewhere})
    wanted = variables.get("HALO_WORKER_BACKEND")
    if not wanted or wanted == model.backend:
        return model
    return model.model_copy(update={"backend": backend_named(wanted, "HALO_WORKER_BACKEND"), **elsewhere})
