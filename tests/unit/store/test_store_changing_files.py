"""Files that vanish, shrink or grow while they are read, and full disks: told in words, and the old store stays."""

import json
import resource
import subprocess
import sys
import threading

import pytest
from bad_input import FORMS, built, lines_of, span, write

from halo_opt.core.errors import HaloError
from halo_opt.store import Store, build_store


def test_file_that_vanishes_before_it_is_read_is_listed_and_the_others_are_kept(tmp_path):
    form = FORMS["spans"]
    path = write(tmp_path, form, lines_of(form, 2))
    path.with_name("y.jsonl").write_bytes(json.dumps(span(7)).encode() + b"\n")
    summary = build_store(
        [tmp_path / "in"], tmp_path / "s.duckdb", progress=lambda *_: path.with_name("y.jsonl").unlink(missing_ok=True)
    )
    assert summary.attempts == 2
    [gone] = summary.not_recognised
    assert gone.path.endswith("y.jsonl")
    path.write_bytes(path.read_bytes())
    with pytest.raises(HaloError, match=r"x\.jsonl"):
        build_store([path], tmp_path / "t.duckdb", progress=lambda *_: path.unlink(missing_ok=True))


def test_file_that_shrinks_before_it_is_read_gives_what_is_left(tmp_path):
    form = FORMS["spans"]
    path = write(tmp_path, form, lines_of(form, 9))
    left = b"\n".join(lines_of(form, 3)) + b"\n" + b'{"trace_id'
    build_store([path], tmp_path / "s.duckdb", progress=lambda *_: path.write_bytes(left))
    with Store.open(tmp_path / "s.duckdb") as store:
        assert store.rows("SELECT count(*) FROM spans") == [(3,)]


def test_file_that_grows_while_it_is_read_gives_all_that_was_there(tmp_path):
    form = FORMS["spans"]
    path = write(tmp_path, form, lines_of(form, 300))
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            for number in range(300, 20_000):
                line = json.dumps(span(number)).encode() + b"\n"
                file.write(line[:30])
                file.write(line[30:])
                if stop.is_set():
                    return

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        _, kept, rejects = built(tmp_path, form)
    finally:
        stop.set()
        writer.join()
    assert kept >= 300
    # The line that was being written is no line yet: rejected, or left for the next time.
    assert len(rejects) <= 1


FULL = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from halo_opt.core.errors import HaloError
from halo_opt.store import build_store
try:
    build_store([Path(sys.argv[2])], Path(sys.argv[3]))
    print("built")
except HaloError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on file sizes here")
@pytest.mark.parametrize("room", [0, 20_000, 300_000, 1_500_000])
def test_full_disk_is_told_in_words_and_leaves_the_old_store_as_it_was(tmp_path, room):
    form = FORMS["spans"]
    path = write(tmp_path, form, lines_of(form, 2))
    built(tmp_path, form)
    old = (tmp_path / "s.duckdb").read_bytes()
    many = [
        json.dumps(span(n, note=f"{n * 7919:x}" * 30, attributes={"a": f"{n * 104729:x}" * 30})) for n in range(9000)
    ]
    path.write_text("\n".join(many) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(room), str(path), str(tmp_path / "s.duckdb")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("refused: "), done.stderr[-1000:]
    assert "s.duckdb" in done.stdout
    assert (tmp_path / "s.duckdb").read_bytes() == old
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "s.duckdb"]
