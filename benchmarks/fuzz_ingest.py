"""Fuzzing the trace readers: changed lines of every format, guided by which code they reach (atheris, `make fuzz`).

What must hold for any bytes: no reader raises, every good line around them is kept, and each line is kept, rejected or
counted as replaced, never lost. Every 500th file goes through the whole import into a real store. Writes only into
temporary folders; exits with atheris' code, which is not 0 after a finding, whose input lies in the current folder.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed; pip install atheris (it is no dependency of halo-opt)")

with atheris.instrument_imports(include=["halo_opt"]):
    from halo_opt.core.errors import InputError
    from halo_opt.redaction import Redactor
    from halo_opt.store import Store, build_store, sink
    from halo_opt.store.readers import READERS

TRACE = "{:032x}"
TIME = "2026-05-04T10:00:00Z"
WHOLE_IMPORT_EVERY = 500
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


class Rows(sink.Sink):
    """A sink that encodes rows, as the real one must, and keeps where they came from."""

    def __init__(self) -> None:
        super().__init__(None, Path("fuzz"))  # type: ignore[arg-type]
        self.lines: dict[str, list[int | None]] = {}

    def _put(self, table: str, row: Any) -> None:
        json.loads(sink._encode(row._asdict()))
        self.lines.setdefault(table, []).append(getattr(row, "line", None))


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


def value(data: Any, depth: int = 0) -> Any:
    """Some JSON value, made of the fuzzer's bytes."""
    kind = data.ConsumeIntInRange(0, 9 if depth < 3 else 6)
    simple = [None, True, data.ConsumeInt(9), data.ConsumeFloat(), data.ConsumeUnicode(12), "", 10**40]
    if kind < len(simple):
        return simple[kind]
    if kind == 7:
        return [value(data, depth + 1) for _ in range(data.ConsumeIntInRange(0, 3))]
    return {data.PickValueInList(NAMES): value(data, depth + 1) for _ in range(data.ConsumeIntInRange(0, 3))}


def changed(good: Any, data: Any) -> Any:
    """A good record with one to three of its parts replaced, removed or added, at any depth."""
    for _ in range(data.ConsumeIntInRange(1, 3)):
        place = good
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.PickValueInList([*keys, None]) if keys else None
            if key is None:
                if isinstance(place, dict):
                    place[data.PickValueInList(NAMES)] = value(data)
                break
            if isinstance(place[key], dict | list) and data.ConsumeBool():
                place = place[key]
                continue
            if data.ConsumeBool():
                place[key] = value(data)
            else:
                del place[key]
            break
    return good


def some_line(make: Any, data: Any) -> bytes:
    if data.ConsumeBool():
        text = json.dumps(changed(make(9), data), ensure_ascii=data.ConsumeBool()).encode("utf-8", "replace")
        cut = data.ConsumeIntInRange(0, 20)
        return text[: -cut * 7] if cut > 15 else text
    return data.ConsumeBytes(200).replace(b"\n", b" ")


FORMS = {"x.jsonl": span, "results.jsonl": result, "gpt-4o-airline.jsonl": record, "ic_bash.json": turns}
count = 0


def one(raw: bytes) -> None:
    global count  # noqa: PLW0603
    count += 1
    data = atheris.FuzzedDataProvider(raw)
    name = data.PickValueInList(list(FORMS))
    make = FORMS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        if name.startswith("ic_"):
            path.write_text(json.dumps({"1": turns(1), "2": changed(turns(2), data), "3": turns(3)}), "utf-8")
            lines = [b"x"] * 3
        else:
            lines = [json.dumps(make(n)).encode() for n in range(4)]
            lines.insert(data.ConsumeIntInRange(1, 4), some_line(make, data))
            path.write_bytes(b"\n".join(lines) + data.PickValueInList([b"", b"\n", b"\r\n"]))
        source = Path(folder) if name == "results.jsonl" else path
        check_reader(source, lines, make)
        if count % WHOLE_IMPORT_EVERY == 0:
            check_import(source, Path(folder, "s.duckdb"))


def check_reader(source: Path, lines: list[bytes], make: Any) -> None:
    reader = next(reader for reader in READERS if reader.sniff(source))
    rows = Rows()
    reader.read(source, rows)
    counts = rows.counts
    kept = rows.lines.get("spans" if make is span else "attempts", [])
    seen = len(kept) + counts["rejects"] + counts["superseded"] + counts["retried_errors"]
    full = [n for n, line in enumerate(lines, start=1) if line.removeprefix(b"\xef\xbb\xbf").strip()]
    assert seen in (len(full), sum(bool(line.strip()) for line in lines)), (seen, len(full), kept, rows.reject_reasons)
    good = [n for n, line in enumerate(lines, start=1) if line == json.dumps(make(n - 1)).encode()]
    assert set(good) <= set(kept) or counts["superseded"] or counts["rejects"] > 1, (good, kept)


def check_import(source: Path, place: Path) -> None:
    try:
        build_store([source], place)
    except InputError:
        raise AssertionError("good lines were refused") from None
    with Store.open(place) as store:
        store.summary()
        text = json.dumps(store.rows("SELECT * FROM rejects"), default=str)
    Redactor().redact(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("inputs", nargs="*", help="files to try again")
    asked = parser.parse_args()
    options = [
        f"-max_total_time={asked.seconds}",
        "-print_final_stats=1",
        "-max_len=2048",
        "-len_control=0",
        "-timeout=20",
    ]
    atheris.Setup([sys.argv[0], *options, *asked.inputs], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
