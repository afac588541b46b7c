import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from patching_samples import FILES, REMEDIES, SCHEMA

from halo_opt.patching.edits import SettingsFile
from halo_opt.patching.surface import HarnessDescription, Surface, resolve_surface


@pytest.fixture
def config() -> SettingsFile:
    return SettingsFile(path="conf/config.yaml", json_schema=SCHEMA)


@pytest.fixture
def files() -> dict[str, bytes]:
    return dict(FILES)


@pytest.fixture
def description() -> HarnessDescription:
    return HarnessDescription.model_validate(
        {"config": "conf/config.yaml", "schema": SCHEMA, "prompts": ["prompts/worker.j2"], "remedies": REMEDIES}
    )


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that runs git in the test's repository, with no settings of the machine or the user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    environment = {**os.environ, "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@test",
                   "GIT_COMMITTER_NAME": "Ann", "GIT_COMMITTER_EMAIL": "ann@test"}  # fmt: skip

    def run(*args: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *args], cwd=cwd or tmp_path / "repo", env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def repo(tmp_path: Path, git: Callable[..., str]) -> Path:
    """A repository with the harness of `FILES` in one commit on branch main."""
    top = tmp_path / "repo"
    top.mkdir()
    git("init", "-q", "-b", "main")
    for path, content in {**FILES, "README.md": b"hello\n"}.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(content)
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return top


@pytest.fixture
def surface(repo: Path) -> Surface:
    return resolve_surface(repo, "HEAD", ["conf/config.yaml", "prompts/**"])
