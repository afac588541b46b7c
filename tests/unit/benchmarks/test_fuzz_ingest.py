"""The fuzzer of the trace readers runs, and what it checks holds for some fixed seeds."""

import pytest

from benchmarks import fuzz_ingest


@pytest.mark.parametrize("seed", range(20))
def test_a_made_file_is_read_without_losing_a_line(seed):
    fuzz_ingest.one(seed, whole=seed == 0)


def test_a_finding_keeps_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(fuzz_ingest, "FOUND", tmp_path)
    monkeypatch.setattr(fuzz_ingest, "check_reader", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fuzz_ingest.one(1, whole=False)
    assert [folder.name.endswith("-1") for folder in tmp_path.iterdir()] == [True]
