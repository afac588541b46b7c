"""Checks what an attempt needs, before it costs money.

No model is called: an endpoint is only asked for its list of models, which is free. No key is printed.
"""

import importlib.util
import json
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from enum import StrEnum
from http.client import HTTPException
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from harness.core.errors import EnvironmentMissing, HarnessError
from harness.envs.browser import find_chromium
from harness.evaluation.show import table
from harness.evaluation.trajectory import plain
from harness.record.results import ErrorDetails, Job, Result
from harness.running.setup import Setup
from harness.running.supervisor import Supervisor
from harness.settings.backends import BACKENDS
from harness.settings.schema import HarnessSettings, ModelSettings

STEP_TASK = "miniwob.click-test"
PROBE_SECONDS = 5.0
_INSTALL = "install the requirements with scripts/setup.sh"
# (module, whether every run needs it, what installs it)
MODULES = (
    ("pydantic", True, _INSTALL),
    ("ruamel.yaml", True, _INSTALL),
    ("jinja2", True, _INSTALL),
    ("playwright", True, _INSTALL),
    ("miniwob", True, "pip install --no-deps miniwob"),
    ("openai", False, _INSTALL),
    ("anthropic", False, _INSTALL),
    ("agisdk", False, "scripts/setup.sh, or pip install --no-deps agisdk==0.3.5; needed for REAL Bench's tasks"),
)
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    MISSING = "missing"
    FAILED = "failed"


class Check(BaseModel):
    """One check. `needed` says that nothing can run without it."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: State
    message: str
    remedy: str = ""
    needed: bool = True

    @property
    def stops(self) -> bool:
        """Whether nothing can run until this is fixed."""
        return self.needed and self.state is not State.OK


def lines_of(checks: Sequence[Check]) -> list[str]:
    """A table of the checks, each failed one with its remedy."""
    rows = []
    for c in checks:
        state = c.state.value if c.needed or c.state is State.OK else f"{c.state.value} (not needed)"
        message = plain(c.message, 300) + (f"; {c.remedy}" if c.remedy and c.state is not State.OK else "")
        rows.append([c.name, state, message])
    return table(["check", "state", "what was found"], rows)


def require(checks: Sequence[Check]) -> None:
    """Raise EnvironmentMissing when a needed check has failed."""
    stopped = [c.name for c in checks if c.stops]
    if stopped:
        raise EnvironmentMissing(f"this cannot run here: {', '.join(stopped)}; see the table for remedies")


def modules() -> list[Check]:
    """Whether each package is installed. It is located, not imported, because importing is slow."""
    out = []
    for name, needed, remedy in MODULES:
        try:
            there = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            there = False
        state, message = (State.OK, "installed") if there else (State.MISSING, "not installed")
        out.append(Check(name=f"import {name}", state=state, message=message, remedy=remedy, needed=needed))
    return out


def config(path: Path) -> Check:
    """Whether the config is valid and every prompt renders."""
    from harness.evaluation.config_check import (
        check as check_harness,  # imports the model clients, which is slow
    )

    try:
        check_harness(path)
    except HarnessError as error:
        return Check(name="config, prompts", state=State.FAILED, message=str(error), remedy="correct the file")
    return Check(name="config, prompts", state=State.OK, message=f"{path.name} validates and every prompt renders")


def browser() -> Check:
    """Whether a Chromium is installed. Playwright's own download is found only by `scripted_step`."""
    try:
        path = find_chromium()
    except EnvironmentMissing as error:
        return Check(name="browser", state=State.MISSING, message=str(error), needed=False)
    return Check(name="browser", state=State.OK, message=path)


