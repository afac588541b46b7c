"""The verbs put together, and the one place where errors become words and exit codes."""

import os
import sys

import typer

from halo_opt import __version__
from halo_opt.cli.analyze_verb import add_to as add_analyze_verb
from halo_opt.cli.ask_verb import add_to as add_ask_verb
from halo_opt.cli.cost_verb import add_to as add_cost_verb
from halo_opt.cli.export_verbs import add_to as add_export_verbs
from halo_opt.cli.loop_verbs import add_to as add_loop_verbs
from halo_opt.cli.mcp_verb import add_to as add_mcp_verb
from halo_opt.cli.patch_verbs import add_to as add_patch_verbs
from halo_opt.cli.query_verbs import add_to as add_query_verbs
from halo_opt.cli.trace_verbs import add_to as add_trace_verbs
from halo_opt.core.console import Console
from halo_opt.core.errors import ExitCode, HaloError

app = typer.Typer(
    name="halo-opt",
    help="Finds why an AI agent fails across many runs, patches its harness, and proves the gain.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        Console().text(__version__)
        raise typer.Exit


add_loop_verbs(app)
add_trace_verbs(app)
add_analyze_verb(app)
add_ask_verb(app)
add_cost_verb(app)
add_query_verbs(app)
add_patch_verbs(app)
add_export_verbs(app)
add_mcp_verb(app)


def main() -> None:
    """Run one command and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Run one command; its exit code. The process's edge: what is caught here has no other place to go."""
    console = Console()
    try:
        result = typer.main.get_command(app).main(args=words, prog_name="halo-opt", standalone_mode=False)
    except HaloError as error:
        console.fail(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) is gone; Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception as error:
        # Usage errors of the option parser carry their own words; anything else is a defect and shows its traceback.
        if not hasattr(error, "format_message"):
            raise
        console.fail(error.format_message())
        return ExitCode.USAGE
    if result == ExitCode.INTERRUPTED:
        console.fail("interrupted; what was finished is kept, and the same command goes on from there")
    return result if isinstance(result, int) else ExitCode.DONE
