"""The verb mcp: serve traces to an MCP client over stdin and stdout; messages go to stderr only."""

from pathlib import Path
from typing import Annotated

import typer

from halo_opt.analysis.serving.mcp_server import need_package, serve
from halo_opt.analysis.serving.tool_service import ToolService
from halo_opt.cli.options import NameMapFile, Quiet, Store, SuccessAt, Traces
from halo_opt.cli.stores import built_store, report_import
from halo_opt.core.console import Console
from halo_opt.core.errors import InputError
from halo_opt.store import Store as TraceStore

# A client's model reads answers whole, and has more room than a small local one.
ANSWER_BYTES = 20_000


def mcp_verb(
    *,
    traces: Traces,
    store: Store = None,
    map_: NameMapFile = None,
    success_at: SuccessAt = None,
    harness: Annotated[
        Path | None,
        typer.Option(
            "--harness",
            help="The folder of the harness. Tools that read its files and git history are then served too.",
        ),
    ] = None,
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", help="The longest answer of a tool, in bytes.", min=1_000, max=1_000_000)
    ] = ANSWER_BYTES,
    quiet: Quiet = False,
) -> None:
    """Serve the traces to an MCP client such as Claude Code or Cursor.

    The client's model can then query the traces with the tools that halo-opt's own agents use. The tools only read,
    and halo-opt calls no model. The protocol runs over standard input and output.
    """
    console = Console(quiet=quiet)
    need_package()
    if harness is not None and not harness.is_dir():
        raise InputError(
            f"--harness {harness} is not a folder; name the folder of the harness, or leave the option out"
        )
    path, summary = built_store(traces, store, console, names=map_, success_at=success_at)
    report_import(summary, console)
    with TraceStore.open(path) as opened:
        service = ToolService(opened, harness=harness, answer_bytes=max_bytes, working=console.working)
        console.say(f"serving {len(service.tools)} tools on standard input and output; close the input to end")
        serve(service)
