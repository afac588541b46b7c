"""The options of an analysis: models, budget, limits and time, parsed from the command line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from halo_common.text import nearest
from halo_opt.analysis.records import AnalysisLimits
from halo_opt.core.errors import InputError
from halo_opt.core.records import Record
from halo_opt.core.text import counted
from halo_opt.llm.ledger import Budget
from halo_opt.llm.roles import ROLES, Role
from halo_opt.llm.spec import RemoteModel, parse_spec

BUDGET_FORMS = "5usd, 200000tokens, 100calls, or several with commas between"
_LIMIT = re.compile(
    r"\$(?P<dollars>\d+(?:\.\d+)?)|(?P<amount>\d+(?:\.\d+)?)(?P<scale>[km]?)(?P<unit>usd|token|call)s?", re.IGNORECASE
)
_SCALE = {"": 1, "k": 1_000, "m": 1_000_000}
_UNITS = {"usd": "usd", "token": "tokens", "call": "calls"}
_SIZE = re.compile(r"(?P<amount>\d+(?:\.\d+)?)(?P<scale>[km]?)")
MIN_CONTEXT = 1024
_TIME = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<min>\d+(?:\.\d+)?)min)?(?:(?P<s>\d+(?:\.\d+)?)s)?")
_SECONDS = {"h": 3600.0, "min": 60.0, "s": 1.0}


class AnalysisOptions(Record):
    """The options of one analysis or question.

    Args:
        models: The spec of the model for "root" and for each role that has another one; empty for a replay.
        budget: The limits of what is spent; None for a default.
        limits: The limits of turns, agents, depth and time.
        harness: The folder of the harness that agents can read.
        prices: A file with prices of models.
        context_tokens: The size of the context window of a role's model, in tokens; it is looked up for other roles.
        replay: The recording that answers instead of a model.
        in_order: Whether the recording's replies are given in their order, also to prompts that have changed since.
        earlier: What earlier analyses of a loop found and what was tried, in words.
    """

    models: dict[Role, str]
    budget: Budget | None = None
    limits: AnalysisLimits = AnalysisLimits()
    harness: Path | None = None
    prices: Path | None = None
    context_tokens: Mapping[Role, int] = Field(default_factory=dict)
    replay: Path | None = None
    in_order: bool = False
    earlier: str = ""

    def fixed(self) -> dict[str, Any]:
        """The options that must not change when a journal is continued, as JSON data.

        Budget, time, parallelism and a server's address may change: no prompt depends on them.
        """
        limits = self.limits.model_dump(exclude={"seconds", "parallel"})
        return {
            "models": {role: _who(spec) for role, spec in sorted(self.models.items())},
            "limits": limits,
            "context": _same_for_all(self.context_tokens),
            "harness": str(self.harness.resolve()) if self.harness else None,
        }


def _same_for_all(contexts: Mapping[Role, int]) -> int | dict[Role, int] | None:
    """The size of all roles as one number, None for none, else the sizes by role."""
    sizes = set(contexts.values())
    if len(sizes) == 1 and len(contexts) == len(ROLES):
        return sizes.pop()
    return dict(sorted(contexts.items())) or None


def _who(text: str) -> str:
    """A model's spec without the address of its server."""
    spec = parse_spec(text)
    return str(spec.model_copy(update={"base_url": None}) if isinstance(spec, RemoteModel) else spec)


