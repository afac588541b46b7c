"""Fuzzing the trace readers: changed lines of several formats, drawn anew each time (`make fuzz`).

What must hold for any bytes: no reader raises, every good line around them is kept, and each line is kept, rejected or
counted as replaced. Every 100th file goes through the whole import into a real store. The first finding ends the run
with exit code 1: its file is kept in tests/found, where an everyday test imports it from then on.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from halo_opt.core.errors import InputError
from halo_opt.redaction import Redactor
from halo_opt.store import Store, build_store, sink
from halo_opt.store.readers import READERS
from halo_opt.store.row_encoding import encode

FOUND = Path(__file__).parents[1] / "tests" / "found"
TRACE = "{:032x}"
TIME = "2026-05-04T10:00:00Z"
WHOLE_IMPORT_EVERY = 100
# Names that some reader looks for: where a change does something.
NAMES = [
    "attributes",
    "openinference.span.kind",
    "input.value",
    "output.value",
    "llm.token_count.prompt",
    "llm.model_name",
    "tool.name",
    "tool.parameters",
    "halo.step.index",
    "halo.score",
    "halo.task_id",
    "gen_ai.operation.name",
    "llm.input_messages.0.message.role",
    "status",
    "code",
    "message",
    "resource",
    "scope",
    "start_time",
    "end_time",
    "parent_span_id",
    "traj",
    "role",
    "content",
    "tool_calls",
    "function",
    "arguments",
    "tool_call_id",
    "info",
    "task",
    "reward_info",
    "reward",
    "trial",
    "outcome",
    "score",
    "cause",
    "steps",
    "seed",
    "attempt",
    "task_id",
    "turn_history",
    "actions",
    "observations",
    "rewards",
    "thoughts",
    "summary",
    "max_reward",
    "turns_max",
    "query",
    "valid_action",
]


NUMBERS = [0, -1, 2**31, 2**63, 10**40, float("inf"), 1e308, 0.5]
TEXTS = ["", "words", "\0", "\ud800", "9" * 400, "2026-13-45", TIME]


class Rows(sink.Sink):
    """A sink that encodes rows, as the real one must, and keeps where they came from."""

    def __init__(self) -> None:
        super().__init__(None, Path("fuzz"))  # type: ignore[arg-type]
        self.lines: dict[str, list[int | None]] = {}

    def _put(self, table: str, row: Any, encoded: bytes = b"") -> None:
        json.loads(encoded or encode(row._asdict()))
        name = "rejected values" if getattr(row, "field", None) is not None else table
        self.lines.setdefault(name, []).append(getattr(row, "line", None))


def span(number: int) -> dict[str, Any]:
    attributes = {"openinference.span.kind": ["AGENT", "LLM", "TOOL"][number % 3], "input.value": "hello"}
    fields = {"trace_id": TRACE.format(number // 3), "span_id": f"s{number}", "parent_span_id": f"s{number // 3 * 3}"}
    return {**fields, "name": "step", "start_time": TIME, "end_time": TIME, "attributes": attributes}


def result(number: int) -> dict[str, Any]:
    fields = {"task_id": "t", "seed": number, "attempt": 0, "trace_id": TRACE.format(number), "outcome": "success"}
    more = {"tokens_in": None, "tokens_out": None, "cost_usd": None, "started_at": TIME, "ended_at": TIME}
    return {**fields, "score": 1.0, "cause": None, "steps": 1, **more}


def record(number: int) -> dict[str, Any]:
    call = {"id": "c", "function": {"name": "find", "arguments": "{}"}}
    talk = [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c"}]
    return {"task_id": number, "trial": 0, "reward": 1.0, "info": {"task": {"instruction": "do"}}, "traj": talk}


def turns(number: int) -> dict[str, Any]:
    history = {"actions": ["ls", "submit"], "observations": ["a", "b"], "rewards": [0, 1], "thoughts": ["x", "y"]}
    return {"task_id": number, "query": "q", "turn_history": history, "summary": {"max_reward": 1, "turns_max": 5}}


def summary(number: int) -> dict[str, Any]:
    tokens = {"stats.cum_input_tokens": 4000, "stats.cum_output_tokens": 120, "stats.cum_cost": 0.1}
    return {"n_steps": number, "cum_reward": 1.0, "err_msg": None, "terminated": True, "truncated": False, **tokens}


def value(draw: random.Random, depth: int = 0) -> Any:
    """Some JSON value."""
    kind = draw.randrange(9 if depth < 3 else 6)
    if kind < 6:
        return draw.choice([None, True, draw.choice(NUMBERS), draw.randrange(-(2**70), 2**70), draw.choice(TEXTS)])
    if kind == 6:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(NAMES): value(draw, depth + 1) for _ in range(draw.randrange(4))}


def changed(good: Any, draw: random.Random) -> Any:
    """A good record with one to three of its parts replaced, removed or added, at any depth."""
    for _ in range(draw.randint(1, 3)):
        place = good
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw.choice([*keys, None])
            if key is None:
                if isinstance(place, dict):
                    place[draw.choice(NAMES)] = value(draw)
                break
            if isinstance(place[key], dict | list) and draw.random() < 0.5:
                place = place[key]
                continue
            if draw.random() < 0.7:
                place[key] = value(draw)
            else:
                del place[key]
            break
    return good


def text_of(record: Any, draw: random.Random) -> bytes:
    """A record as JSON; an infinity as a number that is too large, as no JSON writer spells it otherwise."""
    text = json.dumps(record, ensure_ascii=draw.random() < 0.5)
    return text.replace("Infinity", "1e999").encode("utf-8", "replace")


def some_line(make: Any, draw: random.Random) -> bytes:
    if draw.random() < 0.8:
        text = text_of(changed(make(9), draw), draw)
        return text[: draw.randrange(len(text))] if draw.random() < 0.2 else text
    return draw.randbytes(draw.randrange(200)).replace(b"\n", b" ")


FORMS = {
    "x.jsonl": span,
    "results.jsonl": result,
    "gpt-4o-airline.jsonl": record,
    "ic_bash.json": turns,
    "summary_info.json": summary,
}


def one(seed: int, *, whole: bool) -> None:
    """Make a file from a seed and read it; with `whole` import it into a store too."""
    draw = random.Random(seed)
    name = draw.choice(list(FORMS))
    make: Any = FORMS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in", name)
        path.parent.mkdir()
        lines = [json.dumps(make(n)).encode() for n in range(4)]
        if name == "ic_bash.json":
            path.write_bytes(text_of({"1": turns(1), "2": changed(turns(2), draw), "3": turns(3)}, draw))
            lines = [b"x"] * 3
        elif name == "summary_info.json":
            lines = [text_of(changed(summary(3), draw), draw)]
            path.write_bytes(lines[0])
        else:
            lines.insert(draw.randint(1, 4), some_line(make, draw))
            path.write_bytes(b"\n".join(lines) + draw.choice([b"", b"\n", b"\r\n"]))
        source = path.parent if name == "results.jsonl" else path
        try:
            check_reader(source, lines, make)
            if whole:
                check_import(source, Path(folder, "s.duckdb"))
        except BaseException:
            shutil.copytree(path.parent, FOUND / f"{path.stem}-{seed}", dirs_exist_ok=True)
            raise


def check_reader(source: Path, lines: list[bytes], make: Any) -> None:
    reader = next((reader for reader in READERS if reader.sniff(source)), None)
    if reader is None:
        assert make is summary, "a file with good lines is not recognised"
        return
    rows = Rows()
    reader.read(source, rows)
    kept = rows.lines.get("spans" if make is span else "attempts", [])
    rejects = len(rows.lines.get("rejects", []))
    seen = len(kept) + rejects + rows.counts["superseded"] + rows.counts["retried_errors"]
    full = [n for n, line in enumerate(lines, start=1) if line.removeprefix(b"\xef\xbb\xbf").strip()]
    assert seen in (len(full), sum(bool(line.strip()) for line in lines)), (seen, len(full), kept, rows.lines)
    good = [n for n, line in enumerate(lines, start=1) if line == json.dumps(make(n - 1)).encode()]
    assert set(good) <= set(kept) or rows.counts["superseded"] or rejects > 1, (good, kept)


def check_import(source: Path, place: Path) -> None:
    try:
        build_store([source], place)
    except InputError:
        assert source.name == "summary_info.json", "good lines were refused"
        return
    with Store.open(place) as store:
        store.summary()
        text = json.dumps(store.rows("SELECT * FROM rejects"), default=str)
    Redactor().redact(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, help="make the file of this seed alone")
    options = parser.parse_args()
    if options.seed is not None:
        one(options.seed, whole=True)
        return
    until, count = time.monotonic() + options.seconds, 0
    while time.monotonic() < until:
        seed = random.SystemRandom().randrange(2**32)
        try:
            one(seed, whole=count % WHOLE_IMPORT_EVERY == 0)
        except BaseException:
            print(f"seed {seed}: the file is kept in {FOUND}; make it again with --seed {seed}", file=sys.stderr)
            raise
        count += 1
    print(f"{count} files read, no finding")


if __name__ == "__main__":
    main()
