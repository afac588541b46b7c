"""The recorded analyses of `examples/analysis/` replay without a model, and their reports name the true causes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from halo_opt.cli.app import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "analysis"


@pytest.fixture(scope="module")
def intercode(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the report that the recording of the InterCode analysis gives."""
    folder = tmp_path_factory.mktemp("example")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert analyze("intercode", folder / "report") == 0
        yield folder / "report"


def analyze(name: str, out: Path) -> int:
    replies = EXAMPLES / name / "replies.jsonl"
    traces = EXAMPLES / name / "traces"
    return run(["analyze", str(traces), "--out", str(out), "--replay", str(replies), "--in-order", "-q"])


def read(report: Path) -> Any:
    return json.loads((report / "report.json").read_text())
