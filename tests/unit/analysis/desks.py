"""A desk over the traces that are in the repository, for tests of tools."""

from pathlib import Path

from halo_opt.analysis.hypotheses import Hypotheses
from halo_opt.analysis.tools.all import ALL
from halo_opt.analysis.tools.base import Desk
from halo_opt.mining.mine import analyze
from halo_opt.report_records import Report
from halo_opt.store import Store

DATA = Path(__file__).parents[2] / "data"
RUNS = [DATA / "tau-bench" / "gpt-4o-airline.jsonl", DATA / "intercode"]
TOOLS = {tool.name: tool for tool in ALL}


def mined(store: Store) -> Report:
    """What mining says of a store."""
    return analyze(store, [], title="t", made_at="2026-01-01T00:00:00Z")


def desk_over(store: Store, report: Report | None = None, **more: object) -> Desk:
    """A fresh desk."""
    return Desk(store, report or mined(store), Hypotheses(), **more)  # type: ignore[arg-type]


def ask(desk: Desk, tool: str, **arguments: object) -> str:
    """What a tool answers."""
    chosen = TOOLS[tool]
    return chosen.run(chosen.arguments.model_validate(arguments), desk)
