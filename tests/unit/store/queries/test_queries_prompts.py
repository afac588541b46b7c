"""What a model was sent at a step: from the trace file, or the conversation before its reply."""

import json
import shutil
from pathlib import Path

import pytest

from halo_opt.core.errors import InputError
from halo_opt.store import Store, build_store
from halo_opt.store.queries.prompts import conversation_before, prompts_of_step

DATA = Path(__file__).parents[3] / "data"
KEY = "sk-proj-Zq8Vt3mN5xLw2Kp9Rb7Hd4Jf6Gs1Ac0E"


def spans(path: Path, secret: str = "") -> Path:
    """One attempt with one model call below its step."""
    prompt = json.dumps([{"role": "system", "content": f"Be brief. {secret}"}, {"role": "user", "content": "Go."}])
    rows = [
        ("a", "", {"openinference.span.kind": "AGENT"}),
        ("s", "a", {"openinference.span.kind": "CHAIN", "halo.step.index": 0}),
        ("m", "s", {"openinference.span.kind": "LLM", "gen_ai.input.messages": prompt}),
    ]
    path.write_text(
        "".join(
            json.dumps({"trace_id": "t", "span_id": span, "parent_span_id": parent, "name": span, "attributes": found})
            + "\n"
            for span, parent, found in rows
        )
    )
    return path


def opened(folder: Path, source: Path) -> Store:
    build_store([source], folder / "s.duckdb")
    return Store.open(folder / "s.duckdb")


def test_the_prompt_of_a_step_is_that_of_the_model_call_below_it(tmp_path: Path) -> None:
    with opened(tmp_path, spans(tmp_path / "t.jsonl")) as store:
        [prompt] = prompts_of_step(store, "t", 0)
        assert prompt == ("m", [("system", "Be brief. "), ("user", "Go.")])
        assert prompts_of_step(store, "t", 1) == []


def test_a_prompt_is_redacted_like_the_store(tmp_path: Path) -> None:
    with opened(tmp_path, spans(tmp_path / "t.jsonl", KEY)) as store:
        [prompt] = prompts_of_step(store, "t", 0)
        assert KEY not in str(prompt) and "[redacted:" in str(prompt)


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    source = spans(tmp_path / "t.jsonl")
    with opened(tmp_path, source) as store:
        source.unlink()
        with pytest.raises(InputError):
            prompts_of_step(store, "t", 0)


def test_without_lines_of_calls_the_conversation_before_the_reply_is_given(tmp_path: Path) -> None:
    source = Path(shutil.copy(DATA / "tau-bench" / "gpt-4o-airline.jsonl", tmp_path))
    with opened(tmp_path, source) as store:
        [(trace_id,)] = store.rows("SELECT min(trace_id) FROM steps")
        assert prompts_of_step(store, trace_id, 1) == []
        found = conversation_before(store, trace_id, 1)
        assert found is not None
        assert [role for role, _ in found] == ["system", "user", "assistant", "user"]
