"""The harness's own commands: what they get, how they end, and what of their words is told."""

import os
import sys
import time
from pathlib import Path

import pytest

from halo_opt.core.errors import ConfigError, EnvironmentMissing, InputError
from halo_opt.core.harness_commands import describe, harness_check, run_in


def test_the_check_s_own_sentence_is_the_error(tmp_path: Path) -> None:
    code = "import sys; sys.exit('steps must be at most 30')"
    with pytest.raises(InputError, match="does not pass its own check: steps must be at most 30"):
        harness_check(["python", "-c", code])(tmp_path)
    harness_check(["python", "-c", "import os; print(os.getcwd())"])(tmp_path)
    with pytest.raises(InputError, match="check: ZeroDivisionError: division by zero"):
        harness_check(["python", "-c", "1 / 0"])(tmp_path)


def test_python_means_the_interpreter_that_runs_halo_opt(tmp_path: Path) -> None:
    assert describe(["python", "-c", "import sys; print(sys.executable)"], tmp_path).strip() == sys.executable
    with pytest.raises(ConfigError, match=r"harness\.describe .* failed in .*: exit code 3"):
        describe(["python", "-c", "raise SystemExit(3)"], tmp_path)


def test_a_command_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('pid', 'w').write(str(child.pid)); time.sleep(600)"
    )
    with pytest.raises(InputError, match="did not end within 3 s"):
        run_in(["python", "-c", code], tmp_path, timeout_s=3)
    child = int((tmp_path / "pid").read_text())
    # The signal was sent; the kernel may take a moment to carry it out.
    assert any(gone(child) or time.sleep(0.05) for _ in range(600))


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_keys_and_git_variables_do_not_reach_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("GIT_DIR", "elsewhere")
    monkeypatch.setenv("PLAIN", "kept")
    code = "import os; print([n for n in ('OPENAI_API_KEY', 'GIT_DIR', 'PLAIN') if n in os.environ])"
    assert run_in(["python", "-c", code], tmp_path, timeout_s=60)[1].strip() == "['PLAIN']"
    assert os.environ["OPENAI_API_KEY"] == "sk-1"


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="cannot start no-such-program"):
        run_in(["no-such-program"], tmp_path, timeout_s=5)
    with pytest.raises(ConfigError, match="is empty"):
        run_in([], tmp_path, timeout_s=5)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux bounds the memory of a process that is not the caller's"
)
def test_a_check_that_takes_very_much_memory_ends_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needed more than 4 GB of memory"):
        harness_check(["python", "-c", "b'x' * (5 << 30)"])(tmp_path)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux bounds the memory of a process that is not the caller's"
)
def test_memory_that_a_command_only_reserves_does_not_count(tmp_path: Path) -> None:
    code = "import mmap; mmap.mmap(-1, 6 << 30, prot=mmap.PROT_READ); print('fine')"
    assert run_in(["python", "-c", code], tmp_path, timeout_s=60)[1].strip() == "fine"
