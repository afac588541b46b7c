"""From one model spec per role to models that are ready, metered and recorded.

It takes seconds to import; a replay, which needs no provider's client, does without it.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from halo_opt.core.errors import ConfigError
from halo_opt.llm.cassette import Cassette, RecordedModel
from halo_opt.llm.context import served_context
from halo_opt.llm.endpoint import Endpoint
from halo_opt.llm.ledger import Ledger
from halo_opt.llm.local import ServerSettings
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import Fault
from halo_opt.llm.open_endpoint import open_endpoint
from halo_opt.llm.price_list import Prices
from halo_opt.llm.prices import context_of
from halo_opt.llm.providers import CallSettings, ProviderModel, open_model
from halo_opt.llm.request import CALL_SECONDS
from halo_opt.llm.roles import ROLES, Role, RoleModel, Roles
from halo_opt.llm.spec import ModelSpec, parse_spec

# The size that is assumed where nobody knows it: of a model in a provider's cloud, of one that Ollama serves (it cuts
# longer prompts without a word), and of one on another server.
HOSTED_CONTEXT = 128_000
OLLAMA_CONTEXT = 4_096
OTHER_CONTEXT = 32_768
_LONGEST_REPLY = 4096


@dataclass(frozen=True)
class RoleSettings:
    """How models are opened. `parallel` callers at once: so many slots of our own server.

    `context_tokens` says how much a role's model can read and write together; a role without one has what its server
    says. For a local model it is also what is served; if not given, what the model was trained for, up to 16,384.
    `reply_tokens` None is 4096; a reply is at most a quarter of the context. `call.max_tokens`, `server.slots` and
    `server.context` are not used: they follow from the others.
    """

    parallel: int = 1
    context_tokens: Mapping[Role, int] = field(default_factory=dict)
    reply_tokens: int | None = None
    call: CallSettings = field(default_factory=lambda: CallSettings(timeout_s=CALL_SECONDS))
    server: ServerSettings = field(default_factory=ServerSettings)
    prices: Prices = field(default_factory=dict)


@contextlib.contextmanager
def open_roles(
    specs: Mapping[Role, ModelSpec | str],
    *,
    cache_dir: Path,
    ledger: Ledger,
    cassette: Cassette,
    settings: RoleSettings | None = None,
    on_fault: Callable[[Fault], None] | None = None,
) -> Iterator[Roles]:
    """Models for the roles while the block runs; a role without a spec has the root's.

    A model that several roles use is opened once. Each call is answered from the cassette where that holds it, else
    reserved in the ledger under the role's name, made, and recorded. `on_fault` gets the kind of every try that failed,
    from any thread. Raises ConfigError, InputError or EnvironmentMissing with the remedy.
    """
    if "root" not in specs:
        raise ConfigError("no model is given for the root of the analysis; give one, for example 'local'")
    chosen = settings or RoleSettings()
    # A role that shares the root's model has its own name in ledger and cassette all the same.
    given: dict[Role, ModelSpec | str] = {role: specs.get(role, specs["root"]) for role in ROLES}
    parsed = {role: parse_spec(spec) if isinstance(spec, str) else spec for role, spec in given.items()}
    wanted = {role: _wanted_context(role, chosen, has_spec=role in specs) for role in ROLES}
    with contextlib.ExitStack() as stack:
        endpoints: dict[ModelSpec, Endpoint] = {}
        models: dict[tuple[ModelSpec, CallSettings], ProviderModel] = {}
        roles: dict[Role, RoleModel] = {}
        warnings: dict[str, None] = {}
        for role, spec in parsed.items():
            if spec not in endpoints:
                sizes = [wanted[other] for other in ROLES if parsed[other] == spec]
                endpoints[spec] = stack.enter_context(_open(spec, chosen, sizes=sizes, cache_dir=cache_dir))
            endpoint = endpoints[spec]
            context, warning = _context(endpoint, wanted[role])
            warnings |= {warning: None} if warning else {}
            reply = min(chosen.reply_tokens or _LONGEST_REPLY, context // 4)
            call = dataclasses.replace(chosen.call, max_tokens=reply, cache=_cached(role, chosen.call))
            if (spec, call) not in models:
                models[spec, call] = stack.enter_context(open_model(endpoint, settings=call, on_fault=on_fault))
            metered = MeteredModel(models[spec, call], ledger, endpoint, max_tokens=reply, purpose=role)
            roles[role] = RoleModel(RecordedModel(metered, cassette, role=role), context, reply)
        yield Roles(root=roles["root"], others=roles, warnings=tuple(warnings))


def _wanted_context(role: Role, chosen: RoleSettings, *, has_spec: bool) -> int | None:
    """The context that the user asks for; a role that shares the root's model shares its context."""
    own = chosen.context_tokens.get(role)
    return own if own or has_spec else chosen.context_tokens.get("root")


@contextlib.contextmanager
def _open(spec: ModelSpec, chosen: RoleSettings, *, sizes: Sequence[int | None], cache_dir: Path) -> Iterator[Endpoint]:
    """The endpoint with the user's price; `sizes` are the contexts that the user asks for, None where for none."""
    server = dataclasses.replace(chosen.server, slots=chosen.parallel, context=max(filter(None, sizes), default=None))
    with open_endpoint(spec, cache_dir=cache_dir, settings=server) as endpoint:
        price = chosen.prices.get(str(spec)) or chosen.prices.get(endpoint.model)
        context = endpoint.context
        if context is None and None in sizes:
            context = context_of(endpoint) or served_context(endpoint)
        yield dataclasses.replace(endpoint, price=price, context=context)


def _cached(role: Role, call: CallSettings) -> Literal["conversation", "instructions", "nothing"]:
    """What a provider is asked to cache. Mapping and compacting are single calls that share only their instructions."""
    return "instructions" if role in {"map", "compact"} and call.cache == "conversation" else call.cache


def _context(endpoint: Endpoint, wanted: int | None) -> tuple[int, str]:
    """Tokens of one call, and a warning where the size is not known or smaller than it could be.

    It is no more than our own server serves, else as the user says, as it is listed, as the server says, or a usual
    size.
    """
    known = endpoint.context
    if known is not None and endpoint.provider == "local":
        more = endpoint.trained_context or 0
        if wanted is None and more > known:
            return known, _could_be_more(endpoint, known, more)
        return min(wanted or known, known), ""
    if size := wanted or known:
        return size, ""
    assumed = _assumed_context(endpoint)
    return assumed, (
        f"the context size of {endpoint.model} at {endpoint.base_url} is not known, and its server does not say it; "
        f"{assumed:,} tokens are assumed. Give the size with --context, or in a loop file with analyzer.context"
    )


def _assumed_context(endpoint: Endpoint) -> int:
    if endpoint.provider == "ollama":
        return OLLAMA_CONTEXT
    in_cloud = endpoint.base_url.startswith("https://") and not endpoint.on_this_machine
    return HOSTED_CONTEXT if in_cloud else OTHER_CONTEXT


def _could_be_more(endpoint: Endpoint, served: int, trained: int) -> str:
    return (
        f"{endpoint.model} is served with a context of {served:,} tokens, but it can take {trained:,}; if the memory "
        "allows, give more with --context, or in a loop file with analyzer.context"
    )
