"""A run folder belongs to one command at a time and to attempts of one kind; what is done is not run again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness_results import result

from halo_common.files import append_json_line
from harness.core.errors import EnvironmentMissing, UsageError
from harness.evaluation.run_folder import CLAIM, LOCK, claim, locked, make_folder, missing, read_results, write_whole
from harness.record.results import Job

HOLD = """
import sys
from pathlib import Path
from harness.evaluation.run_folder import locked
with locked(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path, how: str = "alone") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_command_is_told_who_is_writing(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        with (
            pytest.raises(UsageError, match=rf"process {other.pid} is writing into .*give another --out"),
            locked(tmp_path),
        ):
            pass
        other.communicate()
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text().strip() == str(os.getpid())


def test_the_lock_of_a_killed_command_is_taken_over(tmp_path: Path) -> None:
    with holder(tmp_path) as other:
        other.kill()
        other.communicate()
    assert (tmp_path / LOCK).read_text().strip() == str(other.pid)
    with locked(tmp_path):
        assert (tmp_path / LOCK).read_text().strip() == str(os.getpid())


def test_commands_of_an_optimizer_share_a_folder_and_keep_others_out(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("999999999\n")
    with holder(tmp_path, "shared") as other:
        with locked(tmp_path, shared=True):
            pass
        # The number that an earlier command left is nobody's: it must not be named.
        with pytest.raises(UsageError, match="another command is writing into"), locked(tmp_path):
            pass
        other.communicate()


SETTINGS = {"mode": "m", "settings": {"limits": {"steps": 6}, "model": {"base_url": "http://a/v1", "name": "x"}}}


def test_attempts_made_with_other_settings_are_not_mixed(tmp_path: Path) -> None:
    claim(tmp_path, SETTINGS)
    claim(tmp_path, SETTINGS)
    other = {"mode": "m", "settings": {**SETTINGS["settings"], "limits": {"steps": 70}}}  # type: ignore[dict-item]
    with pytest.raises(UsageError, match=r"made with settings\.limits\.steps 6, not 70; give another --out"):
        claim(tmp_path, other)
    with pytest.raises(UsageError, match='made with mode "m", not "n"'):
        claim(tmp_path, {**SETTINGS, "mode": "n"})


def test_where_a_model_is_reached_may_change_between_two_calls(tmp_path: Path) -> None:
    claim(tmp_path, SETTINGS)
    claim(tmp_path, json.loads(json.dumps(SETTINGS).replace("http://a/v1", "http://127.0.0.1:4711/v1")))


def test_a_folder_with_attempts_of_unknown_making_is_refused(tmp_path: Path) -> None:
    append_json_line(tmp_path / "results.jsonl", result().model_dump())
    with pytest.raises(UsageError, match=r"no eval\.json .*give another --out"):
        claim(tmp_path, SETTINGS)


@pytest.mark.parametrize("text", ["", "[]", "{", "3"])
def test_a_claim_that_is_none_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / CLAIM).write_text(text)
    with pytest.raises(UsageError, match="is not what this harness writes"):
        claim(tmp_path, SETTINGS)


def test_only_attempts_without_a_measurement_are_missing() -> None:
    jobs = [Job(task_id=one, seed=0) for one in "abc"]
    found = [result("a"), result("b", score=None), result("a", score=None)]
    assert [job.task_id for job in missing(jobs, found)] == ["b", "c"]
    assert missing([Job(task_id="a", seed=0, attempt=1)], found)


def test_torn_lines_and_foreign_ones_are_no_results(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append_json_line(path, result("a").model_dump())
    with path.open("a") as file:
        file.write('{"task_id": "b"}\nnull\n{"task_id": "c", "se')
    append_json_line(path, result("d").model_dump())
    assert [r.task_id for r in read_results(tmp_path)] == ["a", "d"]


def test_results_on_a_device_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").symlink_to("/dev/full")
    assert read_results(tmp_path) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_whole(path, "old")
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]
    with pytest.raises(EnvironmentMissing, match=r"metrics\.json cannot be written: .*finished attempts are kept"):
        write_whole(tmp_path / "gone" / "metrics.json", "x")


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--out .*file/x cannot be made: Not a directory"):
        make_folder(tmp_path / "file" / "x")
