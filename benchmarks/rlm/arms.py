"""The four arms of the ablation: mining, mining and RLM, RLM alone, raw traces.

Each gives a report whose claims were checked and whose contrasts were corrected for everything that the arm tested, so
a finding means the same in all of them. No arm sees what was planted.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rlm import raw
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.report_with_claims import AnalysisOutput, report_with_claims
from halo_opt.analysis.engine.run_agents import run_agents
from halo_opt.analysis.records import AnalysisResult, ReportTask
from halo_opt.analysis.session.options import AnalysisOptions
from halo_opt.analysis.session.session import Session, open_session, replayed_session
from halo_opt.analysis.session.write_report import guarded_rows
from halo_opt.analysis.tools.all import ALL
from halo_opt.analysis.tools.base import ToolContext
from halo_opt.core.report_records import Report
from halo_opt.llm.ledger import Budget
from halo_opt.mining.detector_files import built_in
from halo_opt.mining.mine import measured_store, mine_store
from halo_opt.store import Store

MINING, BOTH, RLM, RAW = "mining", "mining + RLM", "RLM alone", "raw traces"
ARMS = (MINING, BOTH, RLM, RAW)
# Tools that show mining's findings.
OF_MINING = frozenset({"findings"})
TITLE = "planted"


@dataclass(frozen=True)
class Case:
    """A dataset; `identity` identifies it in recordings, as JSON data."""

    store: Store
    folder: Path
    identity: dict[str, Any]
    rng: np.random.Generator


def look(arm: str, case: Case, asked: AnalysisOptions, budget: Budget) -> tuple[Report, AnalysisResult | None]:
    """Run an arm on a case.

    Every call is journalled in the case's folder and not paid for twice; with `asked.replay`, a folder of an earlier
    run, replies come from that run's journals alone.

    Returns:
        The report, and what the model did (None for mining).
    """
    mined = mine_store(case.store, [], title=TITLE, made_at="", guarded=guarded_rows(case.store))
    if arm == MINING:
        return mined, None
    journal = Path(case.folder.name) / f"{arm.replace(' ', '-').replace('+', 'and')}.jsonl"
    subject = case.identity | {"arm": arm}
    if asked.replay is not None:
        with replayed_session(asked.replay / journal, subject=subject) as session:
            return _asked(arm, case, asked, session, mined)
    path = case.folder.parent / journal
    with open_session(asked, budget, journal=path, subject=subject, remedy="give another --out") as session:
        return _asked(arm, case, asked, session, mined)


def _asked(
    arm: str, case: Case, asked: AnalysisOptions, session: Session, mined: Report
) -> tuple[Report, AnalysisResult]:
    hypotheses = Hypotheses()
    if arm == RAW:
        result = raw.ask(case.store, session.roles, rng=case.rng)
    else:
        alone = arm == RLM
        known = mined.model_copy(update={"findings": [], "tested": [], "triage": {}, "triage_sql": None})
        result = run_agents(
            ToolContext(store=case.store, report=known if alone else mined, hypotheses=hypotheses),
            session.roles,
            task=ReportTask(),
            limits=asked.limits,
            ledger=session.ledger,
            tools=[tool for tool in ALL if not (alone and tool.name in OF_MINING)],
        )
    both = arm == BOTH
    guarded = guarded_rows(case.store)
    with measured_store(case.store, behaviours=built_in() if both else (), guarded=guarded, patterns=both) as measured:
        report = report_with_claims(
            measured, case.store, [], AnalysisOutput(result, hypotheses), title=TITLE, made_at=""
        )
    return report, result
