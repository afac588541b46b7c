"""The model that writes patches, each of its calls held against the loop's budget first. It never edits anything."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from halo_opt.core.config import LoopConfig
from halo_opt.core.paths import CachePaths
from halo_opt.llm.endpoint import Endpoint, open_endpoint
from halo_opt.llm.ledger import Budget, Ledger, SpendEvent
from halo_opt.llm.metered import MeteredModel
from halo_opt.llm.model import Model
from halo_opt.llm.spec import parse_spec

# A proposal is a few typed edits; a longer reply is a model that lost its way.
MAX_TOKENS = 2_000


@contextmanager
def patch_writer(
    config: LoopConfig,
    spec: str | None,
    worker: Endpoint | None,
    *,
    past: Iterable[SpendEvent | Mapping[str, Any]] = (),
    on_event: Callable[[SpendEvent], None] | None = None,
) -> Iterator[Model]:
    """The model that writes patches, metered: `spec`, else the worker's own endpoint."""
    # The providers' clients take seconds to import, and most verbs never call a model.
    from halo_opt.llm.providers import CallSettings, open_model

    ledger = Ledger(Budget(usd=config.budget.usd), past=past, on_event=on_event)
    settings = CallSettings(max_tokens=MAX_TOKENS)
    with _endpoint(config, spec, worker) as endpoint, open_model(endpoint, settings=settings) as model:
        yield MeteredModel(model, ledger, endpoint, max_tokens=MAX_TOKENS, purpose="propose")


@contextmanager
def _endpoint(config: LoopConfig, spec: str | None, worker: Endpoint | None) -> Iterator[Endpoint]:
    if spec is None and worker is not None:
        worker.ensure_alive()
        yield worker
        return
    wanted = parse_spec(spec or config.model, base=config.base)
    with open_endpoint(wanted, cache_dir=CachePaths(config.base / ".halo_opt").models) as endpoint:
        yield endpoint
