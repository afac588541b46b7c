"""A model that lies, in the whole engine, over real runs: does anything of it reach what the report confirms?

    python -m benchmarks.rlm.lies [--runs PATH ...] [--out DIR]

Judged by report.json and report.md as written, by counts made here, and never by what the engine says of itself.
Exit code 1 when a lie got through or a true statement was struck.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.rlm.answer_lies import judged_answers, sayable
from benchmarks.rlm.facts import Facts, facts_of
from benchmarks.rlm.planted import ODD, Planted, lies
from benchmarks.rlm.truths import truths
from halo_opt.analysis.claims.hypotheses import Hypotheses
from halo_opt.analysis.claims.report_with_claims import AnalysisOutput
from halo_opt.analysis.claims.verify import verify_report
from halo_opt.analysis.engine.run_agents import run_agents
from halo_opt.analysis.records import AnalysisLimits, ReportTask
from halo_opt.analysis.session.write_report import write_analysis
from halo_opt.analysis.tools.all import READING
from halo_opt.analysis.tools.base import ToolContext
from halo_opt.llm.ledger import Budget, Ledger
from halo_opt.llm.roles import RoleModel, Roles
from halo_opt.mining.mine import mine_store
from halo_opt.reporting.report_files import read_report
from halo_opt.store import Store, build_store
from halo_opt.testing import ScriptedModel

AT_ONCE = 12
SUPPORTED = ("proven", "shown")
# Lies of the summary, each a sentence of its own.
SUMMARIES = (
    f"{ODD} failures were found",
    "97.3% of attempts succeed",
    "Four hundred and thirteen attempts were read",
    "\uff14\uff11\uff13 failures remain",
    "Nineteen in twenty attempts succeed",
    "It fails 41x as often",
)


@dataclass(frozen=True)
class Verdict:
    """What became of the planted statements; `answers` of the lies are told in answers to a question too.

    `through` and `struck` say in words what must not have happened: a lie that stands, a true statement that changed.
    """

    lies: Counter[str]
    answers: int
    truths: int
    through: list[str]
    struck: list[str]
    mismatches: list[str]


def write_planted_report(store: Path, out: Path, planted: Sequence[Planted], summary: str) -> Path:
    """The folder of the report that comes of a model which claims all this and sums up so."""
    claims = [{"tool": "claim", **one.claim} for one in planted]
    turns = [claims[at : at + AT_ONCE] for at in range(0, len(claims), AT_ONCE)]
    turns.append([{"tool": "submit_report", "summary": summary, "claims": []}])
    script = [json.dumps({"thought": "I say so.", "actions": actions}) for actions in turns]
    limits = AnalysisLimits(turns=len(script) + 1, actions=AT_ONCE, parallel=1)
    with Store.open(store) as opened:
        asked = Hypotheses()
        report = mine_store(opened, [], title="t", made_at="2026-01-01T00:00:00+00:00", patterns=False)
        model = RoleModel(ScriptedModel(script, name="liar"), 1_000_000, 4_000)
        result = run_agents(
            ToolContext(opened, report, asked),
            Roles(model, {}),
            task=ReportTask(),
            limits=limits,
            ledger=Ledger(Budget()),
            tools=READING,
        )
    write_analysis(store, out, title="Lies", output=AnalysisOutput(result, asked))
    return out


def judged(store: Path, out: Path, planted: Sequence[Planted], summaries: Sequence[str]) -> tuple[list[str], list[str]]:
    """What of the planted stands above `suspected` in the written report, and what true did not keep its words.

    False numbers, quotes and categories must not stand at any level; false words must not stand above `suspected`, nor
    in the summary without being listed as unchecked.
    """
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    analysis = report["model_analysis"]
    through = [
        f"in the summary: {said}"
        for said in summaries
        if said in analysis["summary"] and not any(figure in said for figure in analysis["unchecked"])
    ]
    changed = []
    classes = _classes(out)
    for one in planted:
        found = [(f, said) for f in report["findings"] for said in f["model_claims"] if one.mark in said["title"]]
        if one.kept:
            if not any(said["words"] == one.kept for _, said in found):
                changed.append(f"{one.kept} -> {[said['words'] for _, said in found] or 'gone'}")
        elif one.gone:
            through += [f"{one.kind}: {one.mark} is a finding"] if found else []
        else:
            for finding, said in found:
                through += [
                    f"{one.kind}: {never}" for never in one.never if _stands(never, finding, said, classes, store)
                ]
                if one.listed and (said["level"] in SUPPORTED or not said["listed"]):
                    through.append(f"{one.kind}: {one.mark} is not said to be a list")
    return through, changed


def _stands(never: str, finding: dict[str, Any], said: dict[str, Any], classes: dict[str, str], store: Path) -> bool:
    """Whether a lie stands in one claim of a report."""
    if never.startswith("="):
        values = [number["value"] for number in said.get("numbers", {}).values()]
        return float(never[1:]) in values
    if never.startswith("^"):
        return any(quote["words"].strip().startswith(never[1:]) for quote in said.get("quotes", []))
    if never.startswith("category="):
        return finding["category"] == never[9:] != _class_of(finding, classes, store)
    told = [*finding["remedies"], *said.get("numbers", {})]
    told += [said.get(name, "") for name in ("title", "words")] if said["level"] in SUPPORTED else []
    return any(never in text for text in told)


def _classes(out: Path) -> dict[str, str]:
    """The class of each failed attempt, from the triage's own file."""
    lines = [line.split(",") for line in (out / "triage.csv").read_text(encoding="utf-8").splitlines()]
    head = lines[0]
    trace, judged_as = head.index("trace_id"), head.index("class_by_rules")
    return {line[trace]: line[judged_as] for line in lines[1:]}


