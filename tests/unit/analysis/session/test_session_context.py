"""The size of a model's context over the sessions of one analysis."""

from pathlib import Path

import pytest

from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.analysis.session.session import open_session
from halo_opt.llm.ledger import Budget
from halo_opt.llm.roles import ROLES


def test_an_analysis_that_is_continued_keeps_the_sizes_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = AnalysisOptions(models={"root": "lab:m@http://127.0.0.1:9/v1"}, context_tokens={"sub": 20_000})
    for served in (50_000, 60_000, None):
        monkeypatch.setattr("halo_opt.llm.open_roles.served_context", lambda _endpoint, served=served: served)
        with open_session(options, Budget(), journal=tmp_path / "j.jsonl", subject={}, remedy="start over") as session:
            sizes = {role: session.roles[role].context_tokens for role in ROLES}
            assert sizes == {**dict.fromkeys(ROLES, 50_000), "sub": 20_000}
            assert session.warnings == ()