def models_of(model: str | None, roles: Sequence[str]) -> dict[Role, str]:
    """The spec of each role from --model SPEC and --role NAME=SPEC; empty when neither is given.

    Raises InputError (ConfigError for a spec) with the nearest right form, and where one part is given two models.
    """
    found: dict[Role, str] = {} if model is None else {"root": str(parse_spec(model))}
    given_by = {"root": f"--model {model}"}
    for given in roles:
        name, mark, spec = given.partition("=")
        known = {role: role for role in ROLES}
        if not mark or name not in known:
            near = nearest(name, ROLES)
            hint = f"did you mean {near}={spec or 'SPEC'}?" if near else f"a role is one of {', '.join(ROLES)}"
            raise InputError(f"--role {given}: write NAME=SPEC; {hint}")
        wanted = str(parse_spec(spec))
        if found.setdefault(known[name], wanted) != wanted:
            raise InputError(
                f"{given_by[name]} and --role {given} name two models for the same part; leave one of them out"
            )
        given_by[name] = f"--role {given}"
    if found and "root" not in found:
        raise InputError("--role names a model for a part of the work only; give the model of the rest with --model")
    return found


def parse_contexts(texts: Sequence[str], *, option: str = "--context") -> dict[Role, int]:
    """The context sizes of roles from words such as `200000`, `200k`, `sub=32k`; a size without a role is for all.

    Raises InputError that names the option and the right form.
    """
    for_all: dict[Role, int] = {}
    of_roles: dict[Role, int] = {}
    for text in texts:
        name, mark, size = text.rpartition("=")
        roles: list[Role] = [role for role in ROLES if not mark or role == name.strip()]
        match = _SIZE.fullmatch(re.sub(r"[ _,]", "", size).lower())
        tokens = int(float(match["amount"]) * _SCALE[match["scale"]]) if match else 0
        if not roles or tokens < MIN_CONTEXT:
            raise InputError(
                f"{option} {text}: write the size of the model's context in tokens, at least {MIN_CONTEXT:,}, as in "
                f"200000 or 200k; or that of one role's model, as in sub=32k (roles: {', '.join(ROLES)})"
            )
        sizes = of_roles if mark else for_all
        sizes.update(dict.fromkeys(roles, tokens))
    return for_all | of_roles


def parse_budget(text: str | None) -> Budget | None:
    """Limits from words such as `5usd`, `$5`, `200ktokens`, `5usd,100calls`; None for None."""
    if text is None:
        return None
    limits: dict[str, float] = {}
    for part in text.replace(" ", "").split(","):
        match = _LIMIT.fullmatch(part)
        if match is None:
            raise InputError(f"--budget {text}: {part!r} is no limit; write {BUDGET_FORMS}")
        name = _UNITS[(match["unit"] or "usd").lower()]
        if name in limits:
            raise InputError(f"--budget {text}: there are two limits of {name}; leave one out")
        limits[name] = float(match["dollars"] or match["amount"]) * _SCALE[(match["scale"] or "").lower()]
    return _budget(limits, text)


def _budget(limits: Mapping[str, float], text: str) -> Budget:
    for name in ("tokens", "calls"):
        if limits.get(name, 0) % 1:
            raise InputError(f"--budget {text}: {name} are counted whole; write {BUDGET_FORMS}")
    whole = {name: int(limits[name]) if name in limits else None for name in ("tokens", "calls")}
    return Budget(usd=limits.get("usd"), tokens=whole["tokens"], calls=whole["calls"])


def parse_time(text: str | None) -> float | None:
    """Seconds from words such as `90s`, `30min`, `1h30min`; None for None."""
    if text is None:
        return None
    match = _TIME.fullmatch(text.replace(" ", "").lower())
    seconds = sum(float(match[unit] or 0) * _SECONDS[unit] for unit in _SECONDS) if match and text.strip() else 0.0
    if seconds <= 0:
        raise InputError(f"--time {text}: write a length of time with its unit, as in 90s, 30min or 1h30min")
    return seconds


def budget_words(budget: Budget) -> str:
    """A budget as text: `$5.00 and 100 calls`, or `no limit`."""
    parts = [
        *([f"${budget.usd:,.2f}"] if budget.usd is not None else []),
        *([counted(budget.tokens, "token")] if budget.tokens is not None else []),
        *([counted(budget.calls, "call")] if budget.calls is not None else []),
    ]
    return " and ".join(parts) or "no limit"