def _class_of(finding: dict[str, Any], classes: dict[str, str], store: Path) -> str:
    with duckdb.connect(str(store), read_only=True) as db:
        shown = db.execute(f"SELECT trace_id FROM ({finding['predicate_sql']}) AS b WHERE value").fetchall()
    counted = Counter(classes[str(trace)] for (trace,) in shown if str(trace) in classes)
    return counted.most_common(1)[0][0] if counted else "unexplained"


def unlike(store: Path, out: Path) -> list[str]:
    """Numbers of the report that plain SQL does not give, and quotes that no text of their attempt holds."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    wrong = []
    with duckdb.connect(str(store), read_only=True) as db:
        for said in (said for finding in report["findings"] for said in finding["model_claims"]):
            for name, number in said["numbers"].items():
                [(value,)] = db.execute(number["sql"]).fetchall()
                if abs(float(value) - number["value"]) > 1e-6:
                    wrong.append(f"number {name}: {number['value']} is {value}")
            for quote in said["quotes"]:
                texts = db.execute(
                    "SELECT unnest([observation, reply, tool, arguments, target, result, error]) FROM steps WHERE"
                    " trace_id = ? AND (? IS NULL OR step = ?)",
                    [quote["trace_id"], quote["step"], quote["step"]],
                ).fetchall()
                if not any(quote["words"] in " ".join(str(text).split()) for (text,) in texts):
                    wrong.append(f"quote of {quote['trace_id']}: {quote['words'][:60]}")
    with Store.open(store) as opened:
        wrong += [f"verify: {m.where}: {m.reason}" for m in verify_report(read_report(out), opened)]
    return wrong


def run(store: Path, out: Path, facts: Facts | None = None) -> Verdict:
    """Both sets, each through the whole engine into a report of its own under `out`."""
    facts = facts or facts_of(store)
    false, true = lies(facts), truths(facts)
    write_planted_report(store, out / "lies", false, ". ".join(SUMMARIES) + ".")
    write_planted_report(store, out / "truths", true, f"{facts.f} of {facts.all} attempts fail.")
    through, _ = judged(store, out / "lies", false, SUMMARIES)
    _, struck = judged(store, out / "truths", true, ())
    kinds = Counter(one.kind for one in false) + Counter({"in the summary": len(SUMMARIES)})
    again = [one for one in false if sayable(one)]
    with Store.open(store) as opened:
        report = mine_store(opened, [], title="t", made_at="2026-01-01T00:00:00+00:00", patterns=False)
        through += judged_answers(opened, report, facts, again)[0]
        struck += judged_answers(opened, report, facts, true)[1]
    wrong = unlike(store, out / "lies") + unlike(store, out / "truths")
    return Verdict(kinds, len(again), len(true), through, struck, wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--runs", type=Path, nargs="+", default=[Path("tests/data/tau-bench"), Path("tests/data/intercode")]
    )
    parser.add_argument("--out", type=Path, help="keep the reports here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "s.duckdb"
        build_store(given.runs, store)
        verdict = run(store, given.out or Path(folder))
    print("| kind of lie | planted | got through |\n| --- | --- | --- |")
    through = Counter(one.partition(": ")[0] for one in verdict.through)
    for kind, planted in verdict.lies.items():
        print(f"| {kind} | {planted} | {through[kind]} |")
    print(f"| all | {verdict.lies.total()} | {len(verdict.through)} |")
    print(f"\nof these {verdict.answers} were told in answers to a question too, in points and in sentences")
    print(f"true statements, in reports and in answers: {verdict.truths}, struck: {len(verdict.struck)}")
    for line in (*verdict.through, *verdict.struck, *verdict.mismatches):
        print(f"- {line}")
    return 1 if verdict.through or verdict.struck or verdict.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
