"""What the verbs that read loop.yaml share: options, the merged configuration, and the model server for attempts."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from halo_opt.core.config import LoopConfig, load_config
from halo_opt.core.console import Console
from halo_opt.core.paths import CACHE, CachePaths

if TYPE_CHECKING:
    from halo_opt.llm.endpoint import Endpoint

LOOP_FILE = Path("loop.yaml")

Config = Annotated[Path, typer.Option("--config", help="The configuration file of the loop.", metavar="FILE")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="The model that the harness calls, instead of the one in the configuration file: local, FILE.gguf, "
        "openai:NAME, vllm:NAME@URL ..., or none if the harness brings its own.",
        metavar="SPEC",
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="How many harness processes run at the same time.", metavar="N")
]


def configured(path: Path, model: str | None, **overrides: object) -> LoopConfig:
    """Read a loop file and put what the command line gave over it.

    Args:
        path: The loop file.
        model: The value of `--model`, or None where it was not given.
        **overrides: Values by key path with `__` between its parts (`collect__workers`); values of None are left out.
    """
    given = {key.replace("__", "."): value for key, value in overrides.items() if value is not None}
    if model is not None:
        given["model"] = model
    return load_config(path, given)


@contextmanager
def served(config: LoopConfig, console: Console) -> Iterator["Endpoint | None"]:
    """Keep the model that the harness calls running while the block runs; None when the harness brings its own.

    One test call is made before the block starts, so that a model that cannot answer is an error at once.
    """
    if config.model == "none":
        yield None
        return
    from halo_opt.llm.local import ServerSettings
    from halo_opt.llm.open_endpoint import open_endpoint, probe
    from halo_opt.llm.spec import parse_spec

    spec = parse_spec(config.model, base=config.base)
    with ExitStack() as stack:
        with console.working(f"starting the model {config.model}"):
            # One slot for each worker: two workers in one slot would push each other's prompt out of its cache.
            settings = ServerSettings(slots=config.collect.workers)
            cache = CachePaths(config.base / CACHE).models
            endpoint = stack.enter_context(open_endpoint(spec, cache_dir=cache, settings=settings))
            probe(endpoint)
        yield endpoint
