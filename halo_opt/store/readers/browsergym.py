"""Reader for experiment folders of BrowserGym, AgentLab and agisdk, from their `summary_info.json`.

Steps and arguments are stored beside it as pickles, which are not opened: loading a pickle runs code. So steps are a
number only, and task, seed and model come from JSON where there is some, else from the folder's name. The folder around
the experiments, AgentLab's study, is a run.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from halo_opt.store import values
from halo_opt.store.files.lines import decode_json, head_of
from halo_opt.store.outcomes import reward_rows
from halo_opt.store.readers.base import derived_id, whole
from halo_opt.store.readers.conventions import first
from halo_opt.store.readers.documents import leading_objects
from halo_opt.store.readers.synthetic import synthetic_spans
from halo_opt.store.rows import AttemptRow, RunRow, Trace
from halo_opt.store.sink import Sink

Record = Mapping[str, Any]

SUMMARY, ARGUMENTS = "summary_info.json", "exp_args.json"
_NAME = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)_(?P<time>\d\d-\d\d-\d\d)_)?(?P<agent>.+)_on_(?P<task>.+?)"
    r"(?:_(?P<seed>\d+|None))?(?:_(?P<hash>[0-9a-f]{6,}))?"
)
PICKLED_ARGUMENTS = "exp_args.pkl"
# AgentLab names its agents `GenericAgent-<model>`, with / written as _.
_AGENT = re.compile(r"[A-Za-z]*Agent(?:Args)?-(?P<model>.+)")
_PROVIDER = re.compile(r"^(anthropic|azure|deepseek|google|meta-llama|mistralai|openai|openrouter|qwen)_")
# The totals of an experiment. `n_token_agent_messages` is AgentLab's own count of prompts and replies together.
TOKENS_IN = ("stats.cum_input_tokens", "stats.cum_prompt_tokens", "stats.cum_n_token_agent_messages")
TOKENS_OUT = ("stats.cum_output_tokens", "stats.cum_completion_tokens")
COST = ("stats.cum_cost", "stats.cum_effective_cost")
_CAUSES = (
    ("browser_died", re.compile(r"(?i)target ?closed|browser has been closed|browser closed|page crashed")),
    (
        "model_unreachable",
        re.compile(r"(?i)rate ?limit|api ?connection|connection error|service ?unavailable|overloaded"),
    ),
    ("model_error", re.compile(r"openai\.|anthropic\.|APIError|BadRequestError")),
    ("environment_error", re.compile(r"playwright|net::ERR|TimeoutError")),
)


class BrowserGymReader:
    """Folders of BrowserGym experiments."""

    name = "browsergym"
    meaning = "BrowserGym, AgentLab or agisdk experiment folders with summary_info.json (pickles are not opened)"

    def sniff(self, path: Path) -> bool:
        """Whether it is a folder of an experiment, finished or not, or the summary of a finished one."""
        summary = path / SUMMARY if path.is_dir() else path
        if path.is_dir() and not summary.is_file():
            return (path / PICKLED_ARGUMENTS).is_file() and _NAME.fullmatch(path.name) is not None
        found = leading_objects(summary) if summary.is_file() else ()
        return any("cum_reward" in record and "n_steps" in record for record in found)

    def read(self, path: Path, sink: Sink) -> None:
        """Read the one attempt of the folder."""
        folder, file = (path, path / SUMMARY) if path.is_dir() else (path.parent, path)
        if not file.is_file():
            sink.counts["unfinished"] += 1
            return
        if _replaced(folder.resolve()):
            sink.counts["superseded"] += 1
            return
        raw = whole(file)
        summary, reason = decode_json(raw)
        if not isinstance(summary, dict):
            sink.reject(str(file), 1, reason or "not an object", head_of(raw))
            return
        run_id = sink.run_of_folder(folder.resolve().parent)
        known = _named(folder.resolve().name, _arguments(folder), summary)
        # A name with the time of the start is of one experiment, wherever its folder was copied to.
        own = "browsergym" if known.started_at else run_id
        known = known._replace(
            run_id=run_id, trace_id=derived_id(own, folder.resolve().name, known.task_id), source=str(file), line=1
        )
        known = known._replace(attempt=sink.attempt_number(run_id, known.task_id, known.seed))
        sink.run(RunRow(run_id, self.name, None, known.model, known.mode, None, str(folder.parent)))
        sink.trace(_trace(summary, known))


def _replaced(folder: Path) -> bool:
    """Whether AgentLab has put the experiment aside (`_` before its name) and run it again."""
    if not folder.name.startswith("_"):
        return False
    mine = _key(folder.name.removeprefix("_"))
    siblings = (path for path in folder.parent.iterdir() if not path.name.startswith(("_", ".")) and path.is_dir())
    return mine is not None and any(_key(sibling.name) == mine for sibling in siblings)


def _key(name: str) -> tuple[str, ...] | None:
    match = _NAME.fullmatch(name)
    return None if match is None else (match["agent"], match["task"], match["seed"])


def _arguments(folder: Path) -> dict[str, Any]:
    """The experiment's arguments, from a JSON file beside the summary where there is one."""
    file = folder / ARGUMENTS
    value = decode_json(whole(file))[0] if file.is_file() else None
    return value if isinstance(value, dict) else {}


