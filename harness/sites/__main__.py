"""`python -m harness.sites NAME`: serves stand-in sites until Ctrl-C, or until the process that started it ends."""

import os
import sys
import time
from datetime import datetime
from typing import Annotated

import typer

from harness.core.errors import HarnessError, UsageError
from harness.sites.serve import NAMES, LocalSites

LOOK_S = 0.5
INTERRUPTED = 130
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=f"Serve stand-in sites on loopback ports. Available sites: {', '.join(NAMES)}.")
def serve(
    names: Annotated[list[str], typer.Argument(help="Names of the sites to serve.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to serve on; 0 takes a free one.")] = 0,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The site's date; without it, the one that graders expect."),
    ] = None,
) -> None:
    """Serve until interrupted."""
    if port and len(set(names)) > 1:
        raise UsageError("--port names one port, which only one site can have; leave it out to serve several")
    owner = os.getppid()
    with LocalSites(names, today=today.date() if today else None, port=port) as sites:
        for name in dict.fromkeys(names):
            sys.stdout.write(f"{name} {sites.url(name)}\n")
        sys.stdout.flush()
        # A test or script that started this and died can no longer interrupt it.
        while os.getppid() == owner:
            time.sleep(LOOK_S)


def main() -> None:
    """Run the command line; every expected error is one sentence on stderr."""
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except Exception as error:
        # Usage errors of the option parser have a message of their own; anything else is a defect.
        if not hasattr(error, "format_message"):
            raise
        sys.stderr.write(f"error: {error.format_message()}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
