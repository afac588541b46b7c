"""Reader for tau-bench results: `{task_id, trial, reward, info, traj}` with OpenAI messages in `traj`.

A file is JSONL or one JSON array. A step is an assistant message: a tool call, or words to the user (`respond`), and
the message after it is its result. The outcome is the reward that tau-bench gave.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.opening import original_stem
from halo_opt.store.outcomes import reward_rows
from halo_opt.store.readers.base import derived_id
from halo_opt.store.readers.conversation import content_of, message_rows, problem_of, steps_of
from halo_opt.store.readers.documents import leading_records, unwrapped
from halo_opt.store.readers.message_layouts import Message, normal
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, ScoreRow, Trace
from halo_opt.store.sink import Sink

# tau-bench's own default; the files do not say it. Only an attempt that was cut off there is given it.
DEFAULT_STEP_LIMIT = 30
_DOMAIN = re.compile(r"(?:^|[-_])(airline|retail|telecom|mock)(?:[-_]|$)")
_STOP = "###STOP###"
_TRANSFER = "transfer_to_human_agents"


class TauBenchReader:
    """tau-bench result files."""

    name = "tau-bench"
    meaning = "tau-bench results, JSONL or one JSON array of {task_id, trial, reward, info, traj}"

    def sniff(self, path: Path) -> bool:
        """Whether one of the first lines, or of the first elements of an array, has task_id, traj and reward."""
        return path.is_file() and any(map(_is_tau_bench, leading_records(path)))

    def read(self, path: Path, sink: Sink) -> None:
        """Read every record that names a task and holds messages; reject the others."""
        run_id = sink.run_of_file(path)
        domain, model = _names(original_stem(path))
        sink.run(RunRow(run_id, self.name, None, model, None, None, str(path)))
        for line in unwrapped(path, _is_tau_bench):
            record = line.value
            problem = line.reason if record is None else _problem(record)
            if record is None or problem is not None:
                sink.reject(str(path), line.number, problem or "no record", line.head)
                continue
            task, seed = f"{domain}-{record['task_id']}", values.integer(record.get("trial"))
            attempt = sink.attempt_number(run_id, task, seed)
            known = AttemptRow(
                derived_id(run_id, task, seed, attempt),
                run_id,
                task,
                seed,
                attempt,
                model=model,
                source=str(path),
                line=line.number,
            )
            sink.trace(_trace(record, known))


def _is_tau_bench(record: Message) -> bool:
    return {"task_id", "traj", "reward"} <= record.keys()


def _names(stem: str) -> tuple[str, str | None]:
    """Domain and model from a file name such as gpt-4o-airline; the model is None where the name has none."""
    match = _DOMAIN.search(stem)
    domain = match.group(1) if match else "tau"
    model = stem.removesuffix(f"-{domain}")
    return domain, model if model != stem else None


def _problem(record: Message) -> str | None:
    for name in ("task_id", "traj"):
        if name not in record:
            return f"missing field {name}"
    problem = problem_of(record["traj"])
    return f"wrong type: traj {problem}" if problem else None


def _trace(record: Mapping[str, Any], known: AttemptRow) -> Trace:
    messages = normal(record["traj"])
    info = record["info"] if isinstance(record.get("info"), dict) else {}
    task = info["task"] if isinstance(info.get("task"), dict) else {}
    steps, calls = steps_of(known.trace_id, messages)
    attempt = known._replace(
        goal=values.text(task.get("instruction")),
        steps=len(steps),
        **_ending(messages, len(steps)),
        **_outcome(record, info),
    )
    rest = {**info, "task": {name: value for name, value in task.items() if name != "instruction"}}
    return Trace(
        attempt,
        named=False,
        spans=synthetic_spans(attempt, steps, calls, {"tau_bench.info": rest}),
        messages=message_rows(known.trace_id, messages),
        steps=steps,
        tool_calls=calls,
        scores=_scores(attempt, info),
    )


def _outcome(record: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
    """Outcome and score. Reward 0 with `info.error` means that tau-bench's own program broke, which is an error."""
    if info.get("error") is not None:
        return {"outcome": "error", "score": None, "cause": "harness_crashed", "end_reason": "error"}
    return {"score": record.get("reward")}


def _ending(messages: Sequence[Message], steps: int) -> dict[str, Any]:
    last = messages[-1] if messages else {}
    if last.get("role") == "user" and _STOP in (content_of(last) or ""):
        return {"end_reason": "task_over"}
    if last.get("role") == "tool" and last.get("name") == _TRANSFER:
        return {"end_reason": "done"}
    if steps == DEFAULT_STEP_LIMIT:
        return {"end_reason": "step_limit", "step_limit": DEFAULT_STEP_LIMIT}
    return {}


def _scores(attempt: AttemptRow, info: Mapping[str, Any]) -> list[ScoreRow]:
    if attempt.score is None:
        return []
    rows = reward_rows(attempt, "tau-bench")
    reward_info = info.get("reward_info")
    parts = reward_info.get("info") if isinstance(reward_info, dict) else None
    for name, value in parts.items() if isinstance(parts, dict) else ():
        score = values.number(value) if isinstance(value, int | float) else None
        if score is not None:
            rows.append(ScoreRow(attempt.trace_id, name, score, None, "tau-bench"))
    return rows
