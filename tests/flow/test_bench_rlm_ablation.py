"""The ablation against a real local server that plays the model: arms, resume and replay."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.rlm import ablation
from benchmarks.rlm.ablation import Done
from benchmarks.rlm.wire import Body, Said, Wire, results_of, wire

PREDICATE = "SELECT trace_id FROM steps WHERE tool = 'get_reservation_details'"


class Model:
    """Claims that looking up reservations makes attempts fail; where it has tools, it looks up a quote first."""

    def __init__(self) -> None:
        self.schemas: list[str] = []
        self.systems: list[str] = []

    def play(self, body: Body) -> Said:
        name = body["response_format"]["json_schema"]["name"]
        self.schemas.append(name)
        self.systems.append(
            "".join(str(m["content"]) for m in body["messages"] if m["role"] in {"system", "developer"})
        )
        if name == "Claims":
            return Said(json.dumps({"claims": [_claim("a-0", "words that stand nowhere")]}))
        if len(results_of(body)) == 1:
            query = "SELECT trace_id, arguments FROM steps WHERE tool = 'get_reservation_details' ORDER BY 1 LIMIT 1"
            return Said(json.dumps({"thought": "", "actions": [{"tool": "sql", "query": query}]}))
        trace, words = _row(results_of(body)[-1])
        handing = {"tool": "submit_report", "summary": "Reservations are looked up.", "claims": [_claim(trace, words)]}
        return Said(json.dumps({"thought": "", "actions": [handing]}))


def _row(result: str) -> tuple[str, str]:
    line = next(line for line in result.splitlines() if line.startswith("a-"))
    trace, words = line.split("\t")[:2]
    return trace, words


def _claim(trace: str, words: str) -> dict[str, object]:
    quotes = [{"trace_id": trace, "words": words}]
    return {
        "title": "looks up reservations",
        "claim": "It looks reservations up.",
        "predicate_sql": PREDICATE,
        "quotes": quotes,
    }


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Wire, Model, Path]]:
    model = Model()
    out = tmp_path_factory.mktemp("ablation")
    with wire(model.play) as server:
        assert ablation.main(_words(server, out)) == 0
        yield server, model, out


def _words(server: Wire, out: Path) -> list[str]:
    model = ["--model", f"vllm:played@{server.url}", "--context", "32000", "--budget", "100calls"]
    return [*model, "--cases", "1", "--attempts", "48", "--seed", "3", "--out", str(out)]


def _done(out: Path) -> dict[str, Done]:
    lines = [json.loads(line)["done"] for line in (out / "results.jsonl").read_text("utf-8").splitlines()]
    return {done["arm"]: Done(**done) for done in lines}


@pytest.mark.slow
def test_every_arm_is_run_and_written_down_with_what_it_used(played: tuple[Wire, Model, Path]) -> None:
    done = _done(played[2])
    assert list(done) == ["mining", "mining + RLM", "RLM alone", "raw traces"]
    assert [done[arm].calls for arm in done] == [0, 2, 2, 1]
    assert all(one.ended == "submitted" for one in done.values())
    assert len({one.tests for one in done.values()}) == 1


@pytest.mark.slow
def test_the_rlm_alone_is_not_told_of_minings_findings(played: tuple[Wire, Model, Path]) -> None:
    systems = dict(zip(("both", "again", "alone", "more", "raw"), played[1].systems, strict=False))
    assert "- findings:" in systems["both"]
    assert "- findings:" not in systems["alone"]


@pytest.mark.slow
def test_started_again_nothing_is_asked_twice(
    played: tuple[Wire, Model, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    server, model, out = played
    before = len(model.schemas)
    assert ablation.main(_words(server, out)) == 0
    assert len(model.schemas) == before
    assert "Too few" in capsys.readouterr().out


@pytest.mark.slow
def test_other_settings_for_the_same_folder_are_refused(
    played: tuple[Wire, Model, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    server, _, out = played
    words = _words(server, out)
    words[words.index("48")] = "56"
    assert ablation.main(words) == 2
    assert "give another --out" in capsys.readouterr().err


@pytest.mark.slow
def test_a_replay_asks_no_model_and_finds_the_same(played: tuple[Wire, Model, Path], tmp_path: Path) -> None:
    _, model, out = played
    before = len(model.schemas)
    words = ["--replay", str(out), "--cases", "1", "--attempts", "48", "--seed", "3", "--arms", "RLM alone"]
    words += ["--out", str(tmp_path / "again")]
    assert ablation.main(words) == 0
    assert len(model.schemas) == before
    again, first = _done(tmp_path / "again"), _done(out)
    assert list(again) == ["mining", "RLM alone"]
    assert [again[arm].findings for arm in again] == [first[arm].findings for arm in again]
    assert again["RLM alone"].calls == first["RLM alone"].calls == 2


@pytest.mark.slow
def test_a_small_case_is_mined_and_put_to_a_model_that_reads_raw_traces(tmp_path: Path) -> None:
    model = Model()
    with wire(model.play) as server:
        words = _words(server, tmp_path)
        words[words.index("48")] = "16"
        assert ablation.main([*words, "--arms", "raw traces"]) == 0
    assert model.schemas == ["Claims"]
    assert {arm: done.calls for arm, done in _done(tmp_path).items()} == {"mining": 0, "raw traces": 1}


def test_arms_are_compared_on_the_same_modes_and_a_small_number_is_said_to_be_small() -> None:
    modes = [("one", 0.9, True), ("two", 0.95, False), ("hidden", 0.1, False)]
    more = [("one", 0.9, True), ("two", 0.95, True), ("hidden", 0.1, True)]
    results = [
        Done("mining", 0, 100, modes, [("x", True)], 1.0),
        Done("mining + RLM", 0, 100, more, [("x", True), ("y", False)], 9.0, calls=3, cost_usd=None, ended="budget"),
    ]
    rows = ablation.table(results)
    assert "| mining | 2 | 1 | 50%" in rows[2]
    assert "| mining + RLM | 2 | 2 | 100%" in rows[3]
    assert "not known" in rows[3]
    said = " ".join(ablation.notes(results))
    assert "on the same 2 modes: 1 found by it alone, 0 missed by it alone" in said
    assert "Too few: 2 detectable modes" in said
    assert "ended by budget" in said


def test_a_model_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ablation.main([])
    assert "name a model" in capsys.readouterr().err