def _named(name: str, arguments: Record, summary: Record) -> AttemptRow:
    """Task, seed, agent and model: from arguments and summary, else from the folder's name."""
    match = _NAME.fullmatch(name)
    parts = match.groupdict() if match else {}
    env, agent = values.an_object(arguments.get("env_args")), values.an_object(arguments.get("agent_args"))
    mode = values.text(agent.get("agent_name")) or parts.get("agent")
    model = (
        values.an_object(agent.get("chat_model_args")).get("model_name") or agent.get("model_name") or _model_in(mode)
    )
    seed = values.integer(env.get("task_seed"))
    task = env.get("task_name") or summary.get("task_name") or parts.get("task") or name
    started = f"{parts['date']} {parts['time'].replace('-', ':')}" if parts.get("date") else None
    return AttemptRow(
        "",
        "",
        values.text(task) or name,
        seed=values.integer(parts.get("seed")) if seed is None else seed,
        mode=mode,
        model=values.text(model),
        step_limit=values.integer(env.get("max_steps")),
        started_at=values.time(started),
    )


def _model_in(agent: str | None) -> str | None:
    """The model in an agent's name, with the / that AgentLab wrote as _ after a provider's name."""
    match = _AGENT.fullmatch(agent or "")
    return _PROVIDER.sub(r"\1/", match["model"]) if match else None


def _trace(summary: Record, known: AttemptRow) -> Trace:
    score = summary.get("cum_reward")
    ended = summary.get("terminated") is True or summary.get("truncated") is True
    complaint = values.text(summary.get("err_msg"))
    # An agent that gave up is truncated and complains too; only what neither ended nor was cut off had crashed.
    crashed = bool(complaint) and not ended
    attempt = known._replace(
        outcome="error" if crashed else None,
        score=None if crashed else score,
        cause=_cause(complaint or "", values.text(summary.get("stack_trace")) or "") if crashed else None,
        end_reason="error" if crashed else _ending(summary, known.step_limit, complaint),
        steps=values.integer(summary.get("n_steps")),
        tokens_in=values.integer(first(TOKENS_IN, summary)),
        tokens_out=values.integer(first(TOKENS_OUT, summary)),
        cost_usd=values.number(first(COST, summary)),
    )
    rest = {f"browsergym.{name}": value for name, value in summary.items()}
    spans, scores = synthetic_spans(attempt, [], [], rest), reward_rows(attempt, "browsergym")
    return Trace(attempt, spans=spans, scores=scores)


def _ending(summary: Record, limit: int | None, complaint: str | None) -> str | None:
    if summary.get("terminated") is True:
        return "task_over"
    steps = values.integer(summary.get("n_steps"))
    if limit is not None and steps is not None:
        return "step_limit" if steps >= limit else None
    return "step_limit" if summary.get("truncated") is True and not complaint else None


def _cause(complaint: str, stack: str) -> str:
    """The cause of an error, by its message, else by its stack trace."""
    for text in (complaint, stack):
        for cause, pattern in _CAUSES:
            if pattern.search(text):
                return cause
    return "harness_crashed"
