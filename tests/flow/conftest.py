"""An analysis that several tests look at from many sides: mining takes seconds, so it is made once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rlm_script import TALKS, Done, analyze, by_turn, write_talks
from rlm_server import model_server

from halo_opt.store import Store, build_store


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    """Made once: mining takes seconds."""
    folder = tmp_path_factory.mktemp("done")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = Done(folder, begin(folder))
        with model_server(by_turn(found.replies())) as server:
            assert analyze(server, "--record", "run.jsonl", "-q") == 0
            assert len(server.asked) == 3
        yield found


def begin(folder: Path) -> str:
    """Write the talks into the folder, which must be the one we are in; the trace id of one that failed."""
    write_talks(folder)
    build_store([TALKS], Path("talks.duckdb"))
    with Store.open(Path("talks.duckdb")) as store:
        [(failed,)] = store.rows("SELECT min(trace_id) FROM attempts WHERE outcome = 'failure'")
    return str(failed)


@pytest.fixture
def again(done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    """A copy of that folder, to be in."""
    shutil.copytree(done.folder, tmp_path / "again")
    monkeypatch.chdir(tmp_path / "again")
    return done


@pytest.fixture
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Done:
    """The same before the analysis."""
    monkeypatch.chdir(tmp_path)
    return Done(tmp_path, begin(tmp_path))


@pytest.fixture(params=["lab", "anthropic"])
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)
