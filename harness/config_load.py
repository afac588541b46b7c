"""Reads config.yaml and resolves it for one mode and model. Never writes, never falls back on a guess."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.tokens import AliasToken, AnchorToken, TagToken

from harness.config import ConfigFile, HarnessSettings
from harness.errors import UsageError
from harness.nearest import did_you_mean

DEFAULT_CONFIG = Path(__file__).parent / "config.yaml"
MAX_BYTES = 200_000


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
    """The first thing wrong, as one sentence that names file, key and remedy."""
    first = error.errors()[0]
    loc = first["loc"]
    key = prefix + ".".join(str(p) for p in loc)
    if first["type"] == "extra_forbidden":
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


def load_settings(path: Path, mode: str | None = None) -> tuple[str, HarnessSettings]:
    """(mode, settings) for one eval. The environment names the model and its address where it says anything."""
    file = load_file(path)
    mode = mode or file.mode
    if mode not in file.modes:
        raise UsageError(f"mode '{mode}' is not in {path}; {did_you_mean(mode, file.modes)}")
    data = file.model_dump()
    parts = [(f"modes.{mode}", file.modes[mode])]
    named = _resolve(path, data, parts).model.name
    name = os.environ.get("HALO_MODEL") or named
    if name in file.overlays:
        parts.append((f"overlays.{name}", file.overlays[name]))
    settings = _resolve(path, data, parts)
    address = os.environ.get("OPENAI_BASE_URL") or settings.model.base_url
    return mode, settings.model_copy(
        update={"model": settings.model.model_copy(update={"name": name, "base_url": address})}
    )
