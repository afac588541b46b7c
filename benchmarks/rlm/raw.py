"""The arm of raw traces: one call without tools, with as many whole attempts as fit the model's context.

Its claims are checked like those of the other arms.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jinja2 import Environment, StrictUndefined
from pydantic import Field

from halo_opt.analysis.claims.check import check_claim
from halo_opt.analysis.claims.records import MAX_LIST, Claim
from halo_opt.analysis.records import AnalysisResult, Ended, RecordedClaim
from halo_opt.core.errors import BudgetSpent
from halo_opt.core.prompts import fence
from halo_opt.core.records import Record
from halo_opt.llm.model import Completion, InvalidReply, Message, ModelRefused, PromptTooLong
from halo_opt.llm.roles import ROLES, Roles
from halo_opt.mining.measure import steps_where_success_ends
from halo_opt.store import Store
from halo_opt.store.guarded.guarded_rows import GuardedRows
from halo_opt.store.schema import BY_NAME

PROMPT = Path(__file__).with_name("raw.j2")
TABLES = ("attempts", "steps")
STEP = ("tool", "arguments", "result", "error", "reply")
# Traces are JSON and ids, which have more tokens per byte than prose.
BYTES_PER_TOKEN = 2.5
# How often a list that was too long for the model is halved.
HALVINGS = 3


class Claims(Record):
    """The form of the reply."""

    claims: list[Claim] = Field(max_length=MAX_LIST)


def ask(store: Store, roles: Roles, *, rng: np.random.Generator) -> AnalysisResult:
    """Make the call with attempts drawn by `rng`, failures and successes in turn, and check its claims.

    Raises ModelUnreachable and ModelBusy: then there is nothing to judge.
    """
    began = time.monotonic()
    root = roles.root
    room = root.context_tokens - root.reply_tokens
    system = _system()
    order = _mixed(store, rng)
    claims: list[Claim] = []
    used, faults, reason = Completion(text=""), {}, ""
    for halving in range(HALVINGS + 1):
        most = int((room * BYTES_PER_TOKEN - len(system)) / 2**halving)
        messages = [Message(role="system", content=system), Message(role="user", content=_shown(store, order, most))]
        try:
            used = root.model.complete(messages, schema=Claims)
            claims = used.parsed.claims if isinstance(used.parsed, Claims) else []
            break
        except PromptTooLong as error:
            faults["prompt too long"] = halving + 1
            reason = str(error)
        except (InvalidReply, ModelRefused, BudgetSpent) as error:
            used = getattr(error, "spent", None) or used
            faults[type(error).__name__] = 1
            reason = str(error)
            break
    rows, first_steps = GuardedRows(store), steps_where_success_ends(store)
    checked = [
        check_claim(claim, store, rows, name=f"claim_{number}", first_steps=first_steps)[0]
        for number, claim in enumerate(claims, 1)
    ]
    return AnalysisResult(
        summary="",
        claims=[RecordedClaim(id=f"raw.c{n}", agent="root", checked=one) for n, one in enumerate(checked, 1)],
        ended=Ended.MODEL if reason and not claims else Ended.SUBMITTED,
        salvaged=bool(reason and not claims),
        reason=reason,
        models={role: roles[role].model.name for role in ROLES},
        agents=1,
        turns=1,
        tools={},
        faults=faults,
        calls=1,
        tokens_in=used.tokens_in or 0,
        tokens_out=used.tokens_out or 0,
        tokens_cached=used.tokens_cached or 0,
        cost_usd=used.cost_usd,
        seconds=time.monotonic() - began,
        python="it was not among the tools",
    )


def _system() -> str:
    tables = [f"{name}({', '.join(column.name for column in BY_NAME[name].columns)})" for name in TABLES]
    environment = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(PROMPT.read_text("utf-8")).render(tables=tables)


def _mixed(store: Store, rng: np.random.Generator) -> list[tuple[str, str, str]]:
    """Attempts (id, task, outcome) in a random order, failures and successes in turn as long as there are both."""
    found = store.rows("SELECT trace_id, task_id, outcome FROM attempts ORDER BY trace_id")
    sides = [[row for row in found if row[2] == outcome] for outcome in ("failure", "success")]
    mixed = [[side[place] for place in rng.permutation(len(side))] for side in sides]
    return [side[n] for n in range(max(map(len, mixed))) for side in mixed if n < len(side)]


def _shown(store: Store, order: Sequence[tuple[str, str, str]], most: int) -> str:
    """The first attempts of the order that fit into `most` bytes, each whole; the first in any case, cut."""
    texts: list[str] = []
    taken = 0
    for trace, task, outcome in order:
        steps = store.records(f"SELECT step, {', '.join(STEP)} FROM steps WHERE trace_id = ? ORDER BY step", [trace])
        lines = [f"{s['step']}: " + " | ".join(f"{n}={s[n]}" for n in STEP if s[n] is not None) for s in steps]
        text = fence(f"attempt {trace}, task {task}, {outcome}\n" + "\n".join(lines))
        taken += len(text.encode()) + 2
        if taken > most:
            break
        texts.append(text)
    return "\n\n".join(texts)
