"""What was spent is read from journals: nothing twice, nothing unknown as zero."""

from pathlib import Path

import pytest

from halo_opt.analysis.session.spend_table import journals_in, spend_rows, total
from halo_opt.core.errors import InputError
from halo_opt.core.journal import Journal
from halo_opt.llm.ledger import Amount, Budget, Ledger


def ledger_over(journal: Journal) -> Ledger:
    return Ledger(
        Budget(),
        past=[event.data for event in journal.events if event.kind == "spend"],
        on_event=lambda event: journal.append("spend", **event.model_dump(mode="json")),
    )


def attempt(journal: Journal, **used: float | None) -> None:
    times = {"started_at": "2026-01-01T00:00:00+00:00", "ended_at": "2026-01-01T00:00:01+00:00"}
    which = {"task_id": "a", "seed": 0, "attempt": 0, "trace_id": "0" * 32, "outcome": "failure"}
    journal.append("attempt_finished", run="train.0", **which, **times, **used)


def test_calls_are_summed_by_purpose_with_the_model_that_had_it(tmp_path: Path) -> None:
    with Journal(tmp_path / "analysis.jsonl") as journal:
        journal.append("models", roles={"root": {"model": "big"}, "map": {"model": "small"}})
        ledger = ledger_over(journal)
        for purpose, cost in (("root", 0.5), ("map", 0.01), ("map", 0.02)):
            call = ledger.reserve(Amount(tokens_in=100, tokens_out=50, cost_usd=1.0), purpose=purpose)
            ledger.settle(call, Amount(tokens_in=80, tokens_out=5, cost_usd=cost))
        journal.append("reply", role="map", completion={"tokens_cached": 60})
    root, small = spend_rows(tmp_path / "analysis.jsonl")
    assert (root.purpose, root.model, root.calls, root.tokens_in, root.cost_usd) == ("root", "big", 1, 80, 0.5)
    assert (small.model, small.calls, small.tokens_out, small.cost_usd) == ("small", 2, 10, pytest.approx(0.03))
    assert (root.tokens_cached, small.tokens_cached) == (0, 60)
    assert total([root, small]).cost_usd == pytest.approx(0.53)


def test_a_call_that_never_ended_counts_at_its_reservation_and_is_named(tmp_path: Path) -> None:
    with Journal(tmp_path / "analysis.jsonl") as journal:
        ledger_over(journal).reserve(Amount(tokens_in=100, tokens_out=50, cost_usd=1.0), purpose="root")
    with Journal(tmp_path / "analysis.jsonl") as journal:  # a second sitting
        again = ledger_over(journal)
        again.settle(again.reserve(Amount(tokens_in=1, cost_usd=0.1), purpose="root"))
    [row] = spend_rows(tmp_path / "analysis.jsonl")
    assert (row.calls, row.open_calls, row.tokens_in, row.cost_usd) == (2, 1, 101, pytest.approx(1.1))


def test_a_released_call_is_none(tmp_path: Path) -> None:
    with Journal(tmp_path / "analysis.jsonl") as journal:
        ledger = ledger_over(journal)
        ledger.release(ledger.reserve(Amount(tokens_in=100, cost_usd=1.0), purpose="root"))
    assert spend_rows(tmp_path / "analysis.jsonl") == []


def test_an_unknown_price_is_counted_and_no_zero(tmp_path: Path) -> None:
    with Journal(tmp_path / "analysis.jsonl") as journal:
        ledger = ledger_over(journal)
        ledger.settle(ledger.reserve(Amount(tokens_in=7, cost_usd=None), purpose="root"))
    [row] = spend_rows(tmp_path / "analysis.jsonl")
    assert (row.cost_usd, row.unpriced) == (None, 1)
    assert total([row]).cost_usd is None


def test_a_loop_s_attempts_and_what_was_answered_from_the_journal_have_rows(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append("phase_finished", key="loop_started", value={"asked": {"model": "lab:m@http://127.0.0.1:9/v1"}})
        for cost in (0.25, None):
            attempt(journal, tokens_in=10, tokens_out=None, cost_usd=cost)
        journal.append("session_ended", seconds=1.0)
        journal.append("session_ended", seconds=1.0, taken_over=3)
    attempts, replayed = spend_rows(tmp_path / "journal.jsonl")
    assert (attempts.purpose, attempts.model, attempts.calls, attempts.tokens_in) == (
        "attempts",
        "lab:m@http://127.0.0.1:9/v1",
        2,
        20,
    )
    assert (attempts.cost_usd, attempts.unpriced) == (0.25, 1)
    assert (replayed.calls, replayed.replayed, replayed.cost_usd) == (0, 3, None)


@pytest.mark.parametrize(
    ("model", "cost", "unpriced"),
    [
        ("local", 0.0, 0),
        ("agent.gguf", 0.0, 0),
        ("vllm:m@http://127.0.0.1:9/v1", 0.0, 0),
        ("openai:gpt-4o", (10 * 2.5 + 2 * 10) / 1e6, 0),
        ("openai:no-such-model", None, 1),
        ("lab:gpt-4o@http://127.0.0.1:9/v1", None, 1),
        ("lab:m", None, 1),
        ("none", None, 1),
    ],
)
def test_an_attempt_without_a_price_has_that_of_its_model_as_the_loop_counts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, cost: float | None, unpriced: int
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):  # a journal is read without a key
        monkeypatch.delenv(name, raising=False)
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.append("phase_finished", key="loop_started", value={"asked": {"model": model}})
        attempt(journal, tokens_in=10, tokens_out=2, cost_usd=None)
    [row] = spend_rows(tmp_path / "journal.jsonl")
    assert (row.cost_usd, row.unpriced) == (cost if cost is None else pytest.approx(cost), unpriced)


def test_journals_are_found_below_a_folder_also_those_that_were_set_aside(tmp_path: Path) -> None:
    names = ["one/journal.jsonl", "two/analysis.jsonl", "two/analysis.20260101T000000.jsonl"]
    for name in [*names, "two/other.jsonl"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert journals_in(tmp_path) == sorted(tmp_path / name for name in names)
    assert journals_in(tmp_path / "two" / "other.jsonl") == [tmp_path / "two" / "other.jsonl"]
    with pytest.raises(InputError, match="holds no journal"):
        journals_in(tmp_path / "three")