def scripted_step() -> Check:
    """One step of the rules on one local page, in a process and browser like an attempt's."""
    name = "one step"
    ended: list[tuple[Result, ErrorDetails | None]] = []
    settings = HarnessSettings.model_validate({"worker": "rules", "limits": {"steps": 1, "seconds": 60}})
    with tempfile.TemporaryDirectory(prefix="halo-smoke-", ignore_cleanup_errors=True) as folder:
        setup = Setup(settings=settings, out=folder, mode="rules", headless=True, revision="smoke", run_id="smoke")
        try:
            Supervisor(setup, workers=1, on_result=lambda r, t: ended.append((r, t))).run(
                [Job(task_id=STEP_TASK, seed=0)]
            )
        except EnvironmentMissing as error:
            return Check(name=name, state=State.FAILED, message=str(error).splitlines()[0], remedy="fix what it names")
    result, details = ended[0]
    if result.outcome != "success":
        message = details.message if details else f"{STEP_TASK} ended as {result.outcome}"
        return Check(
            name=name, state=State.FAILED, message=message, remedy="run 'python -m harness debug " + STEP_TASK + "'"
        )
    return Check(name=name, state=State.OK, message=f"{STEP_TASK} was loaded, clicked and graded in a real browser")


def keys(wanted: Sequence[tuple[str, bool]]) -> list[Check]:
    """Whether each key is set. `wanted` holds (variable, needed) for the models that will be called."""
    needed = {name for name, is_needed in wanted if is_needed}
    out = []
    for name in dict.fromkeys([*KEYS, *(name for name, _ in wanted)]):
        there = bool(os.environ.get(name))
        state, message = (State.OK, "set") if there else (State.MISSING, "not set")
        remedy = f"put {name} into the environment"
        out.append(Check(name=f"key {name}", state=state, message=message, remedy=remedy, needed=name in needed))
    return out


def endpoint(role: str, model: ModelSettings, *, needed: bool) -> Check:
    """Whether the model's endpoint answers and accepts the key, by a request for its list of models."""
    name, address = f"{role} endpoint", model.base_url
    key = os.environ.get(model.api_key_env)
    wrong, remedy = "", "start the server, or set OPENAI_BASE_URL"
    message = f"{address} answers"
    try:
        request = urllib.request.Request(address.rstrip("/") + "/models")
        if key and BACKENDS[model.backend].protocol == "anthropic":
            request.add_header("x-api-key", key)
            request.add_header("anthropic-version", "2023-06-01")
        elif key:
            request.add_header("Authorization", f"Bearer {key}")
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS) as reply:
            message += _listed(reply.read(1_000_000), model.name)
    except urllib.error.HTTPError as error:
        with error:
            wrong, remedy = _refusal(error.code, model, keyed=bool(key))
    except (OSError, ValueError, HTTPException) as error:
        wrong = f"no answer from {address}: {getattr(error, 'reason', error)}"
    if wrong:
        return Check(name=name, state=State.FAILED, message=wrong, remedy=remedy, needed=needed)
    return Check(name=name, state=State.OK, message=message, needed=needed)


def _refusal(status: int, model: ModelSettings, *, keyed: bool) -> tuple[str, str]:
    """(what is wrong, remedy) for a status; both empty where it only means that there is no list of models."""
    if status in {401, 403}:
        problem = "refuses the key" if keyed else "wants a key"
        return f"{model.base_url} {problem} (status {status})", f"put the right one into {model.api_key_env}"
    if status >= 500 or status == 429:
        return f"{model.base_url} answers with status {status}", "try again later"
    return "", ""


def _listed(body: bytes, model: str) -> str:
    """Whether the list of models has ours. Many servers take any name, so a missing one is no failure."""
    try:
        names = [str(one["id"]) for one in json.loads(body)["data"]]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" and lists {model}" if model in names else f", but does not list {model}: {', '.join(names[:5])}"


def models_of(settings: HarnessSettings) -> list[tuple[str, ModelSettings]]:
    """(role, model) of every model that the settings may call."""
    if settings.worker == "rules":
        return []
    out = [("worker", settings.model)]
    if settings.hierarchy.manager:
        out.append(("manager", settings.manager))
    return out


def model_checks(settings: HarnessSettings, *, needed: bool) -> list[Check]:
    """The checks of keys and endpoints of the models that the settings may call."""
    models = models_of(settings)
    wanted = [(model.api_key_env, needed and BACKENDS[model.backend].key_needed) for _, model in models]
    return [*keys(wanted), *(endpoint(role, model, needed=needed) for role, model in models)]
