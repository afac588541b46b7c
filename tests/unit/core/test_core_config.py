from pathlib import Path

import pytest

from halo_opt.core.config import load_config
from halo_opt.core.errors import ConfigError

GOOD = """
loop_id: demo
harness:
  command: [python, -m, harness, eval, --attempts, "{attempts}", --out, "{out}"]
tasks: {ids: [a, b, c]}
splits:
  train: {tasks: 1, seeds: 1}
  gate: {tasks: 1, seeds: 1}
  sealed: {tasks: 1, seeds: 1}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "loop.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_relative_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path.parent)
    config = load_config(path)
    assert config.resolve(config.traces) == tmp_path / "traces"
    assert config.harness_root == tmp_path


def test_an_override_reaches_a_nested_key(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, GOOD), {"collect.workers": 3}).collect.workers == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("loop_id: demo", "loop_id: demo\nmodle: local", "no key 'modle'; did you mean 'model'?"),
        ("seeds: 1}\n  gate", "sedes: 1}\n  gate", "no key 'splits.train.sedes'; did you mean 'seeds'?"),
        ("loop_id: demo", "", "the key 'loop_id' is missing"),
        ('"{out}"', "out", "the command lacks {out}"),
        ("ids: [a, b, c]", "ids: [a], file: x", "exactly one of ids, file, command"),
        ("loop_id: demo", "loop_id: ../up", "loop_id"),
        ("loop_id: demo", "loop_id: [", "is not YAML"),
        ("loop_id: demo", "loop_id: demo\nbase: /", "'base' is not a key"),
        ("train: {tasks: 1", "train: {tasks: 0", "splits.train.tasks: give a number of tasks, at least 1, or a list"),
        (
            "train: {tasks: 1",
            "train: {tasks: [a, 1]",
            "splits.train.tasks: give a number of tasks, at least 1, or a list",
        ),
    ],
)
def test_a_mistake_names_file_key_and_remedy(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_config(tmp_path / "none.yaml")


def test_files_of_detectors_are_named_under_mining(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD + "\nmining: {detectors: [own.yaml]}\n"))
    assert [config.resolve(path) for path in config.mining.detectors] == [tmp_path / "own.yaml"]
    assert load_config(write(tmp_path, GOOD)).mining.detectors == []
